//! The bridges that a configuration asks for: how each is made, what it can do, and that it receives.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use partyline_core::{Clock, Forms, Intake, Network, SystemClock, Watch};
use partyline_matrix::Matrix;
use partyline_slack::Slack;
use partyline_twilio::Twilio;
use url::Url;

use crate::config::{self, Config};
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::Lifecycle;
use crate::networks::{Networks, Powers};
use crate::store::Folder;

/// The pause before a bridge whose receiving panicked begins again.
const BEGIN_AGAIN: Duration = Duration::from_secs(5);

/// The bridges that a configuration asks for.
pub(super) struct Bridges {
    pub(super) twilio: Arc<Twilio>,
    pub(super) slack: Option<Arc<Slack>>,
    pub(super) matrix: Option<Arc<Matrix>>,
}

impl Bridges {
    /// Makes them. Matrix logs in, where it has no session yet.
    pub(super) async fn build(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let twilio = Twilio::new(twilio_settings(config)?, Arc::clone(clock))?;
        let slack = match &config.slack {
            Some(section) => Some(Slack::new(slack_settings(section, config), Arc::clone(clock))?),
            None => None,
        };
        let matrix = match &config.matrix {
            Some(section) => {
                let settings = matrix_settings(section, config);
                Some(Matrix::connect(settings, Arc::clone(clock)).await?)
            }
            None => None,
        };
        Ok(Self {
            twilio: Arc::new(twilio),
            slack: slack.map(Arc::new),
            matrix: matrix.map(Arc::new),
        })
    }

    /// Tells Slack's bridge of the threads that the ledger knows to be in use.
    pub(super) async fn recall_threads(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        if let Some(slack) = &self.slack {
            let known = ledger.lively_threads().await?.into_iter();
            slack.recall_threads(
                known.map(|one| (one.channel.id().to_owned(), one.thread, one.newest)),
            );
        }
        Ok(())
    }

    /// The bridges by what they can do.
    pub(super) fn networks(&self, config: &Config) -> Networks {
        let twilio = &self.twilio;
        let called = config.twilio.ingest == config::Ingest::Webhook;
        let mut networks = vec![(
            Network::Twilio,
            Powers {
                groups: Some(twilio.clone()),
                manage: Some(twilio.clone()),
                verify: config.twilio.verify_service_sid.as_ref().map(|_| twilio.clone() as _),
                called,
                canary: called,
                ..Powers::of(twilio)
            },
        )];
        if let Some(slack) = &self.slack {
            let powers = Powers {
                profiles: Some(slack.clone()),
                rooms: Some(slack.clone()),
                revise: Some(slack.clone()),
                ticks: Some(slack.clone()),
                ranks: config.access.slack_admin_group.as_ref().map(|_| slack.clone() as _),
                called: slack_calls(config),
                ..Powers::of(slack)
            };
            networks.push((Network::Slack, powers));
        }
        if let Some(matrix) = &self.matrix {
            let powers = Powers {
                profiles: Some(matrix.clone()),
                rooms: Some(matrix.clone()),
                revise: Some(matrix.clone()),
                ticks: Some(matrix.clone()),
                ranks: config.access.matrix_admin_power.map(|_| matrix.clone() as _),
                ..Powers::of(matrix)
            };
            networks.push((Network::Matrix, powers));
        }
        Networks::new(networks)
    }
}

/// The probes of `check --online`, one a network.
///
/// # Errors
/// A bridge could not be made.
pub async fn probes(config: &Config) -> anyhow::Result<Vec<(Network, Arc<dyn Watch>)>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bridges = Bridges::build(config, &clock).await?;
    Ok(bridges
        .networks(config)
        .iter()
        .map(|(network, powers)| (network, powers.watch.clone()))
        .collect())
}

/// The bridge to Twilio alone, for `check --online` and `setup twilio-webhooks`.
///
/// # Errors
/// It could not be made.
pub fn twilio(config: &Config) -> anyhow::Result<Twilio> {
    Ok(Twilio::new(twilio_settings(config)?, Arc::new(SystemClock))?)
}

/// The addresses whose answers tell each platform's time.
pub fn bases(config: &Config) -> Vec<(Network, Url)> {
    let slack = config.slack.as_ref().map(|slack| (Network::Slack, slack.api_url.clone()));
    let matrix =
        config.matrix.as_ref().map(|matrix| (Network::Matrix, matrix.homeserver_url.clone()));
    std::iter::once((Network::Twilio, config.twilio.bases.conversations.clone()))
        .chain(slack)
        .chain(matrix)
        .collect()
}

/// Whether Slack calls us.
pub(super) fn slack_calls(config: &Config) -> bool {
    config.slack.as_ref().is_some_and(|slack| slack.transport == config::Transport::Http)
}

/// Has the bridges that receive by themselves do so.
pub(super) async fn receive(
    bridges: &Bridges,
    called: bool,
    intake: &Arc<dyn Intake>,
    forms: &Arc<dyn Forms>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    if let Some(slack) = bridges.slack.clone() {
        if called {
            // A socket says itself when it was not there. By HTTP nobody does, but a stopped
            // daemon may have missed something.
            intake.reconnected(Network::Slack, None).await?;
        }
        let (intake, forms, stop) = (intake.clone(), forms.clone(), lifecycle.stop.clone());
        lifecycle.tasks.spawn(always("Slack", stop.clone(), move || {
            let (slack, intake, stop) = (slack.clone(), intake.clone(), stop.clone());
            let forms = forms.clone();
            async move { slack.run(intake, forms, stop).await }
        }));
    }
    if let Some(matrix) = bridges.matrix.clone() {
        let (intake, stop) = (intake.clone(), lifecycle.stop.clone());
        lifecycle.tasks.spawn(always("Matrix", stop.clone(), move || {
            let (matrix, intake, stop) = (matrix.clone(), intake.clone(), stop.clone());
            async move { matrix.run(intake, stop).await }
        }));
    }
    Ok(())
}

/// Receives until the stop. What panics on the way (a mistake of ours) begins again, with what was
/// missed read back: a bridge must not be connected and deaf.
async fn always<F: Future<Output = ()>>(
    network: &'static str,
    stop: tokio_util::sync::CancellationToken,
    receive: impl Fn() -> F,
) {
    while AssertUnwindSafe(receive()).catch_unwind().await.is_err() && !stop.is_cancelled() {
        tracing::error!(network, "receiving panicked; beginning again");
        tokio::time::sleep(BEGIN_AGAIN).await;
    }
}

fn twilio_settings(config: &Config) -> anyhow::Result<partyline_twilio::Config> {
    let section = &config.twilio;
    Ok(partyline_twilio::Config {
        account_sid: section.account_sid.clone(),
        api_key_sid: section.api_key_sid.clone(),
        api_key_secret: section.api_key_secret.clone(),
        auth_token: section.auth_token.clone(),
        service_sid: section.service_sid.clone(),
        messaging_service_sid: section.messaging_service_sid.clone(),
        conversations_url: section.bases.conversations.clone(),
        messaging_url: section.bases.messaging.clone(),
        content_url: section.bases.content.clone(),
        media_url: section.bases.media.clone(),
        verify_service_sid: section.verify_service_sid.clone(),
        verify_url: section.bases.verify.clone(),
        senders_url: section.bases.senders.clone(),
        public_url: config.http.public_url.clone(),
        ingest: match section.ingest {
            config::Ingest::Webhook => partyline_twilio::Ingest::Webhook,
            config::Ingest::Poll => partyline_twilio::Ingest::Poll,
        },
        attribution: config.relay.attribution.parse()?,
        actions_per_second: section.actions_per_second,
        concurrency: section.concurrency,
        timeouts: partyline_twilio::Timeouts::default(),
    })
}

fn slack_settings(section: &config::Slack, config: &Config) -> partyline_slack::Config {
    let workspace = f64::from(section.workspace_posts_per_second);
    partyline_slack::Config {
        app_token: section.app_token.clone(),
        signing_secret: section.signing_secret.clone(),
        transport: match section.transport {
            config::Transport::Socket => partyline_slack::Transport::Socket,
            config::Transport::Http => partyline_slack::Transport::Http,
        },
        api_url: section.api_url.clone(),
        command: section.command.clone(),
        admin_group: config.access.slack_admin_group.clone(),
        rates: partyline_slack::Rates {
            channel_per_second: f64::from(section.posts_per_second),
            channel_burst: section.posts_per_second.max(3),
            workspace_per_second: workspace,
            workspace_burst: section.workspace_posts_per_second.max(16),
        },
        timeouts: partyline_slack::Timeouts {
            company: section.company_every,
            ..partyline_slack::Timeouts::default()
        },
        ..partyline_slack::Config::new(section.bot_token.clone())
    }
}

fn matrix_settings(section: &config::Matrix, config: &Config) -> partyline_matrix::Config {
    let credentials = match &section.login {
        config::Login::Password(password) => {
            partyline_matrix::Credentials::Password(password.clone())
        }
        config::Login::AccessToken(token) => {
            partyline_matrix::Credentials::AccessToken(token.clone())
        }
    };
    let mut settings = partyline_matrix::Config::new(
        section.homeserver_url.clone(),
        section.user_id.clone(),
        credentials,
        Folder::new(&config.store.folder).matrix(),
    );
    settings.command_prefix.clone_from(&section.command_prefix);
    settings.inviters.clone_from(&section.inviters);
    settings.admin_power = config.access.matrix_admin_power;
    settings
}
