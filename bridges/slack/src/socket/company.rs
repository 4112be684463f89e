//! Whether another program receives what is meant for the bridge: Slack gives each envelope to one of an
//! app's sockets, whoever opened it, and `hello` tells how many there are (docs.slack.dev, "Using Socket
//! Mode": `num_connections`).
//!
//! A socket of our own that was lost without notice is counted by Slack for a while. So what one `hello`
//! says is only a suspicion: another socket is opened soon, and what its `hello` says too is believed.

use std::time::Duration;

/// The pause before a suspicion is looked into, and between two looks while others are there: longer than
/// Slack needs to find a socket dead.
const SOON: Duration = Duration::from_secs(120);

/// What the last `hello`s said.
#[derive(Debug)]
pub(super) struct Company {
    /// How often it is looked while nobody else is there.
    every: Duration,
    suspected: bool,
    others: u32,
}

impl Company {
    /// Nobody was seen yet; looked for every so often.
    pub(super) const fn new(every: Duration) -> Self {
        Self { every, suspected: false, others: 0 }
    }

    /// A `hello` came that counts so many sockets; of them, so many are ours. One that comes alone stands in the
    /// place of a socket that was lost, which Slack may count still: it confirms nothing.
    pub(super) fn hello(&mut self, connections: Option<u32>, own: u32) {
        let others = connections.unwrap_or(own).saturating_sub(own);
        let alone = own == 1;
        self.others = match others {
            0 => 0,
            _ if alone => self.others,
            _ if self.suspected => others,
            _ => 0,
        };
        self.suspected = others > 0;
    }

    /// How many sockets are others', for certain.
    pub(super) const fn others(&self) -> u32 {
        self.others
    }

    /// After how long it is looked again.
    pub(super) fn next(&self) -> Duration {
        if self.suspected { self.every.min(SOON) } else { self.every }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_is_said_twice_is_believed_until_it_is_said_no_more() {
        let mut company = Company::new(HOUR);
        company.hello(Some(1), 1);
        assert_eq!((company.others(), company.next()), (0, HOUR));
        company.hello(Some(2), 1);
        assert_eq!((company.others(), company.next()), (0, SOON), "only suspected");
        company.hello(Some(4), 2);
        assert_eq!((company.others(), company.next()), (2, SOON));
        company.hello(Some(2), 2);
        assert_eq!((company.others(), company.next()), (0, HOUR));
    }

    #[test]
    fn a_socket_of_our_own_that_slack_still_counts_is_nobody_else() {
        let mut company = Company::new(HOUR);
        company.hello(Some(2), 1);
        company.hello(Some(2), 2);
        company.hello(Some(3), 2);
        assert_eq!(company.others(), 0, "twice in a row counts");
        company.hello(None, 2);
        assert_eq!(company.others(), 0, "what Slack does not say is nobody");
    }

    #[test]
    fn sockets_that_are_lost_one_after_another_are_nobody_else() {
        let mut company = Company::new(HOUR);
        for counted in [2, 3, 4] {
            company.hello(Some(counted), 1);
            assert_eq!((company.others(), company.next()), (0, SOON), "{counted}");
        }
        company.hello(Some(3), 2);
        assert_eq!(company.others(), 1, "what is there beside both of ours");
        company.hello(Some(3), 1);
        assert_eq!(company.others(), 1, "and is not over because ours was lost");
    }
}
