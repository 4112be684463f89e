//! Taking a backup.
//!
//! The command line does the work, and the daemon goes on: the SQLite files are read beside it,
//! the contacts are told by it. Where none runs, the command line has the store for itself.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use partyline_core::Clock;

use super::{CONTACTS, LEDGER, MATRIX, Manifest};
use crate::contacts::SledContacts;
use crate::control::{self, Caller};
use crate::ledger;
use crate::store::Folder;

/// The cache of a contact store that is read through once.
pub(super) const CACHE_BYTES: u64 = 8 << 20;

/// Takes a backup of a store into a folder that is not there yet, or empty.
///
/// # Errors
/// Something is in that folder, the store cannot be read, or the backup cannot be written; then
/// nothing is under its name.
pub async fn take(store: &Folder, to: &Path, clock: &dyn Clock) -> anyhow::Result<Manifest> {
    if !store.ledger().exists() {
        bail!("There is no store in {} (store.url): nothing to back up.", store.path().display());
    }
    let place = Place::new(to)?;
    let taken = clock.now();
    let folder = place.staging.path();
    let schema = ledger::copy(&store.ledger(), &folder.join(LEDGER))
        .context("The ledger could not be copied")?;
    let mut manifest = Manifest::new(schema, taken);
    manifest.enter(folder, LEDGER)?;
    manifest.contacts = contacts(store, &folder.join(CONTACTS)).await?;
    manifest.enter(folder, CONTACTS)?;
    for name in matrix(&store.matrix(), &folder.join(MATRIX))? {
        manifest.enter(folder, &format!("{MATRIX}/{name}"))?;
    }
    manifest.write(folder)?;
    place.finish()?;
    Ok(manifest)
}

/// Where a backup goes, and where it is put together.
struct Place {
    to: PathBuf,
    parent: PathBuf,
    staging: tempfile::TempDir,
}

impl Place {
    fn new(to: &Path) -> anyhow::Result<Self> {
        match std::fs::read_dir(to) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    bail!("{} is not empty: name a new folder for the backup.", to.display());
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(format!("{} cannot be used", to.display())),
        }
        let to = std::path::absolute(to)?;
        let (Some(parent), Some(name)) = (to.parent().map(Path::to_owned), to.file_name()) else {
            bail!("{} cannot be a backup: name a folder.", to.display());
        };
        let no_folder = || format!("No folder can be made in {}", parent.display());
        std::fs::create_dir_all(&parent).with_context(no_folder)?;
        // Beside its place, so that it can be moved there in one step. For its owner only.
        let staging = tempfile::Builder::new()
            .prefix(&format!(".{}.partial-", name.to_string_lossy()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .with_context(no_folder)?;
        Ok(Self { to, parent, staging })
    }

    /// The backup is whole: under its name it goes.
    fn finish(self) -> anyhow::Result<()> {
        sync_folders(self.staging.path())?;
        let whole = self.staging.keep();
        std::fs::rename(&whole, &self.to).with_context(|| {
            format!("The backup is whole, but could not be moved from {}", whole.display())
        })?;
        Ok(File::open(&self.parent)?.sync_all()?)
    }
}

/// Syncs a folder and those in it, so that the names of their files are durable.
pub(super) fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Writes down the contacts, and counts them.
async fn contacts(store: &Folder, to: &Path) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(to)?);
    match Caller::of(store)? {
        Some(daemon) => daemon.contacts(&mut out).await?,
        None if store.contacts().exists() => {
            let contacts = SledContacts::open(&store.contacts(), CACHE_BYTES)?;
            let mut after: Option<String> = None;
            while let Some((lines, last)) = control::page(&contacts, after.as_deref()).await? {
                out.write_all(&lines)?;
                after = Some(last);
            }
        }
        None => {}
    }
    out.flush()?;
    let lines = BufReader::new(File::open(to)?).split(b'\n');
    let count = lines.filter(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).count();
    Ok(count as u64)
}

/// Copies the Matrix bot's files, and names them.
fn matrix(from: &Path, to: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(from.join(&folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(name);
                continue;
            }
            let copy = to.join(&name);
            match name.extension().and_then(|extension| extension.to_str()) {
                Some("sqlite3") => {
                    std::fs::create_dir_all(to.join(&folder))?;
                    ledger::copy(&entry.path(), &copy).with_context(|| {
                        format!("{} could not be copied", entry.path().display())
                    })?;
                }
                Some("json") => {
                    std::fs::create_dir_all(to.join(&folder))?;
                    std::fs::copy(entry.path(), &copy)?;
                }
                // SQLite's own files beside a database: what is in them is in the copy.
                _ => continue,
            }
            std::fs::set_permissions(&copy, Permissions::from_mode(0o600))?;
            names.extend(name.to_str().map(str::to_owned));
        }
    }
    Ok(names)
}
