//! The media service: files up and down.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refusal, Result, json::date};
use crate::simulator::inner::Inner;
use crate::simulator::model::MediaItem;
use crate::simulator::world::World;
use crate::simulator::world::settings::StoredMedia;

/// The largest file, in bytes (WhatsApp's 16 MB are the largest of the channels; doc).
const LARGEST: usize = 16 * 1024 * 1024;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/v1/Services/{service}/Media", axum::routing::post(upload))
        .route("/v1/Services/{service}/Media/{media}", get(fetch).delete(remove))
        .route("/v1/Services/{service}/Media/{media}/Content", get(content))
        .route("/_media/{media}/{ticket}", get(by_ticket))
}

/// The links stand without a host (seen).
fn shape(world: &World, one: &StoredMedia) -> Value {
    let path = format!("/v1/Services/{}/Media/{}", world.service_sid, one.item.sid);
    json!({
        "sid": one.item.sid,
        "service_sid": world.service_sid,
        "account_sid": world.account_sid,
        "date_created": date(one.created),
        "date_updated": date(one.created),
        "size": one.item.size,
        "content_type": one.item.content_type,
        "filename": one.item.filename,
        "author": one.author,
        "category": "media",
        "message_sid": one.message,
        "channel_sid": null,
        "is_multipart_upstream": false,
        "url": path,
        "links": { "content": format!("{path}/Content") },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Name {
    filename: Option<String>,
    author: Option<String>,
}

async fn upload(
    State(inner): State<Arc<Inner>>,
    Query(name): Query<Name>,
    request: Request,
) -> Result {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|kind| kind.split(';').next().unwrap_or(kind).trim().to_owned())
        .filter(|kind| kind.contains('/'))
        .ok_or_else(|| Refusal::bad(50511, "Media has no content type"))?;
    let bytes = axum::body::to_bytes(request.into_body(), LARGEST)
        .await
        .map_err(|_| Refusal::new(413, 50512, "Media is too large"))?;
    if bytes.is_empty() {
        return Err(Refusal::bad(50510, "Media is empty"));
    }
    inner.change(|world, _| {
        let item = MediaItem {
            sid: world.sid("ME"),
            filename: name.filename,
            content_type,
            size: bytes.len(),
        };
        let media = StoredMedia {
            item,
            author: name.author,
            bytes,
            message: None,
            ticket: world.sid("").to_string(),
            created: world.now(),
        };
        let shape = shape(world, &media);
        world.settings.keep_media(media);
        Ok(Answer::Created(shape))
    })
}

fn find<'a>(world: &'a World, sid: &str) -> Result<&'a StoredMedia> {
    world.settings.media.get(sid).ok_or_else(|| Refusal::not_found(50507, "Media"))
}

async fn fetch(State(inner): State<Arc<Inner>>, Path((_, sid)): Path<(String, String)>) -> Result {
    inner.look(|world| {
        let media = find(world, &sid)?;
        let mut shape = shape(world, media);
        shape["links"]["content_direct_temporary"] = world.ticket_url(media).into();
        Ok(Answer::Found(shape))
    })
}

async fn remove(State(inner): State<Arc<Inner>>, Path((_, sid)): Path<(String, String)>) -> Result {
    inner.change(|world, _| {
        if world.settings.drop_media(&sid) {
            Ok(Answer::Gone)
        } else {
            Err(Refusal::not_found(50507, "Media"))
        }
    })
}

fn bytes(media: &StoredMedia) -> Response {
    ([(CONTENT_TYPE, media.item.content_type.clone())], media.bytes.clone()).into_response()
}

async fn content(
    State(inner): State<Arc<Inner>>,
    Path((_, sid)): Path<(String, String)>,
) -> Result<Response> {
    inner.look(|world| find(world, &sid).map(bytes))
}

/// The address that needs no credentials.
async fn by_ticket(
    State(inner): State<Arc<Inner>>,
    Path((sid, ticket)): Path<(String, String)>,
) -> Result<Response> {
    inner.look(|world| {
        let media = find(world, &sid)?;
        if media.ticket == ticket {
            Ok(bytes(media))
        } else {
            Err(Refusal::new(403, 20403, "The address has expired"))
        }
    })
}
