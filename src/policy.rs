//! Decisions, as pure functions of what they decide about.

mod delivery;
mod numbers;
mod permission;
mod senders;
mod suppression;
mod when;

pub use delivery::{is_failure, tick, told, why};
pub use numbers::{NotANumber, parse_address};
pub use permission::{Right, Standing, may};
pub use senders::{Assignment, Unserved, assign};
pub use suppression::{Wish, Words, is_word, twilio_answers};
pub use when::{MISSED, When};
