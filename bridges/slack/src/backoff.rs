//! How long to wait after a failure of Slack's.

use std::time::Duration;

use partyline_core::{Backoff, Failure, Reason, Verdict};

/// Where only a person can help, a token that was refused stays refused for a while.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// The wait after this failure: no less than Slack asked for.
pub(crate) fn after(backoff: &mut Backoff, failure: &Failure) -> Duration {
    match (failure.reason, failure.verdict) {
        (_, Verdict::Later(Some(asked))) => backoff.at_least(Some(asked)),
        (Reason::Credentials, _) => Backoff::new(CREDENTIALS, CREDENTIALS).wait(),
        _ => backoff.wait(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_that_was_asked_for_is_kept() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(40);
        let limited = Failure::later(Reason::RateLimited, Some(asked), "slow");
        assert_eq!(after(&mut backoff, &limited), asked);
        let revoked = Failure::later(Reason::Credentials, None, "revoked");
        assert!(after(&mut backoff, &revoked) >= CREDENTIALS / 2);
    }
}
