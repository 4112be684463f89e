//! Calls of Slack's Web API: the only I/O of this crate besides the socket.

use jiff::Timestamp;
use partyline_core::{Failure, Gate, Reason, Verdict};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use slack_morphism::api::{
    SlackApiAppsConnectionOpenRequest, SlackApiAuthTestResponse, SlackApiChatPostMessageRequest,
};
use slack_morphism::{ClientResult, SlackApiToken, SlackApiTokenValue, SlackClient};
use tokio::time::Instant;
use url::Url;

use crate::config::{Config, ConfigError};
use crate::connector::Connector;
use crate::error::{self, Call};
use crate::inbound::Identity;
use crate::wire;

/// How many messages a page of history is asked for. Slack recommends no more than 200.
const PAGE: &str = "200";

/// How often one page is asked for while Slack asks to slow down.
const TRIES: u32 = 10;

/// Calls Slack.
pub(crate) struct Client {
    slack: SlackClient<Connector>,
    bot: SlackApiToken,
    app: Option<SlackApiToken>,
    /// Closed while Slack wants no more history read.
    reads: Gate,
}

/// Which messages of a channel or a thread are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span<'a> {
    pub(crate) channel: &'a str,
    /// The thread, where only its messages are wanted.
    pub(crate) thread: Option<&'a str>,
    /// Only later ones than this.
    pub(crate) oldest: Option<&'a str>,
    /// Only the newest one.
    pub(crate) newest_only: bool,
}

fn token(secret: &SecretString) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(secret.expose_secret().to_owned()))
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            slack: SlackClient::new(Connector::new(config)?),
            bot: token(&config.bot_token),
            app: config.app_token.as_ref().map(token),
            reads: Gate::default(),
        })
    }

    /// The time by Slack's clock, once it has answered.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.slack.http_api.connector.time()
    }

    /// Who the token belongs to, and the scopes that it has, where Slack says them.
    pub(crate) async fn who_am_i(&self) -> Result<(Identity, Option<String>), Failure> {
        let call = Call { method: "auth.test", about: "the bot's token", writes: false };
        let asked = async {
            let answer = self.slack.http_api.connector.get(call.method, &self.bot).await?;
            let who: SlackApiAuthTestResponse = answer.decode()?;
            Ok((who, answer.scopes))
        };
        let (who, scopes) = measured(call, asked).await?;
        let identity = Identity {
            bot_id: who.bot_id.map(|id| id.0),
            user_id: who.user_id.0,
            team_id: who.team_id.0,
            team: who.team,
        };
        Ok((identity, scopes))
    }

    /// The address of a new socket. It is a secret for as long as it is unused.
    pub(crate) async fn open_socket(&self) -> Result<Url, Failure> {
        let call = Call {
            method: error::OPEN_SOCKET,
            about: "the app-level token (slack.app_token)",
            writes: false,
        };
        let token = self.app.as_ref().unwrap_or(&self.bot);
        let session = self.slack.open_session(token);
        let request = SlackApiAppsConnectionOpenRequest::new();
        let opened = measured(call, session.apps_connections_open(&request)).await?;
        Ok(opened.url.0)
    }

    /// Posts a message and gives its time stamp.
    pub(crate) async fn post(
        &self,
        request: &SlackApiChatPostMessageRequest,
    ) -> Result<String, Failure> {
        let about = format!("channel {}", request.channel.0);
        let call = Call { method: "chat.postMessage", about: &about, writes: true };
        let session = self.slack.open_session(&self.bot);
        let posted = session.http_session_api.http_post(call.method, request, None);
        let posted: wire::Posted = measured(call, posted).await?;
        Ok(posted.ts)
    }

    /// Answers a command at its `response_url`, which must have been checked.
    pub(crate) async fn respond(&self, url: Url, response: &wire::Response) -> Result<(), Failure> {
        let call = Call { method: "response_url", about: "the answer to a command", writes: true };
        let sent = self.slack.http_api.connector.post_freely(url, response);
        measured(call, sent).await.map_err(|failure| match failure.code.as_deref() {
            // Slack answers an address that is used up or too old with 404, or 403.
            Some("HTTP 404" | "HTTP 403" | "HTTP 410") => error::expired(),
            _ => failure,
        })
    }

    /// A page of a channel's history, or of a thread; `cursor` is the last page's. Where Slack
    /// asks to slow down (about 50 pages a minute, Tier 3), all reading waits and goes on: after
    /// an outage there is a page to read for each linked channel.
    pub(crate) async fn page(
        &self,
        span: &Span<'_>,
        cursor: Option<&str>,
    ) -> Result<wire::Page, Failure> {
        let about = format!("channel {}", span.channel);
        let method = match span.thread {
            Some(_) => "conversations.replies",
            None => "conversations.history",
        };
        let call = Call { method, about: &about, writes: false };
        let limit = if span.newest_only { "1" } else { PAGE };
        let params = vec![
            ("channel", Some(span.channel)),
            ("ts", span.thread),
            ("oldest", span.oldest),
            ("cursor", cursor),
            ("limit", Some(limit)),
            ("include_all_metadata", Some("true")),
        ];
        let session = self.slack.open_session(&self.bot);
        let mut tries = 0;
        loop {
            self.reads.pass().await;
            let page = session.http_session_api.http_get(method, &params, None);
            let page = measured(call, page).await;
            tries += 1;
            match &page {
                Err(Failure { reason: Reason::RateLimited, verdict, .. }) if tries < TRIES => {
                    self.reads.close(match verdict {
                        Verdict::Later(asked) => *asked,
                        Verdict::Never | Verdict::Unknown => None,
                    });
                }
                _ => {
                    self.reads.worked();
                    return page;
                }
            }
        }
    }

    /// Changes something, with these arguments.
    pub(crate) async fn change(
        &self,
        method: &'static str,
        about: &str,
        arguments: &Value,
    ) -> Result<Value, Failure> {
        let call = Call { method, about, writes: true };
        let session = self.slack.open_session(&self.bot);
        measured(call, session.http_session_api.http_post(method, arguments, None)).await
    }

    /// Looks something up, with these parameters.
    pub(crate) async fn look(
        &self,
        method: &'static str,
        about: &str,
        params: &[(&str, Option<&str>)],
    ) -> Result<Value, Failure> {
        let call = Call { method, about, writes: false };
        let session = self.slack.open_session(&self.bot);
        measured(call, session.http_session_api.http_get(method, &params.to_vec(), None)).await
    }

    /// A user with the profile.
    pub(crate) async fn user(&self, id: &str) -> Result<wire::User, Failure> {
        let about = format!("user {id}");
        let call = Call { method: "users.info", about: &about, writes: false };
        let params = vec![("user", Some(id))];
        let session = self.slack.open_session(&self.bot);
        let answer: wire::UserAnswer =
            measured(call, session.http_session_api.http_get(call.method, &params, None)).await?;
        Ok(answer.user)
    }

    /// The users in a user group.
    pub(crate) async fn user_group(&self, id: &str) -> Result<Vec<String>, Failure> {
        let about = format!("user group {id} (access.slack_admin_group)");
        let call = Call { method: "usergroups.users.list", about: &about, writes: false };
        let params = vec![("usergroup", Some(id))];
        let session = self.slack.open_session(&self.bot);
        let answer: wire::UserGroupAnswer =
            measured(call, session.http_session_api.http_get(call.method, &params, None)).await?;
        Ok(answer.users)
    }
}

/// Makes a call, measures it, and says what its failure means.
async fn measured<T>(
    call: Call<'_>,
    made: impl Future<Output = ClientResult<T>>,
) -> Result<T, Failure> {
    let begun = Instant::now();
    let result = made.await.map_err(|error| error::failure(&error, call));
    let outcome = result.as_ref().err().map_or("ok", |failure| failure.reason.as_str());
    metrics::histogram!("partyline_slack_call_seconds", "method" => call.method)
        .record(begun.elapsed().as_secs_f64());
    metrics::counter!("partyline_slack_calls_total", "method" => call.method, "outcome" => outcome)
        .increment(1);
    result
}
