//! What can be wrong in a ledger's rows, and how each of it is mended (`partyline doctor`).
//!
//! None of this comes about by the program's own doing: what belongs together is committed
//! together. It comes about by hands in the file, by disks, and by mistakes of ours that are not
//! known yet. A mend never loses a message that is owed: what can still be sent is sent, and what
//! cannot is parked, where a person sees it.

mod checks;
mod texts;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::schema::{SCHEMA, migrate, version};
use super::{LedgerError, Sql, noted};

use checks::CHECKS;
use texts::TEXTS;

/// A kind of damage that is in a ledger, as `partyline doctor` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is, in a sentence.
    pub what: String,
    /// What mending does about it; `None` where it cannot be mended.
    pub mend: Option<&'static str>,
}

/// Looks for what is wrong in a ledger. Reads beside a daemon that runs.
///
/// # Errors
/// It cannot be opened, or a newer program made it.
pub fn examine(path: &Path) -> Result<Vec<Finding>, LedgerError> {
    let mut connection = open(path)?;
    let version = version(&connection)?;
    // One snapshot: a daemon may be writing.
    let tx = connection.transaction()?;
    let found = examine_all(&tx, version)?;
    tx.rollback()?;
    Ok(found)
}

/// Mends what can be mended, in one transaction, and gives what was found before. Whoever calls it
/// has the store's lock.
///
/// # Errors
/// Nothing was changed.
pub fn mend(path: &Path) -> Result<Vec<Finding>, LedgerError> {
    let mut connection = open(path)?;
    migrate(&mut connection)?;
    noted::compare(path, &connection)?;
    // What refers to nothing is what is mended here.
    connection.pragma_update(None, "foreign_keys", false)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = examine_all(&tx, SCHEMA)?;
    if found.iter().any(|finding| finding.mend.is_some()) {
        tx.execute_batch("REINDEX")?;
        // Texts first: a command that is taken for done leaves its steps behind.
        for text in TEXTS {
            text.examine(&tx, SCHEMA, true)?;
        }
        for statement in CHECKS.iter().flat_map(|check| check.with) {
            tx.execute(statement, [])?;
        }
        tx.commit()?;
        // The newest event may be one of those that were forgotten.
        let _ = std::fs::remove_file(noted::beside(path));
    }
    Ok(found)
}

fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let found = version(&connection)?;
    if found > SCHEMA {
        return Err(LedgerError::Newer { found, known: SCHEMA });
    }
    Ok(connection)
}

/// `version` is the ledger's: an older one has not all of the rows yet.
fn examine_all(connection: &Connection, version: usize) -> Sql<Vec<Finding>> {
    let mut found = integrity(connection)?;
    if found.iter().any(|finding| finding.mend.is_none()) {
        // Of a damaged file, rows tell nothing.
        return Ok(found);
    }
    for check in CHECKS.iter().filter(|check| check.since <= version) {
        let count: i64 = connection.query_row(check.count, [], |row| row.get(0))?;
        if count > 0 {
            let what = format!("{count} {}", check.what);
            found.push(Finding { what, mend: Some(check.mend) });
        }
    }
    for text in TEXTS {
        found.extend(text.examine(connection, version, false)?);
    }
    Ok(found)
}

/// What SQLite itself says of the file. An index that disagrees with its table is made anew.
fn integrity(connection: &Connection) -> Sql<Vec<Finding>> {
    let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
    let said: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Sql<_>>()?;
    if said == ["ok"] {
        return Ok(Vec::new());
    }
    let of_indexes = said.iter().all(|line| line.contains(" index "));
    let what = format!("The ledger's file is damaged: {}", said.join("; "));
    let mend = of_indexes.then_some("makes the indexes anew");
    Ok(vec![Finding { what, mend }])
}
