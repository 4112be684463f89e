//! `[twilio]`: the account, the Conversations service and the senders.

use std::sync::LazyLock;
use std::time::Duration;

use partyline_core::Address;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use secrecy::SecretString;
use url::Url;

use super::forms;
use super::section::{Noted, Section};

/// How events come from Twilio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingest {
    /// Twilio calls `http.public_url`.
    Webhook,
    /// The daemon asks, every [`Twilio::poll_interval`]: no public address is needed.
    Poll,
}

/// `[twilio]`.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// The account, `AC…`.
    pub account_sid: String,
    /// `SK…`, the user of REST calls.
    pub api_key_sid: String,
    /// The secret of the API key.
    pub api_key_secret: SecretString,
    /// Signs Twilio's webhooks. Always there with [`Ingest::Webhook`].
    pub auth_token: Option<SecretString>,
    /// `IS…`, the Conversations service.
    pub service_sid: String,
    /// The country of numbers in national format; without it, the country of the first sender.
    pub default_region: Option<Region>,
    /// The pool of proxy addresses: numbers, for SMS and for WhatsApp.
    pub senders: Vec<Address>,
    /// `MG…`, given to the conversations that the bridge makes.
    pub messaging_service_sid: Option<String>,
    /// How events come in.
    pub ingest: Ingest,
    /// The pause between two readings with [`Ingest::Poll`].
    pub poll_interval: Duration,
    /// With [`Ingest::Webhook`]: so long after something was said in a conversation its list is read,
    /// for a webhook that was lost.
    pub compare_after: Duration,
    /// The pause between two readings of the list of groups.
    pub groups_interval: Duration,
    /// Calls a second, at most. Twilio gives an account about 30 by default.
    pub actions_per_second: u32,
    /// People a second who are sent their copy of a broadcast, at most.
    pub broadcast_per_second: u32,
    /// Calls at a time, at most.
    pub concurrency: usize,
    /// The Verify service that sends codes, `VA…`; without it, none are sent.
    pub verify_service_sid: Option<String>,
    /// Where Twilio's APIs are.
    pub bases: Bases,
}

/// The base address of each of Twilio's APIs (`conversations_url` and so on). They are other ones in
/// Twilio's regions and in tests.
#[derive(Clone, Debug)]
pub struct Bases {
    /// Conversations.
    pub conversations: Url,
    /// Messaging.
    pub messaging: Url,
    /// Content: templates.
    pub content: Url,
    /// Media of conversations.
    pub media: Url,
    /// Verify.
    pub verify: Url,
    /// Senders of WhatsApp.
    pub senders: Url,
}

impl Bases {
    fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let mut base = |key, default| {
            section.or(
                key,
                default,
                "Leave the key out, outside regions and tests",
                forms::base_url,
            )
        };
        let conversations = base("conversations_url", "https://conversations.twilio.com");
        let messaging = base("messaging_url", "https://api.twilio.com");
        let content = base("content_url", "https://content.twilio.com");
        let media = base("media_url", "https://mcs.us1.twilio.com");
        let verify = base("verify_url", "https://verify.twilio.com");
        let senders = base("senders_url", "https://messaging.twilio.com");
        Ok(Self {
            conversations: conversations?,
            messaging: messaging?,
            content: content?,
            media: media?,
            verify: verify?,
            senders: senders?,
        })
    }
}

impl Twilio {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let account_sid = section.required(
            "account_sid",
            "Copy the Account SID from the first page of the Twilio console",
            forms::sid("AC"),
        );
        let api_key_sid = section.required(
            "api_key_sid",
            "Make a standard API key in the Twilio console (Account, API keys) and copy its SID",
            forms::sid("SK"),
        );
        let api_key_secret = section.required_secret(
            ("api_key_secret", "api_key_secret_file"),
            "Copy the secret that Twilio showed once, when the API key was made; or make a new key",
            forms::long(1),
        );
        let service_sid = section.required(
            "service_sid",
            "Copy the SID of the Conversations service (Twilio console, Conversations, Services)",
            forms::sid("IS"),
        );
        let mut other = |key, remedy, kind| section.optional(key, remedy, forms::sid(kind));
        let messaging_service_sid = other(
            "messaging_service_sid",
            "Copy the SID of the Messaging Service, or leave the key out",
            "MG",
        );
        let verify_service_sid = other(
            "verify_service_sid",
            "Copy the SID of the Verify service (Twilio console, Verify, Services), or leave the key out",
            "VA",
        );
        let ingest =
            section.choice("ingest", &[("webhook", Ingest::Webhook), ("poll", Ingest::Poll)]);
        let auth_token = auth_token(section, ingest == Ok(Ingest::Webhook));
        let default_region = section.optional(
            "default_region",
            "Write the two letters of a country (ISO 3166): US, DE, BR",
            region,
        );
        let senders = section.list(
            "senders",
            "Write Twilio numbers: whatsapp:+14155550000 for WhatsApp, +14155550001 for SMS",
            sender,
        );
        let poll_interval = section.span(
            "poll_interval",
            "5s",
            Duration::from_millis(100)..=Duration::from_secs(3600),
        );
        let compare_after = section.span(
            "compare_after",
            "10s",
            Duration::from_millis(100)..=Duration::from_secs(3600),
        );
        let groups_interval = section.span(
            "groups_interval",
            "10 minutes",
            Duration::from_millis(100)..=Duration::from_secs(86_400),
        );
        let actions_per_second = section.number("actions_per_second", 30, 1..=100_000);
        let broadcast_per_second = section.number("broadcast_per_second", 10, 1..=1000);
        let concurrency = section.number("concurrency", 10, 1..=1000);
        let bases = Bases::read(section);
        Ok(Self {
            account_sid: account_sid?,
            api_key_sid: api_key_sid?,
            api_key_secret: api_key_secret?,
            auth_token: auth_token?,
            service_sid: service_sid?,
            default_region: default_region?,
            senders: senders?,
            messaging_service_sid: messaging_service_sid?,
            ingest: ingest?,
            poll_interval: poll_interval?,
            compare_after: compare_after?,
            groups_interval: groups_interval?,
            actions_per_second: actions_per_second?,
            broadcast_per_second: broadcast_per_second?,
            concurrency: concurrency?,
            verify_service_sid: verify_service_sid?,
            bases: bases?,
        })
    }
}

/// A country, once somebody asks for it: what is known of the world's numbers takes some 6 MiB, which
/// a daemon that nobody gives a number to does not need.
pub type Country = LazyLock<Option<Region>, Box<dyn FnOnce() -> Option<Region> + Send>>;

impl Twilio {
    /// The country of numbers in national format: `default_region`, or that of the first sender.
    #[must_use]
    pub fn region(&self) -> Country {
        let given = self.default_region;
        let number = self.senders.iter().find_map(Address::number).map(str::to_owned);
        LazyLock::new(Box::new(move || {
            given.or_else(|| {
                let number = PHONE_NUMBER_UTIL.parse(number?, None).ok()?;
                PHONE_NUMBER_UTIL.get_region_for_number(&number)
            })
        }))
    }
}

/// The Auth Token, which webhooks need.
fn auth_token(section: &mut Section<'_>, is_needed: bool) -> Result<Option<SecretString>, Noted> {
    let auth_token = section.secret(
        ("auth_token", "auth_token_file"),
        "Copy the Auth Token from the first page of the Twilio console",
        forms::long(1),
    );
    if is_needed && auth_token.as_ref().is_ok_and(Option::is_none) {
        section.fault(
            "auth_token",
            "it is missing, and the signatures of webhooks are checked with it",
            "Copy the Auth Token from the first page of the Twilio console, or set ingest = \"poll\"",
        );
    }
    auth_token
}

fn region(text: &str) -> Result<Region, String> {
    text.parse::<Region>()
        .ok()
        .filter(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(*region).is_some())
        .ok_or_else(|| format!("\"{text}\" is no country with telephone numbers"))
}

fn sender(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error| format!("{error}"))?;
    if address.identity().is_some() {
        return Err("client: identities cannot send, they are people".to_owned());
    }
    Ok(address)
}
