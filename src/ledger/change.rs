//! What a command changes in the ledger, in the transaction that closes it.

use partyline_core::Place;

use super::{
    Again, BlockChange, BroadcastChange, GroupChange, InboxChange, LinkChange, MuteChange,
    QueueChange, RoleChange, ScheduleChange, SuppressionChange,
};
use crate::invitations::GroupInvitation;

/// What a command changes in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link.
    Link(LinkChange),
    /// The directory of groups.
    Group(GroupChange),
    /// Parked deliveries.
    Queue(QueueChange),
    /// What did not come to somebody is sent once more.
    Again(Box<Again>),
    /// Who may do what.
    Role(RoleChange),
    /// Who wants no messages.
    Suppression(SuppressionChange),
    /// What is to be done later.
    Schedule(ScheduleChange),
    /// What is on its way to many people.
    Broadcast(BroadcastChange),
    /// The inbox.
    Inbox(Box<InboxChange>),
    /// How a group invites members whose window is closed.
    Invitation(Place, GroupInvitation),
    /// Who is muted.
    Mute(Box<MuteChange>),
    /// Who is blocked.
    Block(Box<BlockChange>),
}
