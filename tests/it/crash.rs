//! The crash machine: the real binary under traffic both ways over many conversations, ended again
//! and again, restarted on the same store. At the end every message must be at its destination,
//! once and in order.
//!
//! | file | what is in it |
//! |---|---|
//! | `machine` | the traffic, the commands, and a daemon that lives many lives |
//! | `life` | how a life ends, and what goes wrong meanwhile: drawn from a seed |
//! | `oracle` | what must stand where, and what differs |
//! | `points` | each named fail point, one after another |
//! | `random` | kills, faults and clocks at random |
//! | `disk` | a full disk |
//! | `endurance` | mixed traffic, and what the daemon holds meanwhile |
//! | `damage` | files of the store that were cut or garbled |
//! | `descriptors` | no file descriptor left |
//!
//! A run's seed is printed. `PARTYLINE_SEED=… tests/run crash` draws the same lives, faults and
//! texts again; what the machine's scheduler does between them is its own. `tests/long crash` makes
//! the random part as long as you like.

#![allow(clippy::print_stdout)] // a run says what it did

mod damage;
mod descriptors;
mod disk;
mod endurance;
mod life;
mod machine;
mod oracle;
mod points;
mod random;

/// The seed of this run: of the environment, or a new one. Printed, so that it can be had again.
fn seed() -> u64 {
    let seed = number("PARTYLINE_SEED").unwrap_or_else(rand::random);
    println!("PARTYLINE_SEED={seed}");
    seed
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not {text}")))
}
