//! The sandbox: the whole bridge on one machine, with no account anywhere.
//!
//! The daemon in it is the real one ([`app::run`](crate::app::run)), with its stores in a folder
//! that goes away at the end. Around it stand a simulated Twilio and a simulated Slack; they and
//! the daemon talk HTTP over loopback, signed as the real ones sign. A person plays the phones and
//! the workspace on a page ([`page`]), or a script does it and checks what arrived ([`demo`]).
//!
//! | room | what is in it |
//! |---|---|
//! | `cast` | who is in it |
//! | `world` | the simulated platforms |
//! | `settings` | the daemon's configuration |
//! | `keeper` | the daemon: on, off, and on again on the same store |
//! | `trail` | which message became which, read from the ledger |
//! | `stage` | all of it together |
//! | `view`, `markup` | what each phone and the channel show now |
//! | `page`, `live` | the page, and how it stays up to date |
//! | `demo` | the script, its transcript, and the check of what arrived |

mod cast;
pub mod demo;
mod keeper;
mod live;
mod markup;
pub mod page;
mod settings;
mod stage;
mod trail;
mod view;
mod world;

pub use settings::MatrixRoom;
pub use stage::Stage;
