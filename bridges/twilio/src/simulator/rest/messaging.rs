//! The Messaging API: direct messages, typing indicators.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result};
use crate::simulator::events::Params;
use crate::simulator::happening::Happening;
use crate::simulator::inner::Inner;
use crate::simulator::model::{Binding, MediaItem, Sid, channel};
use crate::simulator::world::World;
use crate::simulator::world::participants::is_address;
use crate::simulator::world::settings::DirectMessage;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(list).post(create))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", get(fetch))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}/Media.json", get(media))
        .route("/v2/Indicators/Typing.json", post(typing))
}

/// A date as this older API writes it: RFC 2822.
fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn shape(world: &World, one: &DirectMessage) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/Messages/{}", world.account_sid, one.sid);
    json!({
        "sid": one.sid,
        "account_sid": world.account_sid,
        "messaging_service_sid": one.messaging_service_sid,
        "from": one.from,
        "to": one.to,
        "body": one.body,
        "status": one.status,
        "direction": if one.inbound { "inbound" } else { "outbound-api" },
        "num_media": one.num_media.to_string(),
        "num_segments": "1",
        "price": null,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "error_code": (one.error_code != 0).then_some(one.error_code),
        "error_message": null,
        "date_created": date(one.created),
        "date_updated": date(one.created),
        "date_sent": date(one.created),
        "uri": format!("{uri}.json"),
        "subresource_uris": { "media": format!("{uri}/Media.json") },
    })
}

fn own_account(call: &Call) -> Result<()> {
    if call.id("account") == call.inner.options.account_sid {
        Ok(())
    } else {
        Err(Refusal::no_resource(&call.scope.path))
    }
}

async fn create(call: Call) -> Result {
    own_account(&call)?;
    let service = call.text("MessagingServiceSid");
    let (from, to) = ends(&call, service.is_some())?;
    let callback = call.text("StatusCallback");
    call.inner.change(|world, effects| {
        let (body, content_sid) = words(world, &call)?;
        let sid = world.sid("SM");
        let binding = Binding { address: to.clone(), proxy_address: from.clone() };
        let error = world.send_direct(
            &binding,
            sid.clone(),
            body.clone(),
            Vec::new(),
            content_sid,
            effects,
        );
        // An SMS to somebody who said STOP is refused at once; WhatsApp fails later.
        if error == 21610 {
            return Err(Refusal::bad(21610, "Attempt to send to unsubscribed recipient"));
        }
        let message = DirectMessage {
            sid: sid.clone(),
            from,
            to,
            body,
            num_media: call.all("MediaUrl").len(),
            files: Vec::new(),
            status: "queued",
            error_code: 0,
            inbound: false,
            messaging_service_sid: service,
            created: world.now(),
        };
        let answer = shape(world, &message);
        let (on, reads) = (world.phone(&message.to).on, world.reads);
        let statuses = fates(error, on, reads && channel(&message.to) == "whatsapp");
        if let Some(url) = callback {
            for status in statuses {
                let params = status_params(world, &message, status, error);
                effects.call(url.as_str().into(), params);
            }
        }
        let status = statuses.last().copied().unwrap_or("queued");
        world.settings.keep_direct(DirectMessage { status, error_code: error, ..message });
        Ok(Answer::Created(answer))
    })
}

/// From where to where a direct message goes, or why Twilio does not take it.
fn ends(call: &Call, has_service: bool) -> Result<(String, String)> {
    let to = call.field("To").unwrap_or_default().to_owned();
    if to.is_empty() {
        return Err(Refusal::bad(21604, "A 'To' phone number is required"));
    }
    if !is_address(&to) {
        return Err(Refusal::bad(21211, "Invalid 'To' Phone Number"));
    }
    let from = match call.text("From") {
        Some(from) if is_address(&from) => from,
        Some(_) => return Err(Refusal::bad(21212, "Invalid From Number")),
        None if has_service => default_sender(call, &to)?,
        None => return Err(Refusal::bad(21603, "A 'From' phone number is required")),
    };
    let senders = &call.inner.options.senders;
    if !senders.is_empty() && !senders.contains(&from) {
        return Err(match channel(&from) {
            "whatsapp" => Refusal::bad(
                63007,
                "Twilio could not find a Channel with the specified From address",
            ),
            _ => Refusal::bad(
                21606,
                "The 'From' phone number provided is not a valid, message-capable Twilio phone number",
            ),
        });
    }
    if channel(&from) != channel(&to) {
        return Err(Refusal::bad(21910, "Invalid From and To pair: they are of two channels"));
    }
    Ok((from, to))
}

/// What becomes of a direct message, by its error and whether the phone is on.
const fn fates(error: u32, on: bool, is_read: bool) -> &'static [&'static str] {
    match (error, on) {
        (0, true) if is_read => &["sent", "delivered", "read"],
        (0, true) => &["sent", "delivered"],
        (0, false) => &["sent"],
        (30000..=30999, _) => &["sent", "undelivered"],
        _ => &["failed"],
    }
}

/// The words of a direct message: a filled template, or the body.
fn words(world: &World, call: &Call) -> Result<(String, Option<Sid>)> {
    if let Some(sid) = call.field("ContentSid") {
        let template = world
            .settings
            .template(sid)
            .ok_or_else(|| Refusal::bad(21655, "The ContentSid is Invalid"))?;
        let values = call.field("ContentVariables").filter(|text| !text.is_empty());
        let values = serde_json::from_str(values.unwrap_or("{}"))
            .map_err(|_| Refusal::bad(21656, "The Content Variables parameter is invalid"))?;
        return Ok((template.filled(&values), Some(template.sid.clone())));
    }
    let body = call.field("Body").unwrap_or_default();
    if body.is_empty() && call.field("MediaUrl").is_none() {
        return Err(Refusal::bad(21602, "Message body is required"));
    }
    if body.chars().count() > 1600 {
        return Err(Refusal::bad(21617, "The concatenated message body exceeds 1600 characters"));
    }
    Ok((body.to_owned(), None))
}

/// The sender that a Messaging service would choose.
fn default_sender(call: &Call, to: &str) -> Result<String> {
    let senders = &call.inner.options.senders;
    senders
        .iter()
        .find(|one| channel(one) == channel(to))
        .cloned()
        .ok_or_else(|| Refusal::bad(21703, "The Messaging Service does not have a sender"))
}

fn status_params(world: &World, one: &DirectMessage, status: &str, error: u32) -> Params {
    let mut params: Params = vec![
        ("MessageSid".into(), one.sid.to_string()),
        ("SmsSid".into(), one.sid.to_string()),
        ("MessageStatus".into(), status.to_owned()),
        ("SmsStatus".into(), status.to_owned()),
        ("AccountSid".into(), world.account_sid.to_string()),
        ("From".into(), one.from.clone()),
        ("To".into(), one.to.clone()),
        ("ApiVersion".into(), "2010-04-01".to_owned()),
    ];
    if error != 0 {
        params.push(("ErrorCode".into(), error.to_string()));
    }
    params
}

async fn fetch(call: Call) -> Result {
    own_account(&call)?;
    let id = call.id("message").trim_end_matches(".json");
    call.inner.look(|world| {
        let found = world.settings.direct.get(id);
        let one = found.ok_or_else(|| Refusal::no_resource(&call.scope.path))?;
        Ok(Answer::Found(shape(world, one)))
    })
}

/// The messages of the account, newest first, by `To`, `From` and the time of their sending: on a
/// day (`DateSent`), since (`DateSent>`) or until then (`DateSent<`), both included.
async fn list(call: Call) -> Result {
    own_account(&call)?;
    let size = call.number("PageSize")?.unwrap_or(50).clamp(1, 1000);
    let (since, until) = sent(&call)?;
    call.inner.look(|world| {
        let wanted: Vec<&DirectMessage> = world
            .settings
            .direct_newest()
            .filter(|one| call.field("To").is_none_or(|to| to == one.to))
            .filter(|one| call.field("From").is_none_or(|from| from == one.from))
            .filter(|one| (since..=until).contains(&one.created.as_second()))
            .collect();
        let shapes = |one: &&DirectMessage| (one.sid.clone(), shape(world, one));
        Ok(paged(&call, "messages", size, wanted.iter().map(shapes).collect()))
    })
}

/// From which second to which a list is asked for. A time is given in full, or as a day (UTC).
fn sent(call: &Call) -> Result<(i64, i64)> {
    const DAY: i64 = 24 * 3600;
    let given = |name: &str| -> Result<Option<(i64, i64)>> {
        let Some(text) = call.field(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let wrong = |_| Refusal::bad(20001, format!("Invalid parameter {name}"));
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Some((at.as_second(), at.as_second())));
        }
        let day = text.parse::<jiff::civil::Date>().map_err(wrong)?;
        let first = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(wrong)?.timestamp().as_second();
        Ok(Some((first, first + DAY - 1)))
    };
    if let Some((from, _)) = given("DateSent")? {
        let first = from - from.rem_euclid(DAY);
        return Ok((first, first + DAY - 1));
    }
    let since = given("DateSent>")?.map_or(i64::MIN, |(first, _)| first);
    let until = given("DateSent<")?.map_or(i64::MAX, |(_, last)| last);
    Ok((since, until))
}

/// A page of a list of this older API: its addresses stand beside the items. A page is known by the
/// item that it begins behind.
fn paged(call: &Call, key: &str, size: u64, items: Vec<(Sid, Value)>) -> Answer {
    let number = call.number("Page").ok().flatten().unwrap_or(0);
    let at_once = usize::try_from(size).unwrap_or(usize::MAX);
    let begin = call.field("PageToken").map_or(0, |token| {
        items.iter().position(|(sid, _)| &**sid == token).map_or(items.len(), |at| at + 1)
    });
    let end = begin.saturating_add(at_once).min(items.len());
    let uri = |number: u64, begin: usize| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(call.filters());
        query.append_pair("PageSize", &size.to_string());
        query.append_pair("Page", &number.to_string());
        let token = begin.checked_sub(1).and_then(|before| items.get(before));
        token.map(|(sid, _)| query.append_pair("PageToken", sid));
        format!("{}?{}", call.scope.path, query.finish())
    };
    let next = (end < items.len()).then(|| uri(number + 1, end));
    let previous =
        (begin > 0).then(|| uri(number.saturating_sub(1), begin.saturating_sub(at_once)));
    let first = number.saturating_mul(size);
    let mut page = json!({
        "page": number,
        "page_size": size,
        "start": first,
        "end": first + (end - begin).saturating_sub(1) as u64,
        "uri": uri(number, begin),
        "first_page_uri": uri(0, 0),
        "previous_page_uri": previous,
        "next_page_uri": next,
    });
    let items = items.into_iter().skip(begin).take(at_once);
    page[key] = items.map(|(_, item)| item).collect::<Vec<_>>().into();
    Answer::Found(page)
}

/// The files of a message.
async fn media(call: Call) -> Result {
    own_account(&call)?;
    let size = call.number("PageSize")?.unwrap_or(50).clamp(1, 1000);
    call.inner.look(|world| {
        let found = world.settings.direct.get(call.id("message"));
        let one = found.ok_or_else(|| Refusal::no_resource(&call.scope.path))?;
        let front = call.scope.path.trim_end_matches(".json");
        let shape = |file: &MediaItem| {
            let shape = json!({
                "sid": file.sid,
                "account_sid": world.account_sid,
                "parent_sid": one.sid,
                "content_type": file.content_type,
                "date_created": date(one.created),
                "date_updated": date(one.created),
                "uri": format!("{front}/{}.json", file.sid),
            });
            (file.sid.clone(), shape)
        };
        Ok(paged(&call, "media_list", size, one.files.iter().map(shape).collect()))
    })
}

/// Shows the person that an answer is being written, and marks the message as read.
async fn typing(call: Call) -> Result {
    let message = call.required("messageId")?;
    if call.required("channel")? != "whatsapp" {
        return Err(Refusal::bad(20001, "channel must be whatsapp"));
    }
    if !Sid::is_form(message, "SM") && !Sid::is_form(message, "MM") {
        return Err(Refusal::bad(20001, "messageId is not a message SID"));
    }
    let message = Sid::from(message);
    call.inner.change(|_, effects| effects.tell(Happening::Typing { message }));
    Ok(Answer::Found(json!({ "success": true })))
}
