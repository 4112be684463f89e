//! The bridge's only I/O: calls to Twilio's REST APIs.
//!
//! Each call waits for its turn (so many at once, so many a second), and for the end of the pause
//! where any of them heard that there are too many from the account. It is bounded in time and in
//! size, and fails with a verdict. What can be repeated without harm (GET, DELETE) is repeated
//! here, a few times; what makes something new each time (POST) never is: the lane decides that,
//! after it has looked.

mod addresses;
mod answer;
mod content;
mod conversations;
mod media;
mod messages;
mod messaging;
mod pages;
mod participants;
mod request;
mod roles;
mod senders;
mod turns;
mod users;
mod verify;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partyline_core::{Backoff, Clock, Failure, Gate, LONGEST_BELIEVED, Reason, Verdict};
use reqwest::{Method, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use url::{Host, Url};

use self::answer::{causes, read_answer, unanswered, unreadable};
use self::request::{Body, Request, address};
use self::turns::{Rate, rate};
use crate::Config;
use crate::config::Timeouts;
use crate::error::judge;
use crate::health::Health;
use crate::wire::Form;

pub use addresses::AddressSettings;
pub use conversations::{ConversationChange, NewConversation, NewParticipants};
pub use media::MediaBytes;
pub use messages::{NewMessage, Order};
pub use messaging::DirectSend;
pub use pages::Pages;
pub use participants::{NewParticipant, ParticipantChange};
pub use users::UserChange;
pub use webhooks::ServiceWebhooksChange;

/// How often a call that can be repeated is tried.
const TRIES: u32 = 4;
/// The longest wait between tries of the client's own; if Twilio asks for a longer one, whoever
/// called decides.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a connection that nothing uses is kept.
const IDLE: Duration = Duration::from_secs(15);

/// A client of the Conversations, Messaging, Content and Media APIs.
///
/// Everything of Conversations but the address configurations goes by way of
/// `/v1/Services/{IS…}`. Every method fails with the [`Failure`] that [`crate::error`] makes of
/// Twilio's answer, and says in its name what it does.
pub struct Client {
    http: reqwest::Client,
    account_sid: String,
    service_sid: String,
    key: String,
    secret: SecretString,
    bases: Bases,
    timeouts: Timeouts,
    turns: Semaphore,
    rate: Rate,
    /// Closed while Twilio has too many requests from the account.
    pause: Gate,
    clock: Arc<dyn Clock>,
    pub(crate) health: Health,
}

struct Bases {
    conversations: Url,
    messaging: Url,
    content: Url,
    media: Url,
    verify: Url,
    senders: Url,
}

impl Client {
    /// A client with these settings. Asks nobody.
    ///
    /// # Errors
    /// The machine has no usable TLS.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("partyline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeouts.connect)
            .timeout(config.timeouts.call)
            .redirect(reqwest::redirect::Policy::none())
            // A time-out closes an HTTP/1 connection. One of HTTP/2 that is dead would stay, and
            // swallow every further call until the kernel gives it up.
            .http1_only()
            // Nor is one kept long that nothing uses: it may have died meanwhile.
            .pool_idle_timeout(IDLE);
        if is_loopback(&config.conversations_url) {
            // The sandbox and the tests: a proxy of the environment cannot reach this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            let why = causes(&error);
            Failure::never(
                Reason::Unavailable,
                format!("The client for Twilio could not be set up ({why}). Check the machine's TLS certificates."),
            )
        })?;
        Ok(Self {
            http,
            account_sid: config.account_sid.clone(),
            service_sid: config.service_sid.clone(),
            key: config.api_key_sid.clone(),
            secret: config.api_key_secret.clone(),
            bases: Bases {
                conversations: config.conversations_url.clone(),
                messaging: config.messaging_url.clone(),
                content: config.content_url.clone(),
                media: config.media_url.clone(),
                verify: config.verify_url.clone(),
                senders: config.senders_url.clone(),
            },
            timeouts: config.timeouts,
            turns: Semaphore::new(config.concurrency.max(1)),
            rate: rate(config.actions_per_second),
            pause: Gate::default(),
            clock,
            health: Health::new(config.ingest),
        })
    }

    /// An address of the Conversations service.
    fn service(&self, path: &[&str]) -> Result<Url, Failure> {
        let path = [&["v1", "Services", &self.service_sid], path].concat();
        address(&self.bases.conversations, &path)
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        resource: &'static str,
        url: Url,
    ) -> Result<T, Failure> {
        self.call(&Request::get(resource, url), |body| serde_json::from_slice(body)).await
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        resource: &'static str,
        url: Url,
        form: &Form<'_>,
    ) -> Result<T, Failure> {
        let body = Body::Form(form.encode());
        let request = Request { resource, method: Method::POST, url, body, signed: true };
        self.call(&request, |body| serde_json::from_slice(body)).await
    }

    /// Removes something; that it was gone already is success, so that it can be repeated.
    async fn delete(&self, resource: &'static str, url: Url) -> Result<(), Failure> {
        let request =
            Request { resource, method: Method::DELETE, url, body: Body::Empty, signed: true };
        match self.call(&request, |_| Ok(())).await {
            Err(failure) if failure.reason == Reason::NoSuchPlace => Ok(()),
            result => result,
        }
    }

    /// Makes the call, repeats it where that can do no harm, and reads the answer.
    async fn call<T>(
        &self,
        request: &Request,
        read: impl Fn(&Bytes) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let mut tries = 1;
        let mut backoff = Backoff::default();
        loop {
            let result = self.once(request, &read).await;
            let failure = match result {
                Ok(thing) => return Ok(thing),
                Err(failure) => failure,
            };
            let Verdict::Later(asked) = failure.verdict else { return Err(failure) };
            let wait = asked.unwrap_or_else(|| backoff.wait());
            let hopeless = failure.reason == Reason::Credentials || wait > LONGEST_WAIT;
            if !request.is_repeatable() || hopeless || tries == TRIES {
                return Err(failure);
            }
            tracing::debug!(
                resource = request.resource,
                tries,
                wait_ms = wait.as_millis(),
                reason = failure.reason.as_str(),
                "a call to Twilio is repeated"
            );
            tries += 1;
            sleep(wait).await;
        }
    }

    async fn once<T>(
        &self,
        request: &Request,
        read: &impl Fn(&Bytes) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let _turn = self.turn().await?;
        let begun = Instant::now();
        let result = self.exchange(request, read).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(failure) => failure.reason.as_str(),
        };
        let method = request.method.as_str().to_owned();
        metrics::histogram!("partyline_twilio_request_seconds", "resource" => request.resource, "method" => method, "outcome" => outcome)
            .record(begun.elapsed().as_secs_f64());
        // Only Conversations tells of the network: the key may lack a right to Content, say.
        if request.signed && request.url.origin() == self.bases.conversations.origin() {
            self.health.outbound(result.as_ref().err());
        }
        result
    }

    async fn exchange<T>(
        &self,
        request: &Request,
        read: &impl Fn(&Bytes) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let creates = request.creates();
        let mut builder = self.http.request(request.method.clone(), request.url.clone());
        if request.signed {
            builder = builder.basic_auth(&self.key, Some(self.secret.expose_secret()));
        }
        builder = match &request.body {
            Body::Empty => builder,
            Body::Form(form) => builder
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone()),
            Body::File { bytes, media_type } => {
                builder.header(header::CONTENT_TYPE, media_type).body(bytes.clone())
            }
        };
        let response = builder.send().await.map_err(|error| unanswered(creates, &error))?;
        let status = response.status();
        let wait = self.wait_asked(&response);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.pause.close(wait);
        } else {
            self.pause.worked();
        }
        let body = read_answer(response, creates).await;
        if !status.is_success() {
            // An error whose body breaks off still is that error.
            return Err(judge(creates, status, wait, &body.unwrap_or_default()));
        }
        read(&body?).map_err(|error| unreadable(creates, &error.to_string()))
    }

    /// The wait that the answer asks for, in seconds or until a date (RFC 9110, 10.2.3).
    fn wait_asked(&self, response: &Response) -> Option<Duration> {
        let asked = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = match asked.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds.max(0.0)).ok()?,
            Err(_) => {
                let until = jiff::fmt::rfc2822::parse(asked).ok()?.timestamp();
                until.duration_since(self.clock.now()).try_into().unwrap_or(Duration::ZERO)
            }
        };
        Some(wait.min(LONGEST_BELIEVED))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("service_sid", &self.service_sid).finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests;
