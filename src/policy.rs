//! Decisions, as pure functions of what they decide about.

mod numbers;
mod permission;

pub use numbers::{NotANumber, parse_address};
pub use permission::{Right, Standing, may};
