//! The Verify API, v2: codes that are sent and checked.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result, json::date};
use crate::simulator::inner::Inner;
use crate::simulator::model::Sid;
use crate::simulator::world::World;
use crate::simulator::world::codes::{CodeAttempt, Verification};

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/v2/Services/{service}/Verifications", post(send))
        .route("/v2/Services/{service}/VerificationCheck", post(check))
        .route("/v2/Attempts/{attempt}", get(attempt))
}

fn own_service(call: &Call) -> Result<()> {
    if call.id("service") == call.inner.options.verify_service_sid {
        Ok(())
    } else {
        Err(Refusal::no_resource(&call.scope.path))
    }
}

/// The fields that a verification and a check have both.
fn shape(world: &World, call: &Call, number: &str, one: &Verification, status: &str) -> Value {
    json!({
        "sid": one.sid,
        "service_sid": call.id("service"),
        "account_sid": world.account_sid,
        "to": number,
        "channel": one.channel,
        "status": status,
        "valid": status == "approved",
        "amount": null,
        "payee": null,
        "date_created": date(one.created),
        "date_updated": date(world.now()),
    })
}

async fn send(call: Call) -> Result {
    own_service(&call)?;
    let number = call.required("To")?.to_owned();
    let channel = call.required("Channel")?.to_owned();
    let digits = number.strip_prefix('+').unwrap_or_default();
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::bad(60200, "Invalid parameter `To`"));
    }
    if !["sms", "whatsapp", "call"].contains(&&*channel) {
        return Err(Refusal::bad(60200, "Invalid parameter `Channel`"));
    }
    call.inner.change(|world, effects| {
        let one = world.send_code(&number, &channel, effects)?;
        let mut shape = shape(world, &call, &number, &one, "pending");
        let attempt = |(sid, at): &(Sid, jiff::Timestamp)| {
            json!({"attempt_sid": sid, "channel": one.channel, "time": date(*at)})
        };
        shape["send_code_attempts"] = one.sent.iter().map(attempt).collect();
        shape["lookup"] = json!({});
        shape["sna"] = Value::Null;
        shape["url"] = format!(
            "https://verify.twilio.com/v2/Services/{}/Verifications/{}",
            call.id("service"),
            one.sid
        )
        .into();
        Ok(Answer::Created(shape))
    })
}

async fn check(call: Call) -> Result {
    own_service(&call)?;
    let code = call.required("Code")?.to_owned();
    if !(4..=10).contains(&code.len()) {
        return Err(Refusal::bad(60200, "Invalid parameter: Code"));
    }
    let (number, verification) = (call.field("To"), call.field("VerificationSid"));
    if number.is_none() && verification.is_none() {
        return Err(Refusal::bad(60200, "Missing required parameter: To or VerificationSid"));
    }
    call.inner.change(|world, _| {
        let told = world.tell_code(number, verification, &code)?;
        let Some((number, one, right)) = told else {
            return Err(Refusal::no_resource(&call.scope.path));
        };
        let status = if right { "approved" } else { "pending" };
        let mut shape = shape(world, &call, &number, &one, status);
        shape["sna_attempts_error_codes"] = json!([]);
        Ok(Answer::Created(shape))
    })
}

async fn attempt(call: Call) -> Result {
    call.inner.look(|world| {
        let id = call.id("attempt");
        let found = world.code_attempts.get(id);
        let CodeAttempt { verification, number, channel, told, created } =
            found.ok_or_else(|| Refusal::no_resource(&call.scope.path))?;
        Ok(Answer::Found(json!({
            "sid": id,
            "account_sid": world.account_sid,
            "service_sid": call.inner.options.verify_service_sid,
            "verification_sid": verification,
            "date_created": date(*created),
            "date_updated": date(*created),
            "conversion_status": if *told { "converted" } else { "unconverted" },
            "channel": channel,
            "price": {},
            "channel_data": {"to": number},
            "url": format!("https://verify.twilio.com/v2/Attempts/{id}"),
        })))
    })
}
