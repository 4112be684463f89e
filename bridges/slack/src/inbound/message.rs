//! Messages: said, changed, taken back; by people, by other bots, by the bridge itself.

use partyline_core::{
    Content, DeliveryId, Event, EventKey, File, Happening, MessageId, Place, Speaker,
};
use partyline_core::{Network, Text};
use serde::Deserialize;
use serde_json::Value;

use super::{Reader, event_key, safe_name};
use crate::{text, ts, wire};

/// What stands for a message that is made of nothing that can be shown in words.
const UNSHOWABLE: &str = "[a message that can only be seen in Slack]";

/// Slack's own helper, which is nobody's words.
const SLACKBOT: &str = "USLACKBOT";

/// What kind of message it is, by its `subtype`.
enum Kind {
    /// Somebody's words or files.
    Said,
    /// The same, in the third person.
    Emote,
    /// A bot's words.
    Bot,
    /// Slack's own: a join, a topic, a pin …
    System,
}

impl Reader<'_> {
    /// A message event. `None` where it has no time stamp to be known by.
    pub(super) fn message(
        &self,
        event: &Value,
        fields: &wire::Fields,
        channel: &Place,
        callback: &wire::Callback,
    ) -> Option<Event> {
        let happening = match fields.subtype.as_deref() {
            Some("message_changed") => self.changed(&wire::Change::deserialize(event).ok()?)?,
            Some("message_deleted") => {
                let change = wire::Change::deserialize(event).ok()?;
                let previous = change.previous_message.and_then(|message| message.ts);
                Happening::Deleted { id: MessageId::new(change.deleted_ts.or(previous)?) }
            }
            // Says that a thread grew; the reply comes as a message of its own.
            Some("message_replied") => other("message.message_replied"),
            _ => return self.said(&wire::Message::deserialize(event).ok()?, channel),
        };
        Some(Event {
            key: event_key(callback, fields, channel, "message")?,
            place: channel.clone(),
            at: self.time(callback, fields),
            // A change is no message of its own in the channel's history.
            ordinal: None,
            happening,
        })
    }

    /// A message of a channel, live or from its history: the key is the same.
    pub(crate) fn said(&self, message: &wire::Message, channel: &Place) -> Option<Event> {
        let stamp = message.ts.as_deref()?;
        let ordinal = ts::ordinal(stamp)?;
        let id = MessageId::new(stamp);
        let subtype = message.subtype.as_deref();
        let happening = match kind(message) {
            Kind::System => other(&format!("message.{}", safe_name(subtype))),
            _ if self.is_own(message) => Happening::Echo {
                id,
                delivery: message
                    .metadata
                    .as_ref()
                    .and_then(wire::Metadata::delivery)
                    .map(DeliveryId::new),
            },
            Kind::Bot => other("message.bot_message"),
            _ if self.is_repeat(message, channel, stamp) => other("message.repeated"),
            kind => Happening::Message {
                id,
                speaker: speaker(message),
                content: self.content(message, matches!(kind, Kind::Emote)),
            },
        };
        Some(Event {
            key: EventKey::new(format!("{}:{stamp}", channel.id())),
            place: channel.clone(),
            at: ts::time(stamp).unwrap_or(self.now),
            ordinal: Some(ordinal),
            happening,
        })
    }

    fn changed(&self, change: &wire::Change) -> Option<Happening> {
        let message = change.message.as_ref()?;
        let id = MessageId::new(message.ts.as_deref()?);
        // The first message of a thread is not taken out of it, it becomes a tombstone.
        if message.subtype.as_deref() == Some("tombstone") {
            return Some(Happening::Deleted { id });
        }
        match kind(message) {
            Kind::System => return Some(other("message.message_changed.system")),
            _ if self.is_own(message) => return Some(other("message.message_changed.own")),
            Kind::Bot => return Some(other("message.message_changed.bot")),
            Kind::Said | Kind::Emote => {}
        }
        // Slack shows what a link leads to by changing the message; nobody wrote anything.
        if let Some(previous) = &change.previous_message
            && previous.text == message.text
            && same_files(&previous.files, &message.files)
        {
            return Some(other("message.message_changed.unfurl"));
        }
        let mut speaker = speaker(message);
        if let Some(user) = message.edited.as_ref().and_then(|edited| edited.user.as_deref())
            && user != speaker.id.id
        {
            speaker = Speaker::new(Network::Slack, user);
        }
        let emote = matches!(kind(message), Kind::Emote);
        Some(Happening::Edited { id, speaker, content: self.content(message, emote) })
    }

    /// Whether Slack listed this gesture before, under another time stamp.
    fn is_repeat(&self, message: &wire::Message, channel: &Place, stamp: &str) -> bool {
        message.client_msg_id.as_ref().is_some_and(|gesture| {
            self.gestures.is_repeat(&format!("{}/{gesture}", channel.id()), stamp)
        })
    }

    /// Whether the bridge posted it. As long as it does not know itself, the metadata says it:
    /// that of another installation must not be taken for its own.
    fn is_own(&self, message: &wire::Message) -> bool {
        let marked = message.metadata.as_ref().is_some_and(|data| data.delivery().is_some());
        match self.identity {
            Some(own) => {
                self.is_own_user(message.user.as_deref())
                    || (own.bot_id.is_some() && own.bot_id == message.bot_id)
                    || (own.bot_id.is_none() && marked)
            }
            None => marked,
        }
    }

    fn content(&self, message: &wire::Message, emote: bool) -> Content {
        let mut text = text::read(message.text.as_deref().unwrap_or_default(), self.name_of);
        let files: Vec<File> = message.files.iter().filter_map(file).collect();
        for share in message.attachments.iter().filter(|a| a.is_share == Some(true)) {
            add_line(&mut text, &self.attachment(share));
        }
        if text.is_blank() && files.is_empty() {
            text = self.words_of_the_rest(message);
        }
        let thread = message
            .thread_ts
            .as_ref()
            .filter(|thread| message.ts.as_ref() != Some(thread))
            .map(|thread| MessageId::new(thread.as_str()));
        Content { text, emote, files, thread, ..Content::default() }
    }

    /// The words of a message that has neither text nor files: those of its attachments, else
    /// those of its blocks.
    fn words_of_the_rest(&self, message: &wire::Message) -> Text {
        let mut text = Text::default();
        for attachment in &message.attachments {
            add_line(&mut text, &self.attachment(attachment));
        }
        if text.is_blank() {
            let mut words = String::new();
            block_words(&message.blocks, &mut words);
            text = text::read(words.trim(), self.name_of);
        }
        if text.is_blank() { Text::plain(UNSHOWABLE) } else { text }
    }

    fn attachment(&self, attachment: &wire::Attachment) -> String {
        let markup = attachment.text.as_deref().or(attachment.fallback.as_deref());
        let words = text::read(markup.unwrap_or_default(), self.name_of).plain;
        match attachment.author_name.as_deref() {
            Some(author) if !words.is_empty() => format!("> {author}: {words}"),
            _ => words,
        }
    }
}

fn kind(message: &wire::Message) -> Kind {
    match message.subtype.as_deref() {
        Some("bot_message") => Kind::Bot,
        None if message.user.as_deref() == Some(SLACKBOT) => Kind::Bot,
        None | Some("file_share" | "thread_broadcast" | "me_message")
            if message.bot_id.is_some() =>
        {
            Kind::Bot
        }
        None | Some("file_share" | "thread_broadcast") => Kind::Said,
        Some("me_message") => Kind::Emote,
        Some(_) => Kind::System,
    }
}

fn speaker(message: &wire::Message) -> Speaker {
    let id = message.user.as_deref().or(message.bot_id.as_deref()).unwrap_or("unknown");
    let profile = message.user_profile.as_ref();
    let name = [
        profile.and_then(|profile| profile.display_name.as_ref()),
        profile.and_then(|profile| profile.real_name.as_ref()),
        message.username.as_ref(),
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.trim().is_empty());
    Speaker { name: name.cloned(), ..Speaker::new(Network::Slack, id) }
}

fn file(file: &wire::File) -> Option<File> {
    Some(File {
        id: file.id.clone()?,
        name: file.name.clone().or_else(|| file.title.clone()),
        media_type: file.mimetype.clone(),
        size: file.size,
        url: file.url_private_download.clone(),
    })
}

fn same_files(one: &[wire::File], other: &[wire::File]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.id == other.id)
}

fn other(name: &str) -> Happening {
    Happening::Other { name: name.to_owned() }
}

fn add_line(text: &mut Text, line: &str) {
    if line.is_empty() {
        return;
    }
    if !text.plain.is_empty() {
        text.plain.push('\n');
    }
    text.plain.push_str(line);
}

/// Gathers what blocks of any kind say, in order. JSON nests no deeper than its parser allows.
fn block_words(block: &Value, words: &mut String) {
    match block {
        Value::Array(blocks) => blocks.iter().for_each(|block| block_words(block, words)),
        Value::Object(fields) => {
            match (fields.get("text"), fields.get("url")) {
                (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => {
                    words.push_str(text);
                }
                (Some(text), _) => block_words(text, words),
                _ => {}
            }
            for inner in ["elements", "fields"] {
                if let Some(inner) = fields.get(inner) {
                    block_words(inner, words);
                }
            }
            // Sections stand on lines of their own, the pieces of a line beside each other.
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
            if matches!(kind, "section" | "header" | "context" | "rich_text_section") {
                words.push('\n');
            }
        }
        _ => {}
    }
}
