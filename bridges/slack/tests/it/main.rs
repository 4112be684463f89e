//! The Slack simulator, held to Slack's documentation, its published descriptions and its own
//! client libraries. A bridge that is tested against a wrong witness is not tested.

// A helper of a test fails as a test does.
#![allow(clippy::unwrap_used)]

mod calls;
mod clients;
mod commands;
mod control;
mod events;
mod faults;
mod spec;
mod support;
