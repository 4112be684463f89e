//! Events of every kind, and of none.
#![allow(clippy::needless_pass_by_value, reason = "json!(…) reads better in place")]

use partyline_core::Content;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(event: Value) -> Option<Event> {
    let reader = Reader { own: "@bot:hs.test".into(), prefix: "!wa".into() };
    reader.read(&Place::new(Network::Matrix, "!room:hs.test"), &event, Timestamp::UNIX_EPOCH)
}

fn event(kind: &str, content: Value) -> Value {
    json!({
        "type": kind, "event_id": "$e", "sender": "@maya:hs.test",
        "origin_server_ts": 1_700_000_000_123_i64, "content": content,
    })
}

fn happening(kind: &str, content: Value) -> Happening {
    read(event(kind, content)).expect("an event").happening
}

fn message(content: Value) -> Content {
    match happening("m.room.message", content) {
        Happening::Message { content, .. } => content,
        other => panic!("not a message: {other:?}"),
    }
}

fn name(happening: &Happening) -> &str {
    match happening {
        Happening::Other { name } => name,
        other => panic!("something: {other:?}"),
    }
}

#[test]
fn what_is_said_is_a_message_under_its_event_id() {
    let event = read(event("m.room.message", json!({ "msgtype": "m.text", "body": "hi" })));
    assert_eq!(
        event,
        Some(Event {
            key: EventKey::new("$e"),
            place: Place::new(Network::Matrix, "!room:hs.test"),
            at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
            ordinal: None,
            happening: Happening::Message {
                id: MessageId::new("$e"),
                speaker: Speaker::new(Network::Matrix, "@maya:hs.test"),
                content: Content::plain("hi"),
            },
        })
    );
}

#[test]
fn emotes_files_and_places_keep_what_they_are() {
    assert!(message(json!({ "msgtype": "m.emote", "body": "waves" })).emote);

    let captioned = message(json!({
        "msgtype": "m.image", "body": "our plan", "filename": "plan.png", "url": "mxc://hs.test/a",
        "info": { "mimetype": "image/png", "size": 1200 },
    }));
    assert_eq!(captioned.text.plain, "our plan");
    assert_eq!(captioned.files[0].id, "mxc://hs.test/a");
    assert_eq!(captioned.files[0].name.as_deref(), Some("plan.png"));
    assert_eq!(captioned.files[0].size, Some(1200));

    let encrypted = message(json!({
        "msgtype": "m.file", "body": "plan.pdf", "file": { "url": "mxc://hs.test/b" },
    }));
    assert_eq!(encrypted.text.plain, "");
    assert_eq!(encrypted.files[0].id, "mxc://hs.test/b");

    let place = message(json!({
        "msgtype": "m.location", "body": "the tower", "geo_uri": "geo:48.85,2.29;u=35",
    }));
    assert_eq!(place.location.expect("a location").longitude, "2.29");
}

#[test]
fn a_reply_loses_its_quotation_and_a_thread_its_fallback() {
    let reply = message(json!({
        "msgtype": "m.text", "body": "> <@a:hs> hi\n\nyes",
        "m.relates_to": { "m.in_reply_to": { "event_id": "$a" } },
    }));
    assert_eq!(reply.text.plain, "yes");
    assert_eq!(reply.reply_to, Some(MessageId::new("$a")));

    let threaded = message(json!({
        "msgtype": "m.text", "body": "yes",
        "m.relates_to": {
            "rel_type": "m.thread", "event_id": "$root", "is_falling_back": true,
            "m.in_reply_to": { "event_id": "$last" },
        },
    }));
    assert_eq!(threaded.thread, Some(MessageId::new("$root")));
    assert_eq!(threaded.reply_to, None);
}

#[test]
fn a_command_is_no_message_and_its_edit_is_no_command() {
    let said = happening("m.room.message", json!({ "msgtype": "m.text", "body": "!wa status " }));
    let Happening::Command(command) = said else { panic!("not a command: {said:?}") };
    assert_eq!(command.line, "status");
    assert_eq!(command.answer.handle, "$e");
    assert_eq!(command.by, PersonId::new(Network::Matrix, "@maya:hs.test"));

    let edited = happening(
        "m.room.message",
        json!({
            "msgtype": "m.text", "body": "* !wa help",
            "m.new_content": { "msgtype": "m.text", "body": "!wa help" },
            "m.relates_to": { "rel_type": "m.replace", "event_id": "$old" },
        }),
    );
    let Happening::Edited { id, content, .. } = edited else { panic!("not an edit: {edited:?}") };
    assert_eq!((id.as_str(), content.text.plain.as_str()), ("$old", "!wa help"));
}

#[test]
fn own_posts_come_back_as_echoes() {
    let own = |content: Value, unsigned: Value| {
        let mut event = event("m.room.message", content);
        event["sender"] = json!("@bot:hs.test");
        event["unsigned"] = unsigned;
        match read(event).expect("an event").happening {
            Happening::Echo { delivery, .. } => delivery,
            other => panic!("not an echo: {other:?}"),
        }
    };
    let id = Some(DeliveryId::new("L-7"));
    assert_eq!(own(json!({ "body": "x", "org.partyline.delivery": "L-7" }), json!({})), id);
    assert_eq!(own(json!({ "body": "x" }), json!({ "transaction_id": "L-7" })), id);
    assert_eq!(own(json!({ "body": "typed by hand" }), Value::Null), None);
    // Somebody else's claim is a message like any other.
    let forged =
        message(json!({ "msgtype": "m.text", "body": "x", "org.partyline.delivery": "L-7" }));
    assert_eq!(forged.text.plain, "x");
}

#[test]
fn reactions_and_redactions_name_their_message() {
    let reaction = happening(
        "m.reaction",
        json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$a", "key": "👍" } }),
    );
    assert!(matches!(reaction, Happening::Reacted { ref emoji, on: true, .. } if emoji == "👍"));
    let deleted = Happening::Deleted { id: MessageId::new("$a") };
    assert_eq!(happening("m.room.redaction", json!({ "redacts": "$a" })), deleted);
    let mut old = event("m.room.redaction", json!({}));
    old["redacts"] = json!("$a");
    assert_eq!(read(old).expect("an event").happening, deleted);
}

#[test]
fn the_bots_own_coming_and_going_is_the_rooms_affair() {
    let member = |who: &str, membership: &str, before: Value| {
        let mut event = event("m.room.member", json!({ "membership": membership }));
        event["state_key"] = json!(who);
        event["unsigned"] = json!({ "prev_content": before });
        read(event).expect("an event").happening
    };
    let invited = json!({ "membership": "invite" });
    let joined = json!({ "membership": "join" });
    let own = "@bot:hs.test";
    assert_eq!(member(own, "join", invited.clone()), room(RoomChange::Joined));
    assert_eq!(name(&member(own, "join", joined.clone())), "m.room.member");
    assert_eq!(member(own, "ban", joined.clone()), room(RoomChange::Left));
    assert_eq!(name(&member("@maya:hs.test", "leave", joined)), "m.room.member");
    assert_eq!(
        happening("m.room.tombstone", json!({ "replacement_room": "!new" })),
        room(RoomChange::Archived)
    );
    assert_eq!(
        happening("m.room.name", json!({ "name": "Night\nshift" })),
        room(RoomChange::Renamed("Night shift".into()))
    );
}

#[test]
fn what_is_not_for_us_is_passed_by_under_a_name_of_ours() {
    let notice = json!({ "msgtype": "m.notice", "body": "beep" });
    assert_eq!(name(&happening("m.room.message", notice)), "m.notice");
    let strange = json!({ "msgtype": "com.example.dance", "body": "x" });
    assert_eq!(name(&happening("m.room.message", strange)), "msgtype");
    assert_eq!(name(&happening("m.room.message", json!({}))), "msgtype");
    assert_eq!(name(&happening("m.room.topic", json!({ "topic": "x" }))), "m.room.topic");
    assert_eq!(name(&happening("call +1 415 555 0100", json!({}))), "unknown");

    let undecryptable = read(event("m.room.encrypted", json!({}))).expect("an event");
    assert_eq!(undecryptable.key, EventKey::new("$e/undecryptable"));
    let mut taken_back = event("m.room.message", json!({}));
    taken_back["unsigned"] = json!({ "redacted_because": { "type": "m.room.redaction" } });
    assert_eq!(name(&read(taken_back).expect("an event").happening), "redacted");
}

#[test]
fn what_is_no_event_is_none() {
    for nothing in [json!(null), json!([]), json!({ "type": "m.room.message" }), json!("x")] {
        assert_eq!(read(nothing), None);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(> |!wa|m\\.text|m\\.image|geo:|mxc://|\\PC){0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = "(msgtype|body|m\\.relates_to|rel_type|event_id|url|geo_uri|redacts|x)";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_content_panics(content in any_json(), unsigned in any_json(), ts in any_json()) {
        let kinds =
            ["m.room.message", "m.sticker", "m.reaction", "m.room.redaction", "m.room.member"];
        for kind in kinds {
            let mut event = event(kind, content.clone());
            event["unsigned"] = unsigned.clone();
            event["origin_server_ts"] = ts.clone();
            prop_assert!(read(event).is_some());
        }
    }
}
