//! `/Conversations/{CH}/Participants` and `/ParticipantConversations`.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result, paging};
use crate::simulator::events;
use crate::simulator::world::World;
use crate::simulator::world::participants::{Wish, no_participant};

fn wish(call: &Call) -> Result<Wish> {
    let given = |name| call.text(name).filter(|text: &String| !text.is_empty());
    Ok(Wish {
        identity: given("Identity"),
        address: given("MessagingBinding.Address"),
        proxy_address: given("MessagingBinding.ProxyAddress"),
        projected_address: given("MessagingBinding.ProjectedAddress"),
        attributes: given("Attributes"),
        role_sid: given("RoleSid"),
        last_read_message_index: match call.field("LastReadMessageIndex") {
            None | Some("" | "null") => None,
            Some(_) => call.number("LastReadMessageIndex")?,
        },
        last_read_timestamp: given("LastReadTimestamp"),
    })
}

pub(super) async fn create(call: Call) -> Result {
    let wish = wish(&call)?;
    let id = call.id("conversation");
    let (sid, draft) = call.inner.change(|world, _| {
        let draft = world.draft_participant(id, &wish)?;
        Ok((world.resolve(id)?, draft))
    })?;
    let asked = events::participant_add(&sid, &draft);
    call.ask("onParticipantAdd", Some(sid.clone()), asked).await?;
    call.inner.change(|world, effects| {
        let one = world.add_participant(&sid, draft, &call.cause, effects)?;
        Ok(Answer::Created(super::json::participant(world, &call.scope, &sid, &one)))
    })
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let one = group.participant(call.id("participant")).ok_or_else(no_participant)?;
        let sid = &group.conversation.sid;
        Ok(Answer::Found(super::json::participant(world, &call.scope, sid, one)))
    })
}

/// What a before hook is told of a participant that is there.
async fn ask(call: &Call, event: &'static str) -> Result<()> {
    let (sid, params) = call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let one = group.participant(call.id("participant")).ok_or_else(no_participant)?;
        let sid = group.conversation.sid.clone();
        let params = events::participant(&sid, one);
        Ok::<_, Refusal>((sid, params))
    })?;
    call.ask(event, Some(sid), params).await.map(drop)
}

pub(super) async fn update(call: Call) -> Result {
    let wish = wish(&call)?;
    ask(&call, "onParticipantUpdate").await?;
    call.inner.change(|world, effects| {
        let (id, participant) = (call.id("conversation"), call.id("participant"));
        let one = world.update_participant(id, participant, &wish, &call.cause, effects)?;
        let sid = world.resolve(id)?;
        Ok(Answer::Found(super::json::participant(world, &call.scope, &sid, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    ask(&call, "onParticipantRemove").await?;
    call.inner.change(|world, effects| {
        let (id, participant) = (call.id("conversation"), call.id("participant"));
        world.remove_participant(id, participant, &call.cause, effects)
    })?;
    Ok(Answer::Gone)
}

pub(super) async fn list(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let sid = &group.conversation.sid;
        paging::list(&call, "participants", 100, false, |from, to| {
            group.participants.range((from, to)).map(|(order, one)| {
                (*order, super::json::participant(world, &call.scope, sid, one))
            })
        })
    })
}

/// Where an address or an identity is a participant.
pub(super) async fn conversations(call: Call) -> Result {
    let key = match (call.field("Address"), call.field("Identity")) {
        (Some(key), None) | (None, Some(key)) if !key.is_empty() => key,
        _ => return Err(Refusal::bad(20001, "Give either Identity or Address")),
    };
    call.inner.look(|world| {
        paging::list(&call, "conversations", 50, false, |from, to| {
            world
                .memberships_of(key)
                .into_iter()
                .flat_map(move |places| places.range((from, to)))
                .filter_map(|(order, sid)| Some((*order, place(world, &call, *order, sid)?)))
        })
    })
}

fn place(world: &World, call: &Call, order: u64, sid: &str) -> Option<Value> {
    let group = world.groups.get(sid)?;
    let member = group.participants.get(&order)?;
    let one = &group.conversation;
    let url = format!("{}/Conversations/{}", call.scope.prefix, one.sid);
    let user = member.identity.as_ref().and_then(|identity| world.user(identity));
    Some(json!({
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "participant_sid": member.sid,
        "participant_user_sid": user.map(|user| user.sid.clone()),
        "participant_identity": member.identity,
        "participant_messaging_binding": super::json::binding(member),
        "conversation_sid": one.sid,
        "conversation_unique_name": one.unique_name,
        "conversation_friendly_name": one.friendly_name,
        "conversation_attributes": one.attributes,
        "conversation_date_created": super::json::date(one.created),
        "conversation_date_updated": super::json::date(one.updated),
        "conversation_created_by": "system",
        "conversation_state": one.state,
        "conversation_timers": super::json::timers(one),
        "links": {
            "participant": format!("{url}/Participants/{}", member.sid),
            "conversation": url,
        },
    }))
}
