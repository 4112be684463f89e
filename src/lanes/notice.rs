//! What the sender is told of a message that will not arrive.

use partyline_core::{Action, Button, Failure, Network, Press, Text, Verdict};

use crate::ledger::{Delivery, Owed};

/// The notice for the room that a parked message came from. Members on phones are not told (there
/// the bridge is nobody), and no notice follows one that could not be delivered itself.
pub(super) fn of(delivery: &Delivery, failure: &Failure) -> Option<Owed> {
    let owed = &delivery.owed;
    if !matches!(owed.action, Action::Post { .. }) || owed.from.is_conversation() {
        return None;
    }
    let whom = match owed.to.network() {
        Network::Twilio if owed.to.is_phone() => "one member's phone",
        Network::Twilio => "the group's phones",
        Network::Slack => "Slack",
        Network::Matrix => "Matrix",
        Network::Operator => "the operator",
    };
    let certainty = if failure.verdict == Verdict::Unknown {
        format!("A message may not have arrived on {whom}")
    } else {
        format!("A message was not delivered to {whom}")
    };
    Some(Owed {
        to: owed.from.clone(),
        from: owed.to.clone(),
        speaker: None,
        // The message's own time: by it the notice is looked up, whatever our clock says.
        at: owed.at,
        action: Action::Card {
            text: Text::plain(format!(
                "{certainty}: {}{} {} (`queue retry {number}` sends it again, `queue drop {number}` forgets it.)",
                excerpt(&owed.action),
                if excerpt(&owed.action).is_empty() { "" } else { "\n" },
                failure.sentence,
                number = delivery.number,
            )),
            buttons: buttons(delivery.number),
        },
    })
}

/// What can be done about something that was given up, by its number.
fn buttons(number: i64) -> Vec<Button> {
    let words = |verb: &str| ["queue", verb, &number.to_string()].map(str::to_owned).to_vec();
    let forget = Press::Ask { question: "It is never sent then.".to_owned(), words: words("drop") };
    vec![
        Button {
            label: "Send it again".to_owned(),
            danger: false,
            press: Press::Run(words("retry")),
        },
        Button { label: "Forget it".to_owned(), danger: true, press: forget },
    ]
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
    use partyline_core::{Content, DeliveryId, Reason, Speaker};

    use super::*;

    fn delivery(from: &str, to: &str) -> Delivery {
        Delivery {
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
                action: Action::Post {
                    origin: Network::Slack,
                    name: "Maya".into(),
                    picture: None,
                    content: Content::plain("see you at ten"),
                    part: None,
                },
            }),
        }
    }

    const CONVERSATION: &str = "twilio:CH0123456789abcdef0123456789abcdef";

    #[test]
    fn the_room_is_told_which_message_and_why() {
        let failure = Failure::never(Reason::PlaceClosed, "The group is closed.");
        let notice = of(&delivery("slack:C1", CONVERSATION), &failure);
        let Some(Owed { to, action: Action::Card { text, buttons }, .. }) = notice else {
            panic!("no notice")
        };
        assert!(
            buttons[0].press == Press::Run(["queue", "retry", "12"].map(str::to_owned).to_vec())
        );
        assert_eq!(to.to_string(), "slack:C1");
        assert_eq!(
            text.plain,
            "A message was not delivered to the group's phones: \"see you at ten\"\n The group is closed. (`queue retry 12` sends it again, `queue drop 12` forgets it.)"
        );
    }

    #[test]
    fn what_may_have_arrived_is_not_said_to_have_failed() {
        let failure = Failure::unknown(Reason::Unavailable, "Twilio did not answer.");
        let notice = of(&delivery("slack:C1", CONVERSATION), &failure);
        let Some(Owed { action: Action::Card { text, .. }, .. }) = notice else {
            panic!("no notice")
        };
        let told = "A message may not have arrived on the group's phones: \"see you at ten\"";
        assert!(text.plain.starts_with(told), "{}", text.plain);
    }

    #[test]
    fn phones_are_not_told() {
        let failure = Failure::never(Reason::PlaceClosed, "The channel is archived.");
        assert_eq!(of(&delivery(CONVERSATION, "slack:C1"), &failure), None);
    }
}
