//! Numbers and WhatsApp senders (Twilio's documentation of IncomingPhoneNumber and of the Senders API).

use serde::Deserialize;

use super::lenient;

/// A number of the account.
#[derive(Clone, Deserialize)]
pub struct OwnNumber {
    /// `PN…`.
    pub sid: String,
    /// In E.164.
    #[serde(default, deserialize_with = "lenient::text")]
    pub phone_number: Option<String>,
    /// What it can do.
    #[serde(default, deserialize_with = "lenient::thing")]
    pub capabilities: Option<Capabilities>,
}

/// What a number can do.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Capabilities {
    /// Whether it sends and takes SMS.
    #[serde(default)]
    pub sms: bool,
}

/// A number that is registered for WhatsApp.
#[derive(Clone, Deserialize)]
pub struct WhatsAppSender {
    /// `XE…`.
    pub sid: String,
    /// `whatsapp:+1…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sender_id: Option<String>,
    /// `ONLINE`, `OFFLINE`, `PENDING_VERIFICATION` …
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
}

super::sids_only!(OwnNumber: sid, capabilities);
super::sids_only!(WhatsAppSender: sid, status);
