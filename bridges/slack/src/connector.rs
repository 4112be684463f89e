//! How slack-morphism's calls reach Slack: an HTTP client of our own behind its connector trait.
//!
//! Its ready-made connector has no time-outs, reads answers of any length, takes an answer that
//! is no JSON for an empty one, and sends the bot's token to addresses that uploads go to. This
//! one bounds time and length, follows no redirects (a token must not wander), tells a call that
//! was never sent from one that was not answered, and keeps no bodies in its errors.

mod answer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use slack_morphism::errors::{SlackClientError, SlackClientSystemError};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClientApiCallContext, SlackClientHttpConnector,
    SlackClientId, SlackClientSecret,
};
use url::Url;

use crate::config::{Config, ConfigError};
pub(crate) use answer::Answer;
use answer::{broken, read};

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
