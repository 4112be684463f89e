//! The canary: the bridge calls its own public address as Twilio would, and sees whether the call
//! arrives. Its own daemon answers 200 and does nothing else about it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::wire::Form;
use crate::{Twilio, signature};

/// The event that the canary comes as.
pub(crate) const EVENT: &str = "onPartylineSelfCheck";

/// The field that tells one canary from another.
pub(crate) const NONCE: &str = "Nonce";

/// A request by which the daemon can check that its public address leads to itself, and that
/// signatures are checked against the right one.
#[derive(Clone, Debug)]
pub struct SelfCheck {
    /// The address to POST to.
    pub url: String,
    /// The headers, the signature among them.
    pub headers: HeaderMap,
    /// A form as hooks of Twilio are, of an event that Twilio has not, with a mark by which it is known when it comes in.
    pub body: Bytes,
    nonce: String,
}

/// How the public address answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// With this status.
    Status(StatusCode),
    /// Not at all; why, in a few words.
    Nothing(String),
}

/// What is known by canaries of the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Canary {
    /// None came back yet.
    #[default]
    Unsent,
    /// The last one arrived.
    Arrived,
    /// The last one did not.
    Lost {
        /// Why, and what to do.
        why: String,
        /// Whether it is evidence: one arrived before, or the address answered and was not ours.
        telling: bool,
    },
}

impl Twilio {
    /// A request that the daemon can send to its own public address, to this path. `None` where
    /// the bridge has no public address.
    #[must_use]
    pub fn self_check(&self, path: &str) -> Option<SelfCheck> {
        let (public_url, auth_token) = self.webhook_settings()?;
        let base = public_url.as_str().trim_end_matches('/');
        let url = format!("{base}{path}");
        let nonce = format!("{:032x}", rand::random::<u128>());
        let form = Form::default()
            .with("EventType", EVENT)
            .with("AccountSid", self.config.account_sid.as_str())
            .with(NONCE, nonce.as_str());
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        let signed = signature::sign(auth_token, &url, &form);
        if let Ok(value) = signed.parse() {
            headers.insert(signature::SIGNATURE, value);
        }
        let body = form.encode().into();
        Some(SelfCheck { url, headers, body, nonce })
    }

    /// Notes how a self-check ended, in [`partyline_core::Watch::state`]. An address that answers
    /// well without the call arriving here is somebody else's.
    pub fn self_checked(&self, check: &SelfCheck, answered: &Answered) {
        let why = match answered {
            _ if self.client.health.has_arrived(&check.nonce) => None,
            Answered::Status(status) => Some((true, elsewhere(&check.url, *status))),
            Answered::Nothing(why) => Some((false, unreached(&check.url, why))),
        };
        self.client.health.canary(why);
    }
}

fn elsewhere(url: &str, status: StatusCode) -> String {
    format!(
        "A call of {url} was answered {status} and did not arrive here as it was sent, and so \
         Twilio's do not. Point the address (DNS, reverse proxy, tunnel) to this daemon, or \
         correct http.public_url."
    )
}

fn unreached(url: &str, why: &str) -> String {
    format!(
        "{url} cannot be called from here ({why}). If Twilio cannot either, nothing that members \
         write arrives: check DNS, the reverse proxy or tunnel, and the certificate."
    )
}
