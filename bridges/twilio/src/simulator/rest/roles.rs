//! `/Roles`.

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result, json::date, paging};
use crate::simulator::world::World;
use crate::simulator::world::settings::Role;

fn shape(world: &World, call: &Call, one: &Role) -> Value {
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "chat_service_sid": world.service_sid,
        "friendly_name": one.friendly_name,
        "type": one.kind,
        "permissions": one.permissions,
        "date_created": date(one.created),
        "date_updated": date(one.updated),
        "url": format!("{}/Roles/{}", call.scope.prefix, one.sid),
    })
}

pub(super) async fn create(call: Call) -> Result {
    let friendly_name = call.required("FriendlyName")?.to_owned();
    let kind = call.required("Type")?.to_owned();
    if !["conversation", "service"].contains(&&*kind) {
        return Err(Refusal::bad(20001, "Type must be conversation or service"));
    }
    call.required("Permission")?;
    call.inner.change(|world, _| {
        let now = world.now();
        let one = Role {
            sid: world.sid("RL"),
            friendly_name,
            kind,
            permissions: call.all("Permission"),
            created: now,
            updated: now,
        };
        let order = world.order();
        world.settings.roles.insert(order, one.clone());
        Ok(Answer::Created(shape(world, &call, &one)))
    })
}

fn find(world: &World, call: &Call) -> Result<u64> {
    let id = call.id("role");
    let found = world.settings.roles.iter().find(|(_, one)| &*one.sid == id);
    found.map(|(order, _)| *order).ok_or_else(|| Refusal::no_resource(&call.scope.path))
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| {
        let one = &world.settings.roles[&find(world, &call)?];
        Ok(Answer::Found(shape(world, &call, one)))
    })
}

pub(super) async fn update(call: Call) -> Result {
    call.required("Permission")?;
    call.inner.change(|world, _| {
        let order = find(world, &call)?;
        let now = world.now();
        let role = world.settings.roles.get_mut(&order);
        let role = role.ok_or_else(|| Refusal::no_resource(&call.scope.path))?;
        role.permissions = call.all("Permission");
        role.updated = now;
        let role = role.clone();
        Ok(Answer::Found(shape(world, &call, &role)))
    })
}

pub(super) async fn remove(call: Call) -> Result {
    call.inner.change(|world, _| {
        let order = find(world, &call)?;
        world.settings.roles.remove(&order);
        Ok(Answer::Gone)
    })
}

pub(super) async fn list(call: Call) -> Result {
    call.inner.look(|world| {
        paging::list(&call, "roles", 50, false, |from, to| {
            let range = world.settings.roles.range((from, to));
            range.map(|(order, one)| (*order, shape(world, &call, one)))
        })
    })
}
