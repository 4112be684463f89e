//! All that is kept of one person, as a file.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;

use super::Shared;
use super::contacts::Known as KnownContact;
use super::extract::Path;
use super::problem::Problem;
use crate::ledger::{Ledger, LedgerError, ToldOf, Traces};
use crate::policy::parse_address;

/// All that is kept of somebody, a line of JSON each
#[utoipa::path(get, path = "/api/v1/contacts/{number}/data",
    params(("number" = String, Path, description = "The number, as +14155550100.")),
    responses((status = 200, content((String = "application/x-ndjson"))),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn data(
    State(api): State<Shared>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let desk = api.operator.desk();
    let Ok(address) = parse_address(&number, *desk.region) else {
        return Err(Problem::not_found("contact"));
    };
    let contact = desk.contacts.store().get(address.contact_key()).await?;
    let shown = contact.as_ref().map(|contact| contact.name.clone());
    let in_words = crate::contacts::in_words(&address);
    let traces = Arc::new(Traces::new(&address, shown.into_iter().chain([in_words])));
    let mut first = Vec::new();
    if let Some(contact) = contact {
        line(
            &mut first,
            &serde_json::json!({ "what": "contact", "contact": KnownContact::from(contact) }),
        )?;
    }
    let ledger = desk.ledger.clone();
    let rest = stream::try_unfold(Some(ToldOf::default()), move |next| {
        piece(ledger.clone(), Arc::clone(&traces), next)
    });
    let first = stream::once(async move { Ok(Bytes::from(first)) });
    let file: Pin<Box<dyn Stream<Item = Result<Bytes, LedgerError>> + Send>> =
        Box::pin(first.chain(rest));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"person.jsonl\""),
    ];
    Ok((headers, Body::from_stream(file)).into_response())
}

/// A piece of the file, and where the next one begins.
async fn piece(
    ledger: Ledger,
    traces: Arc<Traces>,
    next: Option<ToldOf>,
) -> Result<Option<(Bytes, Option<ToldOf>)>, LedgerError> {
    let Some(next) = next else { return Ok(None) };
    let (found, after) = ledger.told_of(&traces, next).await?;
    let mut lines = Vec::new();
    found.iter().try_for_each(|known| line(&mut lines, known))?;
    Ok(Some((Bytes::from(lines), after)))
}

fn line(lines: &mut Vec<u8>, known: &impl Serialize) -> Result<(), LedgerError> {
    serde_json::to_writer(&mut *lines, known)
        .map_err(|error| LedgerError::Unusable(error.to_string()))?;
    lines.push(b'\n');
    Ok(())
}
