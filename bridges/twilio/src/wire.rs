//! Twilio's forms and JSON, as types.
//!
//! Everything is read with forbearance: a field that is missing, null, of another type than
//! documented or new is no error, for Twilio adds fields without notice and a message must not be
//! lost over one. Only what a thing cannot be without (its SID) is required.

pub mod attributes;
pub mod content;
pub mod form;
pub mod hooks;
pub mod lenient;
pub mod media;
pub mod messaging;
pub mod rest;
pub mod senders;
pub mod verify;

pub use attributes::{Attributes, Ours};
pub use form::Form;
pub use hooks::HookEvent;
pub use media::Media;

/// A `Debug` that gives the SIDs and leaves out what people wrote.
macro_rules! sids_only {
    ($name:ident: $($field:ident),+) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))+
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use sids_only;
