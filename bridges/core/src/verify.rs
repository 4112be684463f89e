//! Codes that prove that a number is somebody's, and that they agree.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Address, Failure};

/// A code that was sent to somebody's phone; what it says only the platform knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCode {
    /// The platform's name of it.
    pub id: String,
    /// The platform's name of its sending, by which it tells later what became of the code.
    pub sending: Option<String>,
}

/// What a platform says of a code that somebody told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is the one that was sent.
    Right,
    /// It is not, and another one may be told.
    Wrong,
    /// Too many wrong ones were told: none is taken any more.
    TooMany,
    /// The code that was sent is not good any more.
    Expired,
}

/// Sends codes and checks them.
#[async_trait]
pub trait Verify: Send + Sync {
    /// Sends a code by the channel of this address. While one is good that was sent before, it is
    /// sent once more, so that the call can be repeated.
    ///
    /// # Errors
    /// With a verdict.
    async fn send_code(&self, to: &Address) -> Result<SentCode, Failure>;

    /// Checks a code. A right one is taken once; `again` says that this very check may have been
    /// made before, and then it is looked up whether it was taken.
    ///
    /// # Errors
    /// With a verdict; after `Unknown`, checking it again is right.
    async fn check_code(&self, sent: &SentCode, code: &str, again: bool) -> Result<Told, Failure>;
}
