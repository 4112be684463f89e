//! Kills at random moments and points, with faults of the platforms and jumps of the clock at
//! random.

use super::life::Life;
use super::machine::Machine;
use super::{number, seed};

/// Lives of the short run.
const LIVES: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_while_everything_fails_it_loses_and_doubles_nothing() {
    let lives = number("PARTYLINE_KILLS").unwrap_or(LIVES);
    let mut machine = Machine::new(12, seed()).await;
    machine.begin().await;
    let mut missed = 0;
    for number in 1..=lives {
        let life = Life::drawn(&mut machine.rng);
        println!("life {number}, from message {} on: {life:?}", machine.said() + 1);
        missed += u32::from(!machine.live(&life).await);
    }
    let verdict = machine.verdict().await;
    println!("killed {lives} times, {missed} of them because a point was not reached: {verdict}");
}
