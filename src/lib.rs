#![doc = include_str!("../ARCHITECTURE.md")]

pub mod config;
pub mod contacts;
pub mod ledger;
