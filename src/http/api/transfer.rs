//! Contacts as a file; [`super::import`] is the other way.

use std::pin::Pin;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::Query;
use super::problem::Problem;
use crate::contacts::exchange::{self, Format};
use crate::contacts::{PAGE_LIMIT, StoreError};

/// How the file is written.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Written {
    /// Comma-separated values.
    Csv,
    /// vCard.
    Vcard,
}

impl From<Written> for Format {
    fn from(written: Written) -> Self {
        match written {
            Written::Csv => Self::Csv,
            Written::Vcard => Self::VCard,
        }
    }
}

/// How the file is to be written.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct As {
    /// How the file is to be written; CSV otherwise.
    #[param(inline)]
    format: Option<Written>,
}

/// All contacts as a file
#[utoipa::path(get, path = "/api/v1/contacts/export", params(As),
    responses((status = 200, content((String = "text/csv"), (String = "text/vcard"))),
        (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn export(State(api): State<Shared>, Query(how): Query<As>) -> Response {
    let format = how.format.map_or(Format::Csv, Format::from);
    let store = api.operator.desk().contacts.store().clone();
    let head =
        stream::once(async move { Ok(Bytes::from_static(exchange::head(format).as_bytes())) });
    let pages = stream::try_unfold(Some(None::<String>), move |after| {
        let store = store.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = store.page(after.as_deref(), PAGE_LIMIT).await?;
            let next = page.last().map(|last| Some(last.key.clone()));
            Ok((!page.is_empty()).then(|| (Bytes::from(exchange::write(format, &page)), next)))
        }
    });
    let file: Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>> =
        Box::pin(head.chain(pages));
    let name = match format {
        Format::Csv => "attachment; filename=\"contacts.csv\"",
        Format::VCard => "attachment; filename=\"contacts.vcf\"",
    };
    let headers =
        [(header::CONTENT_TYPE, format.media_type()), (header::CONTENT_DISPOSITION, name)];
    (headers, Body::from_stream(file)).into_response()
}
