//! Each webhook of Twilio's documentation, as the form that it comes in.

use std::sync::{Arc, OnceLock};

use http::{HeaderValue, header};
use jiff::Timestamp;
use partyline_core::{
    Content, ConversationState, Happening, ManualClock, MemberChange, ReceiptStatus,
};
use proptest::prelude::*;

use super::*;
use crate::{Answered, Config};

const CH: &str = "CH0123456789abcdef0123456789abcdef";
const IM: &str = "IM0123456789abcdef0123456789abcdef";
const MB: &str = "MB0123456789abcdef0123456789abcdef";
const DY: &str = "DY0123456789abcdef0123456789abcdef";
const IS: &str = "IS0123456789abcdef0123456789abcdef";
const PATH: &str = "/webhooks/twilio";
const CREATED: &str = "2026-08-11T12:00:00.000Z";
const UPDATED: &str = "2026-08-11T12:05:00.000Z";
/// When the tests take place.
const NOW: &str = "2026-08-11T13:00:00Z";

fn bridge() -> Twilio {
    let key = ("SK0123456789abcdef0123456789abcdef", "secret".into());
    let config = Config {
        auth_token: Some("12345".into()),
        public_url: Some("https://bridge.example.com".parse().expect("a URL")),
        ..Config::new("AC0123456789abcdef0123456789abcdef", key, IS)
    };
    let now = NOW.parse().expect("a time");
    Twilio::new(config, Arc::new(ManualClock::new(now))).expect("a bridge")
}

/// One bridge for all: it takes a while to read the machine's certificates.
fn shared() -> &'static Twilio {
    static BRIDGE: OnceLock<Twilio> = OnceLock::new();
    BRIDGE.get_or_init(bridge)
}

/// The form, signed and posted to the bridge by this way in.
fn posted<T>(
    fields: &[(&str, &str)],
    way: impl FnOnce(&Twilio, &Webhook<'_>) -> Result<T, Reject>,
) -> Result<T, Reject> {
    let mut form = Form::default();
    for (name, value) in fields {
        form.push(*name, *value);
    }
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, kind);
    let url = format!("https://bridge.example.com{PATH}");
    let signed = signature::sign(&"12345".into(), &url, &form);
    headers.insert(signature::SIGNATURE, signed.parse().expect("a header"));
    let body = form.encode().into();
    way(shared(), &Webhook { path_and_query: PATH, headers: &headers, body: &body })
}

fn received(event_type: &str, fields: &[(&str, &str)]) -> Received {
    let common = [("EventType", event_type), ("AccountSid", "AC1"), ("Source", "WHATSAPP")];
    posted(&[&common, fields].concat(), Twilio::receive).expect("a webhook")
}

fn incoming(event_type: &str, fields: &[(&str, &str)]) -> Incoming {
    match received(event_type, fields) {
        Received::Event(incoming) => incoming,
        other => panic!("not an event: {other:?}"),
    }
}

fn event(event_type: &str, fields: &[(&str, &str)]) -> Event {
    let mut incoming = incoming(event_type, fields);
    assert_eq!((incoming.network, incoming.via), (Network::Twilio, "webhook"));
    assert!(!incoming.raw.is_empty());
    incoming.events.pop().unwrap_or_else(|| panic!("{event_type} was not understood"))
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

/// The fields of a message, and these.
fn message<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [
        ("ConversationSid", CH),
        ("MessageSid", IM),
        ("MessagingServiceSid", "MG1"),
        ("Index", "7"),
        ("DateCreated", CREATED),
        ("Body", "hello"),
        ("Author", "whatsapp:+14155550100"),
        ("ParticipantSid", MB),
        ("Attributes", "{}"),
        ("RetryCount", "0"),
    ];
    let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
    let kept = fields.into_iter().filter(|(name, _)| !replaced(name));
    kept.chain(more.iter().copied()).collect()
}

#[test]
fn on_message_added() {
    let event = event("onMessageAdded", &message(&[]));
    assert_eq!(event.key.as_str(), IM);
    assert_eq!(event.place.id(), CH);
    assert_eq!((event.at, event.ordinal), (at(CREATED), Some(7)));
    let Happening::Message { id, speaker, content } = event.happening else {
        panic!("{:?}", event.happening)
    };
    assert_eq!(id.as_str(), IM);
    assert_eq!(speaker.id.id, "whatsapp:+14155550100");
    assert_eq!(speaker.participant.as_deref(), Some(MB));
    assert_eq!(content.text.plain, "hello");
}

#[test]
fn authors_become_addresses() {
    for (author, id) in [
        ("+14155550100", "+14155550100"),
        ("messenger:123", "messenger:123"),
        ("maya", "client:maya"),
        ("system", "system"),
        ("", "system"),
    ] {
        let event = event("onMessageAdded", &message(&[("Author", author)]));
        let Happening::Message { speaker, .. } = event.happening else { panic!("{author}") };
        assert_eq!(speaker.id.id, id);
    }
}

#[test]
fn files_come_along() {
    let media = r#"[{"Sid":"ME1","Filename":"a.jpg","ContentType":"image/jpeg","Size":1234}]"#;
    let event = event("onMessageAdded", &message(&[("Body", ""), ("Media", media)]));
    let Happening::Message { content, .. } = event.happening else { panic!("no message") };
    assert_eq!(content.files[0].id, "ME1");
    assert_eq!(content.files[0].media_type.as_deref(), Some("image/jpeg"));
    assert!(!content.is_empty());
}

#[test]
fn our_own_posts_are_echoes() {
    let ours = r#"{"partyline":{"delivery":"L1-7","origin":"slack","name":"Maya","body":"hi"}}"#;
    let event = event("onMessageAdded", &message(&[("Attributes", ours), ("Author", "Maya")]));
    assert_eq!((event.key.as_str(), event.ordinal), (IM, Some(7)));
    let Happening::Echo { id, delivery } = event.happening else { panic!("no echo") };
    assert_eq!(id.as_str(), IM);
    assert_eq!(delivery.expect("an id").as_str(), "L1-7");
}

#[test]
fn the_name_that_our_hook_put_in_front_is_taken_off() {
    let ours = r#"{"partyline":{"name":"Maya","body":"hello"}}"#;
    let said = |body: &str| {
        let event = event("onMessageAdded", &message(&[("Attributes", ours), ("Body", body)]));
        let Happening::Message { content, .. } = event.happening else { panic!("no message") };
        content.text.plain
    };
    assert_eq!(said("*Maya*: hello"), "hello");
    assert_eq!(said("Maya says hello"), "hello", "another pattern");
    assert_eq!(said("something else"), "something else", "the attributes lie");
}

#[test]
fn what_lacks_its_sid_is_kept_as_it_came() {
    let incoming = incoming("onMessageAdded", &message(&[("MessageSid", "")]));
    assert!(incoming.events.is_empty());
    assert!(incoming.raw.starts_with(b"EventType=onMessageAdded"));
}

#[test]
fn on_message_updated_and_removed() {
    let fields = message(&[("Body", "hello!"), ("DateUpdated", UPDATED)]);
    let edited = event("onMessageUpdated", &fields);
    assert_eq!(edited.key.as_str(), format!("{IM}:onMessageUpdated:2026-08-11T12:05:00Z"));
    assert_eq!((edited.at, edited.ordinal), (at(UPDATED), None));
    let Happening::Edited { content, .. } = edited.happening else { panic!("no edit") };
    assert_eq!(content.text.plain, "hello!");

    let ours = r#"{"partyline":{"delivery":"L1-7"}}"#;
    let touched = event("onMessageUpdated", &message(&[("Attributes", ours)]));
    assert!(matches!(touched.happening, Happening::Other { .. }));

    let removed = event("onMessageRemoved", &message(&[("DateRemoved", UPDATED)]));
    assert_eq!(removed.key.as_str(), format!("{IM}:removed"));
    assert!(matches!(removed.happening, Happening::Deleted { id } if id.as_str() == IM));
}

#[test]
fn on_delivery_updated() {
    let fields = [
        ("ConversationSid", CH),
        ("ChatServiceSid", IS),
        ("MessageSid", IM),
        ("DeliveryReceiptSid", DY),
        ("ChannelMessageSid", "SM1"),
        ("ParticipantSid", MB),
        ("Status", "undelivered"),
        ("ErrorCode", "63016"),
        ("DateCreated", CREATED),
        ("DateUpdated", UPDATED),
    ];
    let receipt = event("onDeliveryUpdated", &fields);
    assert_eq!(receipt.key.as_str(), format!("{DY}:undelivered"));
    let expected = Happening::Receipt {
        message: partyline_core::MessageId::new(IM),
        participant: Some(MB.into()),
        status: ReceiptStatus::Undelivered,
        error: Some(63016),
    };
    assert_eq!(receipt.happening, expected);

    let mut fields = fields;
    fields[6].1 = "pondering";
    assert!(matches!(event("onDeliveryUpdated", &fields).happening, Happening::Other { .. }));
}

#[test]
fn on_participant_added_updated_and_removed() {
    let fields = [
        ("ConversationSid", CH),
        ("ParticipantSid", MB),
        ("RoleSid", "RL1"),
        ("Attributes", r#"{"displayName":"Maya"}"#),
        ("MessagingBinding.ProxyAddress", "whatsapp:+14155550000"),
        ("MessagingBinding.Address", "whatsapp:+14155550100"),
        ("MessagingBinding.Type", "whatsapp"),
        ("DateCreated", CREATED),
        ("DateUpdated", UPDATED),
        ("LastReadMessageIndex", "3"),
    ];
    for (name, change, key) in [
        ("onParticipantAdded", MemberChange::Added, format!("{MB}:onParticipantAdded")),
        (
            "onParticipantUpdated",
            MemberChange::Updated,
            format!("{MB}:onParticipantUpdated:2026-08-11T12:05:00Z"),
        ),
        ("onParticipantRemoved", MemberChange::Removed, format!("{MB}:onParticipantRemoved")),
    ] {
        let event = event(name, &fields);
        assert_eq!(event.key.as_str(), key);
        let expected = Happening::Member {
            change,
            participant: MB.into(),
            address: Some("whatsapp:+14155550100".parse().expect("an address")),
            sender: Some("whatsapp:+14155550000".parse().expect("an address")),
            name: Some("Maya".into()),
        };
        assert_eq!(event.happening, expected);
    }
    let fields = [("ConversationSid", CH), ("ParticipantSid", MB), ("Identity", "maya")];
    let Happening::Member { address, .. } = event("onParticipantAdded", &fields).happening else {
        panic!("no member")
    };
    assert_eq!(address.expect("an address").as_str(), "client:maya");
}

#[test]
fn on_conversation_added_updated_removed_and_state_updated() {
    let fields = [
        ("ConversationSid", CH),
        ("FriendlyName", "Plumbers"),
        ("UniqueName", "plumbers"),
        ("Attributes", "{}"),
        ("ChatServiceSid", IS),
        ("State", "inactive"),
        ("DateCreated", CREATED),
        ("DateUpdated", UPDATED),
    ];
    for (name, state) in [
        ("onConversationAdded", ConversationState::Inactive),
        ("onConversationUpdated", ConversationState::Inactive),
        ("onConversationRemoved", ConversationState::Removed),
    ] {
        let Happening::Conversation { state: told, name: called, info } =
            event(name, &fields).happening
        else {
            panic!("{name}")
        };
        assert_eq!((told, called.as_deref()), (state, Some("Plumbers")), "{name}");
        let unique = info.map(|info| info.unique_name.expect("a unique name"));
        let expected = (state != ConversationState::Removed).then(|| "plumbers".to_owned());
        assert_eq!(unique, expected, "{name}");
    }
    let fields = [
        ("ConversationSid", CH),
        ("StateUpdated", UPDATED),
        ("StateFrom", "initializing"),
        ("StateTo", "active"),
        ("Reason", "EVENT"),
    ];
    let event = event("onConversationStateUpdated", &fields);
    assert_eq!(event.at, at(UPDATED));
    let state = ConversationState::Active;
    assert_eq!(event.happening, Happening::Conversation { state, name: None, info: None });
}

#[test]
fn users_and_what_is_new_are_passed_by() {
    for name in ["onUserAdded", "onUserUpdated", "onReactionAdded", "whatever"] {
        let event = event(name, &[("UserSid", "US1"), ("Identity", "maya")]);
        assert_eq!(event.happening, Happening::Other { name: name.into() });
        assert_eq!(event.at, at(NOW));
    }
}

#[test]
fn on_message_add_asks_for_a_name() {
    let fields = [
        ("ConversationSid", CH),
        ("Body", "hello"),
        ("Author", "whatsapp:+14155550100"),
        ("ParticipantSid", MB),
        ("Attributes", r#"{"theirs":1}"#),
    ];
    let Received::MessageAdd(add) = received("onMessageAdd", &fields) else {
        panic!("not a question")
    };
    assert_eq!(add.conversation.id(), CH);
    assert_eq!(add.speaker.id.id, "whatsapp:+14155550100");
    let answer = shared().answer("Maya", &add).expect("an answer");
    assert_eq!(
        answer,
        r#"{"body":"*Maya*: hello","attributes":"{\"partyline\":{\"name\":\"Maya\",\"body\":\"hello\"},\"theirs\":1}"}"#
    );
    assert!(matches!(received("onMessageAdd", &fields[1..]), Received::Before));
}

#[test]
fn every_other_question_is_let_through() {
    for name in [
        "onConversationAdd",
        "onConversationUpdate",
        "onConversationRemove",
        "onMessageUpdate",
        "onMessageRemove",
        "onParticipantAdd",
        "onParticipantUpdate",
        "onParticipantRemove",
        "onUserUpdate",
    ] {
        assert!(matches!(received(name, &message(&[])), Received::Before), "{name}");
    }
}

#[test]
fn the_messaging_webhook_is_never_a_message() {
    let happening = |fields: &[(&str, &str)]| {
        let incoming = posted(fields, Twilio::receive_messaging).expect("a webhook");
        let event = incoming.events.into_iter().next().expect("an event");
        assert_eq!(event.place.id(), IS);
        (event.key.as_str().to_owned(), event.happening)
    };
    let inbound = [
        ("MessageSid", "SM1"),
        ("SmsStatus", "received"),
        ("From", "whatsapp:+14155550100"),
        ("To", "whatsapp:+14155550000"),
        ("Body", "hello"),
        ("WaId", "14155550100"),
        ("NumMedia", "0"),
        ("ProfileName", "Maya ☀"),
    ];
    let address = "whatsapp:+14155550100".parse().expect("an address");
    let name = "Maya ☀".to_owned();
    let (sender, name) = ("whatsapp:+14155550000".parse().ok(), Some(name));
    let content = Content::plain("hello");
    let wrote = Happening::Wrote { address, sender, name, content };
    let expected = ("SM1:wrote".to_owned(), wrote);
    assert_eq!(happening(&inbound), expected);
    assert!(matches!(happening(&inbound[..7]).1, Happening::Wrote { name: None, .. }));
    assert!(matches!(happening(&inbound[..2]).1, Happening::Other { .. }));

    let status = [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", "30003")];
    let (key, receipt) = happening(&status);
    assert_eq!(key, "SM1:failed");
    assert!(matches!(
        receipt,
        Happening::Receipt { status: ReceiptStatus::Failed, error: Some(30003), .. }
    ));

    let numbers = [("From", "whatsapp:+14155550000"), ("To", "whatsapp:+14155550100")];
    let direct = posted(&[&status[..], &numbers[..]].concat(), Twilio::receive_messaging);
    let place = direct.expect("a webhook").events.remove(0).place;
    assert_eq!(place.to_string(), "twilio:whatsapp:+14155550000/whatsapp:+14155550100");
}

#[test]
fn a_forged_request_is_refused_and_a_shapeless_one_is_kept() {
    let shapeless = posted(&[("Body", "x")], Twilio::receive);
    assert!(matches!(shapeless, Ok(Received::Shapeless(incoming)) if incoming.events.is_empty()));
    let body = Bytes::from_static(b"EventType=onMessageAdded");
    let headers = HeaderMap::new();
    let request = Webhook { path_and_query: PATH, headers: &headers, body: &body };
    assert_eq!(shared().receive(&request).map(|_| ()), Err(Reject::Signature));
    assert_eq!(shared().receive_messaging(&request).map(|_| ()), Err(Reject::Signature));
}

#[test]
fn what_was_not_read_whole_may_be_the_hook_before_a_message_unless_it_shows_otherwise() {
    for (begun, may) in [
        ("", true),
        ("Body=x", true),
        ("EventType=onMessageAdd&Body=x", true),
        ("Body=x&EventType=onMessageAdded", true),
        ("EventType=onMessageAdded&Body=x", false),
    ] {
        assert_eq!(may_ask(begun.as_bytes()), may, "{begun}");
    }
}

#[test]
fn a_signed_webhook_proves_the_way_in_and_so_does_a_self_check() {
    let twilio = bridge();
    let check = twilio.self_check(PATH).expect("a check");
    assert_eq!(check.url, "https://bridge.example.com/webhooks/twilio");
    let request = Webhook { path_and_query: PATH, headers: &check.headers, body: &check.body };
    let inbound = |twilio: &Twilio| partyline_core::Watch::state(twilio).inbound;
    assert!(matches!(inbound(&twilio), partyline_core::Proof::Unproved(_)));
    let answered = Answered::Status(http::StatusCode::OK);
    twilio.self_checked(&check, &answered);
    let partyline_core::Proof::Unproved(why) = inbound(&twilio) else { panic!("it is proved") };
    assert!(why.contains("did not arrive here"), "{why}");
    assert!(matches!(twilio.receive(&request), Ok(Received::Before)));
    twilio.self_checked(&check, &answered);
    assert_eq!(inbound(&twilio), partyline_core::Proof::Proved);
    let next = twilio.self_check(PATH).expect("a check");
    twilio.self_checked(&next, &Answered::Nothing("nobody listens".into()));
    assert!(matches!(inbound(&twilio), partyline_core::Proof::Unproved(_)), "each is another");
    posted(&[("EventType", "onUserAdded")], |other, request| {
        other.receive(request)?;
        assert_eq!(inbound(other), partyline_core::Proof::Proved);
        Ok(())
    })
    .expect("a webhook");
}

#[test]
fn a_repeat_has_the_same_key_and_a_twin_hook_too() {
    let first = event("onMessageAdded", &message(&[("RetryCount", "0")]));
    let again = event("onMessageAdded", &message(&[("RetryCount", "1"), ("Source", "SMS")]));
    assert_eq!(first.key, again.key);
}

#[test]
fn no_debug_text_shows_what_was_said_or_by_which_number() {
    let fields = message(&[("Body", "a secret plan")]);
    let add = received("onMessageAdd", &fields);
    let parsed = HookEvent::read(
        "onMessageAdded",
        &Form::parse(b"Body=a+secret+plan&Author=%2B14155550100"),
    );
    for text in [format!("{add:?}"), format!("{parsed:?}"), format!("{:?}", bridge())] {
        assert!(!text.contains("secret plan"), "{text}");
        assert!(!text.contains("4155550100"), "{text}");
        assert!(!text.contains("12345\""), "{text}");
    }
}

const FIELDS: [&str; 14] = [
    "ConversationSid",
    "MessageSid",
    "Index",
    "DateCreated",
    "DateUpdated",
    "Body",
    "Author",
    "Attributes",
    "Media",
    "ParticipantSid",
    "MessagingBinding.Address",
    "Status",
    "ErrorCode",
    "State",
];

proptest! {
    #[test]
    fn no_form_makes_it_panic(
        name in "on(Message|Conversation|Participant|User|Delivery|ConversationState)(Add|Added|Updated|Removed)",
        values in proptest::collection::vec(("[^\u{0}]{0,20}", 0..FIELDS.len()), 0..20),
    ) {
        let mut fields = vec![("EventType", name.as_str())];
        fields.extend(values.iter().map(|(value, at)| (FIELDS[*at], value.as_str())));
        let received = posted(&fields, Twilio::receive);
        prop_assert!(received.is_ok());
    }

    #[test]
    fn no_bytes_make_the_form_reader_panic(body in any::<Vec<u8>>()) {
        let form = Form::parse(&body);
        let _ = HookEvent::read("onMessageAdded", &form);
        let _ = Form::from_json(&body);
    }
}
