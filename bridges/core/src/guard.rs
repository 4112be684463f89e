//! Reading what came from outside, so that a mistake in the reading costs that piece alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Clock, Network, Seldom, SystemClock};

/// Reads one piece of what a network sent. `None` where that panicked, which is a mistake of ours:
/// it is counted and logged, and whoever asked keeps the bytes as not understood.
///
/// In builds for tests, the fail point of the network's name makes it panic.
pub fn guarded<T>(network: Network, read: impl FnOnce() -> T) -> Option<T> {
    // What is half read is dropped. Beside it a reading changes caches only, and those are whole
    // between any two of their steps.
    let read = AssertUnwindSafe(|| {
        fail::fail_point!(network.as_str());
        read()
    });
    catch_unwind(read).inspect_err(|_| note(network)).ok()
}

fn note(network: Network) {
    metrics::counter!("partyline_reading_panicked_total", "network" => network.as_str())
        .increment(1);
    static PANICKED: Seldom = Seldom::new();
    if let Some(more) = PANICKED.due(SystemClock.now()) {
        tracing::error!(%network, more,
            "the bridge failed over something that came, by a mistake of its own; the bytes are kept in the ledger (table unparsed): report it with them");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_panics_is_nothing_and_the_next_one_goes() {
        let read = |bytes: &[u8]| guarded(Network::Slack, || bytes[0]);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"a"), Some(b'a'));
    }
}
