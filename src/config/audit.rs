//! `[audit]`: how long it is known who did what.

use std::time::Duration;

use super::section::{Noted, Section};

/// `[audit]`.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// How long a row of the audit is kept.
    pub retention: Duration,
}

impl Audit {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let retention = section.span(
            "retention",
            "1000 days",
            Duration::from_secs(60)..=Duration::from_secs(100 * 366 * 86_400),
        )?;
        Ok(Self { retention })
    }
}
