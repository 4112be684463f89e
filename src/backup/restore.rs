//! The way back: a backup becomes the store.
//!
//! What is true afterwards, and why.
//!
//! 1. Everything that was acknowledged before the backup is in it.
//! 2. What came after is read back from the platforms, from the cursors of the backup on, as after
//!    any outage. Intake does not know these events any more, so it takes them in once more.
//! 3. Each of their deliveries may have been sent already, by the daemon that had the store before;
//!    so may everything that waited in the backup. A delivery's id follows from its event and its
//!    destination (`ledger::mark`), so it is the id under which the message was sent then. The
//!    ledger is marked as restored: everything of before is looked up at its destination under that
//!    id, and only what is not there is sent (`Delivery::former`).
//! 4. What no platform tells again is as it was at the backup: links made and contacts changed
//!    since, what was retried or dropped, Slack's slash commands. Commands in Matrix rooms are read
//!    back, and carried out once more.
//!
//! The Matrix bot: with a password it logs in anew, on a new device. A device that goes on with the
//! encryption state of an older day repeats message keys, which other clients take for an attack.
//! What was said in encrypted rooms between the backup and the restore cannot be read by the new
//! device. With an access token the device is the token's, and its state is the backup's.
//!
//! A restore that is cut short leaves the folder `restoring` behind. The daemon does not start
//! then, and the restore can be done again.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use partyline_core::{Clock, Contact};

use super::take::{CACHE_BYTES, sync_folders};
use super::{CONTACTS, LEDGER, MATRIX, Manifest};
use crate::contacts::{ContactStore, SledContacts};
use crate::ledger;
use crate::store::Folder;

/// How many contacts are in memory at a time.
const STEP: usize = 1000;

/// What a restore did, for whoever asked for it.
#[derive(Debug)]
pub struct Restored {
    /// What stands in the backup: when it was taken, and its files.
    pub manifest: Manifest,
    /// Where the store of before was moved to, if there was one.
    pub aside: Option<PathBuf>,
    /// The Matrix bot will log in on a new device.
    pub new_device: bool,
}

/// Makes a backup the store. A store that is there is moved aside where `force` says so. `keeps`
/// says that the Matrix bot goes on with its session, because it has no password to log in with.
///
/// # Errors
/// The backup is not whole or a newer program's, a daemon has the store, something is in the store
/// and `force` does not say so, or a file cannot be written.
pub async fn restore(
    from: &Path,
    store: &Folder,
    force: bool,
    keeps: bool,
    clock: &dyn Clock,
) -> anyhow::Result<Restored> {
    let manifest = Manifest::verify(from)?;
    std::fs::create_dir_all(store.path()).with_context(|| {
        format!("The folder {} (store.url) cannot be made", store.path().display())
    })?;
    let _lock = store.lock()?;
    let old = entries(store);
    ensure!(
        old.is_empty() || force,
        "There is a store in {} (store.url) already. With --force it is moved aside, into a folder beside it, and the backup takes its place.",
        store.path().display()
    );
    let staging = store.restoring();
    if staging.exists() {
        // Of a restore that was cut short.
        std::fs::remove_dir_all(&staging)?;
    }
    std::fs::create_dir(&staging)?;
    let new_device = put_together(&manifest, from, &staging, keeps, clock).await?;
    let aside = match &old[..] {
        [] => None,
        old => Some(move_aside(old, store, clock)?),
    };
    for name in [LEDGER, "contacts", MATRIX] {
        let (from, to) = (staging.join(name), store.path().join(name));
        if from.exists() {
            std::fs::rename(from, to)?;
        }
    }
    sync_folders(store.path())?;
    // The last step: from here on the daemon starts.
    std::fs::remove_dir(&staging)?;
    File::open(store.path())?.sync_all()?;
    Ok(Restored { manifest, aside, new_device })
}

/// Refuses a store whose restore was cut short, or goes on now.
///
/// # Errors
/// It is such a store.
pub fn finished(store: &Folder) -> anyhow::Result<()> {
    if !store.restoring().exists() {
        return Ok(());
    }
    let _not_going_on = store.lock()?;
    bail!(
        "A restore of the store in {} was cut short: run partyline restore --force with the backup again.",
        store.path().display()
    )
}

/// What makes up a store, as far as it is there.
fn entries(store: &Folder) -> Vec<PathBuf> {
    let file = store.ledger();
    let beside = |end: &str| {
        let mut name = file.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    [
        file.clone(),
        beside("-wal"),
        beside("-shm"),
        ledger::noted::beside(&file),
        store.contacts(),
        store.matrix(),
        store.restoring(),
    ]
    .into_iter()
    .filter(|path| path.exists())
    .collect()
}

async fn put_together(
    manifest: &Manifest,
    from: &Path,
    staging: &Path,
    keeps: bool,
    clock: &dyn Clock,
) -> anyhow::Result<bool> {
    let mut new_device = false;
    for name in manifest.files().filter(|name| *name != CONTACTS) {
        if name == "matrix/session.json" && !keeps {
            new_device = true;
            continue;
        }
        let to = staging.join(name);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::copy(from.join(name), &to)
            .with_context(|| format!("{} could not be written", to.display()))?;
        File::open(&to)?.sync_all()?;
    }
    ledger::note_restored(&staging.join(LEDGER), clock.now())?;
    contacts(&from.join(CONTACTS), &staging.join("contacts"), manifest.contacts).await?;
    Ok(new_device)
}

async fn contacts(from: &Path, to: &Path, count: u64) -> anyhow::Result<()> {
    let store = SledContacts::open(to, CACHE_BYTES)?;
    let mut step: Vec<Contact> = Vec::with_capacity(STEP);
    for line in BufReader::new(File::open(from)?).split(b'\n') {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        let contact = serde_json::from_slice(&line)
            .with_context(|| format!("{} holds a line that is no contact", from.display()))?;
        step.push(contact);
        if step.len() == STEP {
            store.put(std::mem::take(&mut step)).await?;
        }
    }
    store.put(step).await?;
    let restored = store.count().await?;
    if restored != count {
        bail!("{restored} of {count} contacts were restored: choose another backup.");
    }
    drop(store);
    // sled notes where everything stands when it is opened, and reads its whole log where it has
    // no such note: better here than at the daemon's start.
    SledContacts::open(to, CACHE_BYTES)?;
    Ok(())
}

/// Moves what was there into a folder of its own, and names it.
fn move_aside(old: &[PathBuf], store: &Folder, clock: &dyn Clock) -> anyhow::Result<PathBuf> {
    let now = clock.now().strftime("%Y%m%dT%H%M%SZ");
    let aside = (1..)
        .map(|number| store.path().join(format!("before-restore-{now}-{number}")))
        .find(|path| !path.exists())
        .context("no name is free for what was there")?;
    std::fs::create_dir(&aside)?;
    let staging = store.restoring();
    for path in old.iter().filter(|path| **path != staging) {
        let name = path.file_name().context("a file without a name")?;
        std::fs::rename(path, aside.join(name))?;
    }
    Ok(aside)
}
