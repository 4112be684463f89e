//! The tables, and how an older ledger becomes a newer one.

use rusqlite::Connection;

use super::LedgerError;
use crate::crash::{Point, point};

/// What each version of the ledger adds to the one before it. Never change a step that was
/// released: add one.
const STEPS: &[&str] = &[
    include_str!("schema/01.sql"),
    include_str!("schema/02.sql"),
    include_str!("schema/03.sql"),
    include_str!("schema/04.sql"),
    include_str!("schema/05.sql"),
    include_str!("schema/06.sql"),
    include_str!("schema/07.sql"),
    include_str!("schema/08.sql"),
    include_str!("schema/09.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
    include_str!("schema/13.sql"),
    include_str!("schema/14.sql"),
    include_str!("schema/15.sql"),
    include_str!("schema/16.sql"),
    include_str!("schema/17.sql"),
    include_str!("schema/18.sql"),
    include_str!("schema/19.sql"),
    include_str!("schema/20.sql"),
    include_str!("schema/21.sql"),
    include_str!("schema/22.sql"),
    include_str!("schema/23.sql"),
    include_str!("schema/24.sql"),
    include_str!("schema/25.sql"),
    include_str!("schema/26.sql"),
    include_str!("schema/27.sql"),
    include_str!("schema/28.sql"),
    include_str!("schema/29.sql"),
    include_str!("schema/30.sql"),
];

/// The version of the ledger that this program writes.
pub const SCHEMA: usize = STEPS.len();

/// The version of the ledger that is there; 0 where nothing is yet.
pub(super) fn version(connection: &Connection) -> Result<usize, LedgerError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Brings the ledger to the newest version, each step in a transaction of its own.
///
/// # Errors
/// A newer program wrote it, or a step failed (nothing of that step stays).
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let found = version(connection)?;
    if found > SCHEMA {
        return Err(LedgerError::Newer { found, known: SCHEMA });
    }
    for (done, step) in STEPS.iter().enumerate().skip(found) {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX))?;
        point(Point::StartMigrate);
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_ledger_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
    }

    /// Every released schema, as a store that the released program wrote.
    const RELEASED: [&str; 1] = [include_str!("../../tests/fixtures/ledger-1.sql")];

    fn tables(connection: &Connection) -> Vec<String> {
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Every row of a table, in these columns, as text.
    fn rows(connection: &Connection, table: &str, columns: &[String]) -> Vec<String> {
        let quoted: Vec<_> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", quoted.join(" || ',' || "));
        let mut all = connection.prepare(&sql).unwrap();
        let mut all: Vec<String> =
            all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        all.sort();
        all
    }

    fn columns(connection: &Connection, table: &str) -> Vec<String> {
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        columns.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_released_ledger_keeps_every_row() {
        for released in RELEASED {
            let before = Connection::open_in_memory().unwrap();
            before.execute_batch(released).unwrap();
            let mut after = Connection::open_in_memory().unwrap();
            after.execute_batch(released).unwrap();
            migrate(&mut after).unwrap();
            for table in tables(&before) {
                let columns = columns(&before, &table);
                let kept = rows(&before, &table, &columns);
                assert!(!kept.is_empty(), "the fixture has rows in {table}");
                assert_eq!(rows(&after, &table, &columns), kept, "{table}");
            }
        }
    }

    /// A row for a table, with something in every column.
    fn fill(connection: &Connection, table: &str) {
        let mut told = connection.prepare("SELECT type, pk FROM pragma_table_info(?1)").unwrap();
        let told = told.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let told: Vec<(String, i64)> = told.map(Result::unwrap).collect();
        let values = told.iter().enumerate().map(|(at, (kind, _))| match kind.as_str() {
            "TEXT" => format!("'{table} {at}'"),
            "BLOB" => format!("x'0{}'", at % 10),
            _ => format!("{}", 1000 + at),
        });
        let values: Vec<String> = values.collect();
        let sql = format!("INSERT INTO \"{table}\" VALUES ({})", values.join(", "));
        connection.execute(&sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Every version, not only those that were released, with a row in each of its tables.
    #[test]
    fn a_ledger_of_any_version_keeps_every_row() {
        for version in 1..SCHEMA {
            let mut ledger = Connection::open_in_memory().unwrap();
            ledger.execute_batch(RELEASED[0]).unwrap();
            for step in &STEPS[1..version] {
                ledger.execute_batch(step).unwrap();
            }
            ledger.pragma_update(None, "foreign_keys", false).unwrap();
            ledger.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
            let before = tables(&ledger);
            for table in before.iter().filter(|table| !table.starts_with("sqlite_")) {
                fill(&ledger, table);
            }
            let all = before.iter().map(|table| {
                let columns = columns(&ledger, table);
                let kept = rows(&ledger, table, &columns);
                (table, columns, kept)
            });
            let all: Vec<_> = all.collect();
            migrate(&mut ledger).unwrap_or_else(|error| panic!("from version {version}: {error}"));
            for (table, columns, kept) in all {
                let now = rows(&ledger, table, &columns);
                assert_eq!(now, kept, "{table}, from version {version}");
            }
        }
    }

    /// What a released store becomes is what a new one is: the same tables, columns and indexes.
    #[test]
    fn a_released_ledger_becomes_what_a_new_one_is() {
        let shape = |connection: &Connection| -> Vec<(String, Vec<String>)> {
            let mut indexes = connection
                .prepare("SELECT name || ': ' || sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
                .unwrap();
            let indexes = indexes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap);
            let indexes = ("indexes".to_owned(), indexes.collect());
            let tables = tables(connection).into_iter();
            tables
                .map(|table| {
                    let columns = columns(connection, &table);
                    (table, columns)
                })
                .chain([indexes])
                .collect()
        };
        let mut new = Connection::open_in_memory().unwrap();
        migrate(&mut new).unwrap();
        for released in RELEASED {
            let mut old = Connection::open_in_memory().unwrap();
            old.execute_batch(released).unwrap();
            migrate(&mut old).unwrap();
            assert_eq!(shape(&old), shape(&new));
        }
    }
}
