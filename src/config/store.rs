//! `[store]`: where contacts and the ledger are kept.

use std::path::PathBuf;

use super::section::{Noted, Section};

/// `[store]`.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder that holds everything the daemon keeps: the contacts (sled), the ledger
    /// (SQLite) and the Matrix session. It is made where it is missing.
    pub folder: PathBuf,
}

impl Store {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let folder = section.or(
            "url",
            "sled:data",
            "Write sled: and a folder on a local disk: sled:data, sled:/var/lib/partyline",
            |text| match text.split_once(':') {
                // The rest of the URL can hold a password: it is not repeated.
                Some(("postgres" | "postgresql", _)) => {
                    Err("PostgreSQL is not built into this version".to_owned())
                }
                Some(("sled", folder)) if !folder.is_empty() => Ok(PathBuf::from(folder)),
                Some(("sled", _)) => Err("there is no folder behind sled:".to_owned()),
                _ => Err("this names no store that is known here".to_owned()),
            },
        )?;
        Ok(Self { folder })
    }
}
