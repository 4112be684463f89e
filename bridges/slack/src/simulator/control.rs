//! Control by other processes, under `/_simulator/`.

use std::sync::Arc;

use axum::Router;

use super::shared::Shared;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
}
