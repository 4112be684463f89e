//! How runs of the program ended, and over what: see [`crate::poison`].

use std::collections::HashMap;

use rusqlite::OptionalExtension;

use super::{Ledger, LedgerError};

/// What the runs before this one left behind.
#[derive(Debug, Default)]
pub struct Past {
    /// How many in a row, up to the last one, did not end well.
    pub bad_runs: u32,
    /// What was marked when a run ended, and at how many such ends in a row.
    pub suspects: HashMap<String, u32>,
}

impl Ledger {
    /// Counts this run as one that did not end well, until it does.
    ///
    /// # Errors
    /// Nothing was counted.
    pub async fn begin_run(&self) -> Result<Past, LedgerError> {
        self.threads
            .write(|writing| {
                let connection = writing.connection;
                let bad_runs: Option<String> = connection
                    .query_row("SELECT value FROM meta WHERE key = 'bad_runs'", [], |row| {
                        row.get(0)
                    })
                    .optional()?;
                let bad_runs = bad_runs.and_then(|text| text.parse().ok()).unwrap_or(0u32);
                connection.execute(
                    "INSERT INTO meta (key, value) VALUES ('bad_runs', ?1)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    [bad_runs.saturating_add(1).to_string()],
                )?;
                let suspects = connection
                    .prepare("SELECT name, deaths FROM suspects")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, rusqlite::Error>>()?;
                Ok(Past { bad_runs, suspects })
            })
            .await
    }

    /// This run ended well: nothing is suspected any more.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn end_run_well(&self) -> Result<(), LedgerError> {
        self.threads
            .write(|writing| {
                writing.connection.execute("DELETE FROM meta WHERE key = 'bad_runs'", [])?;
                writing.connection.execute("DELETE FROM suspects", []).map(drop)
            })
            .await
    }

    /// This is worked on now.
    ///
    /// # Errors
    /// It was not marked.
    pub async fn mark(&self, name: String) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO suspects (name, deaths) VALUES (?1, 1)
                         ON CONFLICT (name) DO UPDATE SET deaths = deaths + 1",
                    )?
                    .execute([&name])
                    .map(drop)
            })
            .await
    }

    /// It is not worked on any more: it came through.
    ///
    /// # Errors
    /// It is still marked.
    pub async fn unmark(&self, name: String) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached("DELETE FROM suspects WHERE name = ?1")?
                    .execute([&name])
                    .map(drop)
            })
            .await
    }
}
