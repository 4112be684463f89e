//! The whole way through: the real binary, the simulators' HTTP, real stores.

mod alerts;
mod api;
mod backup;
mod catchup;
mod cli;
mod commands;
mod contacts;
mod crash;
mod doctor;
mod faults;
mod groups;
mod hardening;
mod hostile;
mod kill;
mod matrix;
mod partition;
mod poison;
mod refusals;
mod relay;
mod roles;
mod sandbox;
mod silence;
mod stores;
mod strangers;
mod support;
mod unknown;
