//! How often the platforms are asked for what they do not tell by themselves.

use std::sync::Arc;
use std::time::Duration;

use partyline_core::Network;

use crate::catchup::{Pace, Polls};
use crate::config::{self, Config};
use crate::fates::Inquiries;
use crate::message_log;

/// How long a place in which nothing is said may go without being compared with its history, where
/// the rate allows for more.
const QUIET: Duration = Duration::from_secs(600);

/// The least time between two comparisons of conversations, however many calls the account may make.
const CONVERSATIONS_APART: Duration = Duration::from_millis(100);

/// When conversations are asked, where Twilio does not call.
pub(super) fn polls(config: &Config) -> Option<Arc<Polls>> {
    let twilio = &config.twilio;
    (twilio.ingest == config::Ingest::Poll).then(|| {
        Polls::new(Pace {
            network: Network::Twilio,
            every: twilio.poll_interval,
            between: between_questions(config),
            part: 10,
            quiet: Duration::ZERO,
        })
    })
}

/// When it is asked what became of messages, where Twilio does not call.
pub(super) fn inquiries(config: &Config) -> Option<Arc<Inquiries>> {
    let twilio = &config.twilio;
    (twilio.ingest == config::Ingest::Poll)
        .then(|| Inquiries::new(twilio.poll_interval, between_questions(config)))
}

/// How much more rarely than the others a log of messages is asked for that Twilio does not give.
const REFUSED_LOGS: u32 = 12;

/// When the logs of messages are read: as often as conversations, where Twilio does not call.
pub(super) fn log(config: &Config) -> message_log::Pace {
    let twilio = &config.twilio;
    let every = match twilio.ingest {
        config::Ingest::Poll => twilio.poll_interval,
        config::Ingest::Webhook => twilio.groups_interval,
    };
    message_log::Pace { every, between: between_looks(config), refused: every * REFUSED_LOGS }
}

/// The pause between two looks for what nobody told: a tenth of the calls that an account may make.
fn between_looks(config: &Config) -> Duration {
    Duration::from_secs(1) / (config.twilio.actions_per_second / 10).max(1)
}

/// The pause between two questions of a kind: a third of the calls that an account may make is for
/// what was said, and a third for what became of it.
fn between_questions(config: &Config) -> Duration {
    Duration::from_secs(1) / (config.twilio.actions_per_second / 3).max(1)
}

/// When Slack's rooms, and conversations where Twilio calls, are compared with their histories.
pub(super) fn comparisons(config: &Config) -> Vec<Arc<Polls>> {
    let pace = |network, every, between| Pace { network, every, between, part: 1, quiet: QUIET };
    let twilio = &config.twilio;
    let called = twilio.ingest == config::Ingest::Webhook;
    let conversations = called.then(|| {
        let between = between_looks(config).max(CONVERSATIONS_APART);
        pace(Network::Twilio, twilio.compare_after, between)
    });
    let rooms = config.slack.as_ref().map(|slack| {
        let between = Duration::from_secs(60) / slack.compare_per_minute;
        pace(Network::Slack, slack.compare_after, between)
    });
    conversations.into_iter().chain(rooms).map(Polls::new).collect()
}
