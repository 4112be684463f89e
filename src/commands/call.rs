//! What a command is given, and what it can come to.

use std::sync::Arc;

use partyline_core::{AnswerTo, Button, PersonId, Place};

use super::{Arguments, Desk, find};
use crate::ledger::{Change, Group};
use crate::operations::Operation;
use crate::policy::Standing;

/// What a command is given.
pub struct Call {
    /// What it may look at.
    pub desk: Arc<Desk>,
    /// The room in which it was given.
    pub room: Place,
    /// Who gave it.
    pub by: PersonId,
    /// What that person is called there.
    pub name: Option<String>,
    /// Where the answer goes.
    pub answer: AnswerTo,
    /// The group that is meant, where the command is about one.
    pub group: Option<Group>,
    /// What is known of whoever gave it, in regard to that group.
    pub standing: Standing,
    /// Its arguments, each checked for its kind.
    pub arguments: Arguments,
}

impl Call {
    /// The conversation of the group that is meant, where one is.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.group.as_ref().map(|group| &group.info.place)
    }

    /// What stands before a command in this room.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.desk.prefix(self.room.network())
    }

    /// The page that `--page` names, of pages of `rows` rows; the first where none is named.
    ///
    /// # Errors
    /// The answer to one that is no number.
    pub fn page(&self, rows: u32) -> Result<u32, Outcome> {
        match self.arguments.one("page").unwrap_or("1").parse::<u32>() {
            Ok(page) => Ok(page.clamp(1, u32::MAX / rows)),
            Err(_) => Err(Outcome::Refused(
                "--page takes a number: --page 2 shows what comes after the first page.".into(),
            )),
        }
    }

    /// The group that the command is about: of a row whose argument it is, it is there.
    ///
    /// # Errors
    /// The answer to a command without one.
    pub fn group(&self) -> Result<&Group, Outcome> {
        self.group
            .as_ref()
            .ok_or_else(|| Outcome::Refused(find::no_group(&self.room, self.prefix())))
    }
}

/// What a command comes to.
#[derive(Debug)]
pub enum Outcome {
    /// This answer, and nothing else.
    Answer(String),
    /// Nothing was done: what is wrong with what was asked.
    Refused(String),
    /// Nothing was done yet: it is asked whether it is to be. What stands in the text can be typed,
    /// and where the platform has buttons, pressed.
    Question(String, Vec<Button>),
    /// Nothing was done: who asked may not ask for it.
    Denied(String),
    /// This answer, and a change of what the ledger keeps.
    Change(Change, String),
    /// Steps on the platforms, which end in an answer.
    Operation(Operation),
    /// The directory does not know this group. Once the platform was asked for it, the command is
    /// to be carried out again.
    LookUp(String),
}
