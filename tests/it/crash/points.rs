//! Each named fail point: the daemon ends there, and nothing is lost, doubled or out of order.

use partyline::crash::Point;

use super::life::{End, Insists, Life};
use super::machine::Machine;
use super::seed;

/// The tests of what reaches a point, where plain traffic does not.
fn armed_in(point: &str) -> Option<&'static str> {
    Some(match point.split_once('.')?.0 {
        "group" => include_str!("../groups/killed.rs"),
        "schedule" => include_str!("../schedule.rs"),
        "broadcast" => include_str!("../broadcast.rs"),
        "failed" => include_str!("../faults.rs"),
        "held" => include_str!("../windows.rs"),
        "optout" => include_str!("../optout.rs"),
        "log" => include_str!("../message_log.rs"),
        "inbox" => include_str!("../inbox.rs"),
        "contacts" | "person" => include_str!("../person.rs"),
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_at_each_point_it_loses_and_doubles_nothing() {
    let mut machine = Machine::new(4, seed()).await;
    machine.begin().await;
    let (here, elsewhere): (Vec<Point>, Vec<Point>) =
        Point::ALL.iter().partition(|point| armed_in(point.name()).is_none());
    for point in elsewhere {
        let name = point.name();
        assert!(armed_in(name).is_some_and(|file| file.contains(name)), "{name} is armed nowhere");
    }
    for point in here.iter().filter(|point| **point != Point::StartMigrate) {
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
