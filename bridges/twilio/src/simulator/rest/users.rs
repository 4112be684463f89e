//! `/Users`: identities.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result, json::date, paging};
use crate::simulator::events::{Effects, Params, hook_date};
use crate::simulator::model::Sid;
use crate::simulator::world::conversations::check_attributes;
use crate::simulator::world::settings::User;
use crate::simulator::world::{World, participants};

fn shape(world: &World, call: &Call, one: &User) -> Value {
    let url = format!("{}/Users/{}", call.scope.prefix, one.sid);
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "role_sid": one.role_sid,
        "identity": one.identity,
        "friendly_name": one.friendly_name,
        "attributes": one.attributes,
        "is_online": false,
        "is_notifiable": null,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "links": { "user_conversations": format!("{url}/Conversations") },
        "url": url,
    })
}

fn params(one: &User) -> Params {
    let mut params: Params = vec![
        ("UserSid".into(), one.sid.to_string()),
        ("Identity".into(), one.identity.clone()),
        ("RoleSid".into(), one.role_sid.to_string()),
        ("Attributes".into(), one.attributes.clone()),
        ("DateCreated".into(), hook_date(one.created)),
        ("DateUpdated".into(), hook_date(one.updated)),
    ];
    params.extend(one.friendly_name.clone().map(|name| ("FriendlyName".into(), name)));
    params
}

fn told(world: &World, call: &Call, event: &'static str, one: &User, effects: &mut Effects) {
    world.hook(effects, event, &call.cause, None, params(one));
}

fn attributes(call: &Call) -> Result<Option<String>> {
    let given = call.text("Attributes").filter(|text| !text.is_empty());
    if let Some(attributes) = &given {
        check_attributes(attributes, 4 * 1024)?;
    }
    Ok(given)
}

pub(super) async fn create(call: Call) -> Result {
    let identity = call.required("Identity")?.to_owned();
    let attributes = attributes(&call)?;
    call.inner.change(|world, effects| {
        if world.user(&identity).is_some() {
            return Err(Refusal::new(409, 50201, "User already exists"));
        }
        let now = world.now();
        let one = User {
            sid: world.sid("US"),
            identity,
            friendly_name: call.text("FriendlyName"),
            attributes: attributes.unwrap_or_else(|| "{}".to_owned()),
            role_sid: call
                .field("RoleSid")
                .map_or_else(|| world.settings.user_role.clone(), Sid::from),
            created: now,
            updated: now,
        };
        let order = world.order();
        world.settings.user_by_key.insert(one.sid.to_string(), order);
        world.settings.user_by_key.insert(one.identity.clone(), order);
        world.settings.users.insert(order, one.clone());
        told(world, &call, "onUserAdded", &one, effects);
        Ok(Answer::Created(shape(world, &call, &one)))
    })
}

fn missing() -> Refusal {
    Refusal::not_found(50200, "User")
}

fn find(world: &World, call: &Call) -> Result<u64> {
    world.settings.user_by_key.get(call.id("user")).copied().ok_or_else(missing)
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let one = world.user(call.id("user")).ok_or_else(missing)?;
        Ok(Answer::Found(shape(world, &call, one)))
    })
}

pub(super) async fn update(call: Call) -> Result {
    let attributes = attributes(&call)?;
    let before = call.inner.look(|world| world.user(call.id("user")).cloned());
    call.ask("onUserUpdate", None, params(&before.ok_or_else(missing)?)).await?;
    call.inner.change(|world, effects| {
        let order = find(world, &call)?;
        let now = world.now();
        let one = world.settings.users.get_mut(&order).ok_or_else(missing)?;
        if let Some(name) = call.text("FriendlyName") {
            one.friendly_name = Some(name);
        }
        if let Some(attributes) = attributes {
            one.attributes = attributes;
        }
        if let Some(role) = call.field("RoleSid") {
            one.role_sid = role.into();
        }
        one.updated = now;
        let one = one.clone();
        told(world, &call, "onUserUpdated", &one, effects);
        Ok(Answer::Found(shape(world, &call, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    call.inner.change(|world, _| {
        let order = find(world, &call)?;
        if let Some(user) = world.settings.users.remove(&order) {
            world.settings.user_by_key.remove(user.sid.as_str());
            world.settings.user_by_key.remove(&user.identity);
        }
        Ok(Answer::Gone)
    })
}

pub(super) async fn list(call: Call) -> Result {
    call.inner.look(|world| {
        paging::list(&call, "users", 50, false, |from, to| {
            let range = world.settings.users.range((from, to));
            range.map(|(order, one)| (*order, shape(world, &call, one)))
        })
    })
}

/// `/Users/{US}/Conversations`: where somebody takes part.
pub(super) async fn conversations(call: Call) -> Result {
    call.inner.look(|world| {
        let user = world.user(call.id("user")).ok_or_else(missing)?;
        paging::list(&call, "conversations", 50, false, |from, to| {
            world
                .memberships_of(&user.identity)
                .into_iter()
                .flat_map(move |places| places.range((from, to)))
                .filter_map(|(order, sid)| {
                    Some((*order, membership_shape(world, &call, user, *order, sid)?))
                })
        })
    })
}

fn membership_shape(
    world: &World,
    call: &Call,
    user: &User,
    order: u64,
    sid: &str,
) -> Option<Value> {
    let group = world.groups.get(sid)?;
    let member = group.participants.get(&order)?;
    let one = &group.conversation;
    let url = format!("{}/Conversations/{}", call.scope.prefix, one.sid);
    let read = member.last_read_message_index;
    let unread = read.map(|index| group.next_index.saturating_sub(index + 1));
    Some(json!({
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "conversation_sid": one.sid,
        "unread_messages_count": unread,
        "last_read_message_index": read,
        "participant_sid": member.sid,
        "user_sid": user.sid,
        "friendly_name": one.friendly_name,
        "conversation_state": one.state,
        "timers": super::json::timers(one),
        "attributes": one.attributes,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "created_by": "system",
        "notification_level": "default",
        "unique_name": one.unique_name,
        "url": format!("{}/Users/{}/Conversations/{}", call.scope.prefix, user.sid, one.sid),
        "links": {
            "participant": format!("{url}/Participants/{}", member.sid),
            "conversation": url,
        },
    }))
}

/// The user's place in the conversation that the path names.
fn find_membership<'a>(world: &'a World, call: &Call) -> Result<(&'a User, u64, Sid)> {
    let user = world.user(call.id("user")).ok_or_else(missing)?;
    let group = world.group(call.id("conversation"))?;
    let member = group.participant(&user.identity);
    let order = member.and_then(|one| group.participant_by_sid.get(&one.sid));
    let order = *order.ok_or_else(|| Refusal::not_found(50430, "User conversation"))?;
    Ok((user, order, group.conversation.sid.clone()))
}

fn found(world: &World, call: &Call) -> Result {
    let (user, order, sid) = find_membership(world, call)?;
    let shape = membership_shape(world, call, user, order, &sid);
    Ok(Answer::Found(shape.unwrap_or_default()))
}

pub(super) async fn membership(call: Call) -> Result {
    call.inner.look(|world| found(world, &call))
}

/// Only what has been read is kept; how loud a client is belongs to clients.
pub(super) async fn set_membership(call: Call) -> Result {
    let wish = participants::Wish {
        last_read_message_index: call.number("LastReadMessageIndex")?,
        last_read_timestamp: call.text("LastReadTimestamp"),
        ..participants::Wish::default()
    };
    call.inner.change(|world, effects| {
        let (user, _, sid) = find_membership(world, &call)?;
        let identity = user.identity.clone();
        world.update_participant(&sid, &identity, &wish, &call.cause, effects)?;
        found(world, &call)
    })
}

/// The user leaves the conversation.
pub(super) async fn leave(call: Call) -> Result {
    call.inner.change(|world, effects| {
        let (user, _, sid) = find_membership(world, &call)?;
        let identity = user.identity.clone();
        world.remove_participant(&sid, &identity, &call.cause, effects)?;
        Ok(Answer::Gone)
    })
}
