//! Each named fail point: the daemon ends there, and nothing is lost, doubled or out of order.

use partyline::crash::Point;

use super::life::{End, Insists, Life};
use super::machine::Machine;
use super::seed;

#[tokio::test(flavor = "multi_thread")]
async fn ended_at_each_point_it_loses_and_doubles_nothing() {
    let mut machine = Machine::new(4, seed()).await;
    machine.begin().await;
    // Those of groups, schedules, broadcasts and what is held are reached by what the files of these
    // names do (`windows.rs` for what is held).
    let elsewhere = |name: &str| {
        ["group.", "schedule.", "broadcast.", "held."].iter().any(|theirs| name.starts_with(theirs))
    };
    let here = |point: &&Point| **point != Point::StartMigrate && !elsewhere(point.name());
    for point in Point::ALL.iter().filter(here) {
        let life = Life::plain(End::At(*point, 1));
        let life = match point {
            // What the platform refuses for good is parked.
            Point::LanePark | Point::LaneParking | Point::LaneParked => {
                life.with_slack_fault("refused restricted_action", "chat.postMessage")
            }
            Point::ReadCursor | Point::LinkLearned | Point::LinkBegun => {
                life.insisting(Insists::Links)
            }
            // What was done and answered with an error is found.
            Point::LaneFound => life.with_slack_fault("error_500_after", "chat.postMessage"),
            Point::ContactWritten | Point::ContactFlushed => life.insisting(Insists::Contacts),
            _ => life,
        };
        let reached = machine.live(&life).await;
        assert!(reached, "{} is not reached\n{}", point.name(), machine.world.daemon.log());
    }
    let verdict = machine.verdict().await;
    println!("ended at each of {} points: {verdict}", Point::ALL.len());
}
