//! The Content API: templates and what WhatsApp says of them.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Refusal, Result, json::date, paging};
use crate::simulator::model::Template;
use crate::simulator::world::World;

/// What a template is, without its approval.
fn base(world: &World, one: &Template) -> Value {
    let variables: Map<String, Value> =
        one.variables.iter().map(|(name, example)| (name.clone(), json!(example))).collect();
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "friendly_name": one.friendly_name,
        "language": one.language,
        "variables": variables,
        "types": { "twilio/text": { "body": one.body } },
        "date_created": date(world.settings.started),
        "date_updated": date(world.settings.started),
    })
}

fn approval_shape(one: &Template) -> Value {
    json!({
        "name": one.friendly_name,
        "category": one.category,
        "content_type": "twilio/text",
        "status": one.approval,
        "rejection_reason": one.rejection_reason,
        "allow_category_change": true,
    })
}

fn with_links(world: &World, call: &Call, one: &Template) -> Value {
    let url = format!("{}/Content/{}", call.scope.prefix, one.sid);
    let mut shape = base(world, one);
    shape["links"] = json!({
        "approval_create": format!("{url}/ApprovalRequests/whatsapp"),
        "approval_fetch": format!("{url}/ApprovalRequests"),
    });
    shape["url"] = url.into();
    shape
}

/// The page sizes of the Content API go up to a thousand (spec).
const MOST: u64 = 1000;

pub(super) async fn with_approvals(call: Call) -> Result {
    call.inner.look(|world| {
        paging::list(&call, "contents", MOST, false, |from, to| {
            world.settings.templates.range((from, to)).map(|(order, one)| {
                let mut shape = base(world, one);
                shape["approval_requests"] = approval_shape(one);
                (*order, shape)
            })
        })
    })
}

pub(super) async fn list(call: Call) -> Result {
    call.inner.look(|world| {
        paging::list(&call, "contents", MOST, false, |from, to| {
            let range = world.settings.templates.range((from, to));
            range.map(|(order, one)| (*order, with_links(world, &call, one)))
        })
    })
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Template> {
    let found = world.settings.template(call.id("content"));
    found.ok_or_else(|| Refusal::no_resource(&call.scope.path))
}

pub(super) async fn fetch(call: Call) -> Result {
    call.inner.look(|world| Ok(Answer::Found(with_links(world, &call, find(world, &call)?))))
}

pub(super) async fn approval(call: Call) -> Result {
    call.inner.look(|world| {
        let one = find(world, &call)?;
        Ok(Answer::Found(json!({
            "sid": one.sid,
            "account_sid": world.account_sid,
            "whatsapp": approval_shape(one),
            "url": format!("{}/Content/{}/ApprovalRequests", call.scope.prefix, one.sid),
        })))
    })
}
