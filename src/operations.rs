//! Operations: what a command does over several calls, and the work on commands itself.
//!
//! A command is an event in the ledger that is still to be done. Its work is repeated from the
//! beginning after a crash. So each step is safe to repeat, or leaves a mark in the ledger when it
//! is done, and the last step (the answer, the change of the links and the directory, the event
//! being done) is one commit.

mod adding;
mod archive;
mod block;
mod broadcast;
mod change;
mod contact;
mod create;
mod direct;
mod erase;
mod link;
mod membership;
mod moving;
mod runner;
mod template;
mod verify;
mod work;

use std::collections::BTreeMap;

use partyline_core::{Address, ConversationChange, Place};
use serde::{Deserialize, Serialize};

use crate::ledger::Group;
pub use broadcast::Audience;
pub use contact::ContactChange;
pub use create::{NewGroup, RoomWish};
pub use direct::Direct;
pub(crate) use direct::takes_free_words;
pub use runner::Operations;
use work::{Done, Stop, Work};

/// Steps on the platforms. Written down before the first step, so that what is begun is gone on
/// with, whatever its words would mean by then: a group that is renamed is not found by its old
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Ties a conversation to a room, once the conversation is known to be there.
    Link {
        /// The conversation's SID or unique name.
        reference: String,
        /// The room.
        room: Place,
        /// Who asked for it.
        by: String,
        /// The room of the same group that it takes the place of.
        #[serde(default)]
        replaces: Option<Place>,
    },
    /// Makes a group.
    Create(Box<NewGroup>),
    /// Changes a conversation: its name, what it is for.
    Change {
        /// The conversation.
        group: Place,
        /// What is changed.
        change: ConversationChange,
        /// What is said once it is done.
        answer: String,
    },
    /// Puts a group and its rooms away.
    Archive {
        /// The group.
        group: Box<Group>,
        /// What its members are told first.
        tell: Option<String>,
    },
    /// Brings a group back that was archived.
    Unarchive(Box<Group>),
    /// Deletes a group.
    Delete(Box<Group>),
    /// Adds people to a group.
    AddMembers {
        /// The group.
        group: Place,
        /// Who.
        who: Vec<Address>,
        /// Behind which sender, where one was named.
        sender: Option<Address>,
        /// Whether whoever no sender is free for is taken out of another group.
        #[serde(default)]
        moving: bool,
    },
    /// Sends codes to people who are to be added to a group.
    SendCodes {
        /// The group.
        group: Place,
        /// Who.
        who: Vec<Address>,
        /// Behind which sender, where one was named.
        sender: Option<Address>,
    },
    /// Adds somebody who tells the right code.
    CheckCode {
        /// The group.
        group: Place,
        /// Who.
        who: Address,
        /// What they told.
        code: String,
    },
    /// Takes people out of a group.
    RemoveMembers {
        /// The group.
        group: Place,
        /// Who, as it was typed, and the address where that is one.
        who: Vec<(String, Option<Address>)>,
    },
    /// Asks who is in a group.
    ListMembers {
        /// The group.
        group: Place,
        /// What it is called.
        name: String,
    },
    /// Sends a template to everybody in a group.
    Notify {
        /// The group.
        group: Place,
        /// The template's SID or name.
        template: String,
        /// Its variables.
        variables: BTreeMap<String, String>,
    },
    /// Sets the template by which a group's members are invited to write.
    SetInvitation {
        /// The group.
        group: Place,
        /// The template's SID or name.
        template: String,
        /// Its variables.
        variables: BTreeMap<String, String>,
    },
    /// Sends a template to everybody in teams and groups, to each alone.
    Broadcast {
        /// To whom.
        to: Vec<Audience>,
        /// The template's SID or name.
        template: String,
        /// Its variables.
        variables: BTreeMap<String, String>,
    },
    /// Changes a contact.
    Contact {
        /// What becomes of it.
        change: ContactChange,
        /// Who gets no messages by it.
        #[serde(default)]
        suppress: Option<Address>,
        /// What is said once it is done.
        answer: String,
    },
    /// Erases everything that is kept of somebody.
    Erase(Address),
    /// Takes contacts over from a file.
    Import {
        /// What is in it.
        file: String,
        /// Only say what would change.
        dry_run: bool,
    },
    /// Writes to one person alone.
    Direct(Box<Direct>),
    /// Blocks somebody: they are taken out of every group, and nothing of theirs is relayed.
    Block(Address),
    /// Takes a block back, and puts them back into the groups where that is wanted.
    Unblock {
        /// Whom.
        who: Address,
        /// Whether into the groups, too.
        groups: bool,
    },
    /// Asks which templates there are.
    ListTemplates,
    /// Shows the template of this SID or name.
    ShowTemplate(String),
}

impl Operation {
    /// Whether it only asks, so that asking again is as good as going on.
    const fn is_question(&self) -> bool {
        matches!(self, Self::ListMembers { .. } | Self::ListTemplates | Self::ShowTemplate(_))
    }

    async fn run(self, work: &mut Work<'_>) -> Result<Done, Stop> {
        match self {
            Self::Link { reference, room, by, replaces } => {
                link::run(work, &reference, (&room, replaces.as_ref()), &by).await
            }
            Self::Create(new) => create::run(work, &new).await,
            Self::Change { group, change, answer } => {
                change::run(work, &group, &change, answer).await
            }
            Self::Archive { group, tell } => archive::archive(work, &group, tell.as_deref()).await,
            Self::Unarchive(group) => archive::unarchive(work, &group).await,
            Self::Delete(group) => archive::delete(work, &group).await,
            Self::AddMembers { group, who, sender, moving } => {
                membership::add(work, &group, &who, sender.as_ref(), moving).await
            }
            Self::SendCodes { group, who, sender } => {
                verify::send(work, &group, &who, sender.as_ref()).await
            }
            Self::CheckCode { group, who, code } => verify::check(work, &group, &who, &code).await,
            Self::RemoveMembers { group, who } => membership::remove(work, &group, &who).await,
            Self::ListMembers { group, name } => membership::list(work, &group, &name).await,
            Self::Notify { group, template, variables } => {
                template::notify(work, &group, &template, &variables).await
            }
            Self::SetInvitation { group, template, variables } => {
                template::set_invitation(work, &group, &template, &variables).await
            }
            Self::Contact { change, suppress, answer } => {
                contact::change(work, change, suppress, answer).await
            }
            Self::Erase(who) => erase::run(work, &who).await,
            Self::Broadcast { to, template, variables } => {
                broadcast::run(work, &to, &template, &variables).await
            }
            Self::Import { file, dry_run } => contact::import(work, file, dry_run).await,
            Self::Direct(direct) => direct::run(work, &direct).await,
            Self::Block(who) => block::run(work, &who).await,
            Self::Unblock { who, groups } => block::take_back(work, &who, groups).await,
            Self::ListTemplates => template::list(work).await,
            Self::ShowTemplate(reference) => template::show(work, &reference).await,
        }
    }
}
