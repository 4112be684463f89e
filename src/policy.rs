//! Decisions, as pure functions of what they decide about.

mod audience;
mod delivery;
mod moderation;
mod numbers;
mod permission;
mod senders;
mod suppression;
mod when;
mod window;

pub use audience::{Audience, Met, Named, Reader, audience};
pub use delivery::{CLOSED, is_failure, is_out_of_reach, may_come_later, tick, told, waiting, why};
pub use moderation::{Hours, Minute, Mute, Rules, Said, Stopped, phrase};
pub use numbers::{NotANumber, parse_address};
pub use permission::{Right, Standing, may};
pub use senders::{Assignment, Unserved, assign};
pub use suppression::{Wish, Words, is_word, twilio_answers};
pub use when::{MISSED, When};
pub use window::{Openness, Window, shut_out};
