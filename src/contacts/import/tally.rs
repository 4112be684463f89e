//! What became of the records of a file that is taken over, counted and in words.

use std::fmt::Write as _;

use partyline_core::Contact;
use serde::{Deserialize, Serialize};

use crate::contacts::exchange::Wrong;

/// Changes and mistakes that are told one by one; all are counted.
pub(super) const TOLD: usize = 100;

/// What became of the records of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tally {
    /// Numbers that were read; a record can have several.
    pub read: u64,
    /// Contacts that were not there before.
    pub new: u64,
    /// Contacts that were there and are different now.
    pub changed: u64,
    /// Contacts that are as they were.
    pub same: u64,
    /// Records and numbers that could not be taken over.
    pub wrong: u64,
    /// What is wrong, the first hundred.
    pub faults: Vec<Wrong>,
    /// What is new or changed, the first hundred.
    pub changes: Vec<Planned>,
}

/// A contact that is new or changes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Planned {
    /// The line of the file.
    pub line: u64,
    /// The contact's key.
    pub number: String,
    /// The name that it has now.
    pub name: String,
    /// The name that it had, where it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Tally {
    /// How it went, in a line.
    #[must_use]
    pub fn summed_up(&self, dry_run: bool) -> String {
        let (new, changed) =
            if dry_run { ("would be new", "would change") } else { ("new", "changed") };
        format!(
            "{} {new}, {} {changed}, {} the same, {} wrong.",
            self.new, self.changed, self.same, self.wrong
        )
    }

    /// How it went: what is new or changed and what is wrong, as far as it is told one by one and
    /// at most `most` lines of each, and the sum.
    #[must_use]
    pub fn in_words(&self, dry_run: bool, most: usize) -> String {
        let mut text = String::new();
        for change in self.changes.iter().take(most) {
            let was = change.was.as_ref().map(|was| format!(" (was {was})")).unwrap_or_default();
            let Planned { line, number, name, .. } = change;
            let _ = writeln!(text, "line {line}: {number} {name}{was}");
        }
        let more = (self.new + self.changed).saturating_sub(self.changes.len().min(most) as u64);
        if more > 0 {
            let _ = writeln!(text, "… and {more} more");
        }
        for fault in self.faults.iter().take(most) {
            let _ = writeln!(text, "line {}: not taken: {}", fault.line, fault.why);
        }
        text.push_str(&self.summed_up(dry_run));
        text
    }

    pub(super) fn fault(&mut self, wrong: Wrong) {
        self.wrong += 1;
        if self.faults.len() < TOLD {
            self.faults.push(wrong);
        }
    }

    pub(super) fn change(&mut self, line: u64, before: Option<&Contact>, after: &Contact) {
        match before {
            Some(_) => self.changed += 1,
            None => self.new += 1,
        }
        if self.changes.len() < TOLD {
            self.changes.push(Planned {
                line,
                number: after.key.clone(),
                name: after.name.clone(),
                was: before.map(|before| before.name.clone()),
            });
        }
    }
}
