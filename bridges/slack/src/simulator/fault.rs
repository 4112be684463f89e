//! Faults by name: what goes wrong, with which requests or events, and how often.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After` in seconds; nothing was done.
    RateLimited(u32),
    /// 429 without `Retry-After`; nothing was done.
    RateLimitedBare,
    /// 500; nothing was done.
    Error500,
    /// It was done, then 500.
    Error500After,
    /// Nothing was done and no answer ever comes.
    Hang,
    /// The connection is reset; nothing was done.
    ResetBefore,
    /// It was done, then the connection is reset without an answer.
    ResetAfter,
    /// It was done; the connection ends in the middle of the answer.
    Truncated,
    /// It was done; the answer is a page in HTML with status 200.
    NotJson,
    /// Nothing was done; Slack refuses with this error (`account_inactive`, `restricted_action`,
    /// `internal_error` …).
    Refused(&'static str),
    /// The event never goes out.
    Lost,
    /// The event goes out twice, under the same `event_id`.
    Doubled,
    /// The event goes out later.
    Delayed(Duration),
    /// The event goes out after the next of its channel (or after half a second, if none comes).
    OutOfOrder,
    /// The socket that was to carry the event is reset; the event is lost with it and comes again
    /// as one that was not acknowledged.
    SocketDrop,
    /// The socket that was to carry the event goes deaf and dumb, but stays open.
    SocketHalfOpen,
}

impl Fault {
    /// Whether it befalls what Slack sends, not what is asked of it.
    #[must_use]
    pub const fn is_of_events(self) -> bool {
        matches!(
            self,
            Self::Lost
                | Self::Doubled
                | Self::Delayed(_)
                | Self::OutOfOrder
                | Self::SocketDrop
                | Self::SocketHalfOpen
        )
    }

    /// Reads a fault by its name, as the control API and the documents write it. `seconds` is the
    /// `Retry-After` of `rate_limited`, `delay` that of `delayed`, `error` that of `refused`.
    #[must_use]
    pub fn named(name: &str, seconds: u32, delay: Duration, error: &str) -> Option<Self> {
        Some(match name {
            "rate_limited" => Self::RateLimited(seconds),
            "rate_limited_bare" => Self::RateLimitedBare,
            "error_500" => Self::Error500,
            "error_500_after" => Self::Error500After,
            "hang" => Self::Hang,
            "reset_before" => Self::ResetBefore,
            "reset_after" => Self::ResetAfter,
            "truncated" => Self::Truncated,
            "not_json" => Self::NotJson,
            "refused" => Self::Refused(REFUSALS.iter().find(|known| **known == error)?),
            "lost" => Self::Lost,
            "doubled" => Self::Doubled,
            "delayed" => Self::Delayed(delay),
            "out_of_order" => Self::OutOfOrder,
            "socket_drop" => Self::SocketDrop,
            "socket_half_open" => Self::SocketHalfOpen,
            _ => return None,
        })
    }
}

/// The refusals that can be asked for by name: those that need no state to come about.
const REFUSALS: [&str; 14] = [
    "access_denied",
    "account_inactive",
    "accesslimited",
    "ekm_access_denied",
    "fatal_error",
    "internal_error",
    "invalid_auth",
    "message_limit_exceeded",
    "org_login_required",
    "request_timeout",
    "restricted_action",
    "service_unavailable",
    "team_added_to_org",
    "token_expired",
];

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dose {
    /// The next so many that match.
    Next(u32),
    /// Each that matches, with this probability (0 to 1); the same seed gives the same run.
    Chance {
        /// The probability.
        probability: f64,
        /// The seed.
        seed: u64,
    },
}

struct Plan {
    fault: Fault,
    target: String,
    left: Option<u32>,
    chance: Option<(f64, StdRng)>,
}

/// The faults in force, oldest first.
#[derive(Default)]
pub(super) struct Faults(Vec<Plan>);

impl Faults {
    /// Puts a fault in force. `target` is a method (`chat.postMessage`), `response_url`,
    /// `upload`, `download`, an event's type (`message`), or `*`.
    pub(super) fn add(&mut self, fault: Fault, target: &str, dose: Dose) {
        let (left, chance) = match dose {
            Dose::Next(count) => (Some(count), None),
            Dose::Chance { probability, seed } => {
                (None, Some((probability.clamp(0.0, 1.0), StdRng::seed_from_u64(seed))))
            }
        };
        self.0.push(Plan { fault, target: target.to_owned(), left, chance });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that befalls this request, if one does.
    pub(super) fn of_request(&mut self, target: &str) -> Option<Fault> {
        self.strike(target, false)
    }

    /// The fault that befalls this event, if one does.
    pub(super) fn of_event(&mut self, target: &str) -> Option<Fault> {
        self.strike(target, true)
    }

    fn strike(&mut self, target: &str, events: bool) -> Option<Fault> {
        let at = self.0.iter_mut().position(|plan| {
            plan.fault.is_of_events() == events
                && (plan.target == "*" || plan.target == target)
                && plan.chance.as_mut().is_none_or(|(p, rng)| rng.random_bool(*p))
                && plan.left != Some(0)
        })?;
        let plan = &mut self.0[at];
        let fault = plan.fault;
        if let Some(left) = &mut plan.left {
            *left -= 1;
            if *left == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told() {
        let mut faults = Faults::default();
        faults.add(Fault::Error500, "chat.postMessage", Dose::Next(2));
        assert_eq!(faults.of_request("users.info"), None);
        assert_eq!(faults.of_event("chat.postMessage"), None);
        assert_eq!(faults.of_request("chat.postMessage"), Some(Fault::Error500));
        assert_eq!(faults.of_request("chat.postMessage"), Some(Fault::Error500));
        assert_eq!(faults.of_request("chat.postMessage"), None);
        faults.add(Fault::Hang, "*", Dose::Next(0));
        assert_eq!(faults.of_request("users.info"), None);
    }

    #[test]
    fn chance_is_repeatable() {
        let run = || {
            let mut faults = Faults::default();
            faults.add(Fault::Lost, "*", Dose::Chance { probability: 0.3, seed: 7 });
            (0..200).map(|_| faults.of_event("message").is_some()).collect::<Vec<_>>()
        };
        let struck = run();
        assert_eq!(struck, run());
        let count = struck.iter().filter(|s| **s).count();
        assert!((30..90).contains(&count), "{count}");
    }
}
