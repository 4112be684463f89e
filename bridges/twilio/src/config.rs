//! What the bridge must be told. The daemon reads it from its TOML file; nothing here reads
//! files.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::Attribution;

/// The settings of the Twilio bridge.
///
/// `Debug` shows no secret (`secrecy` sees to it).
#[derive(Clone, Debug)]
pub struct Config {
    /// The account, `AC…`.
    pub account_sid: String,
    /// The API key that REST calls are made with, `SK…`. The account's SID works too, with the
    /// auth token for a secret.
    pub api_key_sid: String,
    /// The API key's secret.
    pub api_key_secret: SecretString,
    /// The account's auth token, which webhooks are signed with; or the secret of the shared key
    /// that they are signed with. Without it every webhook is refused.
    pub auth_token: Option<SecretString>,
    /// The Conversations service, `IS…`.
    pub service_sid: String,
    /// The Messaging Service of the conversations that the bridge makes, `MG…`; without it, the
    /// account's default.
    pub messaging_service_sid: Option<String>,
    /// Where the Conversations API is, <https://conversations.twilio.com>.
    pub conversations_url: Url,
    /// Where the Messaging API of 2010 is, <https://api.twilio.com>.
    pub messaging_url: Url,
    /// Where the Content API is, <https://content.twilio.com>.
    pub content_url: Url,
    /// Where the media are, <https://mcs.us1.twilio.com>.
    pub media_url: Url,
    /// The Verify service that sends codes, `VA…`; without it none are sent.
    pub verify_service_sid: Option<String>,
    /// Where the Verify API is, <https://verify.twilio.com>.
    pub verify_url: Url,
    /// Where the Senders API is, <https://messaging.twilio.com>.
    pub senders_url: Url,
    /// The daemon's own address as Twilio calls it: signatures cover it. Without it every webhook
    /// is refused.
    pub public_url: Option<Url>,
    /// How what comes from Twilio reaches the bridge.
    pub ingest: Ingest,
    /// How the speaker's name stands before the words on a phone.
    pub attribution: Attribution,
    /// The most REST calls that are begun in a second. Twilio lets an account do about 30.
    pub actions_per_second: u32,
    /// The most REST calls under way at once.
    pub concurrency: usize,
    /// How long a call may take.
    pub timeouts: Timeouts,
}

/// How what comes from Twilio reaches the bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ingest {
    /// Twilio calls the daemon.
    #[default]
    Webhook,
    /// The daemon reads lists, and no public address is needed.
    Poll,
}

/// How long a call may take, in each of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request's first byte to the answer's last.
    pub call: Duration,
    /// The wait for a turn among the bridge's own calls.
    pub turn: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(15),
            turn: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// The settings of an account and a Conversations service, with the user and the secret of an API key.
    /// Everything else is as it is by default: the APIs are Twilio's own, and no webhook is taken, for want of
    /// [`Config::auth_token`] and [`Config::public_url`].
    ///
    /// # Panics
    /// Never: the default addresses are constants.
    #[must_use]
    pub fn new(
        account_sid: impl Into<String>,
        (api_key_sid, api_key_secret): (impl Into<String>, SecretString),
        service_sid: impl Into<String>,
    ) -> Self {
        let url = |text: &str| text.parse().expect("a constant is an address");
        Self {
            account_sid: account_sid.into(),
            api_key_sid: api_key_sid.into(),
            api_key_secret,
            auth_token: None,
            service_sid: service_sid.into(),
            messaging_service_sid: None,
            conversations_url: url(Self::CONVERSATIONS_URL),
            messaging_url: url(Self::MESSAGING_URL),
            content_url: url(Self::CONTENT_URL),
            media_url: url(Self::MEDIA_URL),
            verify_service_sid: None,
            verify_url: url(Self::VERIFY_URL),
            senders_url: url(Self::SENDERS_URL),
            public_url: None,
            ingest: Ingest::default(),
            attribution: Attribution::default(),
            actions_per_second: Self::ACTIONS_PER_SECOND,
            concurrency: Self::CONCURRENCY,
            timeouts: Timeouts::default(),
        }
    }

    /// The same with all of Twilio's APIs at one address, as a simulator has them.
    #[must_use]
    pub fn at(self, base: &Url) -> Self {
        Self {
            conversations_url: base.clone(),
            messaging_url: base.clone(),
            content_url: base.clone(),
            media_url: base.clone(),
            verify_url: base.clone(),
            senders_url: base.clone(),
            ..self
        }
    }

    /// The default of [`Config::actions_per_second`].
    pub const ACTIONS_PER_SECOND: u32 = 30;
    /// The default of [`Config::concurrency`].
    pub const CONCURRENCY: usize = 10;
    /// The default of [`Config::conversations_url`].
    pub const CONVERSATIONS_URL: &str = "https://conversations.twilio.com";
    /// The default of [`Config::messaging_url`].
    pub const MESSAGING_URL: &str = "https://api.twilio.com";
    /// The default of [`Config::content_url`].
    pub const CONTENT_URL: &str = "https://content.twilio.com";
    /// The default of [`Config::media_url`].
    pub const MEDIA_URL: &str = "https://mcs.us1.twilio.com";
    /// The default of [`Config::senders_url`].
    pub const SENDERS_URL: &str = "https://messaging.twilio.com";
    /// The default of [`Config::verify_url`].
    pub const VERIFY_URL: &str = "https://verify.twilio.com";
}
