//! `audit`: who did what.

use std::fmt::Write as _;

use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::LedgerError;
use crate::policy::Right;

/// Rows that are shown at once; the rest is for `partyline audit` and the admin API.
const SHOWN: u32 = 20;

pub(super) const AUDIT: Command = Command {
    words: "audit",
    arguments: &[Argument::word("group", Kind::Group).maybe()],
    right: Right::Manager,
    help: "Shows who did what lately: in this room's group, in GROUP, or, in a room without one, everywhere.",
    examples: &["audit"],
    run: |call| Box::pin(audit(call)),
};

async fn audit(call: Call) -> Result<Outcome, LedgerError> {
    let rows = call.desk.ledger.audited(call.place(), None, SHOWN).await?;
    if rows.is_empty() {
        return Ok(Outcome::Answer("Nothing was done yet.".into()));
    }
    let mut text = String::new();
    for row in rows {
        let who = row.name.as_deref().map_or_else(String::new, |name| format!("{name}, "));
        let _ = writeln!(
            text,
            "{:.0} {who}{}: {} {} ({})",
            row.at,
            row.by,
            row.what,
            row.subject,
            row.ended.as_str()
        );
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}
