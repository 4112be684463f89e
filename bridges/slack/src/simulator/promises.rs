//! What Slack promises an app that it asked something: a `trigger_id` to open a view with, and a
//! `response_url` to answer at.
//!
//! Source: Slack's documentation, "Handling user interaction": a trigger works once and for 3
//! seconds, a response address five times and for 30 minutes.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::Ts;
use super::run::Step;

const TRIGGER_LIFE: SignedDuration = SignedDuration::from_secs(3);
const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(30);
const ADDRESS_USES: u32 = 5;
/// How many of each are kept; the oldest go first.
const KEPT: usize = 10_000;

/// Where a response goes.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) channel: String,
    pub(super) user: String,
    /// The message with the button that was pressed.
    pub(super) original: Option<Ts>,
    /// Who waits for the answers.
    pub(super) listener: mpsc::Sender<Step>,
    given: Timestamp,
    uses: u32,
}

impl Address {
    pub(super) fn new(
        channel: &str,
        user: &str,
        original: Option<Ts>,
        listener: mpsc::Sender<Step>,
        given: Timestamp,
    ) -> Self {
        Self {
            channel: channel.to_owned(),
            user: user.to_owned(),
            original,
            listener,
            given,
            uses: 0,
        }
    }
}

/// Things kept by key, the oldest forgotten.
struct Kept<T> {
    by_key: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Kept<T> {
    fn put(&mut self, key: String, value: T) {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.by_key.insert(key, value);
    }
}

struct Trigger {
    given: Timestamp,
    pulled: Pulled,
    used: bool,
}

/// What a trigger came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pulled {
    /// Who set it off.
    pub(super) user: String,
    /// The view in which that was, if it was in one.
    pub(super) view: Option<String>,
}

/// The promises in force.
#[derive(Default)]
pub(super) struct Promises {
    triggers: Kept<Trigger>,
    addresses: Kept<Address>,
}

impl Promises {
    pub(super) fn trigger(&mut self, key: String, pulled: Pulled, given: Timestamp) {
        self.triggers.put(key, Trigger { given, pulled, used: false });
    }

    /// Uses a trigger up; what it came from, or Slack's error.
    pub(super) fn pull(&mut self, key: &str, now: Timestamp) -> Result<Pulled, &'static str> {
        let trigger = self.triggers.by_key.get_mut(key).ok_or("invalid_trigger_id")?;
        if now.duration_since(trigger.given) > TRIGGER_LIFE {
            return Err("expired_trigger_id");
        }
        if std::mem::replace(&mut trigger.used, true) {
            return Err("exchanged_trigger_id");
        }
        Ok(trigger.pulled.clone())
    }

    pub(super) fn address(&mut self, key: String, address: Address) {
        self.addresses.put(key, address);
    }

    /// Uses an address once, or tells Slack's error.
    pub(super) fn answer(&mut self, key: &str, now: Timestamp) -> Result<Address, &'static str> {
        let address = self.addresses.by_key.get_mut(key).ok_or("invalid_url")?;
        if now.duration_since(address.given) > ADDRESS_LIFE {
            return Err("expired_url");
        }
        if address.uses >= ADDRESS_USES {
            return Err("used_url");
        }
        address.uses += 1;
        Ok(address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_works_once_and_for_three_seconds() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut promises = Promises::default();
        for key in ["a", "b"] {
            let pulled = Pulled { user: "U1".into(), view: None };
            promises.trigger(key.to_owned(), pulled, now);
        }
        assert_eq!(promises.pull("a", now).map(|pulled| pulled.user).as_deref(), Ok("U1"));
        assert_eq!(promises.pull("a", now), Err("exchanged_trigger_id"));
        let later = now + SignedDuration::from_millis(3001);
        assert_eq!(promises.pull("b", later), Err("expired_trigger_id"));
        assert_eq!(promises.pull("c", now), Err("invalid_trigger_id"));
    }

    #[test]
    fn an_address_works_five_times_and_for_half_an_hour() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut promises = Promises::default();
        for key in ["a", "b"] {
            let listener = mpsc::channel(1).0;
            promises.address(key.to_owned(), Address::new("C1", "U1", None, listener, now));
        }
        for _ in 0..5 {
            assert!(promises.answer("a", now).is_ok());
        }
        assert_eq!(promises.answer("a", now).err(), Some("used_url"));
        let later = now + SignedDuration::from_mins(31);
        assert_eq!(promises.answer("b", later).err(), Some("expired_url"));
    }
}
