//! `/Conversations` and `/ConversationWithParticipants`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::Value;

use super::{Answer, Call, Refusal, Result, json, paging};
use crate::simulator::events;
use crate::simulator::model::State;
use crate::simulator::world::conversations::Wish;
use crate::simulator::world::{Group, participants};

/// The most participants that one request can bring along (doc).
const AT_ONCE: usize = 10;

fn wish(call: &Call) -> Result<Wish> {
    let state = call
        .field("State")
        .map(|text| {
            State::read(text)
                .filter(|state| *state != State::Initializing)
                .ok_or_else(|| Refusal::bad(20001, "State must be active, inactive or closed"))
        })
        .transpose()?;
    Ok(Wish {
        friendly_name: call.text("FriendlyName"),
        unique_name: call.text("UniqueName"),
        attributes: call.text("Attributes").filter(|text| !text.is_empty()),
        messaging_service_sid: call.text("MessagingServiceSid").filter(|sid| !sid.is_empty()),
        state,
        inactive_after: duration(call, "Timers.Inactive")?,
        closed_after: duration(call, "Timers.Closed")?,
    })
}

/// An ISO 8601 duration; days have 24 hours. An empty one switches the timer off.
fn duration(call: &Call, name: &str) -> Result<Option<SignedDuration>> {
    let Some(text) = call.field(name) else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(SignedDuration::ZERO));
    }
    let span: Option<Span> = text.parse().ok();
    span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
        .map(Some)
        .ok_or_else(|| Refusal::bad(20001, format!("{name} is not an ISO 8601 duration")))
}

pub(super) async fn create(call: Call) -> Result {
    let wish = wish(&call)?;
    let mut draft = call.inner.change(|world, _| world.draft_conversation(&wish))?;
    let asked = events::conversation_add(&draft);
    if let Some(change) = call.ask("onConversationAdd", None, asked).await?
        && let Some(name) = change.get("friendly_name").and_then(Value::as_str)
    {
        draft.friendly_name = Some(name.to_owned());
    }
    call.inner.change(|world, effects| {
        let sid = world.add_conversation(draft, &call.cause, effects);
        let one = &world.group(&sid)?.conversation;
        Ok(Answer::Created(json::conversation(world, &call.scope, one)))
    })
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let one = &world.group(call.id("conversation"))?.conversation;
        Ok(Answer::Found(json::conversation(world, &call.scope, one)))
    })
}

pub(super) async fn update(call: Call) -> Result {
    let wish = wish(&call)?;
    let id = call.id("conversation");
    let one = call.inner.look(|world| Ok(world.group(id)?.conversation.clone()))?;
    let asked = events::conversation(&one);
    call.ask("onConversationUpdate", Some(one.sid), asked).await?;
    call.inner.change(|world, effects| {
        let one = world.update_conversation(id, &wish, &call.cause, effects)?;
        Ok(Answer::Found(json::conversation(world, &call.scope, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    let id = call.id("conversation");
    let one = call.inner.look(|world| Ok(world.group(id)?.conversation.clone()))?;
    let asked = events::conversation(&one);
    call.ask("onConversationRemove", Some(one.sid), asked).await?;
    call.inner.change(|world, effects| world.remove_conversation(id, &call.cause, effects))?;
    Ok(Answer::Gone)
}

pub(super) async fn list(call: Call) -> Result {
    let state = call
        .field("State")
        .map(|text| State::read(text).ok_or_else(|| Refusal::bad(20001, "State is not known")));
    let state = state.transpose()?;
    let start = day(&call, "StartDate")?;
    let end = day(&call, "EndDate")?.and_then(|day| day.checked_add(Span::new().hours(24)).ok());
    let wanted = |group: &&Group| {
        let one = &group.conversation;
        state.is_none_or(|state| one.state == state)
            && start.is_none_or(|start| one.created >= start)
            && end.is_none_or(|end| one.created < end)
    };
    call.inner.look(|world| {
        paging::list(&call, "conversations", 100, false, |from, to| {
            world
                .listed
                .range((from, to))
                .filter_map(|(_, sid)| world.groups.get(sid))
                .filter(wanted)
                .map(|group| {
                    let shape = json::conversation(world, &call.scope, &group.conversation);
                    (group.order, shape)
                })
        })
    })
}

/// A day (`2026-11-20`) or a moment, in UTC.
fn day(call: &Call, name: &str) -> Result<Option<Timestamp>> {
    let Some(text) = call.field(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    at.map(Some).ok_or_else(|| Refusal::bad(20001, format!("{name} is not a date")))
}

/// A conversation with up to ten participants, all or nothing. 202 where participants are
/// brought along: Twilio adds them after the answer.
pub(super) async fn create_with_participants(call: Call) -> Result {
    let members = call.all("Participant");
    if members.len() > AT_ONCE {
        return Err(Refusal::bad(50426, "Request contains too many participants"));
    }
    let members: Vec<participants::Wish> =
        members.iter().map(|text| member(text)).collect::<Result<_, _>>()?;
    let wish = wish(&call)?;
    call.inner.change(|world, effects| {
        // All or nothing: what is refused is not told.
        let mut told = events::Effects::default();
        let draft = world.draft_conversation(&wish)?;
        let sid = world.add_conversation(draft, &call.cause, &mut told);
        for wish in &members {
            let added = world
                .draft_participant(&sid, wish)
                .and_then(|one| world.add_participant(&sid, one, &call.cause, &mut told));
            if let Err(refusal) = added {
                world.remove_conversation(&sid, &call.cause, &mut told)?;
                return Err(refusal);
            }
        }
        effects.absorb(told);
        let shape = json::conversation(world, &call.scope, &world.group(&sid)?.conversation);
        Ok(if members.is_empty() { Answer::Created(shape) } else { Answer::Accepted(shape) })
    })
}

/// One participant of the request: JSON, as the documentation of the resource has it.
fn member(text: &str) -> Result<participants::Wish> {
    let wrong = || Refusal::bad(20001, "Participant is not valid JSON");
    let shape: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let field =
        |shape: &Value, name: &str| shape.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let binding = shape.get("messaging_binding").cloned().unwrap_or_default();
    Ok(participants::Wish {
        identity: field(&shape, "identity"),
        address: field(&binding, "address"),
        proxy_address: field(&binding, "proxy_address"),
        projected_address: field(&binding, "projected_address"),
        attributes: field(&shape, "attributes"),
        role_sid: field(&shape, "role_sid"),
        ..participants::Wish::default()
    })
}
