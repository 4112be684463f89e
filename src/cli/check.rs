//! `partyline check`: everything that is wrong with the configuration and, with `--online`, with
//! what the platforms make of it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures_util::future::join_all;
use jiff::SignedDuration;
use partyline_core::{Clock, Network, SystemClock, Watch};
use url::Url;

use super::Failed;
use crate::alerts::offsets;
use crate::app::bases;
use crate::config::{Config, Ingest};

/// How long one platform may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How far this machine's clock may be from a platform's. Slack's signatures fail at five minutes;
/// a clock that is a minute off is on its way there.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Call each platform as well: credentials, rights, webhook addresses, and the clock
    #[arg(long)]
    online: bool,
}

pub(super) async fn run(args: &Args, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    write(out, &summary(config))?;
    if !args.online {
        return Ok(());
    }
    let probes = crate::app::probes(config).await?;
    let mut findings = online(probes).await;
    findings.extend(webhooks(config).await?);
    findings.extend(senders(config).await?);
    findings.extend(skews(&SystemClock, &bases(config)).await);
    for finding in &findings {
        let result = finding.wrong.as_deref().unwrap_or("works");
        write(out, &format!("{}, {}: {result}\n", finding.network, finding.what))?;
    }
    match findings.iter().filter(|finding| finding.wrong.is_some()).count() {
        0 => Ok(()),
        wrong => Err(Failed::Other(anyhow!("{wrong} of {} checks failed.", findings.len()))),
    }
}

fn write(out: &mut dyn Write, text: &str) -> Result<(), Failed> {
    out.write_all(text.as_bytes()).map_err(|error| Failed::Other(error.into()))
}

/// What a right configuration amounts to, and what in it looks like an oversight.
fn summary(config: &Config) -> String {
    let on: Vec<_> = Network::ALL
        .into_iter()
        .filter(|network| config.is_on(*network))
        .map(Network::as_str)
        .collect();
    let links = match config.links.len() {
        0 => "no links in the file".to_owned(),
        1 => "1 link in the file".to_owned(),
        n => format!("{n} links in the file"),
    };
    let mut text = format!("The configuration is right: {}; {links}.\n", on.join(", "));
    for warning in config.warnings() {
        text.push_str(&format!("Note: {warning}\n"));
    }
    text
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The platform.
    pub network: Network,
    /// What was checked, in a few words.
    pub what: &'static str,
    /// What is wrong and what to do, if something is.
    pub wrong: Option<String>,
}

/// Asks all platforms at a time whether they work with these credentials; each has 20 seconds.
pub async fn online(probes: Vec<(Network, Arc<dyn Watch>)>) -> Vec<Finding> {
    join_all(probes.into_iter().map(|(network, watch)| async move {
        let wrong = match tokio::time::timeout(PATIENCE, watch.probe()).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure.sentence),
            Err(_) => Some(format!(
                "There is no answer within {} seconds: look at this machine's way to the internet.",
                PATIENCE.as_secs()
            )),
        };
        Finding { network, what: "credentials and rights", wrong }
    }))
    .await
}

/// Compares the webhooks that are set at Twilio with the daemon's address. Nothing where Twilio
/// could not be asked: the check of its credentials says so.
async fn webhooks(config: &Config) -> anyhow::Result<Option<Finding>> {
    if config.twilio.ingest == Ingest::Poll {
        return Ok(None);
    }
    let twilio = crate::app::twilio(config)?;
    let asked = tokio::time::timeout(PATIENCE, twilio.webhook_fault()).await;
    Ok(asked.ok().and_then(Result::ok).map(|wrong| Finding {
        network: Network::Twilio,
        what: "webhook addresses",
        wrong,
    }))
}

/// Asks Twilio whether the senders of the pool are the account's, and can do what they are for. Nothing
/// where Twilio could not be asked.
async fn senders(config: &Config) -> anyhow::Result<Option<Finding>> {
    let twilio = crate::app::twilio(config)?;
    let asked = tokio::time::timeout(PATIENCE, twilio.sender_faults(&config.twilio.senders)).await;
    Ok(asked.ok().and_then(Result::ok).map(|faults| Finding {
        network: Network::Twilio,
        what: "senders",
        wrong: (!faults.is_empty()).then(|| faults.join(" ")),
    }))
}

/// Compares this machine's clock with each platform's. One that does not answer or tells no time is
/// passed by: the other checks say so.
async fn skews(clock: &dyn Clock, bases: &[(Network, Url)]) -> Vec<Finding> {
    let Ok(client) = reqwest::Client::builder().timeout(PATIENCE).build() else {
        return Vec::new();
    };
    let found = offsets(clock, &client, bases).await;
    let finding = |(network, ahead)| Finding { network, what: "clock", wrong: too_far(ahead) };
    found.into_iter().map(finding).collect()
}

fn too_far(ahead: SignedDuration) -> Option<String> {
    let direction = if ahead.is_negative() { "behind" } else { "ahead" };
    (ahead.abs() > SKEW).then(|| {
        format!(
            "This machine's clock is {} seconds {direction}: signatures and expiry dates will fail. Set it by NTP.",
            ahead.abs().as_secs()
        )
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use partyline_core::{Failure, Proof, Reason, WatchState};

    use super::*;

    /// A platform that refuses, or never answers.
    struct Refuses;
    struct Hangs;

    fn unproved() -> WatchState {
        let why = || Proof::Unproved("nothing came yet".to_owned());
        WatchState { inbound: why(), outbound: why() }
    }

    #[async_trait]
    impl Watch for Refuses {
        fn state(&self) -> WatchState {
            unproved()
        }
        async fn probe(&self) -> Result<(), Failure> {
            Err(Failure::never(Reason::Credentials, "The token was revoked: make a new one."))
        }
    }

    #[async_trait]
    impl Watch for Hangs {
        fn state(&self) -> WatchState {
            unproved()
        }
        async fn probe(&self) -> Result<(), Failure> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_platform_has_its_own_finding() {
        let findings = online(vec![
            (Network::Slack, Arc::new(Refuses) as Arc<dyn Watch>),
            (Network::Matrix, Arc::new(Hangs)),
        ])
        .await;
        assert_eq!(findings[0].wrong.as_deref(), Some("The token was revoked: make a new one."));
        assert!(findings[1].wrong.as_deref().unwrap().contains("no answer within 20 seconds"));
    }

    #[test]
    fn a_clock_may_be_a_little_off() {
        assert_eq!(too_far(SignedDuration::from_secs(-60)), None);
        let ahead = too_far(SignedDuration::from_secs(61)).unwrap();
        assert!(ahead.contains("61 seconds ahead"), "{ahead}");
        let behind = too_far(SignedDuration::from_mins(-5)).unwrap();
        assert!(behind.contains("300 seconds behind"), "{behind}");
    }
}
