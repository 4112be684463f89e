//! What is said of a broadcast: how far it is, and what became of everybody.

use std::fmt::Write as _;

use crate::ledger::Broadcast;

/// The most reasons that an account names.
const REASONS: usize = 5;

/// `412 of 1000 sent, 3 refused, 2 suppressed.`
pub(crate) fn progress(broadcast: &Broadcast) -> String {
    let account = &broadcast.account;
    let mut text = format!("{} of {} sent", account.sent, broadcast.total);
    let counts = [
        (account.waiting, "on their way"),
        (account.refusals(), "refused"),
        (account.suppressed, "suppressed"),
        (account.stopped, "not sent because it was stopped"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    text + "."
}

/// The account as it is given.
pub(super) fn account(broadcast: &Broadcast) -> String {
    format!("\"{}\" has left: {}", broadcast.name, told(broadcast))
}

/// The account, with why those did not get it who did not.
pub(crate) fn told(broadcast: &Broadcast) -> String {
    let account = &broadcast.account;
    let mut text = progress(broadcast);
    let mut reasons: Vec<(&String, &u64)> = account.refused.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (why, count) in reasons.iter().take(REASONS) {
        let _ = write!(text, "\n• {count}: {why}");
    }
    if reasons.len() > REASONS {
        let _ = write!(text, "\n• {} more reasons: `queue list` has them", reasons.len() - REASONS);
    }
    if account.refusals() > 0 {
        text.push_str(
            "\n`queue list` has those that Twilio did not take; `queue retry ID` sends one again.",
        );
    }
    text
}

/// The account of a broadcast of which more failed since it was given.
pub(super) fn again(broadcast: &Broadcast, more: u64) -> String {
    format!("{}, as is known by now. {}", late(more), account(broadcast))
}

/// How many more failed.
pub(super) fn late(more: u64) -> String {
    format!("{more} more {} did not arrive", if more == 1 { "copy" } else { "copies" })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{AnswerTo, Place};

    use super::*;
    use crate::ledger::Account;

    fn broadcast(account: Account) -> Broadcast {
        let place: Place = "slack:C1".parse().expect("a place");
        Broadcast {
            event: 1,
            answer: AnswerTo { place, handle: String::new() },
            by: None,
            name: "team_notice".into(),
            total: 1000,
            shown: None,
            at: Timestamp::UNIX_EPOCH,
            ended: None,
            stopped: None,
            account,
        }
    }

    #[test]
    fn the_account_says_what_became_of_everybody() {
        let refused = [("Not on WhatsApp.".to_owned(), 3), ("Blocked.".to_owned(), 1)].into();
        let account = Account { sent: 994, suppressed: 2, refused, ..Account::default() };
        assert_eq!(
            told(&broadcast(account)),
            "994 of 1000 sent, 4 refused, 2 suppressed.\n• 3: Not on WhatsApp.\n• 1: Blocked.\n`queue list` has those that Twilio did not take; `queue retry ID` sends one again."
        );
    }

    #[test]
    fn the_progress_says_what_is_on_its_way_and_what_was_stopped() {
        let account = Account { sent: 40, waiting: 7, pending: 953, ..Account::default() };
        assert_eq!(progress(&broadcast(account)), "40 of 1000 sent, 7 on their way.");
        let account = Account { sent: 47, stopped: 953, ..Account::default() };
        assert_eq!(
            progress(&broadcast(account)),
            "47 of 1000 sent, 953 not sent because it was stopped."
        );
    }
}
