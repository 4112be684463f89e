#![doc = include_str!("../ARCHITECTURE.md")]

pub mod catchup;
pub mod commands;
pub mod config;
pub mod contacts;
pub mod intake;
pub mod keyed;
pub mod lanes;
pub mod ledger;
pub mod links;
pub mod members;
pub mod networks;
pub mod operations;
pub mod policy;
pub mod route;
