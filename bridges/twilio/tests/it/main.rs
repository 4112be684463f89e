//! The simulated Twilio, as the daemon and Twilio's own client see it.

mod clients;
mod faults;
mod hooks;
mod paging;
mod phones;
mod refusals;
mod spec;
mod support;
mod timers;
