//! `/Conversations/{CH}/Messages` and their receipts.

use std::ops::{Bound, RangeBounds};
use std::sync::atomic::Ordering;

use super::{Answer, Call, Refusal, Result, json, paging};
use crate::simulator::events;
use crate::simulator::inbound::apply;
use crate::simulator::model::MediaItem;
use crate::simulator::world::messages::{Wish, no_message};

pub(super) async fn create(call: Call) -> Result {
    let id = call.id("conversation");
    let given = |name| call.text(name).filter(|text: &String| !text.is_empty());
    let mut draft = call.inner.change(|world, _| {
        let media = call.all("MediaSid");
        let media: Vec<MediaItem> = media
            .iter()
            .filter(|sid| !sid.is_empty())
            .map(|sid| world.free_media(sid))
            .collect::<Result<_, _>>()?;
        let wish = Wish {
            author: given("Author"),
            body: call.text("Body"),
            attributes: given("Attributes"),
            media,
            content_sid: given("ContentSid"),
            content_variables: given("ContentVariables"),
            channel_message_sid: None,
            created: call
                .field("DateCreated")
                .map(str::parse)
                .transpose()
                .map_err(|_| Refusal::bad(20001, "DateCreated is not a date"))?,
        };
        world.draft_message(id, wish)
    })?;
    let conversation = draft.message.conversation_sid.clone();
    let asked = events::message_add(&draft.message);
    if let Some(change) = call.ask("onMessageAdd", Some(conversation), asked).await? {
        apply(&mut draft.message, &change);
    }
    call.inner.count.messages_created.fetch_add(1, Ordering::Relaxed);
    call.inner.change(|world, effects| {
        let one = world.add_message(draft, &call.cause, effects)?;
        world.bind_media(&one);
        Ok(Answer::Created(json::message(world, &call.scope, &one)))
    })
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let one = group.message(call.id("message")).ok_or_else(no_message)?;
        Ok(Answer::Found(json::message(world, &call.scope, one)))
    })
}

/// What a before hook is told of a message that is there.
async fn ask(call: &Call, event: &'static str) -> Result<()> {
    let (sid, params) = call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let one = group.message(call.id("message")).ok_or_else(no_message)?;
        let service = group.conversation.messaging_service_sid.as_ref();
        let params = events::message_changed(one, service);
        Ok::<_, Refusal>((group.conversation.sid.clone(), params))
    })?;
    call.ask(event, Some(sid), params).await.map(drop)
}

pub(super) async fn update(call: Call) -> Result {
    ask(&call, "onMessageUpdate").await?;
    let wish = Wish {
        author: call.text("Author"),
        body: call.text("Body"),
        attributes: call.text("Attributes").filter(|text| !text.is_empty()),
        ..Wish::default()
    };
    call.inner.change(|world, effects| {
        let (id, message) = (call.id("conversation"), call.id("message"));
        let one = world.update_message(id, message, &wish, &call.cause, effects)?;
        Ok(Answer::Found(json::message(world, &call.scope, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    ask(&call, "onMessageRemove").await?;
    call.inner.change(|world, effects| {
        let (id, message) = (call.id("conversation"), call.id("message"));
        world.remove_message(id, message, &call.cause, effects)
    })?;
    Ok(Answer::Gone)
}

pub(super) async fn list(call: Call) -> Result {
    let descending = match call.field("Order") {
        None | Some("" | "asc") => false,
        Some("desc") => true,
        Some(_) => return Err(Refusal::bad(20001, "Order must be asc or desc")),
    };
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let messages = &group.messages;
        paging::list(&call, "messages", 100, descending, |from, to| {
            let start = match from {
                Bound::Excluded(place) => messages.partition_point(|one| one.index <= place),
                _ => 0,
            };
            let end = match to {
                Bound::Excluded(place) => messages.partition_point(|one| one.index < place),
                _ => messages.len(),
            };
            messages
                .range(start..end.max(start))
                .map(|one| (one.index, json::message(world, &call.scope, one)))
        })
    })
}

pub(super) async fn receipts(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let message = group.message(call.id("message")).ok_or_else(no_message)?;
        paging::list(&call, "delivery_receipts", 50, false, |from, to| {
            // At most fifty phones, so at most fifty receipts.
            let all = (0..).zip(&message.receipts);
            let inside: Vec<_> = all
                .filter(|(place, _)| (from, to).contains(place))
                .map(|(place, one)| (place, json::receipt(world, &call.scope, message, one)))
                .collect();
            inside.into_iter()
        })
    })
}

pub(super) async fn receipt(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let message = group.message(call.id("message")).ok_or_else(no_message)?;
        let sid = call.id("receipt");
        let one = message.receipts.iter().find(|one| &*one.sid == sid);
        let one = one.ok_or_else(|| Refusal::no_resource(&call.scope.path))?;
        Ok(Answer::Found(json::receipt(world, &call.scope, message, one)))
    })
}
