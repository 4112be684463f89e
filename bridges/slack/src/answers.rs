//! Where the answer to a command goes, and how it gets there.
//!
//! A `response_url` takes five answers in 30 minutes (docs.slack.dev, "Handling user
//! interaction"). What is to be answered later than that, or was asked where there is none (the
//! Home tab), is shown to the person by the bot itself.

use partyline_core::{
    AnswerTo, Button, DeliveryId, Failure, MessageId, Network, Outgoing, Place, Press, Reason,
    Sent, Text, Verdict,
};
use serde::Serialize;
use serde_json::{Value, json};
use slack_morphism::SlackMessageMetadata;

use crate::{Slack, history, outbound, progress, text, ts, wire};

/// The longest text of a section (docs.slack.dev, "Section block").
const SECTION: usize = 3000;

/// The longest label of a button, and the longest value (docs.slack.dev, "Button element").
const LABEL: usize = 75;
const VALUE: usize = 2000;

/// What the actions of the buttons under an answer begin with.
pub(crate) const PRESS: &str = "press.";

/// What Slack needs to answer just one command: the `handle` of an [`AnswerTo`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handle {
    /// The `response_url`.
    pub(crate) url: Option<String>,
    /// Who asked.
    pub(crate) user: Option<String>,
    /// Whether the answer stands in place of what was asked: a question with buttons.
    pub(crate) replaces: bool,
    /// Whether it is for later, when nobody may look: what only one person sees in a channel is gone
    /// then (docs.slack.dev, `chat.postEphemeral`), so it goes into their direct messages.
    pub(crate) direct: bool,
}

impl Handle {
    /// As it is kept: words with spaces between.
    pub(crate) fn written(&self) -> String {
        let words = [
            self.url.as_deref(),
            self.user.as_deref(),
            self.replaces.then_some("replaces"),
            self.direct.then_some("direct"),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Handle::written`] wrote.
    pub(crate) fn read(handle: &str) -> Self {
        let mut read = Self::default();
        for word in handle.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "replaces" => read.replaces = true,
                "direct" => read.direct = true,
                url if url.contains("://") => read.url = Some(url.to_owned()),
                user => read.user = Some(user.to_owned()),
            }
        }
        read
    }
}

/// The blocks of an answer with buttons; none without.
pub(crate) fn blocks(text: &Text, buttons: &[Button]) -> Option<Value> {
    if buttons.is_empty() {
        return None;
    }
    let mut blocks: Vec<Value> = text
        .split(SECTION / 5) // Escaping makes a text five times as long at most.
        .iter()
        .map(|part| json!({"type": "section", "text": {"type": "mrkdwn", "text": text::write(part)}}))
        .collect();
    let elements: Vec<Value> = buttons.iter().enumerate().filter_map(button).collect();
    blocks.push(json!({"type": "actions", "elements": elements}));
    Some(blocks.into())
}

fn button((number, button): (usize, &Button)) -> Option<Value> {
    let value = serde_json::to_string(&button.press).ok()?;
    // What does not fit cannot be pressed; the text says how it is typed.
    (value.len() <= VALUE).then(|| {
        let label: String = button.label.chars().take(LABEL).collect();
        let mut shown = json!({
            "type": "button", "action_id": format!("{PRESS}{number}"), "value": value,
            "text": {"type": "plain_text", "text": label},
        });
        if button.danger {
            shown["style"] = "danger".into();
        }
        if let Press::Ask { question, .. } = &button.press {
            shown["confirm"] = confirm(&button.label, question);
        }
        shown
    })
}

/// What Slack asks before a button is pressed (docs.slack.dev, "Confirmation dialog object": title 100
/// characters, text 300, buttons 30).
fn confirm(label: &str, question: &str) -> Value {
    let plain = |text: &str, most: usize| -> Value {
        json!({"type": "plain_text", "text": text.chars().take(most).collect::<String>()})
    };
    json!({
        "title": plain(label, 100), "text": plain(question, 300),
        "confirm": plain(label, 30), "deny": plain("Cancel", 30), "style": "danger",
    })
}

/// What a pressed button does, where it is one of ours.
pub(crate) fn pressed(action: &wire::Used) -> Option<Press> {
    action.action_id.as_deref()?.strip_prefix(PRESS)?;
    serde_json::from_str(action.value.as_deref()?).ok()
}

/// A message that only one person sees, from the bot itself (`chat.postEphemeral`), or to that
/// person (`chat.postMessage`).
#[derive(Serialize)]
struct Whisper<'a> {
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<Value>,
    /// Names the delivery; what only one person sees has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<SlackMessageMetadata>,
    parse: &'static str,
    link_names: bool,
}

impl Slack {
    /// Answers a command: in place of the question whose button was pressed, or by itself. What stands in
    /// somebody's direct messages has an id, by which it can be changed.
    pub(crate) async fn answer(
        &self,
        id: Option<&DeliveryId>,
        to: &AnswerTo,
        (text, buttons): (&Text, &[Button]),
    ) -> Result<Sent, Failure> {
        let handle = Handle::read(&to.handle);
        let answered = |id| Sent { id, ordinal: None };
        let address = handle
            .url
            .as_deref()
            .and_then(|url| outbound::answer_address(url, &self.config.api_url));
        let failed = match address {
            Some(url) => {
                let response = outbound::answer(text, handle.replaces, buttons);
                match self.client.respond(url, &response).await {
                    Ok(()) => return Ok(answered(None)),
                    Err(failure) if failure.reason == Reason::Expired => failure,
                    Err(failure) => return Err(failure),
                }
            }
            None => Failure::never(
                Reason::Refused,
                "The command did not come with an address of Slack's to answer at.",
            ),
        };
        let Some(user) = handle.user.as_deref() else { return Err(failed) };
        let channel = if handle.direct { None } else { Some(ts::parts(&to.place).0) };
        self.whisper(id, channel, user, (text, buttons)).await.map(answered)
    }

    /// Looks up an answer that went into somebody's direct messages for certain. Slack keeps no list of any
    /// other.
    pub(crate) async fn find_answer(
        &self,
        to: &AnswerTo,
        outgoing: &Outgoing,
    ) -> Result<Option<Sent>, Failure> {
        let nowhere = || {
            Failure::unknown(
                Reason::Uncertain,
                "Slack keeps no list of answers to commands: this one may not have arrived. Give \
                 the command again if it did not.",
            )
        };
        let handle = Handle::read(&to.handle);
        let (Some(user), None, true) = (&handle.user, &handle.url, handle.direct) else {
            return Err(nowhere());
        };
        let found = async {
            let users = [("users", Some(user.as_str()))];
            let opened = self.client.look("conversations.open", user, &users).await?;
            let Some(channel) = opened["channel"]["id"].as_str() else { return Err(nowhere()) };
            let there = Outgoing { to: Place::new(Network::Slack, channel), ..outgoing.clone() };
            let found = history::find(&self.client, &there).await?;
            Ok(found.and_then(|sent| sent.id).map(|ts| progress::message(channel, ts.as_str())))
        };
        match found.await {
            Ok(found) => Ok(found.map(|id| Sent { id: Some(id), ordinal: None })),
            // An app that was installed before the bridge asked for the scopes im:write and im:history.
            Err(failure) if failure.code.as_deref() == Some("missing_scope") => Err(nowhere()),
            Err(Failure { verdict: Verdict::Never, .. }) => Err(nowhere()),
            Err(failure) => Err(failure),
        }
    }

    /// Shows something to one person: in the channel where the bot is in it, else in the messages
    /// that the person and the bot have with each other, where it can be changed by its id.
    async fn whisper(
        &self,
        id: Option<&DeliveryId>,
        channel: Option<&str>,
        user: &str,
        (text, buttons): (&Text, &[Button]),
    ) -> Result<Option<MessageId>, Failure> {
        let message = |channel, user, metadata| Whisper {
            channel,
            user,
            metadata,
            text: text::write(text),
            blocks: blocks(text, buttons),
            parse: "none",
            link_names: false,
        };
        if let Some(channel) = channel.filter(|channel| !channel.starts_with('D')) {
            let whisper = json!(message(channel, Some(user), None));
            match self.client.change("chat.postEphemeral", channel, &whisper).await {
                Err(Failure { verdict: Verdict::Never, .. }) => {}
                other => return other.map(|_| None),
            }
        }
        let to = json!(message(user, None, id.map(|id| wire::metadata(id.as_str()))));
        let posted: Value = self.client.change("chat.postMessage", user, &to).await?;
        Ok(progress::id(&posted))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handle_is_read_as_it_was_written() {
        let whole = Handle {
            url: Some("https://hooks.slack.com/commands/1".into()),
            user: Some("U1".into()),
            replaces: true,
            direct: true,
        };
        for handle in [whole.clone(), Handle { url: None, ..whole }, Handle::default()] {
            assert_eq!(Handle::read(&handle.written()), handle);
        }
        // As it was kept before there was more in it.
        let bare = Handle::read("https://hooks.slack.com/commands/1");
        assert_eq!((bare.user, bare.replaces), (None, false));
    }

    #[test]
    fn a_button_carries_what_it_does() {
        let words = ["group", "delete", "CH1", "A \"quoted\" name"].map(str::to_owned).to_vec();
        let yes = Button { label: "Delete it".into(), danger: true, press: Press::Give(words) };
        let no = Button {
            label: "x".repeat(100),
            danger: false,
            press: Press::Say("Nothing was deleted.".into()),
        };
        let blocks = blocks(&"Sure?".into(), &[yes.clone(), no.clone()]).expect("blocks");
        let elements = &blocks[1]["elements"];
        assert_eq!(elements[0]["style"], "danger");
        assert_eq!(elements[1]["text"]["text"].as_str().map(str::len), Some(LABEL));
        for (element, button) in [(&elements[0], yes), (&elements[1], no)] {
            let used: wire::Used = serde_json::from_value(element.clone()).expect("an action");
            assert!(pressed(&used) == Some(button.press));
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_button_panics(id in "(press\\.)?\\PC{0,8}", value in "\\PC{0,60}") {
            let used = serde_json::from_value(json!({"action_id": id, "value": value}));
            let _ = pressed(&used.expect("an action"));
        }
    }
}
