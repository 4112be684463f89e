//! `/Configuration`, `/Configuration/Webhooks` and `/Services`: of the account, or of its one
//! service where the path names it.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result, json::date, paging};
use crate::simulator::events::EVENTS;
use crate::simulator::world::World;
use crate::simulator::world::settings::HookConfig;

fn shape(world: &World, call: &Call) -> Value {
    let url = format!("{}/Configuration", call.scope.prefix);
    let settings = &world.settings;
    if call.scope.service {
        return json!({
            "chat_service_sid": world.service_sid,
            "default_conversation_creator_role_sid": settings.participant_role,
            "default_conversation_role_sid": settings.participant_role,
            "default_chat_service_role_sid": settings.user_role,
            "reachability_enabled": false,
            "links": {
                "notifications": format!("{url}/Notifications"),
                "webhooks": format!("{url}/Webhooks"),
            },
            "url": url,
        });
    }
    let service = format!("{}/Services/{}/Configuration", call.scope.prefix, world.service_sid);
    json!({
        "account_sid": world.account_sid,
        "default_chat_service_sid": world.service_sid,
        "default_messaging_service_sid": settings.messaging_service_sid,
        "default_inactive_timer": settings.default_inactive_timer,
        "default_closed_timer": settings.default_closed_timer,
        "links": { "service": service, "webhooks": format!("{url}/Webhooks") },
        "url": url,
    })
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| Ok(Answer::Found(shape(world, &call))))
}

/// Only what the simulator acts on is kept: the default Messaging service and the two timers.
pub(super) async fn update(call: Call) -> Result {
    call.inner.change(|world, _| {
        if let Some(sid) = call.field("DefaultMessagingServiceSid") {
            world.settings.messaging_service_sid = sid.into();
        }
        let given = |name| call.text(name).filter(|text: &String| !text.is_empty());
        if call.field("DefaultInactiveTimer").is_some() {
            world.settings.default_inactive_timer = given("DefaultInactiveTimer");
        }
        if call.field("DefaultClosedTimer").is_some() {
            world.settings.default_closed_timer = given("DefaultClosedTimer");
        }
        Ok(Answer::Found(shape(world, &call)))
    })
}

fn hooks_shape(world: &World, call: &Call) -> Value {
    let config = if call.scope.service {
        &world.settings.service_hooks
    } else {
        &world.settings.account_hooks
    };
    let mut shape = json!({
        "account_sid": world.account_sid,
        "pre_webhook_url": config.pre_url,
        "post_webhook_url": config.post_url,
        "filters": config.filters,
        "method": if config.get { "GET" } else { "POST" },
        "url": format!("{}/Configuration/Webhooks", call.scope.prefix),
    });
    if call.scope.service {
        shape["chat_service_sid"] = world.service_sid.as_str().into();
    } else {
        shape["target"] = "webhook".into();
    }
    shape
}

pub(super) async fn webhooks(call: Call) -> Result {
    call.inner.look(|world| Ok(Answer::Found(hooks_shape(world, &call))))
}

pub(super) async fn set_webhooks(call: Call) -> Result {
    let filters = call.all("Filters");
    if filters.iter().any(|one| !one.is_empty() && !EVENTS.contains(&one.as_str())) {
        return Err(Refusal::bad(50365, "Invalid conversation webhook filter"));
    }
    let url = |name: &str| {
        call.field(name)
            .map(|text| match text {
                "" => Ok(None),
                text => url::Url::parse(text)
                    .map(|_| Some(text.to_owned()))
                    .map_err(|_| Refusal::bad(20001, format!("{name} is not a URL"))),
            })
            .transpose()
    };
    let (pre_url, post_url) = (url("PreWebhookUrl")?, url("PostWebhookUrl")?);
    call.inner.change(|world, _| {
        let config: &mut HookConfig = if call.scope.service {
            &mut world.settings.service_hooks
        } else {
            &mut world.settings.account_hooks
        };
        if let Some(url) = pre_url {
            config.pre_url = url;
        }
        if let Some(url) = post_url {
            config.post_url = url;
        }
        if let Some(method) = call.field("Method") {
            config.get = method.eq_ignore_ascii_case("get");
        }
        if !filters.is_empty() {
            config.filters = filters.into_iter().filter(|one| !one.is_empty()).collect();
        }
        Ok(Answer::Found(hooks_shape(world, &call)))
    })
}

fn service_shape(world: &World, call: &Call) -> Value {
    let url = format!("{}/Services/{}", call.scope.prefix, world.service_sid);
    json!({
        "sid": world.service_sid,
        "account_sid": world.account_sid,
        "friendly_name": "Simulated service",
        "date_created": date(world.settings.started),
        "date_updated": date(world.settings.started),
        "links": {
            "conversations": format!("{url}/Conversations"),
            "users": format!("{url}/Users"),
            "roles": format!("{url}/Roles"),
            "bindings": format!("{url}/Bindings"),
            "configuration": format!("{url}/Configuration"),
            "participant_conversations": format!("{url}/ParticipantConversations"),
        },
        "url": url,
    })
}

/// The account's one service; any other was refused on the way here.
pub(super) async fn service(call: Call) -> Result {
    call.inner.look(|world| Ok(Answer::Found(service_shape(world, &call))))
}

/// The account's services: one.
pub(super) async fn services(call: Call) -> Result {
    call.inner.look(|world| {
        let shape = service_shape(world, &call);
        paging::list(&call, "services", 100, false, |_, _| std::iter::once((0, shape)))
    })
}
