//! Kills at random moments and points, with faults of the platforms and jumps of the clock at
//! random.

use super::life::Life;
use super::machine::Machine;
use super::{number, seed};

/// Has the daemon live so many lives, or as many as the environment says, and looks at the end.
async fn kill_at_random(mut machine: Machine, lives: u64) {
    let lives = number("PARTYLINE_KILLS").unwrap_or(lives);
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

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_while_everything_fails_it_loses_and_doubles_nothing() {
    kill_at_random(Machine::new(12, seed()).await, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_while_slack_calls_it_it_loses_and_doubles_nothing() {
    kill_at_random(Machine::over_http(6, seed()).await, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_without_a_public_address_it_loses_and_doubles_nothing() {
    kill_at_random(Machine::without_public_address(6, seed()).await, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_with_rooms_in_matrix_it_loses_and_doubles_nothing() {
    kill_at_random(Machine::with_rooms(3, seed()).await, 6).await;
}
