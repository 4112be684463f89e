//! Backups: a consistent copy of the whole store, taken while the daemon runs, and the way back.
//!
//! A backup is a folder:
//!
//! | | |
//! |---|---|
//! | `manifest.json` | what is in it: sizes, SHA-256 of each file, the program and schema, when |
//! | `ledger.db` | the ledger |
//! | `contacts.ndjson` | the contacts, a line of JSON each |
//! | `matrix/…` | the Matrix bot's session and stores, where there are any |
//!
//! It is put together beside its place and moved there when it is whole and synced: a folder under
//! its own name is a whole backup. The ledger is copied first, then the contacts: `contact add` is
//! done in the other order, so a backup in which it is done has the contact.
//!
//! The way back is told in [`restore`].

mod manifest;
mod restore;
mod take;

pub use manifest::Manifest;
pub use restore::{Restored, finished, restore};
pub use take::take;

/// The contacts in a backup.
const CONTACTS: &str = "contacts.ndjson";
/// The ledger in a backup.
const LEDGER: &str = "ledger.db";
/// The Matrix bot's files in a backup.
const MATRIX: &str = "matrix";
