//! What the sender is told of messages that will not arrive.

use partyline_core::{Action, Button, Network, Press, Text};

use crate::ledger::{Delivery, Failed, Owed};

/// Whether the room that it came from is told when it is given up. Members on phones are not told (there
/// the bridge is nobody), and no notice follows one that could not be delivered itself.
pub(super) fn is_due(delivery: &Delivery) -> bool {
    let owed = &delivery.owed;
    matches!(owed.action, Action::Post { .. }) && !owed.from.is_conversation()
}

/// The notice for the room that this came from.
pub(super) fn of(failed: &Failed) -> Owed {
    let whom = match failed.to.network() {
        Network::Twilio if failed.to.is_phone() => "one member's phone",
        Network::Twilio => "the group's phones",
        Network::Slack => "Slack",
        Network::Matrix => "Matrix",
        Network::Operator => "the operator",
    };
    let what = match failed.messages {
        0 | 1 => "A message".to_owned(),
        many => format!("{many} messages"),
    };
    let certainty = match (failed.uncertain, failed.messages) {
        (true, _) => format!("{what} may not have arrived on {whom}"),
        (false, 0 | 1) => format!("{what} was not delivered to {whom}"),
        (false, _) => format!("{what} were not delivered to {whom}"),
    };
    let alone = failed.deliveries == 1;
    let (it, number) = if alone {
        ("it", failed.number.to_string())
    } else {
        ("them", format!("{}+", failed.number))
    };
    Owed {
        to: failed.from.clone(),
        from: failed.to.clone(),
        speaker: None,
        // The message's own time: by it the notice is looked up, whatever our clock says.
        at: failed.at,
        action: Action::Card {
            text: Text::plain(format!(
                "{certainty}: {}{} (`queue retry {number}` sends {it} again, `queue drop {number}` forgets {it}.)",
                which(failed),
                failed.sentence,
            )),
            buttons: buttons(it, &number),
        },
    }
}

/// What can be done about what was given up, by its number.
fn buttons(it: &str, number: &str) -> Vec<Button> {
    let words = |verb: &str| ["queue", verb, number].map(str::to_owned).to_vec();
    let question = if it == "it" { "It is never sent then." } else { "They are never sent then." };
    let forget = Press::Ask { question: question.to_owned(), words: words("drop") };
    vec![
        Button {
            label: format!("Send {it} again"),
            danger: false,
            press: Press::Run(words("retry")),
        },
        Button { label: format!("Forget {it}"), danger: true, press: forget },
    ]
}

/// Which messages are meant, in a line of its own: by their first words.
fn which(failed: &Failed) -> String {
    let (first, last) = (excerpt(&failed.first), excerpt(&failed.last));
    match failed.messages {
        _ if first.is_empty() => String::new(),
        0 | 1 => format!("{first}\n "),
        _ if last.is_empty() => format!("{first} and what followed\n "),
        2 => format!("{first} and {last}\n "),
        _ => format!("from {first} to {last}\n "),
    }
}

/// The first words of what was not delivered, for its own room: without them nobody knows which
/// message is meant.
fn excerpt(action: &Action) -> String {
    const LENGTH: usize = 40;
    let Action::Post { content, .. } = action else { return String::new() };
    let words = content.in_words().plain;
    let line = words.lines().next().unwrap_or_default();
    if line.is_empty() {
        return String::new();
    }
    let cut: String = line.chars().take(LENGTH).collect();
    let more = if cut.len() < words.len() { "…" } else { "" };
    format!("\"{cut}{more}\"")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{Content, DeliveryId, Speaker};

    use super::*;

    const CONVERSATION: &str = "twilio:CH0123456789abcdef0123456789abcdef";

    fn post(text: &str) -> Action {
        Action::Post {
            origin: Network::Slack,
            name: "Maya".into(),
            picture: None,
            content: Content::plain(text),
            part: None,
        }
    }

    fn failed(messages: u64, deliveries: u64) -> Failed {
        Failed {
            from: "slack:C1".parse().unwrap(),
            to: CONVERSATION.parse().unwrap(),
            uncertain: false,
            sentence: "The group is closed.".into(),
            messages,
            deliveries,
            number: 12,
            at: Timestamp::UNIX_EPOCH,
            first: post("see you at ten"),
            last: post("or at eleven"),
        }
    }

    /// What a room is told, and the words of the first button.
    fn told(failed: &Failed) -> (String, String) {
        let Owed { to, action: Action::Card { text, buttons }, .. } = of(failed) else {
            panic!("no card")
        };
        assert_eq!(to, failed.from);
        let Press::Run(words) = &buttons[0].press else { panic!("it gives no command") };
        (text.plain, words.join(" "))
    }

    #[test]
    fn the_room_is_told_which_message_and_why() {
        let (text, button) = told(&failed(1, 1));
        assert_eq!(
            text,
            "A message was not delivered to the group's phones: \"see you at ten\"\n The group is closed. (`queue retry 12` sends it again, `queue drop 12` forgets it.)"
        );
        assert_eq!(button, "queue retry 12");
    }

    #[test]
    fn several_that_failed_are_told_of_together() {
        let (text, button) = told(&failed(17, 18));
        assert_eq!(
            text,
            "17 messages were not delivered to the group's phones: from \"see you at ten\" to \"or at eleven\"\n The group is closed. (`queue retry 12+` sends them again, `queue drop 12+` forgets them.)"
        );
        assert_eq!(button, "queue retry 12+");
        let two = told(&failed(2, 2)).0;
        assert!(two.contains(": \"see you at ten\" and \"or at eleven\"\n"), "{two}");
        // The parts of one message.
        let (text, button) = told(&failed(1, 3));
        assert!(text.starts_with("A message was not delivered"), "{text}");
        assert_eq!(button, "queue retry 12+");
    }

    #[test]
    fn what_may_have_arrived_is_not_said_to_have_failed() {
        let (text, _) = told(&Failed { uncertain: true, ..failed(1, 1) });
        let told = "A message may not have arrived on the group's phones: \"see you at ten\"";
        assert!(text.starts_with(told), "{text}");
    }

    #[test]
    fn phones_are_not_told() {
        let from = |from: &str, to: &str| Delivery {
            number: 12,
            id: DeliveryId::new("x-12"),
            since: Timestamp::UNIX_EPOCH,
            former: false,
            again: false,
            overtaken: false,
            owed: std::sync::Arc::new(Owed {
                to: to.parse().unwrap(),
                from: from.parse().unwrap(),
                speaker: Some(Speaker::new(Network::Slack, "U1")),
                at: Timestamp::UNIX_EPOCH,
                action: post("see you at ten"),
            }),
        };
        assert!(!is_due(&from(CONVERSATION, "slack:C1")));
        assert!(is_due(&from("slack:C1", CONVERSATION)));
    }
}
