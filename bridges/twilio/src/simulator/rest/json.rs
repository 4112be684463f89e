//! How things stand in answers: the shapes of Twilio's OpenAPI document.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Scope;
use crate::simulator::model::{
    Conversation, Message, Participant, Receipt, ReceiptStatus, Sid, channel,
};
use crate::simulator::world::World;

/// A date as REST writes it: `2015-12-16T22:18:37Z`.
pub(super) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What belongs to a conversation names its service only where the path does (spec).
pub(super) fn scoped(scope: &Scope, mut shape: Value) -> Value {
    if !scope.service
        && let Some(fields) = shape.as_object_mut()
    {
        fields.remove("chat_service_sid");
    }
    shape
}

/// The dates of a conversation's timers.
pub(super) fn timers(one: &Conversation) -> Value {
    let mut timers = serde_json::Map::new();
    if let Some(at) = one.date_inactive {
        timers.insert("date_inactive".to_owned(), date(at).into());
    }
    if let Some(at) = one.date_closed {
        timers.insert("date_closed".to_owned(), date(at).into());
    }
    timers.into()
}

pub(super) fn conversation(world: &World, scope: &Scope, one: &Conversation) -> Value {
    let url = format!("{}/Conversations/{}", scope.prefix, one.sid);
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "messaging_service_sid": one.messaging_service_sid,
        "friendly_name": one.friendly_name,
        "unique_name": one.unique_name,
        "attributes": one.attributes,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "state": one.state,
        "timers": timers(one),
        "bindings": {},
        "links": {
            "participants": format!("{url}/Participants"),
            "messages": format!("{url}/Messages"),
            "webhooks": format!("{url}/Webhooks"),
        },
        "url": url,
    })
}

/// A participant's binding, or null.
pub(super) fn binding(one: &Participant) -> Value {
    let Some(binding) = &one.binding else {
        return one
            .projected_address
            .as_ref()
            .map_or(Value::Null, |address| json!({ "type": "sms", "projected_address": address }));
    };
    let mut shape = json!({
        "type": channel(&binding.address),
        "address": binding.address,
        "proxy_address": binding.proxy_address,
    });
    if let Some(address) = &one.projected_address {
        shape["projected_address"] = address.as_str().into();
    }
    shape
}

pub(super) fn participant(
    world: &World,
    scope: &Scope,
    conversation: &Sid,
    one: &Participant,
) -> Value {
    let shape = json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "conversation_sid": conversation,
        "identity": one.identity,
        "attributes": one.attributes,
        "messaging_binding": binding(one),
        "role_sid": one.role_sid,
        "last_read_message_index": one.last_read_message_index,
        "last_read_timestamp": one.last_read_timestamp,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "url": format!(
            "{}/Conversations/{conversation}/Participants/{}", scope.prefix, one.sid
        ),
    });
    scoped(scope, shape)
}

pub(super) fn message(world: &World, scope: &Scope, one: &Message) -> Value {
    let url = message_url(scope, one);
    let media: Vec<Value> = one
        .media
        .iter()
        .map(|item| {
            json!({
                "sid": item.sid,
                "size": item.size,
                "content_type": item.content_type,
                "filename": item.filename,
            })
        })
        .collect();
    let shape = json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "conversation_sid": one.conversation_sid,
        "index": one.index,
        "author": one.author,
        "body": one.body,
        "media": if media.is_empty() { Value::Null } else { media.into() },
        "attributes": one.attributes,
        "participant_sid": one.participant_sid,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "delivery": delivery(&one.receipts),
        "content_sid": one.content_sid,
        "links": {
            "delivery_receipts": format!("{url}/Receipts"),
            "channel_metadata": format!("{url}/ChannelMetadata"),
        },
        "url": url,
    });
    scoped(scope, shape)
}

fn message_url(scope: &Scope, one: &Message) -> String {
    format!("{}/Conversations/{}/Messages/{}", scope.prefix, one.conversation_sid, one.sid)
}

/// The summary of a message's receipts: how many of the phones reached each status.
fn delivery(receipts: &[Receipt]) -> Value {
    if receipts.is_empty() {
        return Value::Null;
    }
    let share = |reached: &dyn Fn(&Receipt) -> bool| match receipts
        .iter()
        .filter(|one| reached(one))
        .count()
    {
        0 => "none",
        some if some == receipts.len() => "all",
        _ => "some",
    };
    let good = |one: &Receipt| one.status <= ReceiptStatus::Read;
    json!({
        "total": receipts.len(),
        "sent": share(&|one| good(one)),
        "delivered": share(&|one| good(one) && one.status >= ReceiptStatus::Delivered),
        "read": share(&|one| one.status == ReceiptStatus::Read),
        "failed": share(&|one| one.status == ReceiptStatus::Failed),
        "undelivered": share(&|one| one.status == ReceiptStatus::Undelivered),
    })
}

pub(super) fn receipt(world: &World, scope: &Scope, message: &Message, one: &Receipt) -> Value {
    let shape = json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "conversation_sid": message.conversation_sid,
        "message_sid": message.sid,
        "channel_message_sid": one.channel_message_sid,
        "participant_sid": one.participant_sid,
        "status": one.status,
        "error_code": one.error_code,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "url": format!("{}/Receipts/{}", message_url(scope, message), one.sid),
    });
    scoped(scope, shape)
}
