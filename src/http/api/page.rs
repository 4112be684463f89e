//! Pages of lists.

use serde::Deserialize;
use utoipa::IntoParams;

/// Rows on a page, where nobody says.
const USUAL: u32 = 100;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// `next` of the page before.
    #[param(max_length = 512)]
    pub(super) cursor: Option<String>,
    /// Rows on a page.
    #[serde(default = "usual")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: u32,
}

const fn usual() -> u32 {
    USUAL
}

impl Page {
    /// How many rows.
    pub(super) fn rows(&self) -> u32 {
        self.limit.clamp(1, 1000)
    }

    /// The number in the cursor; what is none begins at the first page.
    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        self.cursor.as_ref()?.parse().ok()
    }
}
