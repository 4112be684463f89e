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
mod roles;
mod senders;
mod users;
mod verify;
mod webhooks;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use partyline_core::{Backoff, Clock, Failure, Gate, LONGEST_BELIEVED, Reason, Verdict};
use reqwest::{Method, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Url};

use self::answer::{causes, read_answer, unanswered, unreadable};
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

type Rate = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

struct Bases {
    conversations: Url,
    messaging: Url,
    content: Url,
    media: Url,
    verify: Url,
    senders: Url,
}

/// A call, ready to be made as often as it takes.
pub(crate) struct Request {
    /// What it is about, for the metrics.
    resource: &'static str,
    method: Method,
    url: Url,
    body: Body,
    /// Whether the credentials go along.
    signed: bool,
}

enum Body {
    Empty,
    Form(String),
    File { bytes: Bytes, media_type: String },
}

/// The governor's clock is tokio's, so that tests can move it.
#[derive(Clone)]
struct Ticks(Instant);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
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
        let a_second = NonZeroU32::new(config.actions_per_second).unwrap_or(NonZeroU32::MIN);
        // A burst of a third of a second, so that no second sees much more than its share.
        let burst = NonZeroU32::new(a_second.get() / 3).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(a_second).allow_burst(burst);
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
            rate: RateLimiter::direct_with_clock(quota, Ticks(Instant::now())),
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

    /// Waits for a turn: so many calls at once, so many a second, and none while Twilio has asked
    /// the account to wait. Where that is too long, whoever calls hears how long.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let left = self.pause.left();
        if left > self.timeouts.turn {
            return Err(Failure::later(
                Reason::RateLimited,
                Some(left),
                "Twilio has too many requests from this account, and asked to wait. It is tried again by itself.",
            ));
        }
        let turn = async {
            self.pause.pass().await;
            let permit = self.turns.acquire().await.expect("the semaphore is never closed");
            while let Err(not_yet) = self.rate.check() {
                let now = governor::clock::Clock::now(self.rate.clock());
                sleep(not_yet.wait_time_from(now)).await;
            }
            permit
        };
        timeout(self.timeouts.turn, turn).await.map_err(|_| {
            Failure::later(
                Reason::RateLimited,
                None,
                "The bridge has more to tell Twilio than Twilio takes in a second, so that this had to wait too long. It is tried again by itself; twilio.actions_per_second is the limit.",
            )
        })
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

impl Request {
    fn get(resource: &'static str, url: Url) -> Self {
        Self { resource, method: Method::GET, url, body: Body::Empty, signed: true }
    }

    /// Whether it can be repeated without harm.
    fn is_repeatable(&self) -> bool {
        !self.creates()
    }

    /// Whether it may make something new each time that it is processed.
    fn creates(&self) -> bool {
        self.method == Method::POST
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

/// An address under this base. A part of the path is taken literally, whatever it holds.
fn address(base: &Url, path: &[&str]) -> Result<Url, Failure> {
    let wrong = |what: String| Failure::never(Reason::NoSuchPlace, what);
    if let Some(part) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
        return Err(wrong(format!(
            "\"{part}\" is not the name of anything at Twilio. Check the SID."
        )));
    }
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| {
            wrong(format!(
                "{base} is not a base address. Write one like https://conversations.twilio.com."
            ))
        })?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

#[cfg(test)]
mod tests;
