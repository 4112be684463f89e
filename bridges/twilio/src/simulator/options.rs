//! How a simulated Twilio is set up.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Clock, SystemClock};
use url::Url;

use super::model::Template;

/// How a simulated Twilio is set up. The default is an account with credentials made up for
/// tests, on a free port of the loopback.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `AC…`. Together with the auth token it is a pair of credentials.
    pub account_sid: String,
    /// Signs the hooks.
    pub auth_token: String,
    /// `SK…`. Together with its secret it is the other pair of credentials.
    pub api_key_sid: String,
    /// The secret of the API key.
    pub api_key_secret: String,
    /// `IS…` of the account's one service.
    pub service_sid: String,
    /// `VA…` of the account's one Verify service.
    pub verify_service_sid: String,
    /// `MG…` that conversations get where none is named.
    pub messaging_service_sid: String,
    /// The senders that the account owns. Empty: any sender will do.
    pub senders: Vec<String>,
    /// Where the service's hooks go, before and after, for every event.
    pub webhook_url: Option<Url>,
    /// Where the classic Messaging webhook goes.
    pub messaging_webhook_url: Option<Url>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// REST requests a second before 429; `None`: no limit.
    pub rate: Option<u32>,
    /// Messages kept of a conversation, and on a phone; the oldest go first.
    pub keep_messages: usize,
    /// How long a hook may take (Twilio: 5 s).
    pub hook_timeout: Duration,
    /// How often a failed after hook is tried again (Twilio: not at all).
    pub hook_retries: u32,
    /// Whether hooks carry `I-Twilio-Idempotency-Token`.
    pub idempotency_token: bool,
    /// Whether WhatsApp phones read at once what arrives.
    pub reads: bool,
    /// The templates; `None`: the seeded four.
    pub templates: Option<Vec<Template>>,
    /// Of the SIDs: the same seed gives the same SIDs.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account_sid: "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned(),
            auth_token: "7f1d0c5a93e84b62a7d5f0e1c2b3a495".to_owned(),
            api_key_sid: "SK9f8e7d6c5b4a39281706f5e4d3c2b1a0".to_owned(),
            api_key_secret: "Qm7vXr2LkT9sZw4NbY6cJd8fHg3pAe5u".to_owned(),
            service_sid: "IS1122334455667788990011223344aabb".to_owned(),
            verify_service_sid: "VA5566778899aabbccddeeff0011223344".to_owned(),
            messaging_service_sid: "MG99887766554433221100ffeeddccbbaa".to_owned(),
            senders: Vec::new(),
            webhook_url: None,
            messaging_webhook_url: None,
            clock: Arc::new(SystemClock),
            rate: None,
            keep_messages: 10_000,
            hook_timeout: Duration::from_secs(5),
            hook_retries: 0,
            idempotency_token: true,
            reads: false,
            templates: None,
            seed: 1,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("account_sid", &self.account_sid)
            .field("service_sid", &self.service_sid)
            .finish_non_exhaustive()
    }
}
