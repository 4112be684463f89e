//! The page: the phones and the channel side by side, and the small API behind it.
//!
//! | route | what it is |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /events` | what changes on it (server-sent events) |
//! | `POST /api/phones/{n}/say` `{text}` | somebody writes on a phone |
//! | `POST /api/phones/{n}/power` `{on}` | a phone is switched |
//! | `POST /api/phones/{n}/close-window` `{}` | its 24-hour window closes |
//! | `POST /api/{room}/say` `{by, text, thread?}` | somebody writes in `channel` or `inbox`, `/wa …` too |
//! | `POST /api/{room}/press` `{by, ts, action}` | a button is pressed there |
//! | `POST /api/forms/{id}/fill` `{values, send}` | a form is filled in, and sent off |
//! | `POST /api/forms/{id}/search` `{field, text}` | what can be chosen from a menu |
//! | `POST /api/forms/{id}/close` `{}` | a form is closed |
//! | `POST /api/bridge` `{on}` | the daemon is stopped softly, or started again |
//! | `GET /pictures/{name}.svg` | somebody's picture, drawn from the initials |
//!
//! The API takes JSON only, which no other site's form can send.

pub(super) mod draw;
mod forms;
mod picture;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use partyline_slack::simulator::Ts;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::live::{self, Region, Regions};
use super::stage::Stage;
use super::world::Room;

/// The largest body of a request, in bytes.
const BODY: usize = 64 * 1024;
/// The longest text that somebody may type, in characters.
const TEXT: usize = 10_000;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(15);
/// Pages that may look on at a time.
const PAGES: usize = 64;

/// Nothing from elsewhere, nothing inline: what people write can at worst be text.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Page {
    stage: Arc<Stage>,
    regions: watch::Receiver<Regions>,
    /// Turns to look on.
    turns: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Serves the page until it is told to stop.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    stage: &Arc<Stage>,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (told, mut regions) = watch::channel(Regions::default());
    let store = stage.store();
    let following = tokio::spawn(live::follow(stage.clone(), store, told, stop.clone()));
    // The first drawing, so that the page is whole at once.
    let drawn = regions.wait_for(|regions| !regions.is_empty()).await.is_ok();
    anyhow::ensure!(drawn, "the page could not be drawn");
    let page = Page {
        stage: stage.clone(),
        regions,
        turns: Arc::new(Semaphore::new(PAGES)),
        stop: stop.clone(),
    };
    let served = axum::serve(listener, router(page)).with_graceful_shutdown(stop.cancelled_owned());
    served.await?;
    following.await?;
    Ok(())
}

fn router(page: Page) -> Router {
    Router::new()
        .route("/", get(whole))
        .route("/events", get(events))
        .route("/style.css", get(style))
        .route("/page.js", get(script))
        .route("/pictures/{file}", get(picture::draw))
        .route("/api/phones/{number}/say", post(phone_says))
        .route("/api/phones/{number}/power", post(power))
        .route("/api/phones/{number}/close-window", post(close_window))
        .route("/api/{room}/say", post(said))
        .route("/api/{room}/press", post(pressed))
        .route("/api/forms/{id}/fill", post(forms::fill))
        .route("/api/forms/{id}/search", post(forms::search))
        .route("/api/forms/{id}/close", post(forms::close))
        .route("/api/bridge", post(bridge))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(map_response(guarded))
        .with_state(page)
}

async fn guarded(mut response: Response) -> Response {
    let mut set = |name: HeaderName, value| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    response
}

async fn whole(State(page): State<Page>) -> Result<Html<String>, Trouble> {
    let regions = page.regions.borrow().clone();
    let room = page.stage.matrix.as_ref().map(|matrix| matrix.room.as_str());
    Ok(Html(draw::Whole::new(&regions, room).render()?))
}

async fn events(State(page): State<Page>) -> Response {
    let Ok(turn) = page.turns.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages look on").into_response();
    };
    let events = live::events(page.regions, page.stop, turn);
    Sse::new(events).keep_alive(KeepAlive::new().interval(SILENCE)).into_response()
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/style.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/page.js"))
}

/// Why something could not be done, for the person at the page.
struct Trouble(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": format!("{:#}", self.0) }))).into_response()
    }
}

type Done = Result<StatusCode, Trouble>;
type Body<T> = Result<Json<T>, JsonRejection>;

#[derive(Deserialize)]
struct Say {
    text: String,
    #[serde(default)]
    by: usize,
    /// The thread that it is said in.
    thread: Option<String>,
}

/// A button under something that was said.
#[derive(Deserialize)]
struct Press {
    by: usize,
    ts: String,
    action: String,
}

#[derive(Deserialize)]
struct Switch {
    on: bool,
}

impl Say {
    /// The text, if there is one that may be said.
    fn text(&self) -> anyhow::Result<&str> {
        let text = self.text.trim();
        anyhow::ensure!(!text.is_empty(), "there is nothing to say");
        let length = text.chars().count();
        anyhow::ensure!(
            length <= TEXT,
            "that is {length} characters long; {TEXT} are the most here"
        );
        Ok(text)
    }
}

async fn phone_says(State(page): State<Page>, Path(number): Path<usize>, say: Body<Say>) -> Done {
    let Json(say) = say?;
    page.stage.write_on_phone(number, say.text()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn power(State(page): State<Page>, Path(number): Path<usize>, switch: Body<Switch>) -> Done {
    let Json(switch) = switch?;
    page.stage.switch_phone(number, switch.on)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn close_window(
    State(page): State<Page>,
    Path(number): Path<usize>,
    nothing: Body<IgnoredAny>,
) -> Done {
    let Json(IgnoredAny) = nothing?;
    page.stage.close_window(number)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn said(State(page): State<Page>, Path(room): Path<Room>, say: Body<Say>) -> Done {
    let Json(say) = say?;
    let text = say.text()?;
    match text.strip_prefix("/wa") {
        Some(line) if line.is_empty() || line.starts_with(' ') => {
            page.stage.give(say.by, room, line.trim()).await?;
        }
        _ => page.stage.say_in(say.by, room, thread(say.thread.as_deref())?, text)?,
    }
    Ok(StatusCode::NO_CONTENT)
}

fn thread(ts: Option<&str>) -> anyhow::Result<Option<Ts>> {
    Ok(ts.map(str::parse).transpose()?)
}

async fn pressed(State(page): State<Page>, Path(room): Path<Room>, press: Body<Press>) -> Done {
    let Json(Press { by, ts, action }) = press?;
    let ts = ts.parse().map_err(anyhow::Error::from)?;
    page.stage.press(by, room, ts, &action).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn bridge(State(page): State<Page>, switch: Body<Switch>) -> Done {
    let Json(switch) = switch?;
    page.stage.keeper.switch(switch.on);
    Ok(StatusCode::NO_CONTENT)
}

/// What stands in a region now.
fn region<'a>(regions: &'a [Region], id: &str) -> &'a str {
    regions.iter().find(|region| region.id == id).map_or("", |region| &region.html)
}
