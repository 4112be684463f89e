//! The content of an `m.room.message` or `m.sticker` in our words (pure).

use partyline_core::{Content, File, Location, MessageId, Text};
use serde_json::Value;

use crate::text;

/// The event that this content replaces, and what it says now, where it is an edit (client-server
/// API, "Event replacements").
pub(crate) fn edit(content: &Value) -> Option<(&str, &Value)> {
    let relation = &content["m.relates_to"];
    if relation["rel_type"] != "m.replace" {
        return None;
    }
    Some((relation["event_id"].as_str()?, &content["m.new_content"]))
}

/// What the message holds. `None` for a kind of message that is not known, or an empty one.
pub(crate) fn content(content: &Value) -> Option<Content> {
    let body = content["body"].as_str().unwrap_or_default();
    let (reply_to, thread) = relations(&content["m.relates_to"]);
    let body =
        if reply_to.is_some() || thread.is_some() { text::without_quotation(body) } else { body };
    let mut said = Content { reply_to, thread, ..Content::default() };
    match content["msgtype"].as_str()? {
        "m.text" | "m.notice" => said.text = Text::plain(body),
        "m.emote" => {
            said.text = Text::plain(body);
            said.emote = true;
        }
        "m.image" | "m.video" | "m.audio" | "m.file" => {
            // With a file name of its own, the body is a caption (MSC2530, v1.10).
            if content["filename"].as_str().is_some_and(|name| name != body) {
                said.text = Text::plain(body);
            }
            said.files.push(file(content)?);
        }
        "m.location" => said.location = Some(location(content)?),
        _ => return None,
    }
    (!said.is_empty()).then_some(said)
}

/// A sticker: a picture with a description for a body.
pub(crate) fn sticker(content: &Value) -> Option<Content> {
    Some(Content { files: vec![file(content)?], ..Content::default() })
}

/// The message that it answers, and the one that began its thread. In a thread the reply is only
/// a fallback for older clients, unless it says otherwise.
fn relations(relation: &Value) -> (Option<MessageId>, Option<MessageId>) {
    let reply = relation["m.in_reply_to"]["event_id"].as_str().map(MessageId::new);
    if relation["rel_type"] != "m.thread" {
        return (reply, None);
    }
    let real = relation["is_falling_back"] != true;
    (reply.filter(|_| real), relation["event_id"].as_str().map(MessageId::new))
}

fn file(content: &Value) -> Option<File> {
    // In an encrypted room the address stands beside the key to it.
    let id = content["url"].as_str().or_else(|| content["file"]["url"].as_str())?;
    if !id.starts_with("mxc://") {
        return None;
    }
    let name = content["filename"].as_str().or_else(|| content["body"].as_str());
    Some(File {
        id: id.to_owned(),
        name: name.and_then(text::name),
        media_type: content["info"]["mimetype"].as_str().map(str::to_owned),
        size: content["info"]["size"].as_u64(),
        url: None,
    })
}

/// A `geo:` address (RFC 5870): `geo:48.85,2.29;u=35`.
fn location(content: &Value) -> Option<Location> {
    let address = content["geo_uri"].as_str()?.strip_prefix("geo:")?;
    let mut coordinates = address.split(';').next()?.split(',');
    let mut degrees =
        || coordinates.next().filter(|degrees| degrees.parse::<f64>().is_ok_and(f64::is_finite));
    Some(Location {
        latitude: degrees()?.to_owned(),
        longitude: degrees()?.to_owned(),
        label: content["body"].as_str().and_then(text::name),
    })
}
