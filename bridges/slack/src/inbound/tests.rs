//! Fixtures of each kind of event.
