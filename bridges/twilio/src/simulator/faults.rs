//! Named faults: what goes wrong on request.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What goes wrong. The first group befalls REST requests, the second hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// 429 with code 20429 and `Retry-After`, in seconds; not processed.
    RateLimited(u64),
    /// 429 with code 20429 and no `Retry-After`; not processed.
    RateLimitedBare,
    /// This status of 4xx, with Twilio's general code for it; not processed.
    Refused(u16),
    /// 500; not processed.
    Error500,
    /// 500; processed all the same.
    Error500After,
    /// No answer ever; not processed.
    Hang,
    /// No answer ever; processed.
    HangAfter,
    /// The connection is reset; not processed.
    ResetBefore,
    /// The connection is reset before the answer; processed.
    ResetAfter,
    /// The connection is reset in the middle of the answer; processed.
    Truncated,
    /// 200 with a page of HTML; processed.
    NotJson,
    /// Processed, and answered, after so long.
    Slow(Duration),

    /// The hook is never sent. A lost before hook lets the action through.
    Lost,
    /// The hook is sent twice in a row.
    Doubled,
    /// The hook is sent after so long; those behind it do not wait.
    Delayed(Duration),
    /// The hook is sent after the next one of its conversation (or after two seconds).
    OutOfOrder,
}

impl FaultKind {
    /// Whether it befalls hooks.
    #[must_use]
    pub const fn is_for_hooks(self) -> bool {
        matches!(self, Self::Lost | Self::Doubled | Self::Delayed(_) | Self::OutOfOrder)
    }

    /// The fault of a name, with its number (seconds of `rate_limited`, the status of `refused`,
    /// milliseconds of `slow` and `delayed`) where it has one.
    #[must_use]
    pub fn named(name: &str, number: u64) -> Option<Self> {
        Some(match name {
            "rate_limited" => Self::RateLimited(number),
            "rate_limited_bare" => Self::RateLimitedBare,
            "refused" => Self::Refused(u16::try_from(number).ok()?),
            "error_500" => Self::Error500,
            "error_500_after" => Self::Error500After,
            "hang" => Self::Hang,
            "hang_after" => Self::HangAfter,
            "reset_before" => Self::ResetBefore,
            "reset_after" => Self::ResetAfter,
            "truncated" => Self::Truncated,
            "not_json" => Self::NotJson,
            "slow" => Self::Slow(Duration::from_millis(number)),
            "lost" => Self::Lost,
            "doubled" => Self::Doubled,
            "delayed" => Self::Delayed(Duration::from_millis(number)),
            "out_of_order" => Self::OutOfOrder,
            _ => return None,
        })
    }
}

/// A fault, and what it befalls.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    times: Option<u32>,
    chance: Option<(f64, SmallRng)>,
    method: Option<String>,
    part: Option<String>,
}

impl Fault {
    /// Befalls the next `times` requests (or hooks) that match.
    #[must_use]
    pub const fn next(kind: FaultKind, times: u32) -> Self {
        Self { kind, times: Some(times), chance: None, method: None, part: None }
    }

    /// Befalls all that match, until the faults are cleared.
    #[must_use]
    pub const fn always(kind: FaultKind) -> Self {
        Self { kind, times: None, chance: None, method: None, part: None }
    }

    /// Befalls each that matches with this probability (0 to 1), drawn from this seed.
    #[must_use]
    pub fn chance(kind: FaultKind, probability: f64, seed: u64) -> Self {
        let chance = Some((probability.clamp(0.0, 1.0), SmallRng::seed_from_u64(seed)));
        Self { kind, times: None, chance, method: None, part: None }
    }

    /// Only requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Only requests whose path, with its query, has this in it (`/Messages`, `To=messenger`), or hooks of this event
    /// (`onMessageAdded`).
    #[must_use]
    pub fn on(mut self, part: &str) -> Self {
        self.part = Some(part.to_owned());
        self
    }

    fn matches(&self, for_hooks: bool, method: &str, what: &str) -> bool {
        self.kind.is_for_hooks() == for_hooks
            && self.method.as_ref().is_none_or(|one| one == method)
            && self
                .part
                .as_ref()
                .is_none_or(|part| if for_hooks { part == what } else { what.contains(&**part) })
    }
}

/// The faults that are set; at most so many.
const LIMIT: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Mutex<VecDeque<Fault>>,
    count: AtomicUsize,
}

impl Faults {
    pub(super) fn set(&self, fault: Fault) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < LIMIT && fault.times != Some(0) {
            list.push_back(fault);
        }
        self.count.store(list.len(), Ordering::Release);
    }

    pub(super) fn clear(&self) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.count.store(0, Ordering::Release);
    }

    /// What befalls a REST request.
    pub(super) fn of_request(&self, method: &str, path: &str) -> Option<FaultKind> {
        self.draw(false, method, path)
    }

    /// What befalls a hook.
    pub(super) fn of_hook(&self, event: &str) -> Option<FaultKind> {
        self.draw(true, "", event)
    }

    /// The first fault that matches and strikes.
    fn draw(&self, for_hooks: bool, method: &str, what: &str) -> Option<FaultKind> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let struck = list.iter_mut().position(|fault| {
            fault.matches(for_hooks, method, what)
                && fault
                    .chance
                    .as_mut()
                    .is_none_or(|(probability, chance)| chance.random_bool(*probability))
        })?;
        let kind = list[struck].kind;
        if let Some(times) = &mut list[struck].times {
            *times -= 1;
            if *times == 0 {
                list.remove(struck);
            }
        }
        self.count.store(list.len(), Ordering::Release);
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_says_and_only_where_it_says() {
        let faults = Faults::default();
        faults.set(Fault::next(FaultKind::Error500, 2).method("post").on("/Messages"));
        assert_eq!(faults.of_request("GET", "/v1/Conversations/CH1/Messages"), None);
        assert_eq!(faults.of_hook("onMessageAdded"), None);
        for _ in 0..2 {
            let struck = faults.of_request("POST", "/v1/Conversations/CH1/Messages");
            assert_eq!(struck, Some(FaultKind::Error500));
        }
        assert_eq!(faults.of_request("POST", "/v1/Conversations/CH1/Messages"), None);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let run = || -> Vec<bool> {
            let faults = Faults::default();
            faults.set(Fault::chance(FaultKind::Lost, 0.5, 7));
            (0..64).map(|_| faults.of_hook("onMessageAdded").is_some()).collect()
        };
        let first = run();
        assert_eq!(first, run());
        assert!(first.contains(&true) && first.contains(&false));
    }
}
