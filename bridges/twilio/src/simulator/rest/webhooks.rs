//! `/Conversations/{CH}/Webhooks`: the hooks of one conversation.

use serde_json::{Value, json};

use super::json::{date, scoped};
use super::{Answer, Call, Refusal, Result, paging};
use crate::simulator::events::{EVENTS, is_before};
use crate::simulator::world::World;
use crate::simulator::world::settings::ScopedWebhook;

fn shape(world: &World, call: &Call, conversation: &str, one: &ScopedWebhook) -> Value {
    let mut configuration = serde_json::Map::new();
    let mut put = |name: &str, value: Value| configuration.insert(name.to_owned(), value);
    if one.target == "studio" {
        put("flow_sid", json!(one.flow_sid));
    } else {
        put("url", json!(one.url));
        put("method", if one.get { "get" } else { "post" }.into());
    }
    if !one.filters.is_empty() {
        put("filters", json!(one.filters));
    }
    if !one.triggers.is_empty() {
        put("triggers", json!(one.triggers));
    }
    if let Some(index) = one.replay_after {
        put("replay_after", index.into());
    }
    let shape = json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "conversation_sid": conversation,
        "target": one.target,
        "configuration": configuration,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "url": format!("{}/Conversations/{conversation}/Webhooks/{}", call.scope.prefix, one.sid),
    });
    scoped(&call.scope, shape)
}

/// Filters of a conversation's hooks: after events only (doc).
fn check_filters(filters: &[String]) -> Result<()> {
    let known = |one: &String| EVENTS.contains(&one.as_str()) && !is_before(one);
    if filters.iter().all(known) {
        Ok(())
    } else {
        Err(Refusal::bad(50365, "Invalid conversation webhook filter"))
    }
}

fn fill(call: &Call, one: &mut ScopedWebhook) -> Result<()> {
    if let Some(url) = call.text("Configuration.Url") {
        url::Url::parse(&url)
            .map_err(|_| Refusal::bad(50371, "Invalid conversation webhook URL"))?;
        one.url = Some(url);
    }
    if let Some(method) = call.field("Configuration.Method") {
        one.get = method.eq_ignore_ascii_case("get");
    }
    let filters = call.all("Configuration.Filters");
    check_filters(&filters)?;
    if !filters.is_empty() {
        one.filters = filters;
    }
    let triggers = call.all("Configuration.Triggers");
    if !triggers.is_empty() {
        one.triggers = triggers;
    }
    one.flow_sid = call.text("Configuration.FlowSid").or_else(|| one.flow_sid.take());
    one.replay_after = call.number("Configuration.ReplayAfter")?.or(one.replay_after);
    Ok(())
}

pub(super) async fn create(call: Call) -> Result {
    let target = match call.field("Target") {
        None | Some("") => {
            return Err(Refusal::bad(50368, "Conversation webhook type not provided"));
        }
        Some(target @ ("webhook" | "studio" | "trigger")) => target.to_owned(),
        Some(_) => return Err(Refusal::bad(50364, "Invalid conversation webhook type")),
    };
    call.inner.change(|world, _| {
        let now = world.now();
        let mut one = ScopedWebhook {
            sid: world.sid("WH"),
            target,
            url: None,
            get: false,
            filters: Vec::new(),
            triggers: Vec::new(),
            flow_sid: None,
            replay_after: None,
            created: now,
            updated: now,
        };
        fill(&call, &mut one)?;
        if one.target == "webhook" && one.url.is_none() {
            return Err(Refusal::bad(50369, "Conversation webhook URL not provided"));
        }
        if one.target == "webhook" && one.filters.is_empty() {
            return Err(Refusal::bad(50370, "Conversation webhook filter not provided"));
        }
        let order = world.order();
        let group = world.open_group(call.id("conversation"))?;
        // Twilio's limit (doc).
        if group.webhooks.len() >= 5 {
            return Err(Refusal::bad(50361, "Conversation webhooks limit exceeded"));
        }
        group.webhooks.insert(order, one.clone());
        let sid = group.conversation.sid.clone();
        Ok(Answer::Created(shape(world, &call, &sid, &one)))
    })
}

fn missing() -> Refusal {
    Refusal::not_found(50360, "Conversation webhook")
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let id = call.id("webhook");
        let one = group.webhooks.values().find(|one| &*one.sid == id).ok_or_else(missing)?;
        Ok(Answer::Found(shape(world, &call, &group.conversation.sid, one)))
    })
}

pub(super) async fn update(call: Call) -> Result {
    call.inner.change(|world, _| {
        let now = world.now();
        let group = world.open_group(call.id("conversation"))?;
        let id = call.id("webhook");
        let one = group.webhooks.values_mut().find(|one| &*one.sid == id).ok_or_else(missing)?;
        fill(&call, one)?;
        one.updated = now;
        let (one, sid) = (one.clone(), group.conversation.sid.clone());
        Ok(Answer::Found(shape(world, &call, &sid, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    call.inner.change(|world, _| {
        let group = world.group_mut(call.id("conversation"))?;
        let id = call.id("webhook");
        let order = group.webhooks.iter().find(|(_, one)| &*one.sid == id).map(|(order, _)| *order);
        group.webhooks.remove(&order.ok_or_else(missing)?);
        Ok(Answer::Gone)
    })
}

pub(super) async fn list(call: Call) -> Result {
    call.inner.look(|world| {
        let group = world.group(call.id("conversation"))?;
        let sid = &group.conversation.sid;
        paging::list(&call, "webhooks", 50, false, |from, to| {
            let range = group.webhooks.range((from, to));
            range.map(|(order, one)| (*order, shape(world, &call, sid, one)))
        })
    })
}
