//! The Verify API, v2 (Twilio's documentation of Verification, VerificationCheck and Attempts).

use serde::Deserialize;

use super::lenient;

/// A code on its way.
#[derive(Clone, Debug, Deserialize)]
pub struct Verification {
    /// `VE…`.
    pub sid: String,
    /// Each time it was sent, the last one last.
    #[serde(default)]
    pub send_code_attempts: Vec<SendAttempt>,
}

/// A time at which a code was sent.
#[derive(Clone, Debug, Deserialize)]
pub struct SendAttempt {
    /// `VL…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub attempt_sid: Option<String>,
}

/// What Twilio says of a code that was told.
#[derive(Clone, Debug, Deserialize)]
pub struct Check {
    /// `pending` after a wrong one, `approved` after the right one; also `canceled`,
    /// `max_attempts_reached`, `deleted`, `failed`, `expired`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
}

/// What became of a sending.
#[derive(Clone, Debug, Deserialize)]
pub struct Attempt {
    /// `converted` once the code was told.
    #[serde(default, deserialize_with = "lenient::text")]
    pub conversion_status: Option<String>,
}
