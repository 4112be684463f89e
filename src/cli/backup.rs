//! `partyline backup`: a consistent copy of the whole store.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use partyline_core::SystemClock;

use super::Failed;
use crate::backup;
use crate::config::Config;
use crate::store::Folder;

/// What `backup` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to make; it must not be there yet, or be empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) async fn run(args: &Args, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let store = Folder::new(&config.store.folder);
    let manifest = backup::take(&store, &args.folder, &SystemClock).await?;
    writeln!(
        out,
        "Backed up {} into {}: {} bytes, {} contacts. Everything acknowledged before {} is in it. It holds messages, numbers and, with Matrix, keys: keep it as safe as the store.",
        store.path().display(),
        args.folder.display(),
        manifest.bytes(),
        manifest.contacts,
        manifest.taken,
    )
    .context("the output cannot be written to")?;
    Ok(())
}
