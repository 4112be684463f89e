//! `partyline doctor`: what is wrong in the store, and its mending.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::{Context, anyhow};

use super::Failed;
use crate::config::Config;
use crate::doctor;
use crate::store::Folder;

/// What `doctor` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Mend what is found; the daemon must be stopped
    #[arg(long)]
    mend: bool,
}

/// Prints what was found. Fails while something is left that is wrong.
pub(super) fn run(args: &Args, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let report = doctor::examine(&Folder::new(&config.store.folder), args.mend)?;
    let mut text = String::new();
    for finding in &report.findings {
        let _ = match (finding.mend, args.mend) {
            (Some(mend), true) => writeln!(text, "{}. Mended: {mend}.", finding.what),
            (Some(mend), false) => writeln!(text, "{}. --mend {mend}.", finding.what),
            (None, _) => writeln!(text, "{}. It cannot be mended: restore a backup.", finding.what),
        };
    }
    if report.findings.is_empty() {
        text.push_str("Nothing is wrong.\n");
    }
    if !report.saw_contacts {
        text.push_str("The contacts were not looked at: a daemon has them, or there are none.\n");
    }
    out.write_all(text.as_bytes()).context("the output cannot be written to")?;
    let left = report.findings.iter().filter(|finding| finding.mend.is_none() || !args.mend);
    match left.count() {
        0 => Ok(()),
        left => Err(anyhow!("{left} findings are not mended.").into()),
    }
}
