//! `/Configuration/Addresses`: which senders make conversations by themselves.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Refusal, Result, json::date, paging};
use crate::simulator::model::channel;
use crate::simulator::world::World;
use crate::simulator::world::settings::AddressConfig;

fn shape(world: &World, call: &Call, one: &AddressConfig) -> Value {
    let mut creation = Map::new();
    creation.insert("enabled".to_owned(), one.enabled.into());
    creation.insert("type".to_owned(), one.creation_type.as_str().into());
    creation.insert("conversation_service_sid".to_owned(), json!(one.service_sid));
    match &*one.creation_type {
        "webhook" => {
            let method = if one.webhook_get { "GET" } else { "POST" };
            creation.insert("webhook_url".to_owned(), json!(one.webhook_url));
            creation.insert("webhook_method".to_owned(), method.into());
            creation.insert("webhook_filters".to_owned(), json!(one.webhook_filters));
        }
        "studio" => {
            creation.insert("studio_flow_sid".to_owned(), json!(one.studio_flow_sid));
            creation.insert("studio_retry_count".to_owned(), json!(one.studio_retry_count));
        }
        _ => {}
    }
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "type": one.kind,
        "address": one.address,
        "friendly_name": one.friendly_name,
        "auto_creation": creation,
        "address_country": one.address_country,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "url": format!("{}/Configuration/Addresses/{}", call.scope.prefix, one.sid),
    })
}

fn fill(call: &Call, one: &mut AddressConfig) -> Result<()> {
    if let Some(name) = call.text("FriendlyName") {
        one.friendly_name = Some(name);
    }
    if let Some(enabled) = call.flag("AutoCreation.Enabled")? {
        one.enabled = enabled;
    }
    if let Some(kind) = call.text("AutoCreation.Type") {
        if !["webhook", "studio", "default"].contains(&&*kind) {
            return Err(Refusal::bad(20001, "AutoCreation.Type is not known"));
        }
        one.creation_type = kind;
    }
    if let Some(sid) = call.text("AutoCreation.ConversationServiceSid") {
        one.service_sid = Some(sid);
    }
    if let Some(url) = call.text("AutoCreation.WebhookUrl") {
        one.webhook_url = Some(url);
    }
    if let Some(method) = call.field("AutoCreation.WebhookMethod") {
        one.webhook_get = method.eq_ignore_ascii_case("get");
    }
    let filters = call.all("AutoCreation.WebhookFilters");
    if !filters.is_empty() {
        one.webhook_filters = filters;
    }
    one.studio_flow_sid =
        call.text("AutoCreation.StudioFlowSid").or_else(|| one.studio_flow_sid.take());
    one.studio_retry_count =
        call.number("AutoCreation.StudioRetryCount")?.or(one.studio_retry_count);
    Ok(())
}

/// Address configurations are the account's, not a service's.
fn account_only(call: &Call) -> Result<()> {
    if call.scope.service { Err(Refusal::no_resource(&call.scope.path)) } else { Ok(()) }
}

fn missing(call: &Call) -> Refusal {
    Refusal::no_resource(&call.scope.path)
}

pub(super) async fn create(call: Call) -> Result {
    account_only(&call)?;
    let kind = call.required("Type")?.to_owned();
    let address = call.required("Address")?.to_owned();
    if channel(&address) != kind {
        return Err(Refusal::bad(20001, "Type and Address do not fit together"));
    }
    call.inner.change(|world, _| {
        if world.settings.addresses.values().any(|one| one.address == address) {
            return Err(Refusal::new(409, 50059, "Address configuration already exists"));
        }
        let now = world.now();
        let mut one = AddressConfig {
            sid: world.sid("IG"),
            kind,
            address,
            friendly_name: None,
            address_country: call.text("AddressCountry"),
            enabled: false,
            creation_type: "default".to_owned(),
            service_sid: Some(world.service_sid.to_string()),
            webhook_url: None,
            webhook_get: false,
            webhook_filters: Vec::new(),
            studio_flow_sid: None,
            studio_retry_count: None,
            created: now,
            updated: now,
        };
        fill(&call, &mut one)?;
        let order = world.order();
        world.settings.addresses.insert(order, one.clone());
        Ok(Answer::Created(shape(world, &call, &one)))
    })
}

/// The configuration by SID or by its address.
fn find(world: &World, call: &Call) -> Result<u64> {
    account_only(call)?;
    let id = call.id("address");
    let found =
        world.settings.addresses.iter().find(|(_, one)| &*one.sid == id || one.address == id);
    found.map(|(order, _)| *order).ok_or_else(|| missing(call))
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let one = &world.settings.addresses[&find(world, &call)?];
        Ok(Answer::Found(shape(world, &call, one)))
    })
}

pub(super) async fn update(call: Call) -> Result {
    call.inner.change(|world, _| {
        let order = find(world, &call)?;
        let now = world.now();
        let one = world.settings.addresses.get_mut(&order).ok_or_else(|| missing(&call))?;
        fill(&call, one)?;
        one.updated = now;
        let one = one.clone();
        Ok(Answer::Found(shape(world, &call, &one)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    call.inner.change(|world, _| {
        let order = find(world, &call)?;
        world.settings.addresses.remove(&order);
        Ok(Answer::Gone)
    })
}

pub(super) async fn list(call: Call) -> Result {
    account_only(&call)?;
    let kind = call.field("Type");
    call.inner.look(|world| {
        paging::list(&call, "address_configurations", 50, false, |from, to| {
            world
                .settings
                .addresses
                .range((from, to))
                .filter(move |(_, one)| kind.is_none_or(|kind| one.kind == kind))
                .map(|(order, one)| (*order, shape(world, &call, one)))
        })
    })
}
