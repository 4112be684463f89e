//! The bridge watches itself, and tells the administrators' rooms when something is wrong: once,
//! and once when it is over.
//!
//! | room | what is in it |
//! |---|---|
//! | `look` | what can be seen: networks, queue, disk, ledger … |
//! | `canary` | calls of the daemon's own public address |
//! | `skew` | this machine's clock beside the platforms' |
//! | `signs` | what other parts noticed |
//! | `episode` | when an alert begins and when it is over (pure) |
//! | `keeper` | the loop: looks, decides, writes down what is to be told |
//! | `board` | what is wrong now, for `/ready` and `status` |
//!
//! An alert goes the way of everything else: it is written into the ledger, with the state of its
//! episode in the same commit, and a lane delivers it to each room. So it outlives a crash, and one
//! about Slack arrives in Matrix.

mod board;
mod canary;
mod episode;
mod keeper;
mod look;
mod signs;
mod skew;

use partyline_core::Network;

pub use board::{Board, Open};
pub use canary::{client, run as canary};
pub use keeper::Keeper;
pub use look::Look;
pub use signs::Signs;
pub use skew::{Skew, offsets};

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alert {
    /// A network does not work, one way or the other.
    Network(Network),
    /// Another program gets a part of what is meant for the bridge.
    Company,
    /// Something has waited too long.
    Queue,
    /// Deliveries were given up.
    Parked,
    /// The disk is nearly full.
    Disk,
    /// This machine's clock is wrong.
    Clock,
    /// What was missed could not be read back.
    ReadBack,
    /// The platform does not list what is written to a sender.
    MessageLog,
    /// The ledger cannot be written.
    Ledger,
    /// The ledger lost its end.
    LostEnd,
}

impl Alert {
    /// All of them, in the order in which people are shown them.
    pub const ALL: [Self; 12] = [
        Self::Network(Network::Twilio),
        Self::Network(Network::Slack),
        Self::Network(Network::Matrix),
        Self::Company,
        Self::Queue,
        Self::Parked,
        Self::Disk,
        Self::Clock,
        Self::ReadBack,
        Self::MessageLog,
        Self::Ledger,
        Self::LostEnd,
    ];

    /// The name in the metrics, in `/ready` and in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network(network) => network.as_str(),
            Self::Company => "company",
            Self::Queue => "queue",
            Self::Parked => "parked",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::ReadBack => "read_back",
            Self::MessageLog => "message_log",
            Self::Ledger => "ledger",
            Self::LostEnd => "lost_end",
        }
    }

    /// What is told when it is over.
    const fn over(self) -> &'static str {
        match self {
            Self::Network(Network::Twilio) => "Twilio works again.",
            Self::Network(Network::Slack) => "Slack works again.",
            Self::Network(Network::Matrix) => "Matrix works again.",
            // Nobody has to be reached there.
            Self::Network(Network::Operator) => "The operator's way in works again.",
            Self::Company => "Slack gives its events to nobody else any more.",
            Self::Queue => "Nothing waits too long any more.",
            Self::Parked => "No delivery was parked for an hour.",
            Self::Disk => "The disk has room again.",
            Self::Clock => "This machine's clock is right again.",
            Self::ReadBack => "Everything that was asked for in the last hour could be read back.",
            Self::MessageLog => "Twilio lists again what is written to each sender.",
            Self::Ledger => "The ledger can be written again.",
            Self::LostEnd => "The ledger has lost nothing more for an hour.",
        }
    }
}
