//! The words that every bridge and the daemon share.
//!
//! Nothing here knows a platform. A bridge (`partyline-twilio`, `partyline-slack`,
//! `partyline-matrix`) turns its platform's wire format into an [`Event`], and an
//! [`Outgoing`] into its platform's wire format; the daemon in between knows neither
//! format. Dependencies point one way: this crate depends on no other room of the house.
//!
//! | word | type |
//! |---|---|
//! | where something can be said: a conversation, a channel, a thread, a room | [`Place`] |
//! | who says it | [`Speaker`], [`PersonId`], [`Address`] |
//! | what is said | [`Content`], [`Text`] |
//! | something that happened on a network | [`Event`], with its [`EventKey`] |
//! | one event owed to one place | [`Outgoing`], with its [`DeliveryId`] |
//! | how a send failed | [`Failure`], with its [`Verdict`] |
//! | what a bridge can do | [`Deliver`], [`ReadBack`], [`Profiles`], [`Watch`] |
//! | what people fill in instead of typing | [`Forms`], [`Button`] |
//! | the one door in | [`Intake`] |

mod address;
mod backoff;
mod clock;
mod contact;
mod content;
mod delivery;
mod event;
mod forms;
mod gate;
mod groups;
mod guard;
mod ids;
mod late;
mod link;
mod rooms;
mod seldom;
mod text;
mod ticks;
mod traits;
mod verdict;
mod verify;

pub use address::{Address, AddressError, Channel, mask};
pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, SystemClock};
pub use contact::Contact;
pub use content::{Content, File, Location};
pub use delivery::{Action, CLOCK_WRONG, NAME_LIMIT, Outgoing, Part, Sent};
pub use event::{
    AnswerTo, CommandLine, ConversationState, Event, Given, Happening, MemberChange, ReceiptStatus,
    RoomChange, Speaker,
};
pub use forms::{
    Button, Choice, Fault, Field, FieldKind, Form, FormCommand, FormRequest, Forms, Home,
    HomeGroup, Press,
};
pub use gate::Gate;
pub use groups::{
    ConversationChange, ConversationInfo, ConversationPage, Fate, Groups, Manage, MemberInfo,
    Membership, NewConversation, Template,
};
pub use guard::guarded;
pub use ids::{DeliveryId, EventKey, MessageId, Network, PersonId, Place, PlaceError};
pub use late::{LATE_LIMIT, Late, Lateness};
pub use link::Link;
pub use rooms::{NewRoom, Revise, Rooms};
pub use seldom::Seldom;
pub use text::{Mark, MarkKind, Text, split_words};
pub use ticks::{Tick, Ticked, Ticks};
pub use traits::{
    Again, Cursor, Deliver, Incoming, Intake, Lost, MessageLog, NotStored, Profile, Profiles,
    Proof, Ranks, ReadBack, Stored, Watch, WatchState, Written,
};
pub use verdict::{Failure, LONGEST_BELIEVED, Reason, Verdict};
pub use verify::{SentCode, Told, Verify};
