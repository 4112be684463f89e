//! Deliveries, as Slack takes them. Pure.

use partyline_core::{
    Action, Button, Content, NAME_LIMIT, Network, Outgoing, Part, PersonId, Text,
};
use slack_morphism::api::SlackApiChatPostMessageRequest;
use slack_morphism::blocks::SlackBlock;
use slack_morphism::{SlackChannelId, SlackMessageContent, SlackTs};
use url::Url;

use crate::{answers, text, ts, wire};

/// The longest text of one post, in characters before escaping. Slack takes 40,000 bytes but
/// advises 4,000 characters (docs.slack.dev, `chat.postMessage`); escaping makes it five times as
/// long at most, which is still below.
const TEXT_LIMIT: usize = 4000;

/// Room for a part number and the signs of an emote in front: `(9999/9999) __`. (The mark of a late
/// post and a mention are not counted against it: 4,000 is Slack's advice, 40,000 its limit.)
const PART_ROOM: usize = 16;

/// The most characters of content that one post holds. The name stands beside the text, not in it.
pub(crate) const LIMIT: usize = TEXT_LIMIT - PART_ROOM;

/// The post that a delivery is: `None` for an answer to a command, which is no post.
///
/// Nothing in it can ping (`parse` none, `link_names` off, everything escaped) or make Slack
/// fetch what a link leads to (unfurling off).
pub(crate) fn post(outgoing: &Outgoing) -> Option<SlackApiChatPostMessageRequest> {
    let (channel, thread) = place(outgoing);
    let (text, name, picture) = match &outgoing.action {
        Action::Post { name, picture, content, part, .. } => {
            (time(outgoing) + &said(content, *part), shown_name(name), picture.as_ref())
        }
        Action::Notice { text } | Action::Card { text, .. } => (text::write(text), None, None),
        Action::Remark { text, .. } => (text::write(text), None, None),
        Action::Answer { .. } | Action::Template { .. } => return None,
    };
    let content = SlackMessageContent::new()
        .with_text(text)
        .opt_blocks(blocks(&outgoing.action))
        .with_metadata(wire::metadata(outgoing.id.as_str()));
    let picture = picture.filter(|url| matches!(url.scheme(), "http" | "https"));
    Some(
        SlackApiChatPostMessageRequest::new(SlackChannelId(channel.to_owned()), content)
            .opt_thread_ts(thread.map(|ts| SlackTs(ts.to_owned())))
            .opt_username(name)
            .opt_icon_url(picture.map(Url::to_string))
            .with_link_names(false)
            .with_parse("none".to_owned())
            .with_unfurl_links(false)
            .with_unfurl_media(false),
    )
}

/// The blocks of what has buttons.
fn blocks(action: &Action) -> Option<Vec<SlackBlock>> {
    let (Action::Card { text, buttons } | Action::Remark { text, buttons, .. }) = action else {
        return None;
    };
    serde_json::from_value(answers::blocks(text, buttons)?).ok()
}

/// The channel, and the thread in it, that a delivery goes to.
pub(crate) fn place(outgoing: &Outgoing) -> (&str, Option<&str>) {
    let (channel, within) = ts::parts(&outgoing.to);
    let thread = match &outgoing.action {
        // Slack threads have one level: the message that began it stands for all in it.
        Action::Remark { about, thread, .. } => Some(thread.as_ref().unwrap_or(about).as_str()),
        _ => None,
    };
    (channel, within.or(thread))
}

/// The answer to a command, for whoever gave it only.
///
/// `replace` has it stand in place of the message whose button was pressed.
pub(crate) fn answer(text: &Text, replace: bool, buttons: &[Button]) -> wire::Response {
    wire::Response {
        text: text::write(text),
        response_type: "ephemeral",
        replace_original: replace.then_some(true),
        blocks: answers::blocks(text, buttons),
    }
}

/// The address of an answer, if it is one that may be called: of Slack's own, by HTTPS, or, in
/// tests, of the very server that `api_url` names. What came with a command must not make the
/// bridge call just anybody.
pub(crate) fn answer_address(handle: &str, api_url: &Url) -> Option<Url> {
    let url = Url::parse(handle).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let host = url.host_str()?;
    let api_host = api_url.host_str()?;
    // hooks.slack.com beside slack.com, hooks.slack-gov.com beside slack-gov.com.
    let of_slack = url.scheme() == "https"
        && api_url.scheme() == "https"
        && url.port().is_none()
        && host
            .strip_suffix(api_host)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'));
    (of_slack || url.origin() == api_url.origin()).then_some(url)
}

/// When a late post was said: Slack shows it in each reader's own zone, and the day by name
/// (docs.slack.dev, "Formatting text for app surfaces", "Date formatting").
fn time(outgoing: &Outgoing) -> String {
    let Some(late) = outgoing.shown_time() else { return String::new() };
    let words = text::write(&Text::plain(late.words.replace('|', " ")));
    format!("[<!date^{}^{{date_short_pretty}} {{time}}|{words}>] ", late.at.as_second())
}

fn said(content: &Content, part: Option<Part>) -> String {
    let words = text::write(&content.in_words());
    let words = if content.emote { format!("_{words}_") } else { words };
    let words = match part {
        Some(part) => format!("{part} {words}"),
        None => words,
    };
    match content.mentions.as_ref().and_then(mention) {
        Some(mention) => format!("{mention} {words}"),
        None => words,
    }
}

/// What notifies somebody (docs.slack.dev, "Formatting text for app surfaces", "Mentioning users").
fn mention(person: &PersonId) -> Option<String> {
    let is_id = person.id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (person.network == Network::Slack && is_id).then(|| format!("<@{}>", person.id))
}

/// The name to post under: one line, not too long. Without any, the app's own name stands there.
fn shown_name(name: &str) -> Option<String> {
    let line: Vec<&str> = name
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    let name: String = line.join(" ").chars().take(NAME_LIMIT).collect();
    if name.is_empty() { None } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use partyline_core::{AnswerTo, DeliveryId, File, Late, MessageId, Place, Press};

    use super::*;

    fn outgoing(to: &str, action: Action) -> Outgoing {
        let at = "2026-11-01T12:00:00Z".parse().expect("time");
        let to: Place = to.parse().expect("place");
        Outgoing {
            id: DeliveryId::new("a1b2-7"),
            to,
            at,
            since: at,
            late: None,
            known: Vec::new(),
            action,
        }
    }

    fn json(outgoing: &Outgoing) -> String {
        serde_json::to_string_pretty(&post(outgoing).expect("a post")).expect("JSON")
    }

    fn words(content: Content, part: Option<Part>) -> Action {
        let picture = Some("https://pictures.example/maya.png".parse().expect("address"));
        Action::Post { origin: Network::Twilio, name: "Maya".into(), picture, content, part }
    }

    #[test]
    fn a_post_carries_name_picture_and_delivery_and_pings_nobody() {
        let part = Some(Part { number: 2, of: 3 });
        let action = words(Content::plain("<!channel> fish & chips"), part);
        insta::assert_snapshot!(json(&outgoing("slack:C0123ABC/1712345678.000100", action)), @r#"
        {
          "channel": "C0123ABC",
          "text": "(2/3) &lt;!channel&gt; fish &amp; chips",
          "metadata": {
            "event_type": "partyline_delivery",
            "event_payload": {
              "id": "a1b2-7"
            }
          },
          "icon_url": "https://pictures.example/maya.png",
          "link_names": false,
          "parse": "none",
          "thread_ts": "1712345678.000100",
          "username": "Maya",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn what_is_late_tells_when_it_was_said_in_the_readers_zone() {
        let mut late = outgoing("slack:C1", words(Content::plain("hello"), None));
        late.late = Some(Late { at: late.at, words: "1 Nov 12:00 UTC".into() });
        let post = post(&late).expect("a post");
        assert_eq!(
            post.content.text.as_deref(),
            Some("[<!date^1793534400^{date_short_pretty} {time}|1 Nov 12:00 UTC>] hello")
        );
    }

    #[test]
    fn a_notice_is_the_bots_own() {
        let action = Action::Notice { text: "linked".into() };
        insta::assert_snapshot!(json(&outgoing("slack:C0123ABC", action)), @r#"
        {
          "channel": "C0123ABC",
          "text": "linked",
          "metadata": {
            "event_type": "partyline_delivery",
            "event_payload": {
              "id": "a1b2-7"
            }
          },
          "link_names": false,
          "parse": "none",
          "unfurl_links": false,
          "unfurl_media": false
        }
        "#);
    }

    #[test]
    fn a_card_has_buttons_and_says_the_same_without() {
        let values = [("who".to_owned(), vec!["+14155550101".to_owned()])].into();
        let press = Press::Open { form: "reply_privately".into(), values };
        let buttons = vec![Button { label: "Reply".into(), danger: false, press: press.clone() }];
        let action = Action::Card { text: "Maya has <written>.".into(), buttons };
        let json: serde_json::Value =
            serde_json::from_str(&json(&outgoing("slack:C1", action))).expect("JSON");
        assert_eq!(json["text"], "Maya has &lt;written&gt;.");
        assert_eq!(json["blocks"][0]["text"]["text"], json["text"]);
        let button = json["blocks"][1]["elements"][0].clone();
        assert_eq!((&button["type"], &button["action_id"]), (&"button".into(), &"press.0".into()));
        let used: wire::Used = serde_json::from_value(button).expect("an action");
        assert!(answers::pressed(&used) == Some(press));
    }

    #[test]
    fn a_button_that_asks_first_has_slack_ask() {
        let words = ["member", "remove", "CH1", "+14155550101"].map(str::to_owned).to_vec();
        let press = Press::Ask { question: "Maya & Ben leave.".into(), words };
        let buttons = vec![Button { label: "Take Maya out".into(), danger: true, press }];
        let (about, text) = (MessageId::new("1.000002"), "It did not come.".into());
        let action = Action::Remark { about, thread: None, text, buttons };
        let json: serde_json::Value =
            serde_json::from_str(&json(&outgoing("slack:C1", action))).expect("JSON");
        assert_eq!(json["thread_ts"], "1.000002");
        let button = &json["blocks"][1]["elements"][0];
        assert_eq!(button["confirm"]["text"]["text"], "Maya & Ben leave.");
        assert_eq!(button["confirm"]["confirm"]["text"], "Take Maya out");
        assert_eq!(button["style"], "danger");
    }

    #[test]
    fn an_answer_is_ephemeral_and_no_post() {
        let to = AnswerTo { place: "slack:C1".parse().expect("place"), handle: String::new() };
        let action =
            Action::Answer { to, text: "a < b".into(), replaces: None, buttons: Vec::new() };
        assert!(post(&outgoing("slack:C1", action)).is_none());
        let json = serde_json::to_string(&answer(&"a < b".into(), false, &[])).expect("JSON");
        assert_eq!(json, r#"{"text":"a &lt; b","response_type":"ephemeral"}"#);
        let json = serde_json::to_string(&answer(&"a".into(), true, &[])).expect("JSON");
        assert!(json.contains(r#""replace_original":true"#), "{json}");
    }

    #[test]
    fn files_and_emotes_are_put_in_words() {
        let file = File { id: "ME1".into(), name: Some("plan.pdf".into()), ..File::default() };
        let content = Content { emote: true, files: vec![file], ..Content::default() };
        assert_eq!(said(&content, None), "_[file: plan.pdf]_");
    }

    #[test]
    fn whom_it_is_for_is_notified_and_nobody_else() {
        let to = |network, id: &str| {
            let mentions = Some(PersonId::new(network, id));
            said(&Content { mentions, ..Content::plain("<@U2> hello") }, None)
        };
        assert_eq!(to(Network::Slack, "U1"), "<@U1> &lt;@U2&gt; hello");
        for (network, id) in [(Network::Matrix, "@ada:hs.test"), (Network::Slack, "U1> <!here")] {
            assert_eq!(to(network, id), "&lt;@U2&gt; hello");
        }
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(shown_name(" Maya\n<!here>\t").as_deref(), Some("Maya <!here>"));
        assert_eq!(shown_name(&"x".repeat(100)).map(|name| name.len()), Some(NAME_LIMIT));
        assert_eq!(shown_name(" \n"), None);
    }

    #[test]
    fn only_slacks_own_addresses_are_answered() {
        let slack = Url::parse("https://slack.com/api/").expect("address");
        for right in ["https://hooks.slack.com/commands/T1/2/abc", "https://slack.com/x"] {
            assert!(answer_address(right, &slack).is_some(), "{right}");
        }
        for wrong in [
            "http://hooks.slack.com/commands/T1/2/abc",
            "https://hooks.slack.com:8443/commands",
            "https://user@hooks.slack.com/commands",
            "https://notslack.com/commands",
            "https://slack.com.example/commands",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(answer_address(wrong, &slack).is_none(), "{wrong}");
        }
        let local = Url::parse("http://127.0.0.1:4000/api/").expect("address");
        assert!(answer_address("http://127.0.0.1:4000/commands/1", &local).is_some());
        for wrong in
            ["http://127.0.0.1:4001/x", "https://127.0.0.1:4000/x", "https://hooks.slack.com/x"]
        {
            assert!(answer_address(wrong, &local).is_none(), "{wrong}");
        }
    }
}
