//! Ticks: how far a message came on the members' phones, shown on the message itself.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Failure, MessageId, Place};

/// How far a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    /// Twilio gave it to a carrier.
    Sent,
    /// It is on every member's phone.
    Delivered,
    /// Every member has read it.
    Read,
    /// It does not reach somebody.
    Failed,
}

impl Tick {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Delivered, Self::Read, Self::Failed];

    /// The name in the store and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tick| tick.name() == name)
    }
}

/// What a message shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticked {
    /// The tick.
    pub tick: Tick,
    /// What the platform takes it away by, where that is not the tick itself.
    pub handle: Option<String>,
}

/// Shows ticks.
#[async_trait]
pub trait Ticks: Send + Sync {
    /// Shows this tick on a message, in place of the one before. It can be repeated without harm.
    ///
    /// # Errors
    /// With a verdict: `Never` where the platform will not have it on this message.
    async fn tick(
        &self,
        place: &Place,
        message: &MessageId,
        tick: Tick,
        before: Option<&Ticked>,
    ) -> Result<Ticked, Failure>;
}
