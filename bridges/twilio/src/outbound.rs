//! A delivery, as the message that Twilio is asked to send.

use partyline_core::{Action, Content, Failure, Network, Outgoing, Reason};

use crate::attribution::{Attribution, BODY_LIMIT, clean_name};
use crate::client::NewMessage;
use crate::wire::{Attributes, Ours};

/// The message for this delivery. Its attributes carry the delivery's id, by which it is found
/// again.
///
/// # Errors
/// Never: what is to be done cannot be done on phones, or the words are too many.
pub(crate) fn message(outgoing: &Outgoing, pattern: &Attribution) -> Result<NewMessage, Failure> {
    if let Action::Template { sid, variables } = &outgoing.action {
        let ours = Ours { delivery: Some(outgoing.id.as_str().to_owned()), ..Ours::default() };
        return Ok(NewMessage {
            content_sid: Some(sid.clone()),
            content_variables: Some(serde_json::json!(variables).to_string()),
            attributes: Some(marked(ours)),
            ..NewMessage::default()
        });
    }
    let (author, body, ours) = match &outgoing.action {
        Action::Post { origin, name, content, .. } => {
            post(*origin, name, content, &outgoing.lead(), pattern)
        }
        Action::Notice { text } | Action::Card { text, .. } | Action::Remark { text, .. } => {
            (None, text.plain.clone(), Ours::default())
        }
        Action::Answer { .. } | Action::Template { .. } => {
            return Err(Failure::never(
                Reason::Refused,
                "Commands are not answered on phones: nothing that comes from one is a command.",
            ));
        }
    };
    let length = body.chars().count();
    if length > BODY_LIMIT {
        return Err(Failure::never(
            Reason::Content,
            format!(
                "The message has {length} characters with the name in front; Twilio takes {BODY_LIMIT}. Say it in shorter parts."
            ),
        ));
    }
    if body.trim().is_empty() {
        return Err(Failure::never(
            Reason::Content,
            "There is nothing in the message that a phone could show.",
        ));
    }
    let attributes = marked(Ours { delivery: Some(outgoing.id.as_str().to_owned()), ..ours });
    Ok(NewMessage {
        author,
        body: Some(body),
        attributes: Some(attributes),
        ..NewMessage::default()
    })
}

fn post(
    origin: Network,
    name: &str,
    content: &Content,
    lead: &str,
    pattern: &Attribution,
) -> (Option<String>, String, Ours) {
    let words = content.in_words().plain;
    let name = clean_name(name);
    let body = if words.trim().is_empty() {
        String::new()
    } else {
        pattern.fill(&name, &format!("{lead}{words}"))
    };
    let ours = Ours {
        delivery: None,
        origin: Some(origin.as_str().to_owned()),
        name: Some(name.clone()),
        body: Some(words),
    };
    (author(name), body, ours)
}

/// The author that Twilio is told. A name that reads as an address is none: Twilio would take the
/// message for that participant's own.
fn author(name: String) -> Option<String> {
    let is_address = ["+", "whatsapp:", "messenger:", "client:"]
        .iter()
        .any(|prefix| name.to_lowercase().starts_with(prefix));
    (!is_address && !name.eq_ignore_ascii_case("system")).then_some(name)
}

/// The attributes with ours in them; without the body where it would be too much.
fn marked(ours: Ours) -> Attributes {
    let none = Attributes::default();
    none.with_ours(&ours)
        .or_else(|| none.with_ours(&Ours { body: None, ..ours.clone() }))
        .or_else(|| none.with_ours(&Ours { delivery: ours.delivery, ..Ours::default() }))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use partyline_core::{
        AnswerTo, DeliveryId, File, Late, NAME_LIMIT, Part, Place, Text, Verdict,
    };
    use proptest::prelude::*;

    use super::*;

    fn outgoing(action: Action) -> Outgoing {
        Outgoing {
            id: DeliveryId::new("L1-7"),
            to: Place::conversation("CH0123456789abcdef0123456789abcdef"),
            at: jiff::Timestamp::UNIX_EPOCH,
            since: jiff::Timestamp::UNIX_EPOCH,
            late: None,
            known: Vec::new(),
            action,
        }
    }

    fn post(name: &str, content: Content, part: Option<Part>) -> Outgoing {
        let (origin, name) = (Network::Slack, name.to_owned());
        outgoing(Action::Post { origin, name, picture: None, content, part })
    }

    fn made(outgoing: &Outgoing) -> NewMessage {
        message(outgoing, &Attribution::default()).expect("a message")
    }

    #[test]
    fn a_post_carries_name_body_and_delivery() {
        let part = Some(Part { number: 1, of: 3 });
        let message = made(&post("Maya", Content::plain("hello"), part));
        let form: Vec<(String, String)> =
            message.form().pairs().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(
            form,
            [
                ("Author", "Maya"),
                ("Body", "*Maya*: (1/3) hello"),
                (
                    "Attributes",
                    r#"{"partyline":{"delivery":"L1-7","origin":"slack","name":"Maya","body":"hello"}}"#
                ),
            ]
        );
    }

    #[test]
    fn what_is_late_tells_when_it_was_said() {
        let late = Late { at: jiff::Timestamp::UNIX_EPOCH, words: "18 Nov 14:05 UTC".into() };
        let part = |number| Some(Part { number, of: 2 });
        let body = |part| {
            let post = post("Maya", Content::plain("hello"), part);
            made(&Outgoing { late: Some(late.clone()), ..post }).body
        };
        assert_eq!(body(None).as_deref(), Some("*Maya*: [18 Nov 14:05 UTC] hello"));
        assert_eq!(body(part(1)).as_deref(), Some("*Maya*: [18 Nov 14:05 UTC] (1/2) hello"));
        assert_eq!(body(part(2)).as_deref(), Some("*Maya*: (2/2) hello"));
    }

    #[test]
    fn a_notice_has_no_name() {
        let message = made(&outgoing(Action::Notice { text: Text::plain("The bridge is back.") }));
        assert_eq!(message.author, None);
        assert_eq!(message.body.as_deref(), Some("The bridge is back."));
        let ours = message.attributes.and_then(|attributes| attributes.ours());
        assert_eq!(ours.and_then(|ours| ours.delivery).as_deref(), Some("L1-7"));
    }

    #[test]
    fn an_answer_cannot_go_to_a_phone() {
        let place = Place::conversation("CH0123456789abcdef0123456789abcdef");
        let to = AnswerTo { place, handle: String::new() };
        let action =
            Action::Answer { to, text: Text::plain("done"), replaces: None, buttons: Vec::new() };
        let failure = message(&outgoing(action), &Attribution::default()).expect_err("a failure");
        assert_eq!(failure.verdict, Verdict::Never);
    }

    #[test]
    fn a_file_is_told_in_words_and_nothing_is_refused() {
        let file = File { name: Some("plan.pdf".into()), ..File::default() };
        let content = Content { files: vec![file], ..Content::default() };
        let message = made(&post("Maya", content, None));
        assert_eq!(message.body.as_deref(), Some("*Maya*: [file: plan.pdf]"));
        let empty = post("Maya", Content::default(), None);
        assert!(super::message(&empty, &Attribution::default()).is_err());
    }

    #[test]
    fn a_name_is_never_taken_for_a_members() {
        for name in ["whatsapp:+14155550100", "+1 415-555-0100", "System", "Client:maya"] {
            assert_eq!(made(&post(name, Content::plain("hi"), None)).author, None, "{name}");
        }
    }

    #[test]
    fn a_body_that_does_not_fit_into_the_attributes_is_left_out() {
        let message = made(&post("Maya", Content::plain("\u{1}".repeat(1400)), None));
        let attributes = message.attributes.expect("attributes");
        assert!(attributes.as_str().len() <= 4096);
        let ours = attributes.ours().expect("ours");
        assert_eq!((ours.delivery.as_deref(), ours.body), (Some("L1-7"), None));
    }

    proptest! {
        #[test]
        fn what_has_room_is_never_too_long(name in any::<String>(), text in "\\PC{1,3000}") {
            let pattern = Attribution::default();
            let parts = Text::plain(text).split(pattern.room());
            let of = u32::try_from(parts.len()).expect("few");
            for (number, text) in (1..).zip(parts) {
                let content = Content { text, ..Content::default() };
                if content.is_empty() { continue }
                let outgoing = post(&name, content, Some(Part { number, of }));
                let message = message(&outgoing, &pattern).expect("a message");
                let length = message.body.as_deref().unwrap_or_default().chars().count();
                prop_assert!(length <= BODY_LIMIT);
                prop_assert!(message.attributes.expect("attributes").as_str().len() <= 4096);
                let author = message.author.unwrap_or_default();
                prop_assert!(author.chars().count() <= NAME_LIMIT);
            }
        }
    }
}
