//! Twilio's REST: which request is answered where, and what every request has.

mod addresses;
mod configuration;
mod content;
mod conversations;
mod json;
mod media;
mod messages;
mod messaging;
mod paging;
mod participants;
mod roles;
mod senders;
mod users;
mod verify;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use serde_json::Value;

use super::events::{Cause, Hook, Params};
use super::hooks::Say;
use super::inner::Inner;
use super::model::Sid;
use super::refusal::Refusal;
use super::server::has_form;

/// The largest form that is read, in bytes.
const FORM: usize = 1024 * 1024;

/// Every route. `/v1/Services/{IS}/…` is served by the same routes as `/v1/…`: [`Scope::enter`]
/// takes the service off the path.
pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .nest("/v1", conversations_api())
        .merge(media::router())
        .merge(messaging::router())
        .merge(senders::router())
        .merge(verify::router())
        .method_not_allowed_fallback(async || Refusal::new(405, 20004, "Method not allowed"))
        .fallback(async |uri: Uri| Refusal::no_resource(uri.path()))
}

fn conversations_api() -> Router<Arc<Inner>> {
    let conversation = Router::new()
        .route(
            "/",
            get(conversations::fetch).post(conversations::update).delete(conversations::remove),
        )
        .route("/Participants", get(participants::list).post(participants::create))
        .route(
            "/Participants/{participant}",
            get(participants::fetch).post(participants::update).delete(participants::remove),
        )
        .route("/Messages", get(messages::list).post(messages::create))
        .route(
            "/Messages/{message}",
            get(messages::fetch).post(messages::update).delete(messages::remove),
        )
        .route("/Messages/{message}/Receipts", get(messages::receipts))
        .route("/Messages/{message}/Receipts/{receipt}", get(messages::receipt))
        .route("/Webhooks", get(webhooks::list).post(webhooks::create))
        .route(
            "/Webhooks/{webhook}",
            get(webhooks::fetch).post(webhooks::update).delete(webhooks::remove),
        );
    Router::new()
        .route("/Conversations", get(conversations::list).post(conversations::create))
        .nest("/Conversations/{conversation}", conversation)
        .route(
            "/ConversationWithParticipants",
            axum::routing::post(conversations::create_with_participants),
        )
        .route("/ParticipantConversations", get(participants::conversations))
        .route("/Configuration", get(configuration::fetch).post(configuration::update))
        .route(
            "/Configuration/Webhooks",
            get(configuration::webhooks).post(configuration::set_webhooks),
        )
        .route("/Configuration/Addresses", get(addresses::list).post(addresses::create))
        .route(
            "/Configuration/Addresses/{address}",
            get(addresses::fetch).post(addresses::update).delete(addresses::remove),
        )
        .route("/Roles", get(roles::list).post(roles::create))
        .route("/Roles/{role}", get(roles::fetch).post(roles::update).delete(roles::remove))
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/{user}", get(users::fetch).post(users::update).delete(users::remove))
        .route("/Users/{user}/Conversations", get(users::conversations))
        .route(
            "/Users/{user}/Conversations/{conversation}",
            get(users::membership).post(users::set_membership).delete(users::leave),
        )
        .route("/Services", get(configuration::services))
        .route("/Services/{service}", get(configuration::service))
        .route("/ContentAndApprovals", get(content::with_approvals))
        .route("/Content", get(content::list))
        .route("/Content/{content}", get(content::fetch))
        .route("/Content/{content}/ApprovalRequests", get(content::approval))
}

/// Under which service a request stands.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// What the URLs in the answer begin with: `…/v1` or `…/v1/Services/IS…`.
    pub(super) prefix: String,
    /// Whether the request named the service.
    pub(super) service: bool,
    /// The path as it came.
    pub(super) path: String,
}

impl Scope {
    /// Takes the service off the request's path.
    pub(super) fn enter<B>(inner: &Inner, request: &mut http::Request<B>) -> Result<Self> {
        let path = request.uri().path().to_owned();
        let mut scope =
            Self { prefix: format!("{}/v1", inner.base), service: false, path: path.clone() };
        let Some(rest) = path.strip_prefix("/v1/Services/") else { return Ok(scope) };
        let (service, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if service != inner.options.service_sid {
            return Err(Refusal::no_resource(&path));
        }
        // Media has no other form, and the service itself is an item of its own.
        if rest.is_empty() || rest.starts_with("Media") {
            return Ok(scope);
        }
        scope.prefix = format!("{}/v1/Services/{service}", inner.base);
        scope.service = true;
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("/v1/{rest}{query}").parse() {
            *request.uri_mut() = uri;
        }
        Ok(scope)
    }
}

/// A request: where it stands, what it names, what it says.
pub(super) struct Call {
    pub(super) inner: Arc<Inner>,
    pub(super) scope: Scope,
    ids: Vec<(String, String)>,
    /// Query and form together.
    fields: Vec<(String, String)>,
    /// Who causes what follows.
    pub(super) cause: Cause,
}

impl FromRequest<Arc<Inner>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, inner: &Arc<Inner>) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let ids = RawPathParams::from_request_parts(&mut parts, inner)
            .await
            .map_err(|_| Refusal::no_resource(&path))?;
        let ids = ids.iter().map(|(name, id)| (name.to_owned(), id.to_owned())).collect();
        let mut fields = read_form(parts.uri.query().unwrap_or_default().as_bytes());
        let form = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if form && has_form(&parts.method) {
            let body = axum::body::to_bytes(body, FORM)
                .await
                .map_err(|_| Refusal::new(413, 20413, "Request body is too large"))?;
            fields.extend(read_form(&body));
        }
        let hooks =
            parts.headers.get("x-twilio-webhook-enabled").is_some_and(|value| value == "true");
        let scope =
            parts.extensions.remove::<Scope>().ok_or_else(|| Refusal::no_resource(&path))?;
        let inner = Arc::clone(inner);
        Ok(Self { inner, scope, ids, fields, cause: Cause::api(hooks) })
    }
}

fn read_form(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).map(|(name, value)| (name.into(), value.into())).collect()
}

impl Call {
    /// A part of the path.
    pub(super) fn id(&self, name: &str) -> &str {
        self.ids.iter().find(|(one, _)| one == name).map_or("", |(_, id)| id)
    }

    /// A parameter; `None` where it was not given.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(one, _)| one == name).map(|(_, value)| &**value)
    }

    /// A parameter as a text of one's own.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.field(name).map(ToOwned::to_owned)
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.field(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Refusal::bad(20001, format!("Missing required parameter {name}")))
    }

    /// Every value of a parameter that may be given many times.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let of = |(one, value): &(String, String)| (one == name).then(|| value.clone());
        self.fields.iter().filter_map(of).collect()
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.field(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| Refusal::bad(20001, format!("Parameter {name} is not a number")))
            })
            .transpose()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.field(name)
            .map(|text| {
                text.to_ascii_lowercase().parse().map_err(|_| {
                    Refusal::bad(20001, format!("Parameter {name} is neither true nor false"))
                })
            })
            .transpose()
    }

    /// The parameters that are not of the paging.
    pub(super) fn filters(&self) -> impl Iterator<Item = &(String, String)> {
        self.fields.iter().filter(|(name, _)| !name.starts_with("Page"))
    }

    /// Asks the before hook, where the request's header asks for hooks. What it changes.
    pub(super) async fn ask(
        &self,
        event: &'static str,
        conversation: Option<Sid>,
        own: Params,
    ) -> Result<Option<Value>, Refusal> {
        if !self.cause.hooks {
            return Ok(None);
        }
        let params = self.inner.look(|world| world.hook_params(event, &self.cause, own));
        match self.inner.ask(Hook::new(event, conversation, params)).await {
            Say::Pass(change) => Ok(change),
            // The code is not documented.
            Say::Reject(_) => Err(Refusal::new(403, 20403, "Rejected by the pre-event webhook")),
        }
    }
}

/// An answer that is no refusal.
pub(super) enum Answer {
    /// 200.
    Found(Value),
    /// 201.
    Created(Value),
    /// 202.
    Accepted(Value),
    /// 204.
    Gone,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Found(body) => (StatusCode::OK, body),
            Self::Created(body) => (StatusCode::CREATED, body),
            Self::Accepted(body) => (StatusCode::ACCEPTED, body),
            Self::Gone => return StatusCode::NO_CONTENT.into_response(),
        };
        (status, axum::Json(body)).into_response()
    }
}

/// What a handler gives.
type Result<T = Answer, E = Refusal> = std::result::Result<T, E>;
