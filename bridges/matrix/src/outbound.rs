//! Deliveries in Matrix's words (pure): an [`Outgoing`] becomes the content of an
//! `m.room.message`.
//!
//! The bot speaks for everybody, so the speaker's name stands in front of the body, and beside it
//! as a per-message profile (MSC4144) for clients that show one; those strip the name again, which
//! is why it must stand there exactly as `displayname`, a colon and a space. `m.mentions` is there
//! and empty, so that `@room` in a text from a phone pings nobody (client-server API, "User and
//! room mentions").

use partyline_core::{
    Action, AnswerTo, Content, MessageId, NAME_LIMIT, Network, Outgoing, PersonId, Place, Text,
};
use serde_json::{Value, json};
use url::Url;

use crate::{LIMIT, parts, text};

/// The key of a message's content that holds the delivery's id, so that history shows it too (the
/// transaction id comes back to the sending device only, and not for ever).
pub(crate) const DELIVERY_KEY: &str = "org.partyline.delivery";

/// The key of a message's content that holds the ids of all deliveries in it, where it is more
/// than one.
pub(crate) const DELIVERIES_KEY: &str = "org.partyline.deliveries";

/// So many wait for a room before they go together: below, each is a message of its own.
const PILED_UP: usize = 8;

/// The most that go together; no more than a lane reads at once, so that a lane that begins again
/// after a kill sees all that went together before.
pub(crate) const MOST_TOGETHER: usize = 32;

/// An event may have 65,536 bytes in all (client-server API, "Size limits"), and encryption makes
/// a third more of it: the HTML twin is left out where both together would come near that.
const HTML_FITS: usize = 40_000;

/// How many of these go as one message. What replies to something, notifies somebody, or is a part of
/// something, goes by itself; all together are no longer than the longest message.
pub(crate) fn together(waiting: &[Outgoing]) -> usize {
    if waiting.len() < PILED_UP {
        return 1;
    }
    let mut room = LIMIT;
    let fits = waiting.iter().take(MOST_TOGETHER).take_while(|outgoing| {
        let Action::Post { content, part: None, .. } = &outgoing.action else { return false };
        let words = content.in_words().plain.chars().count();
        let length = NAME_LIMIT + 4 + outgoing.lead().chars().count() + words;
        let by_itself = content.reply_to.is_some() || content.mentions.is_some();
        let fits = !by_itself && length <= room;
        room = room.saturating_sub(length);
        fits
    });
    fits.count().max(1)
}

/// The content of a message that says what all of these say, a line each, under its name.
pub(crate) fn contents(outgoing: &[Outgoing]) -> Value {
    if let [one] = outgoing {
        return content(one);
    }
    let lines = outgoing.iter().filter_map(|outgoing| match &outgoing.action {
        Action::Post { name, content, .. } => Some(Line::new(name, content, &outgoing.lead())),
        Action::Notice { .. }
        | Action::Card { .. }
        | Action::Remark { .. }
        | Action::Template { .. }
        | Action::Answer { .. } => None,
    });
    let (bodies, html): (Vec<_>, Vec<_>) = lines.map(|line| (line.body, line.html)).unzip();
    let mut message = written(&bodies.join("\n"), &html.join("<br>"));
    if let Some(first) = outgoing.first() {
        in_thread(&mut message, &first.to);
    }
    let ids: Vec<&str> = outgoing.iter().map(|outgoing| outgoing.id.as_str()).collect();
    message[DELIVERY_KEY] = json!(ids.first());
    message[DELIVERIES_KEY] = json!(ids);
    message
}

/// How many of these, from the first on, are in a message with this content.
pub(crate) fn holds(content: &Value, waiting: &[Outgoing]) -> usize {
    let ids = match content[DELIVERIES_KEY].as_array() {
        Some(ids) => ids.as_slice(),
        None => std::slice::from_ref(&content[DELIVERY_KEY]),
    };
    waiting.iter().zip(ids).take_while(|(outgoing, id)| *id == outgoing.id.as_str()).count()
}

/// The content to send.
pub(crate) fn content(outgoing: &Outgoing) -> Value {
    let mut content = match &outgoing.action {
        Action::Post { origin, name, picture, content, .. } => {
            post(*origin, name, picture.as_ref(), content, &outgoing.lead())
        }
        Action::Notice { text } | Action::Card { text, .. } => notice(text),
        Action::Remark { about, text, .. } => {
            let mut said = notice(text);
            reply(&mut said, about.as_str());
            said
        }
        Action::Answer { to, text, replaces, buttons: _ } => answer(to, text, replaces.as_ref()),
        // Templates go to phones; what a room is to see of one is a notice of its own.
        Action::Template { sid, .. } => notice(&Text::plain(format!("[template {sid}]"))),
    };
    in_thread(&mut content, &outgoing.to);
    content[DELIVERY_KEY] = json!(outgoing.id.as_str());
    content
}

/// Puts it into the thread that its place is. What answers nothing names the thread's beginning for
/// clients that know no threads (client-server API, "Threading").
fn in_thread(content: &mut Value, place: &Place) {
    let Some(began) = parts(place).1 else { return };
    let answered = content["m.relates_to"]["m.in_reply_to"]["event_id"].as_str();
    let falling_back = answered.is_none();
    let answered = answered.unwrap_or(began).to_owned();
    content["m.relates_to"] = json!({
        "rel_type": "m.thread", "event_id": began, "is_falling_back": falling_back,
        "m.in_reply_to": { "event_id": answered },
    });
}

fn notice(text: &Text) -> Value {
    json!({
        "msgtype": "m.notice",
        "body": text::without_controls(&text.plain),
        "m.mentions": {},
    })
}

/// An answer: a reply to its command, or, where it was shown before it was whole, that message
/// changed (client-server API, "Event replacements").
pub(crate) fn answer(to: &AnswerTo, text: &Text, replaces: Option<&MessageId>) -> Value {
    let mut content = notice(text);
    match replaces.map(MessageId::as_str).filter(|event| event.starts_with('$')) {
        Some(event) => {
            let new = content.clone();
            content["body"] = json!(format!("* {}", text::without_controls(&text.plain)));
            content["m.new_content"] = new;
            content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
        }
        // The handle is the event that gave the command.
        None => reply(&mut content, &to.handle),
    }
    content
}

fn post(
    origin: Network,
    name: &str,
    picture: Option<&Url>,
    content: &Content,
    lead: &str,
) -> Value {
    let Line { name, body, html } = Line::new(name, content, lead);
    let mut message = written(&body, &html);
    if let Some(person) = content.mentions.as_ref().and_then(matrix_id) {
        mention(&mut message, person);
    }
    if !content.emote {
        message["com.beeper.per_message_profile"] = profile(origin, &name, picture);
    }
    if let Some(to) = &content.reply_to {
        reply(&mut message, to.as_str());
    }
    message
}

fn matrix_id(person: &PersonId) -> Option<&str> {
    (person.network == Network::Matrix && person.id.starts_with('@')).then_some(&*person.id)
}

/// Notifies somebody: at the end, for the name must stand in front (client-server API, "User and room
/// mentions").
fn mention(message: &mut Value, person: &str) {
    let shown = text::html(person);
    let body = format!("{} {person}", message["body"].as_str().unwrap_or_default());
    if let Some(html) = message["formatted_body"].as_str() {
        let link = format!("{html} <a href=\"https://matrix.to/#/{shown}\">{shown}</a>");
        message["formatted_body"] = json!(link);
    }
    message["body"] = json!(body);
    message["m.mentions"] = json!({ "user_ids": [person] });
}

/// What somebody says, with the name in front.
struct Line {
    name: String,
    body: String,
    html: String,
}

impl Line {
    fn new(name: &str, content: &Content, lead: &str) -> Self {
        let name = text::name(name).unwrap_or_else(|| "Somebody".to_owned());
        let words = format!("{lead}{}", text::without_controls(&content.in_words().plain));
        let (html_name, html_words) = (text::html(&name), text::html(&words));
        let (body, html) = if content.emote {
            // Not m.emote: clients would put the bot's own name in front.
            (format!("* {name} {words}"), format!("* <strong>{html_name}</strong> {html_words}"))
        } else {
            (
                format!("{name}: {words}"),
                format!("<strong data-mx-profile-fallback>{html_name}: </strong>{html_words}"),
            )
        };
        Self { name, body, html }
    }
}

fn written(body: &str, html: &str) -> Value {
    let mut message = json!({ "msgtype": "m.text", "m.mentions": {} });
    if body.len() + html.len() <= HTML_FITS {
        message["format"] = json!("org.matrix.custom.html");
        message["formatted_body"] = json!(html);
    }
    message["body"] = json!(body);
    message
}

/// The per-message profile. Its id is what clients tell speakers apart by.
fn profile(origin: Network, name: &str, picture: Option<&Url>) -> Value {
    let mut profile = json!({
        "id": format!("{origin}:{name}"),
        "displayname": name,
        "has_fallback": true,
    });
    if let Some(picture) = picture.filter(|picture| picture.scheme() == "mxc") {
        profile["avatar_url"] = json!(picture.as_str());
    }
    profile
}

/// Makes it a reply, where `event` is an event id.
fn reply(message: &mut Value, event: &str) {
    if event.starts_with('$') {
        message["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": event } });
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use partyline_core::{DeliveryId, Late, Part};
    use proptest::prelude::*;

    use super::*;

    fn outgoing(action: Action) -> Outgoing {
        Outgoing {
            id: DeliveryId::new("L-7"),
            to: Place::new(Network::Matrix, "!room:hs.test"),
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            late: None,
            known: Vec::new(),
            action,
        }
    }

    fn post_of(name: &str, said: Content) -> Value {
        content(&outgoing(Action::Post {
            origin: Network::Twilio,
            name: name.to_owned(),
            picture: None,
            content: said,
            part: None,
        }))
    }

    #[test]
    fn a_post_stands_under_its_speakers_name() {
        assert_eq!(
            post_of("Maya <3", Content::plain("hi @room\n<b>&")),
            json!({
                "msgtype": "m.text",
                "body": "Maya <3: hi @room\n<b>&",
                "format": "org.matrix.custom.html",
                "formatted_body": "<strong data-mx-profile-fallback>Maya &lt;3: </strong>\
                                   hi @room<br>&lt;b&gt;&amp;",
                "m.mentions": {},
                "com.beeper.per_message_profile": {
                    "id": "twilio:Maya <3", "displayname": "Maya <3", "has_fallback": true,
                },
                "org.partyline.delivery": "L-7",
            })
        );
    }

    fn waiting(texts: &[&str]) -> Vec<Outgoing> {
        let names = ["Maya", "Ravi <3"];
        let posts = texts.iter().zip(names.iter().cycle()).zip(1..);
        posts
            .map(|((text, name), number)| {
                let action = Action::Post {
                    origin: Network::Twilio,
                    name: (*name).to_owned(),
                    picture: None,
                    content: Content::plain(*text),
                    part: None,
                };
                Outgoing { id: DeliveryId::new(format!("L-{number}")), ..outgoing(action) }
            })
            .collect()
    }

    #[test]
    fn whom_it_is_for_is_notified() {
        let to = |person: &str| {
            let mentions = person.parse().ok();
            post_of("Maya", Content { mentions, ..Content::plain("hello") })
        };
        let said = to("matrix:@ada:hs.test");
        assert_eq!(said["m.mentions"], json!({ "user_ids": ["@ada:hs.test"] }));
        assert_eq!(said["body"], "Maya: hello @ada:hs.test");
        let html = said["formatted_body"].as_str().expect("HTML");
        assert!(html.contains("<a href=\"https://matrix.to/#/@ada:hs.test\">@ada:hs.test</a>"));
        let elsewhere = to("slack:U1");
        assert_eq!(
            (&elsewhere["m.mentions"], &elsewhere["body"]),
            (&json!({}), &json!("Maya: hello"))
        );
    }

    #[test]
    fn what_has_piled_up_is_one_message_each_line_under_its_name() {
        let many = waiting(&["one", "two <b>", "three", "four", "five", "six", "seven", "eight"]);
        assert_eq!(together(&many), 8);
        assert_eq!(together(&many[1..]), 1, "these are not many");
        let said = contents(&many[..2]);
        assert_eq!(
            said,
            json!({
                "msgtype": "m.text",
                "body": "Maya: one\nRavi <3: two <b>",
                "format": "org.matrix.custom.html",
                "formatted_body": "<strong data-mx-profile-fallback>Maya: </strong>one<br>\
                    <strong data-mx-profile-fallback>Ravi &lt;3: </strong>two &lt;b&gt;",
                "m.mentions": {},
                "org.partyline.delivery": "L-1",
                "org.partyline.deliveries": ["L-1", "L-2"],
            })
        );
        assert_eq!(holds(&said, &many), 2);
        assert_eq!(holds(&said, &many[1..]), 0);
        assert_eq!(holds(&content(&many[0]), &many), 1);
    }

    #[test]
    fn what_goes_by_itself_ends_what_goes_together() {
        let mut many = waiting(&["said"; 12]);
        let Action::Post { content, .. } = &mut many[9].action else { unreachable!() };
        content.reply_to = Some(MessageId::new("$e"));
        assert_eq!(together(&many), 9);
        let long = "x".repeat(LIMIT / 3);
        assert_eq!(
            together(&waiting(&[long.as_str(); 12])),
            2,
            "all together fit into one message"
        );
        let notice = Action::Notice { text: "x".into() };
        many[0].action = notice;
        assert_eq!(together(&many), 1);
        assert_eq!(together(&waiting(&["said"; 50])), MOST_TOGETHER);
    }

    #[test]
    fn a_picture_goes_along_only_where_clients_can_fetch_it() {
        let with = |picture: &str| {
            let picture = Url::parse(picture).unwrap();
            profile(Network::Slack, "Ravi", Some(&picture))["avatar_url"].clone()
        };
        assert_eq!(with("mxc://hs.test/abc"), json!("mxc://hs.test/abc"));
        assert_eq!(with("https://example.org/ravi.png"), Value::Null);
    }

    #[test]
    fn an_emote_and_a_part_are_said_in_words() {
        let emote = post_of("Maya", Content { emote: true, ..Content::plain("waves") });
        assert_eq!(emote["body"], "* Maya waves");
        assert_eq!(emote["formatted_body"], "* <strong>Maya</strong> waves");
        assert_eq!(emote["com.beeper.per_message_profile"], Value::Null);

        let part = content(&outgoing(Action::Post {
            origin: Network::Slack,
            name: "Ravi".into(),
            picture: None,
            content: Content { reply_to: Some(MessageId::new("$e")), ..Content::plain("end") },
            part: Some(Part { number: 2, of: 2 }),
        }));
        assert_eq!(part["body"], "Ravi: (2/2) end");
        assert_eq!(part["m.relates_to"]["m.in_reply_to"]["event_id"], "$e");
    }

    #[test]
    fn what_is_late_tells_when_it_was_said_and_keeps_its_name() {
        let late = Some(Late { at: Timestamp::UNIX_EPOCH, words: "14:05 UTC".into() });
        let action = Action::Post {
            origin: Network::Twilio,
            name: "Maya".into(),
            picture: None,
            content: Content::plain("hello"),
            part: None,
        };
        let said = content(&Outgoing { late, ..outgoing(action) });
        assert_eq!(said["body"], "Maya: [14:05 UTC] hello");
        assert_eq!(said["com.beeper.per_message_profile"]["displayname"], "Maya");
    }

    #[test]
    fn what_goes_into_a_thread_relates_to_its_beginning() {
        let thread: Place = "matrix:!room:hs.test/$card/1".parse().unwrap();
        let of = |reply_to: Option<&str>| {
            let content = Content { reply_to: reply_to.map(MessageId::new), ..Content::plain("x") };
            let (name, picture, part) = ("Maya".to_owned(), None, None);
            let action = Action::Post { origin: Network::Twilio, name, picture, content, part };
            let one = Outgoing { to: thread.clone(), ..outgoing(action) };
            contents(&[one])["m.relates_to"].clone()
        };
        assert_eq!(
            of(None),
            json!({ "rel_type": "m.thread", "event_id": "$card/1", "is_falling_back": true,
                "m.in_reply_to": { "event_id": "$card/1" } })
        );
        let reply = of(Some("$asked"));
        assert_eq!(reply["is_falling_back"], false);
        assert_eq!(reply["m.in_reply_to"]["event_id"], "$asked");
    }

    #[test]
    fn an_answer_replies_to_its_command() {
        let answer = |handle: &str| {
            content(&outgoing(Action::Answer {
                to: AnswerTo {
                    place: Place::new(Network::Matrix, "!room:hs.test"),
                    handle: handle.into(),
                },
                text: Text::plain("done"),
                replaces: None,
                buttons: Vec::new(),
            }))
        };
        assert_eq!(
            answer("$cmd"),
            json!({
                "msgtype": "m.notice", "body": "done", "m.mentions": {},
                "m.relates_to": { "m.in_reply_to": { "event_id": "$cmd" } },
                "org.partyline.delivery": "L-7",
            })
        );
        assert_eq!(answer("https://elsewhere")["m.relates_to"], Value::Null);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// What the daemon may hand over is never refused as too large, encrypted or not.
        #[test]
        fn the_longest_content_fits_into_an_event(c in prop_oneof![any::<char>(), Just('\u{1f600}'), Just('"'), Just('<'), Just('\n')]) {
            let name: String = std::iter::repeat_n(c, NAME_LIMIT).collect();
            let body: String = std::iter::repeat_n(c, LIMIT).collect();
            let size = post_of(&name, Content::plain(body)).to_string().len();
            prop_assert!(size * 4 / 3 < 64_000, "{size} bytes of {c:?}");
        }
    }
}
