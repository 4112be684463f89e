//! This machine's clock beside the platforms', by the `Date` of their answers (RFC 9110, 6.6.1).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use partyline_core::{Clock, Network};
use reqwest::Client;
use url::Url;

use super::episode::Moment;

/// An answer that took longer says too little of the time: `Date` may be of its beginning or end.
const PROMPT: SignedDuration = SignedDuration::from_secs(5);

/// How often the clocks are compared: every so many canaries while ours is right.
const SELDOM: u32 = 10;

/// How long after a jump of the clock it is called wrong: until then something may have been
/// stamped with the time before.
const AFTER_A_JUMP: Duration = Duration::from_secs(300);

/// Sees that the clock jumps: that it does not run as fast as one that cannot be set.
#[derive(Debug)]
pub(super) struct Jumps {
    allowed: SignedDuration,
    last: Option<Moment>,
    /// By how much, and when that was seen, since the start.
    jumped: Option<(SignedDuration, Duration)>,
}

impl Jumps {
    /// Jumps longer than this.
    pub(super) const fn beyond(allowed: SignedDuration) -> Self {
        Self { allowed, last: None, jumped: None }
    }

    /// Looks at the clock. By how much it jumped, if it did of late.
    pub(super) fn look(&mut self, now: Moment) -> Option<SignedDuration> {
        if let Some(last) = self.last.replace(now) {
            let ran = SignedDuration::try_from(now.up.saturating_sub(last.up));
            let by = now.at.duration_since(last.at) - ran.unwrap_or(SignedDuration::MAX);
            if by.abs() > self.allowed {
                self.jumped = Some((by, now.up));
            }
        }
        let (by, seen) = self.jumped?;
        (now.up.saturating_sub(seen) < AFTER_A_JUMP).then_some(by)
    }
}

/// How far this machine's clock was off, as last seen.
#[derive(Debug, Default)]
pub struct Skew(Mutex<Option<SignedDuration>>);

impl Skew {
    /// By how much this machine's clock is ahead, if anything told.
    #[must_use]
    pub fn last(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the platforms say. Where none says anything, what was last seen stands: a clock
    /// that was wrong is not right because the network is down.
    fn note(&self, ahead: Option<SignedDuration>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = ahead.or(*last);
    }

    /// Compares the clocks again and again; often while ours is off by more than `allowed`.
    pub async fn watch(
        &self,
        client: &Client,
        clock: &dyn Clock,
        bases: &[(Network, Url)],
        every: Duration,
        allowed: SignedDuration,
    ) {
        loop {
            let ahead = agreed(&offsets(clock, client, bases).await);
            self.note(ahead);
            let is_right = ahead.is_some_and(|ahead| ahead.abs() <= allowed);
            tokio::time::sleep(if is_right { every * SELDOM } else { every }).await;
        }
    }
}

/// What all platforms agree on: the least that any of them says. One platform whose clock is wrong
/// itself must not accuse ours.
fn agreed(offsets: &[(Network, SignedDuration)]) -> Option<SignedDuration> {
    offsets.iter().map(|(_, ahead)| *ahead).min_by_key(|ahead| ahead.abs())
}

/// By how much this machine's clock is ahead of each platform's. A platform that does not answer
/// promptly, or tells no time, is passed by.
pub async fn offsets(
    clock: &dyn Clock,
    client: &Client,
    bases: &[(Network, Url)],
) -> Vec<(Network, SignedDuration)> {
    let asked = bases.iter().map(|(network, url)| async move {
        let begun = clock.now();
        let answer = client.head(url.clone()).send().await.ok()?;
        let took = clock.now().duration_since(begun);
        let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
        let theirs = date_of(date)?;
        let is_prompt = !took.is_negative() && took <= PROMPT;
        is_prompt.then(|| (*network, (begun + took / 2).duration_since(theirs)))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The time in a `Date` header.
fn date_of(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use partyline_core::ManualClock;

    use super::*;

    #[tokio::test]
    async fn the_clock_is_compared_with_what_a_platform_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let date = [("date", "Tue, 15 Nov 1994 08:12:31 GMT")];
        let app = Router::new().route("/", get(move || async move { (date, "") }));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = ManualClock::new(date_of(date[0].1).unwrap());
        let bases = [(Network::Slack, url), (Network::Twilio, "http://[::1]:1/".parse().unwrap())];
        let client = Client::new();
        let ahead = |seconds| [(Network::Slack, SignedDuration::from_secs(seconds))];
        assert_eq!(offsets(&clock, &client, &bases).await, ahead(0));
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(offsets(&clock, &client, &bases).await, ahead(3600));
    }

    #[test]
    fn a_clock_that_was_wrong_is_not_right_because_nobody_answers() {
        let skew = Skew::default();
        skew.note(None);
        assert_eq!(skew.last(), None);
        for seen in [SignedDuration::from_hours(1), SignedDuration::ZERO] {
            skew.note(Some(seen));
            skew.note(agreed(&[]));
            assert_eq!(skew.last(), Some(seen));
        }
    }

    #[test]
    fn a_jump_is_seen_and_forgotten() {
        let at = |clock: i64, up: u64| Moment {
            at: Timestamp::from_second(clock).unwrap(),
            up: Duration::from_secs(up),
        };
        let mut jumps = Jumps::beyond(SignedDuration::from_secs(30));
        assert_eq!(jumps.look(at(1000, 0)), None);
        assert_eq!(jumps.look(at(1035, 5)), None, "as much as is allowed");
        let back = Some(SignedDuration::from_secs(-3600));
        assert_eq!(jumps.look(at(1040 - 3600, 10)), back);
        assert_eq!(jumps.look(at(1330 - 3600, 300)), back);
        assert_eq!(jumps.look(at(1340 - 3600, 310)), None);
    }

    #[test]
    fn one_platform_alone_does_not_accuse_our_clock() {
        let seconds = SignedDuration::from_secs;
        let offsets = [(Network::Matrix, seconds(-4000)), (Network::Slack, seconds(1))];
        assert_eq!(agreed(&offsets), Some(seconds(1)));
        let all = [(Network::Matrix, seconds(-4000)), (Network::Slack, seconds(-3999))];
        assert_eq!(agreed(&all), Some(seconds(-3999)));
        assert_eq!(agreed(&[]), None);
    }
}
