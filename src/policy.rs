//! Decisions, as pure functions of what they decide about.

mod numbers;
mod permission;
mod senders;

pub use numbers::{NotANumber, parse_address};
pub use permission::{Right, Standing, may};
pub use senders::{Assignment, Unserved, assign};
