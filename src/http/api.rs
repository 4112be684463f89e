//! The admin API, `/api/v1`: what the chat commands do, for programs.
//!
//! Reading looks at the ledger and the contacts. Writing gives a command (see
//! [`crate::operator`]) and waits some seconds for its end; what takes longer is answered 202, with
//! the address at which the end can be asked for. The description at `/api/v1/openapi.json` is made
//! of the code: utoipa, because it describes axum's handlers where they stand and pulls in nothing
//! that the platforms' libraries are built with.
//!
//! Whoever calls shows `http.admin_token`; without one in the configuration there is no API. Every
//! error is `application/problem+json` (RFC 9457).

#![allow(unused_qualifications, reason = "utoipa writes whole paths for what a route takes")]

mod audit;
mod blocks;
mod broadcasts;
mod commands;
mod contacts;
mod extract;
mod groups;
mod guard;
mod import;
mod links;
mod members;
mod optouts;
mod page;
mod person;
mod problem;
mod queue;
mod roles;
mod schedules;
mod status;
mod tokens;
mod transfer;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::any;
use partyline_twilio::Twilio;
use secrecy::SecretString;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::operator::Operator;
use problem::Problem;

/// What the API works with.
pub struct Api {
    /// Gives commands, and knows what they look at.
    pub operator: Operator,
    /// Twilio's side, for access tokens.
    pub twilio: Arc<Twilio>,
    /// What callers must show; `None` where only the owner of the store can call.
    pub token: Option<SecretString>,
    /// Pages of other origins that may call, as browsers write an origin.
    pub origins: Vec<String>,
    /// The longest body, in bytes, but of an import.
    pub body_bytes: usize,
}

type Shared = Arc<Api>;

#[derive(OpenApi)]
#[openapi(
    info(title = "partyline", description = "Groups on phones, run by programs."),
    modifiers(&Bearer),
    security(("token" = []))
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("http.admin_token"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The routes under `/api/v1`.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let (router, description) = described();
    let description = Arc::new(description);
    router
        .route(
            "/api/v1/openapi.json",
            axum::routing::get(
                move || async move { axum::Json(description.as_ref()).into_response() },
            ),
        )
        .route("/api/v1", any(nowhere))
        .route("/api/v1/{*rest}", any(nowhere))
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This cannot be done here.")
        })
        .layer(middleware::from_fn_with_state(api.clone(), guard::admit))
        // Behind the layer: what is no address of the API asks for no token of it.
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(api)
}

async fn nowhere() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "There is no such address: /api/v1/openapi.json has them all.",
    )
}

fn described() -> (Router<Shared>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(status::status))
        .routes(routes!(commands::give))
        .routes(routes!(commands::look))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::show, groups::change, groups::delete))
        .routes(routes!(members::members, members::add))
        .routes(routes!(members::verify))
        .routes(routes!(members::remove))
        .routes(routes!(groups::notify))
        .routes(routes!(contacts::list, contacts::put))
        .routes(routes!(contacts::show, contacts::remove))
        .routes(routes!(person::data))
        .routes(routes!(import::import))
        .routes(routes!(transfer::export))
        .routes(routes!(links::list, links::tie))
        .routes(routes!(links::untie))
        .routes(routes!(queue::list))
        .routes(routes!(queue::retry))
        .routes(routes!(queue::drop_parked))
        .routes(routes!(optouts::list, optouts::add))
        .routes(routes!(optouts::clear))
        .routes(routes!(optouts::export))
        .routes(routes!(blocks::list, blocks::add))
        .routes(routes!(blocks::clear))
        .routes(routes!(broadcasts::list, broadcasts::begin))
        .routes(routes!(broadcasts::show))
        .routes(routes!(broadcasts::stop))
        .routes(routes!(schedules::list, schedules::add))
        .routes(routes!(schedules::cancel))
        .routes(routes!(audit::list))
        .routes(routes!(roles::list, roles::grant))
        .routes(routes!(roles::revoke))
        .routes(routes!(tokens::make))
        .split_for_parts()
}
