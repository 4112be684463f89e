//! How a send failed, and what follows from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest wait that a platform is believed: whoever asks for more, or for no time that there is, is
/// asked again after this.
pub const LONGEST_BELIEVED: Duration = Duration::from_secs(3600);

/// What to do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not processed and may work later. Not before the wait that the platform asked for,
    /// where it asked.
    Later(Option<Duration>),
    /// It will not work, however often it is tried.
    Never,
    /// It may have been processed: look it up before it is sent again.
    Unknown,
}

/// Why a call failed, as far as anybody must act on it: the key of a parked delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too fast.
    RateLimited,
    /// The platform is out of order or out of reach.
    Unavailable,
    /// The answer could not be understood.
    BadAnswer,
    /// The credentials are wrong, revoked or lack a right: everything on that network waits.
    Credentials,
    /// The place is not there.
    NoSuchPlace,
    /// The place is closed or archived.
    PlaceClosed,
    /// The bridge may not write there.
    Forbidden,
    /// The platform takes no such content (too long, wrong type).
    Content,
    /// The person cannot be reached.
    Unreachable,
    /// The person wants no messages.
    OptedOut,
    /// Somebody else has it already.
    Conflict,
    /// The way to answer has expired.
    Expired,
    /// The platform refused it for another reason.
    Refused,
    /// It was sent, no answer came, and it cannot be looked up.
    Uncertain,
    /// The bridge itself fails on it, by a mistake of its own.
    Poisoned,
}

impl Reason {
    /// The name in metrics and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::BadAnswer => "bad_answer",
            Self::Credentials => "credentials",
            Self::NoSuchPlace => "no_such_place",
            Self::PlaceClosed => "place_closed",
            Self::Forbidden => "forbidden",
            Self::Content => "content",
            Self::Unreachable => "unreachable",
            Self::OptedOut => "opted_out",
            Self::Conflict => "conflict",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
            Self::Poisoned => "poisoned",
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    /// What to do about it.
    pub verdict: Verdict,
    /// Why it failed.
    pub reason: Reason,
    /// The platform's own code, for whoever looks it up: `50416`, `channel_not_found`.
    pub code: Option<String>,
    /// What happened and what the reader can do, in one plain sentence or two. Holds no message
    /// text, no secret and no full phone number.
    pub sentence: String,
}

impl Failure {
    /// A failure that may pass. A wait is cut to [`LONGEST_BELIEVED`].
    #[must_use]
    pub fn later(reason: Reason, wait: Option<Duration>, sentence: impl Into<String>) -> Self {
        let verdict = Verdict::Later(wait.map(|wait| wait.min(LONGEST_BELIEVED)));
        Self { verdict, reason, code: None, sentence: sentence.into() }
    }

    /// A failure that will not pass.
    #[must_use]
    pub fn never(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Never, reason, code: None, sentence: sentence.into() }
    }

    /// A call of which nobody knows whether it was processed.
    #[must_use]
    pub fn unknown(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, reason, code: None, sentence: sentence.into() }
    }

    /// The same with the platform's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_platform_has_the_bridge_wait_for_ever() {
        let asked = |wait| Failure::later(Reason::RateLimited, wait, "slow").verdict;
        let short = Some(Duration::from_secs(30));
        assert_eq!(asked(short), Verdict::Later(short));
        for wait in [Duration::from_secs(u64::MAX), Duration::MAX] {
            assert_eq!(asked(Some(wait)), Verdict::Later(Some(LONGEST_BELIEVED)));
        }
        assert_eq!(asked(None), Verdict::Later(None));
    }
}
