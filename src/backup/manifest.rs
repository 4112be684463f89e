//! What is in a backup, and whether all of it is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The manifest's file.
const NAME: &str = "manifest.json";

/// The form of backups that this program makes, and the newest that it reads.
const FORMAT: u32 = 1;

/// What is in a backup: its files with their lengths and hashes, and which program made it when.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// The version of the schema of the ledger in it; a newer one than the program's is refused.
    pub schema: usize,
    /// When it was begun: everything that was acknowledged before is in it.
    pub taken: Timestamp,
    /// How many contacts are in it.
    pub contacts: u64,
    files: BTreeMap<String, Entry>,
}

/// A file of a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// A manifest of no files yet.
    pub(super) fn new(schema: usize, taken: Timestamp) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, program, schema, taken, contacts: 0, files: BTreeMap::new() }
    }

    /// Enters a file that is in the backup, and syncs it.
    pub(super) fn enter(&mut self, backup: &Path, name: &str) -> anyhow::Result<()> {
        let path = backup.join(name);
        let entry = Entry::of(&path)?;
        File::open(&path)?.sync_all()?;
        self.files.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Writes the manifest: the backup's last file.
    pub(super) fn write(&self, backup: &Path) -> anyhow::Result<()> {
        let path = backup.join(NAME);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        Ok(File::open(&path)?.sync_all()?)
    }

    /// The names of the files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// How many bytes all files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.bytes).sum()
    }

    /// Reads the manifest of a backup, and compares every file with it.
    ///
    /// # Errors
    /// It is no backup, a newer program made it, or a file is not as it was.
    pub fn verify(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(NAME);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "{} is no whole backup: it has no {NAME}. Its making was cut short, or this is another folder; choose another backup.",
                backup.display()
            ),
            text => text.with_context(|| format!("{} cannot be read", path.display()))?,
        };
        let no_manifest = || format!("{} is damaged: choose another backup", path.display());
        // The form first: a newer one may have other fields.
        let form: serde_json::Value = serde_json::from_slice(&text).with_context(no_manifest)?;
        ensure!(
            form["format"].as_u64().is_some_and(|format| format <= u64::from(FORMAT)),
            "The backup {} was made by partyline {}, in a form that this one does not know: restore it with that or a newer program.",
            backup.display(),
            form["program"].as_str().unwrap_or("of an unknown version"),
        );
        let manifest: Self = serde_json::from_value(form).with_context(no_manifest)?;
        let known = crate::ledger::SCHEMA;
        ensure!(
            manifest.schema <= known,
            "The backup {} was made by the newer partyline {} (ledger version {}, this one knows {known}): restore it with that or a newer program.",
            backup.display(),
            manifest.program,
            manifest.schema,
        );
        for (name, entry) in &manifest.files {
            ensure!(is_inside(name), "{} names a file outside of it: {name}", path.display());
            let file = backup.join(name);
            let found = Entry::of(&file).with_context(|| {
                format!("{} of the backup cannot be read: choose another backup", file.display())
            })?;
            ensure!(
                found == *entry,
                "{} is not as it was when the backup was made ({} bytes, {} then): choose another backup.",
                file.display(),
                found.bytes,
                entry.bytes,
            );
        }
        Ok(manifest)
    }
}

impl Entry {
    fn of(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            bytes += read as u64;
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, sha256 })
    }
}

/// Whether a name stays within its folder, whatever a manifest says.
fn is_inside(name: &str) -> bool {
    use std::path::Component;
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}
