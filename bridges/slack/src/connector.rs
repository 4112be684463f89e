//! How slack-morphism's calls reach Slack: an HTTP client of our own behind its connector trait.
//!
//! Its ready-made connector has no time-outs, reads answers of any length, takes an answer that
//! is no JSON for an empty one, and sends the bot's token to addresses that uploads go to. This
//! one bounds time and length, follows no redirects (a token must not wander), tells a call that
//! was never sent from one that was not answered, and keeps no bodies in its errors.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientHttpProtocolError,
    SlackClientProtocolError, SlackClientSystemError, SlackRateLimitError,
};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClientApiCallContext, SlackClientHttpConnector,
    SlackClientId, SlackClientSecret,
};
use url::Url;

use crate::config::{Config, ConfigError};
use crate::error::Break;

/// The longest answer that is read. A page of 200 long messages with their blocks is below 4 MiB.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// How long a connection that nothing uses is kept.
const IDLE: Duration = Duration::from_secs(15);

/// The HTTP client.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    http: reqwest::Client,
    base: Url,
    /// The date of the last answer, and when it came.
    date: Arc<Mutex<Option<(Timestamp, Instant)>>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    retry_after: Option<Duration>,
    /// The scopes of the token that was used, where Slack says them.
    pub(crate) scopes: Option<String>,
    body: Bytes,
}

/// The part of an answer that tells whether it is one.
#[derive(Deserialize)]
struct Verdict {
    ok: Option<bool>,
    error: Option<String>,
}

impl Connector {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("partyline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeouts.connect)
            .timeout(config.timeouts.request)
            .redirect(Policy::none())
            // A time-out closes an HTTP/1 connection. One of HTTP/2 that is dead would stay, and
            // swallow every further call until the kernel gives it up.
            .http1_only()
            // Nor is one kept long that nothing uses: it may have died meanwhile.
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| ConfigError::Client(error.to_string()))?;
        let mut base = config.api_url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { http, base, date: Arc::default() })
    }

    /// The time by Slack's clock, from the date of its last answer, which is cut to seconds.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        let (date, then) = (*self.date.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add(SignedDuration::try_from(then.elapsed()).ok()?).ok()
    }

    /// A GET of a method, its answer as it came.
    pub(crate) async fn get(&self, method: &str, token: &SlackApiToken) -> ClientResult<Answer> {
        self.send(self.http.get(self.base.join(method)?), Some(token)).await
    }

    /// Posts JSON to an address that is its own permission (a `response_url`): no token goes
    /// along, and any 2xx is success.
    pub(crate) async fn post_freely(&self, url: Url, body: &impl Serialize) -> ClientResult<()> {
        let answer = self.send(self.http.post(url).json(body), None).await?;
        match answer.failed() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn send(
        &self,
        request: RequestBuilder,
        token: Option<&SlackApiToken>,
    ) -> ClientResult<Answer> {
        let request = match token {
            Some(token) => request.bearer_auth(&token.token_value.0),
            None => request,
        };
        let response = request.send().await.map_err(|error| broken(&error))?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        let scopes = header("x-oauth-scopes").map(str::to_owned);
        if let Some(date) = header("date").and_then(|date| rfc2822::parse(date).ok()) {
            *self.date.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((date.timestamp(), Instant::now()));
        }
        let body = read(response).await?;
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), scopes, body })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        token: Option<&SlackApiToken>,
    ) -> ClientResult<T> {
        self.send(request, token).await?.decode()
    }
}

impl Answer {
    /// The failure that the answer states, if it states one.
    fn failed(&self) -> Option<SlackClientError> {
        let verdict: Option<Verdict> = serde_json::from_slice(&self.body).ok();
        let code = verdict.and_then(|verdict| match verdict {
            Verdict { ok: Some(true), .. } => None,
            Verdict { ok: Some(false), error: None } => Some("unnamed_error".to_owned()),
            Verdict { error, .. } => error,
        });
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let error = SlackRateLimitError::new().opt_retry_after(self.retry_after);
            return Some(SlackClientError::RateLimitError(error));
        }
        match code {
            Some(code) if !self.status.is_server_error() => {
                Some(SlackClientError::ApiError(SlackClientApiError::new(code)))
            }
            _ if !self.status.is_success() => {
                Some(SlackClientError::HttpError(SlackClientHttpError::new(self.status)))
            }
            _ => None,
        }
    }

    /// What the answer says.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> ClientResult<T> {
        if let Some(error) = self.failed() {
            return Err(error);
        }
        // Only what calls itself right is right: half an answer, or a proxy's page, is neither.
        let unreadable =
            |error| SlackClientError::ProtocolError(SlackClientProtocolError::new(error));
        let verdict: Verdict = serde_json::from_slice(&self.body).map_err(unreadable)?;
        if verdict.ok != Some(true) {
            return Err(unreadable(serde::de::Error::missing_field("ok")));
        }
        serde_json::from_slice(&self.body).map_err(unreadable)
    }
}

async fn read(mut response: Response) -> ClientResult<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(wrapped(Break::TooLong(ANSWER_LIMIT)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn broken(error: &reqwest::Error) -> SlackClientError {
    if error.is_connect() || error.is_builder() {
        wrapped(Break::NotConnected(root_cause(error)))
    } else {
        lost(error)
    }
}

fn lost(error: &reqwest::Error) -> SlackClientError {
    if error.is_timeout() {
        return wrapped(Break::NoAnswer("time ran out".into()));
    }
    wrapped(Break::NoAnswer(root_cause(error)))
}

/// What was wrong in the end. reqwest's own text has the address in it, which can be a secret.
fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest = None;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        deepest = Some(error);
        cause = error.source();
    }
    deepest.map_or_else(|| "the connection failed".into(), ToString::to_string)
}

fn wrapped(cause: Break) -> SlackClientError {
    let error = SlackClientHttpProtocolError::new().with_cause(Box::new(cause));
    SlackClientError::HttpProtocolError(error)
}

impl SlackClientHttpConnector for Connector {
    fn create_method_uri_path(&self, method: &str) -> ClientResult<Url> {
        Ok(self.base.join(method)?)
    }

    fn http_get_uri<'a, RS>(
        &'a self,
        uri: Url,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.call(self.http.get(uri), context.token).boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        uri: Url,
        id: &'a SlackClientId,
        secret: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.call(self.http.get(uri).basic_auth(&id.0, Some(&secret.0)), None).boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        uri: Url,
        body: &'a RQ,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.call(self.http.post(uri).json(body), context.token).boxed()
    }

    /// A form without a file. `files.upload`, the one method that took a file here, is retired:
    /// files go to an address of their own, by [`Self::http_post_uri_binary`].
    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        uri: Url,
        file: Option<FileMultipartData<'p>>,
        params: &'p PT,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        if file.is_some() {
            let error = SlackClientSystemError::new()
                .with_message("files go by files.getUploadURLExternal".into());
            return std::future::ready(Err(SlackClientError::SystemError(error))).boxed();
        }
        let fields: Vec<(String, String)> = params
            .clone()
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.as_ref().to_owned())))
            .collect();
        self.call(self.http.post(uri).form(&fields), context.token).boxed()
    }

    /// The bytes of a file, to the address that Slack gave for them: without the token.
    fn http_post_uri_binary<'a, 'p, RS>(
        &'a self,
        uri: Url,
        content_type: String,
        data: &'a [u8],
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        let body = Bytes::copy_from_slice(data);
        let request = self.http.post(uri).header("content-type", content_type).body(body);
        self.call(request, None).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("status"),
            retry_after: Some(Duration::from_secs(3)),
            scopes: None,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn decoded(status: u16, body: &'static str) -> ClientResult<crate::wire::Posted> {
        answer(status, body).decode()
    }

    #[test]
    fn only_a_whole_answer_that_says_ok_is_right() {
        assert!(decoded(200, r#"{"ok":true,"ts":"1.1","message":{"metadata":7}}"#).is_ok());
        for odd in ["", "{}", "<html>", r#"{"ok":true,"ts""#, r#"{"ok":true}"#, r#"{"ts":"1.1"}"#] {
            assert!(matches!(decoded(200, odd), Err(SlackClientError::ProtocolError(_))), "{odd}");
        }
    }

    #[test]
    fn what_slack_says_is_told_from_what_http_says() {
        let no = r#"{"ok":false,"error":"is_archived"}"#;
        assert!(
            matches!(decoded(200, no), Err(SlackClientError::ApiError(e)) if e.code == "is_archived")
        );
        assert!(matches!(decoded(404, no), Err(SlackClientError::ApiError(_))));
        assert!(matches!(decoded(500, no), Err(SlackClientError::HttpError(_))));
        assert!(matches!(decoded(200, r#"{"ok":false}"#), Err(SlackClientError::ApiError(_))));
        assert!(matches!(decoded(502, "<html>"), Err(SlackClientError::HttpError(_))));
        let Err(SlackClientError::RateLimitError(limit)) = decoded(429, "slow down") else {
            panic!("a 429 is a rate limit");
        };
        assert_eq!(limit.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_method_is_put_behind_the_base() {
        for base in ["http://127.0.0.1:1/api", "http://127.0.0.1:1/api/"] {
            let mut config = Config::new("xoxb-1".into());
            config.api_url = base.parse().expect("address");
            let connector = Connector::new(&config).expect("client");
            let url = connector.create_method_uri_path("auth.test").expect("address");
            assert_eq!(url.as_str(), "http://127.0.0.1:1/api/auth.test");
        }
    }
}
