//! The numbers and WhatsApp senders of the account.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result};
use crate::simulator::inner::Inner;
use crate::simulator::model::channel;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", get(numbers))
        .route("/v2/Channels/Senders", get(whatsapp))
}

/// A SID of this kind that follows from a number.
fn sid(kind: &str, number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    format!("{kind}{digits:0>32}")
}

async fn numbers(call: Call) -> Result {
    if call.id("account") != call.inner.options.account_sid {
        return Err(Refusal::no_resource(&call.scope.path));
    }
    let wanted = call.field("PhoneNumber");
    let of = |one: &&String| channel(one) == "sms" && wanted.is_none_or(|wanted| wanted == *one);
    let shape = |one: &String| {
        json!({
            "sid": sid("PN", one),
            "account_sid": call.inner.options.account_sid,
            "phone_number": one,
            "capabilities": { "sms": true, "mms": true, "voice": true, "fax": false },
        })
    };
    let all: Vec<Value> = call.inner.options.senders.iter().filter(of).map(shape).collect();
    Ok(Answer::Found(json!({
        "incoming_phone_numbers": all,
        "page": 0,
        "page_size": 50,
        "next_page_uri": null,
    })))
}

async fn whatsapp(call: Call) -> Result {
    if call.required("Channel")? != "whatsapp" {
        return Err(Refusal::bad(20001, "Channel must be whatsapp"));
    }
    let of = |one: &&String| channel(one) == "whatsapp";
    let shape =
        |one: &String| json!({ "sid": sid("XE", one), "sender_id": one, "status": "ONLINE" });
    let all: Vec<Value> = call.inner.options.senders.iter().filter(of).map(shape).collect();
    Ok(Answer::Found(json!({
        "senders": all,
        "meta": { "key": "senders", "page": 0, "page_size": 50, "next_page_url": null },
    })))
}
