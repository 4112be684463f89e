//! Each kind of input, and what it comes to.

use partyline_core::{Content, DeliveryId, MarkKind, MessageId, RoomChange, Speaker};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn own() -> Identity {
    Identity {
        bot_id: Some("B0OWN".into()),
        user_id: "U0OWN".into(),
        team_id: "T1".into(),
        team: "Team".into(),
    }
}

fn with<T>(identity: Option<&Identity>, read: impl FnOnce(&Reader<'_>) -> T) -> T {
    let name_of = |user: &str| (user == "U2").then(|| "Noor".to_owned());
    let now = "2026-11-01T12:00:00Z".parse().expect("time");
    let gestures = Gestures::new();
    // One command has a form, where it is given without arguments.
    let wanted = |line: &str| (line == "group create").then(|| line.to_owned());
    let (command, wanted) = ("/wa", &wanted);
    read(&Reader { identity, command, name_of: &name_of, wanted, gestures: &gestures, now })
}

fn reading_as(identity: Option<&Identity>, event: &Value) -> Reading {
    let body = json!({
        "type": "event_callback", "event_id": "Ev1", "event_time": 1_712_345_678,
        "team_id": "T1", "event": event,
    });
    match with(identity, |reader| reader.events(body.to_string().as_bytes())).expect("JSON") {
        Called::Read(reading) => reading,
        Called::Challenge(_) => panic!("no challenge"),
    }
}

fn reading(event: &Value) -> Reading {
    reading_as(Some(&own()), event)
}

fn event(event: &Value) -> Event {
    match reading(event).meaning {
        Meaning::Event(event) => *event,
        meaning => panic!("{meaning:?} of {event}"),
    }
}

/// A message with these fields besides those that each has.
fn message(fields: Value) -> Value {
    let mut message = json!({
        "type": "message", "channel": "C1", "user": "U1", "text": "hello",
        "ts": "1712345678.000100", "event_ts": "1712345678.000100", "channel_type": "channel",
    });
    let Value::Object(fields) = fields else { panic!("fields") };
    message.as_object_mut().expect("object").extend(fields);
    message
}

fn content(fields: Value) -> Content {
    match event(&message(fields)).happening {
        Happening::Message { content, .. } => content,
        happening => panic!("{}", happening.name()),
    }
}

fn other(event: &Value) -> String {
    match self::event(event).happening {
        Happening::Other { name } => name,
        happening => panic!("{}", happening.name()),
    }
}

#[test]
fn words_are_a_message_with_the_key_of_the_history() {
    let live = event(&message(json!({"client_msg_id": "x", "blocks": [{"type": "rich_text"}]})));
    assert_eq!(live.key, EventKey::new("C1:1712345678.000100"));
    assert_eq!(live.place.to_string(), "slack:C1");
    assert_eq!(live.ordinal, Some(1_712_345_678_000_100));
    assert_eq!(live.at.as_microsecond(), 1_712_345_678_000_100);
    assert_eq!(
        live.happening,
        Happening::Message {
            id: MessageId::new("1712345678.000100"),
            speaker: Speaker::new(Network::Slack, "U1"),
            content: Content::plain("hello"),
        }
    );
    let listed: wire::Message = serde_json::from_value(
        json!({"type": "message", "user": "U1", "text": "hello", "ts": "1712345678.000100"}),
    )
    .expect("message");
    let channel = ts::channel("C1").expect("channel");
    assert_eq!(with(Some(&own()), |reader| reader.said(&listed, &channel)), Some(live));
}

#[test]
fn threads_emotes_and_files_keep_what_they_are() {
    let reply = content(json!({"thread_ts": "1712000000.000000"}));
    assert_eq!(reply.thread, Some(MessageId::new("1712000000.000000")));
    let first = content(json!({"thread_ts": "1712345678.000100", "reply_count": 2}));
    assert_eq!(first.thread, None);
    let broadcast = json!({"subtype": "thread_broadcast", "thread_ts": "1712000000.000000"});
    assert!(content(broadcast).thread.is_some());
    assert!(content(json!({"subtype": "me_message"})).emote);
    let file = json!({"id": "F1", "name": "plan.pdf", "mimetype": "application/pdf", "size": 12,
        "url_private_download": "https://files.slack.com/files-pri/T1-F1/download/plan.pdf"});
    let shared = content(json!({"subtype": "file_share", "text": "", "files": [file]}));
    assert!(shared.text.is_blank());
    assert_eq!(shared.files[0].name.as_deref(), Some("plan.pdf"));
    assert!(shared.files[0].url.is_some());
    // Socket Mode and Slack Connect can leave everything but the id away.
    let bare = content(json!({"subtype": "file_share", "files": [{"id": "F1"}]}));
    assert_eq!(bare.files[0].id, "F1");
}

#[test]
fn a_message_of_an_odd_shape_keeps_its_words() {
    for odd in [
        json!({"metadata": {"event_type": "x", "event_payload": {"deep": [1, {"a": null}]}}}),
        json!({"metadata": 7, "edited": "now", "user_profile": [], "reactions": {"a": 1}}),
        json!({"attachments": {"fallback": 1}, "blocks": "none", "files": "none"}),
        json!({"attachments": [{"fallback": 1, "text": [], "blocks": {}}, null, 3]}),
        json!({"blocks": [{"type": "from_the_future", "elements": 4}], "thread_ts": 12}),
        json!({"team": null, "new_field": {"a": 1}, "username": 4, "client_msg_id": {}}),
    ] {
        assert_eq!(content(odd.clone()).text.plain, "hello", "{odd}");
    }
    let nobody = event(&message(json!({"user": {"id": "U1"}})));
    let Happening::Message { speaker, .. } = nobody.happening else { panic!("a message") };
    assert_eq!(speaker.id.id, "unknown");
}

#[test]
fn a_message_without_words_says_what_it_shows() {
    let forwarded = json!({"text": "", "attachments": [
        {"is_share": true, "author_name": "Noor", "text": "see <@U2>", "fallback": "x"}]});
    assert_eq!(content(forwarded).text.plain, "> Noor: see @Noor");
    let commented = json!({"text": "look", "attachments": [{"is_share": true, "text": "old"}]});
    assert_eq!(content(commented).text.plain, "look\nold");
    let unfurled = json!({"text": "<https://a.example>", "attachments": [{"text": "A page"}]});
    assert_eq!(content(unfurled).text.plain, "https://a.example");
    let blocks = json!({"text": "", "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "Order &amp; go"}},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "at "}, {"type": "link", "url": "https://a.example"}]}]}]});
    assert_eq!(content(blocks).text.plain, "Order & go\nat https://a.example");
    let nothing = content(json!({"text": null}));
    assert_eq!(nothing.text.plain, "[a message that can only be seen in Slack]");
}

#[test]
fn a_mention_is_put_in_words_and_marked() {
    let text = content(json!({"text": "hi <@U2> &amp; <@U3>"})).text;
    assert_eq!(text.plain, "hi @Noor & @U3");
    let people: Vec<String> = text
        .marks
        .iter()
        .filter_map(|mark| match &mark.kind {
            MarkKind::Mention(person) => Some(person.id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(people, ["U2", "U3"]);
}

#[test]
fn own_posts_are_echoes() {
    let metadata = json!({"event_type": "partyline_delivery", "event_payload": {"id": "a-1"}});
    let own_bot = message(json!({"subtype": "bot_message", "bot_id": "B0OWN", "user": null,
        "username": "Maya", "metadata": metadata}));
    let id = MessageId::new("1712345678.000100");
    let delivery = Some(DeliveryId::new("a-1"));
    let echo = Happening::Echo { id: id.clone(), delivery };
    assert_eq!(event(&own_bot).happening, echo);
    // Without metadata too, and as long as the bridge does not know itself by metadata alone.
    let bare = message(json!({"bot_id": "B0OWN", "user": "U0OWN"}));
    assert_eq!(event(&bare).happening, Happening::Echo { id, delivery: None });
    let Meaning::Event(unknown) = reading_as(None, &own_bot).meaning else { panic!("event") };
    assert_eq!(unknown.happening, echo);
}

#[test]
fn other_bots_and_other_installations_are_not_relayed() {
    let metadata = json!({"event_type": "partyline_delivery", "event_payload": {"id": "a-1"}});
    let bot = message(json!({"subtype": "bot_message", "bot_id": "B2", "metadata": metadata}));
    assert_eq!(other(&bot), "message.bot_message");
    assert_eq!(other(&message(json!({"bot_id": "B2"}))), "message.bot_message");
    let slackbot = message(json!({"user": "USLACKBOT", "text": "Reminder: stand-up"}));
    assert_eq!(other(&slackbot), "message.bot_message");
    // It has its place in the order of the channel all the same.
    assert!(event(&bot).ordinal.is_some());
}

#[test]
fn slacks_own_messages_are_passed_by_under_their_name() {
    for subtype in ["channel_join", "channel_topic", "pinned_item", "from_the_future"] {
        let system = message(json!({"subtype": subtype, "user": "U0OWN"}));
        assert_eq!(other(&system), format!("message.{subtype}"));
    }
    let rude = message(json!({"subtype": "Maya said: +14155550100"}));
    assert_eq!(other(&rude), "message.unknown");
    assert_eq!(other(&message(json!({"subtype": "message_replied"}))), "message.message_replied");
}

fn changed(message: &Value, previous: &Value) -> Value {
    json!({"type": "message", "subtype": "message_changed", "hidden": true, "channel": "C1",
        "ts": "1712345700.000200", "event_ts": "1712345700.000200",
        "message": message, "previous_message": previous})
}

#[test]
fn an_edit_is_told_from_an_unfurl() {
    let before =
        json!({"type": "message", "user": "U1", "text": "helo", "ts": "1712345678.000100"});
    let after = json!({"type": "message", "user": "U1", "text": "hello", "ts": "1712345678.000100",
        "edited": {"user": "U1", "ts": "1712345700.000000"}});
    let edit = event(&changed(&after, &before));
    assert_eq!(edit.key, EventKey::new("Ev1"));
    assert_eq!(edit.ordinal, None);
    assert_eq!(
        edit.happening,
        Happening::Edited {
            id: MessageId::new("1712345678.000100"),
            speaker: Speaker::new(Network::Slack, "U1"),
            content: Content::plain("hello"),
        }
    );
    let mut unfurled = after.clone();
    unfurled["attachments"] = json!([{"text": "A page"}]);
    assert_eq!(other(&changed(&unfurled, &after)), "message.message_changed.unfurl");
    let mut ours = after.clone();
    ours["bot_id"] = json!("B0OWN");
    assert_eq!(other(&changed(&ours, &Value::Null)), "message.message_changed.own");
    // Without the text before, nobody can say that nothing changed.
    let alone = event(&changed(&after, &Value::Null));
    assert_eq!(alone.happening.name(), "edited");
}

#[test]
fn a_deletion_names_the_message_in_each_of_its_forms() {
    let gone = Happening::Deleted { id: MessageId::new("1712345678.000100") };
    let deleted = message(json!({"subtype": "message_deleted", "ts": "1712345700.000200",
        "deleted_ts": "1712345678.000100", "text": null}));
    assert_eq!(event(&deleted).happening, gone);
    let old = message(json!({"subtype": "message_deleted",
        "previous_message": {"ts": "1712345678.000100", "text": "hello"}}));
    assert_eq!(event(&old).happening, gone);
    let tombstone = json!({"subtype": "tombstone", "ts": "1712345678.000100", "user": "USLACKBOT"});
    assert_eq!(event(&changed(&tombstone, &Value::Null)).happening, gone);
}

#[test]
fn rooms_change() {
    let change = |fields: Value| match event(&fields).happening {
        Happening::Room { change } => change,
        happening => panic!("{}", happening.name()),
    };
    for (kind, expected) in [
        ("channel_archive", RoomChange::Archived),
        ("group_archive", RoomChange::Archived),
        ("channel_unarchive", RoomChange::Unarchived),
        ("channel_deleted", RoomChange::Deleted),
        ("channel_left", RoomChange::Left),
    ] {
        assert_eq!(change(json!({"type": kind, "channel": "C1"})), expected, "{kind}");
    }
    let renamed = json!({"type": "channel_rename", "channel": {"id": "C1", "name": "ops"}});
    assert_eq!(change(renamed), RoomChange::Renamed("ops".into()));
    let joined = json!({"type": "member_joined_channel", "user": "U0OWN", "channel": "C1"});
    assert_eq!(change(joined), RoomChange::Joined);
    let left = json!({"type": "member_left_channel", "user": "U0OWN", "channel": "C1"});
    assert_eq!(change(left), RoomChange::Left);
    let somebody = json!({"type": "member_joined_channel", "user": "U1", "channel": "C1"});
    assert_eq!(other(&somebody), "member_joined_channel");
}

#[test]
fn what_belongs_to_no_place_signals_or_passes() {
    let signal = |fields: Value| {
        let reading = reading(&fields);
        assert_eq!(reading.meaning, Meaning::Nowhere, "{fields}");
        reading.signal
    };
    let revoked = json!({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0OWN"]}});
    assert_eq!(signal(revoked), Some(Signal::TokenRevoked));
    let of_a_user = json!({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}});
    assert_eq!(signal(of_a_user), None);
    assert_eq!(signal(json!({"type": "app_uninstalled"})), Some(Signal::Uninstalled));
    let user = json!({"id": "U1", "profile": {"display_name": "Maya"}});
    let maya = Profile { name: Some("Maya".into()), picture: None };
    assert_eq!(
        signal(json!({"type": "user_change", "user": user})),
        Some(Signal::UserChanged("U1".into(), maya))
    );
    assert_eq!(signal(json!({"type": "team_rename", "name": "Other"})), None);
    let limited = br#"{"type":"app_rate_limited","minute_rate_limited":1518467820}"#;
    let Ok(Called::Read(limited)) = with(None, |reader| reader.events(limited)) else {
        panic!("read");
    };
    assert_eq!(limited.signal, Some(Signal::RateLimited));
}

#[test]
fn a_new_kind_of_event_is_known_by_its_name() {
    assert_eq!(other(&json!({"type": "from_the_future", "channel": "C1"})), "from_the_future");
    let item = json!({"type": "pin_added", "item": {"type": "message", "channel": "C1"}});
    assert_eq!(other(&item), "pin_added");
}

#[test]
fn what_is_not_understood_is_kept() {
    for unclear in [
        message(json!({"channel": null})),
        message(json!({"channel": "general"})),
        message(json!({"ts": null})),
        message(json!({"ts": "soon"})),
        message(json!({"subtype": "message_deleted"})),
        changed(&Value::Null, &Value::Null),
        json!({"no": "type"}),
        json!("words"),
        Value::Null,
    ] {
        assert_eq!(reading(&unclear).meaning, Meaning::Unclear, "{unclear}");
    }
}

#[test]
fn a_challenge_is_answered_and_what_is_no_json_refused() {
    let challenge = br#"{"type":"url_verification","challenge":"3eZbrw1a","token":"x"}"#;
    let called = with(None, |reader| reader.events(challenge)).expect("JSON");
    assert_eq!(called, Called::Challenge("3eZbrw1a".into()));
    for body in [&b""[..], b"{", b"[1]x", b"\xff\xfe", b"7"] {
        assert!(with(None, |reader| reader.events(body)).is_err(), "{body:?}");
    }
}

fn command(body: &str) -> Meaning {
    let command = wire::SlashCommand::deserialize(form(body.as_bytes())).expect("a form");
    with(None, |reader| reader.command(&command)).meaning
}

#[test]
fn a_command_is_read_from_a_form() {
    let body = "command=%2Fwa&text=group+link+CH1+%3C%23C2%7Cops%3E&channel_id=C1&user_id=U1\
        &user_name=maya&trigger_id=13345224609.738474920\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1";
    let Meaning::Event(event) = command(body) else { panic!("an event") };
    assert_eq!(event.key, EventKey::new("command:13345224609.738474920"));
    let Happening::Command(line) = &event.happening else { panic!("a command") };
    assert_eq!(line.line, "group link CH1 slack:C2");
    assert_eq!(line.by.to_string(), "slack:U1");
    assert_eq!(line.name.as_deref(), Some("maya"));
    assert_eq!(line.answer.place.to_string(), "slack:C1");
    assert_eq!(line.answer.handle, "https://hooks.slack.com/commands/1 U1");
    // The address lets anybody answer, the line can hold numbers: neither is shown.
    assert!(!format!("{event:?}").contains("hooks") && !format!("{event:?}").contains("CH1"));
}

#[test]
fn another_command_or_half_a_one_is_none() {
    let other = command("command=%2Fother&channel_id=C1&user_id=U1&trigger_id=1.1");
    let Meaning::Event(event) = other else { panic!("an event") };
    assert_eq!(event.happening.name(), "other");
    let half = command("command=%2Fwa&channel_id=C1&user_id=U1&trigger_id=1.1");
    assert_eq!(half, Meaning::Unclear);
    assert_eq!(command("command=%2Fwa&text=help"), Meaning::Unclear);
}

#[test]
fn an_interaction_is_kept_as_other() {
    let pressed = json!({"type": "block_actions", "trigger_id": "1.1", "channel": {"id": "C1"},
        "actions": [{"action_id": "a"}]});
    let reading = with(None, |reader| reader.interaction(pressed.to_string().as_bytes()));
    let Meaning::Event(event) = reading.expect("JSON").meaning else { panic!("an event") };
    assert_eq!(event.happening, Happening::Other { name: "interactive.block_actions".into() });
    let view = json!({"type": "view_submission", "trigger_id": "1.1"});
    let reading = with(None, |reader| reader.interaction(view.to_string().as_bytes()));
    assert_eq!(reading.expect("JSON").meaning, Meaning::Unclear);
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
        Just(Value::from("C1")),
        Just(Value::from("1712345678.000100")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof![
            "[a-z_]{1,8}",
            proptest::sample::select(vec![
                "type",
                "channel",
                "user",
                "ts",
                "text",
                "subtype",
                "message",
                "files",
                "blocks",
                "metadata",
                "attachments",
                "event_payload",
                "id",
                "elements",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(name, inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        with(Some(&own()), |reader| {
            let _ = reader.events(&bytes);
            let _ = reader.interaction(&bytes);
        });
        let _ = form(&bytes);
    }

    #[test]
    fn whatever_stands_around_them_the_words_arrive(odd in any_json(), name in "[a-z_]{1,12}") {
        let named = ["type", "channel", "ts", "text", "subtype", "bot_id", "event_ts", "hidden"];
        prop_assume!(!named.contains(&name.as_str()));
        let mut body = message(json!({}));
        body[name.as_str()] = odd;
        let event = event(&body);
        prop_assert_eq!(event.key, EventKey::new("C1:1712345678.000100"));
        if let Happening::Message { content, .. } = event.happening {
            prop_assert!(content.text.plain.starts_with("hello"));
        }
    }

    #[test]
    fn what_is_understood_can_be_stored_and_read_again(body in any_json()) {
        if let Meaning::Event(event) = reading(&body).meaning {
            let stored = serde_json::to_string(&event).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Event>(&stored).expect("an event"), *event);
        }
    }
}
