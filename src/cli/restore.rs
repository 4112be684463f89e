//! `partyline restore`: a backup becomes the store.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use partyline_core::SystemClock;

use super::Failed;
use crate::backup::{self, Restored};
use crate::config::{Config, Login};
use crate::store::Folder;

/// What `restore` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `backup` made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Move the store that is there aside
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: &Args, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let store = Folder::new(&config.store.folder);
    let keeps =
        config.matrix.as_ref().is_some_and(|matrix| matches!(matrix.login, Login::AccessToken(_)));
    let restored = backup::restore(&args.folder, &store, args.force, keeps, &SystemClock).await?;
    out.write_all(told(&restored, &store).as_bytes()).context("the output cannot be written to")?;
    Ok(())
}

/// What was done, and what happens next.
fn told(restored: &Restored, store: &Folder) -> String {
    let Restored { manifest, aside, new_device } = restored;
    let mut text = format!(
        "Restored the backup of {} (partyline {}, {} contacts) into {}.\n",
        manifest.taken,
        manifest.program,
        manifest.contacts,
        store.path().display()
    );
    if let Some(aside) = aside {
        text.push_str(&format!(
            "The store that was there lies in {}: delete it when all is well.\n",
            aside.display()
        ));
    }
    text.push_str(
        "Next, start the daemon. It reads back what was said since the backup, and looks each message up where it would go, so that nothing comes twice: that takes a request for each.\n\
         What the platforms do not tell again is as it was at the backup: links made or undone by Slack command, contacts, and what was retried or dropped with queue.\n",
    );
    if *new_device {
        text.push_str(
            "The Matrix bot logs in on a new device. What was said in encrypted rooms between the backup and now cannot be read by it.\n",
        );
    }
    text
}
