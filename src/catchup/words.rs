//! What the places tied to another one are told of what was missed there.

use jiff::Timestamp;
use partyline_core::{Again, Lateness, Lost, Network, Place};

use crate::ledger::Skipped;

/// What stands in the place of messages that came too late.
pub(crate) fn skipped(
    skipped: &Skipped,
    from: &Place,
    to: &Place,
    lateness: &Lateness,
    now: Timestamp,
) -> String {
    let Skipped { messages, people, first, last, follow } = *skipped;
    let when = said(first, last, lateness, now);
    let verb = if messages == 1 { "was" } else { "were" };
    let rest = match follow {
        0 => String::new(),
        1 => " The newest one follows.".to_owned(),
        _ => format!(" The newest {follow} follow."),
    };
    // Nobody on a phone can do anything about it.
    let remedy = if to.is_conversation() {
        ""
    } else {
        " (`queue retry skipped` sends what was left out all the same.)"
    };
    format!(
        "{} from {} {}, {when}, came too late and {verb} not passed on.{rest}{remedy}",
        counted(messages, "message", "messages"),
        counted(people, "person", "people"),
        network(from),
    )
}

/// What the inbox is told of what strangers wrote that was found too late to be shown.
pub(crate) fn unshown(skipped: &Skipped, lateness: &Lateness, now: Timestamp) -> String {
    let Skipped { messages, people, first, last, .. } = *skipped;
    let verb = if messages == 1 { "is" } else { "are" };
    format!(
        "{} from {} who wrote to our numbers, {}, came too late and {verb} not shown. Twilio's console has the words (Monitor, Logs, Messaging).",
        counted(messages, "message", "messages"),
        counted(people, "person", "people"),
        said(first, last, lateness, now),
    )
}

fn said(first: Timestamp, last: Timestamp, lateness: &Lateness, now: Timestamp) -> String {
    let (first, last) = (lateness.words(first, now), lateness.words(last, now));
    if first == last {
        format!("said at {first}")
    } else {
        format!("said between {first} and {last}")
    }
}

/// What is said where something could not be read.
pub(crate) fn lost(lost: &Lost, from: &Place) -> String {
    let what_next = match lost.again {
        Again::Yes => {
            " It is read again from time to time; what is found is then passed on late, with its time."
        }
        Again::NotByItself | Again::No => "",
    };
    format!("Messages {} may be missing here. {}{what_next}", network(from), lost.why)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn network(from: &Place) -> &'static str {
    match from.network() {
        Network::Twilio => "on the group's phones",
        Network::Slack => "in Slack",
        Network::Matrix => "in Matrix",
        Network::Operator => "on the command line",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_many_by_whom_from_when_and_what_to_do() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (room, phones): (Place, Place) = (
            "slack:C1".parse().unwrap(),
            "twilio:CH0123456789abcdef0123456789abcdef".parse().unwrap(),
        );
        let late = Skipped {
            messages: 214,
            people: 3,
            first: time("2026-11-18T09:02:00Z"),
            last: time("2026-11-18T17:40:00Z"),
            follow: 50,
        };
        let now = time("2026-11-19T08:00:00Z");
        let told = |late: &Skipped, from, to| skipped(late, from, to, &Lateness::default(), now);
        assert_eq!(
            told(&late, &phones, &room),
            "214 messages from 3 people on the group's phones, said between 18 Nov 09:02 UTC and \
             18 Nov 17:40 UTC, came too late and were not passed on. The newest 50 follow. \
             (`queue retry skipped` sends what was left out all the same.)"
        );
        let one = Skipped { messages: 1, people: 1, last: late.first, follow: 0, ..late };
        assert_eq!(
            told(&one, &room, &phones),
            "1 message from 1 person in Slack, said at 18 Nov 09:02 UTC, came too late and was \
             not passed on."
        );
    }
}
