//! Numbers and WhatsApp senders (twilio.com/docs/phone-numbers/api/incomingphonenumber-resource and
//! twilio.com/docs/whatsapp/api/senders; every field can be null).

use serde::Deserialize;

use super::lenient;

/// A number of the account.
#[derive(Clone, Deserialize)]
pub struct OwnNumber {
    /// `PN…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sid: Option<String>,
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
    #[serde(default, deserialize_with = "lenient::text")]
    pub sid: Option<String>,
    /// `whatsapp:+1…`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sender_id: Option<String>,
    /// `CREATING`, `ONLINE`, `ONLINE:UPDATING`, `OFFLINE`, `PENDING_VERIFICATION`, `VERIFYING`,
    /// `TWILIO_REVIEW`, `DRAFT`, `STUBBED`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
}

super::sids_only!(OwnNumber: sid, capabilities);
super::sids_only!(WhatsAppSender: sid, status);
