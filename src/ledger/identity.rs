//! What a ledger is told apart by: its tag, its key for people, and whether it was restored.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::LedgerError;

/// The ledger's own name, made when it is made: delivery ids begin with it, so that what an
/// older ledger sent is never taken for what this one owes.
pub(super) fn tag(connection: &Connection) -> Result<String, LedgerError> {
    let made: String = rand::Rng::sample_iter(rand::rng(), rand::distr::Alphanumeric)
        .take(8)
        .map(char::from)
        .collect();
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('tag', ?1) ON CONFLICT DO NOTHING",
        [made],
    )?;
    Ok(connection.query_row("SELECT value FROM meta WHERE key = 'tag'", [], |row| row.get(0))?)
}

/// The key under which people are hashed who must be known when nothing else of them is: made once.
pub(super) fn people_key(connection: &Connection) -> Result<String, LedgerError> {
    let made: [u8; 32] = rand::random();
    let made: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('people', ?1) ON CONFLICT DO NOTHING",
        [made],
    )?;
    Ok(connection.query_row("SELECT value FROM meta WHERE key = 'people'", [], |row| row.get(0))?)
}

/// When it was restored from a backup, if it was.
pub(super) fn restored(connection: &Connection) -> Result<Option<Timestamp>, LedgerError> {
    let at: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = 'restored'", [], |row| row.get(0))
        .optional()?;
    at.map(|at| at.parse())
        .transpose()
        .map_err(|_| LedgerError::Damaged("when it was restored cannot be read".into()))
}
