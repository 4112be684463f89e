//! How the page stays up to date: whatever happens, what changed is drawn anew, once for everybody
//! who looks.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::sse::Event;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::page::draw;
use super::stage::Stage;
use super::trail::Reader;
use super::view;

/// What happens within this time is drawn together.
const TOGETHER: Duration = Duration::from_millis(40);
/// How often the ledger is asked whether somebody wrote in it: nothing tells of that.
const LEDGER: Duration = Duration::from_millis(150);

/// A part of the page that changes as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Region {
    /// The id of its element.
    pub(super) id: String,
    /// What stands in it: HTML in which everything that people wrote is escaped.
    pub(super) html: String,
}

/// All regions, as they are now.
pub(super) type Regions = Arc<Vec<Region>>;

/// Draws all regions again and again, until the stage is told to end.
pub(super) async fn follow(
    stage: Arc<Stage>,
    store: PathBuf,
    told: watch::Sender<Regions>,
    stop: CancellationToken,
) {
    let mut reader = Reader::new(&store);
    let (mut twilio, mut slack) = (stage.world.twilio.subscribe(), stage.world.slack.subscribe());
    let mut keeper = stage.keeper.watch();
    let mut ticks = tokio::time::interval(LEDGER);
    loop {
        let drawn = tokio::task::spawn_blocking({
            let stage = stage.clone();
            move || {
                let regions = regions(&stage, &mut reader);
                (regions, reader)
            }
        })
        .await;
        let Ok((regions, back)) = drawn else { return };
        reader = back;
        told.send_if_modified(|before| {
            let changed = **before != regions;
            if changed {
                *before = Arc::new(regions);
            }
            changed
        });
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                // Whatever it was, and however much was missed: everything is drawn anew.
                _ = twilio.recv() => break,
                _ = slack.recv() => break,
                _ = keeper.changed() => break,
                () = stage.changed.notified() => break,
                _ = ticks.tick() => if reader.has_changed() { break },
            }
        }
        tokio::time::sleep(TOGETHER).await;
        while twilio.try_recv().is_ok() || slack.try_recv().is_ok() {}
    }
}

fn regions(stage: &Stage, reader: &mut Reader) -> Vec<Region> {
    let board = view::board(stage, &reader.read());
    let mut regions = vec![
        region("bridge", &draw::Bridge { state: &board.bridge }),
        region("channel-log", &draw::Channel { lines: &board.posts, room: "/api/channel" }),
        region("inbox-log", &draw::Channel { lines: &board.inbox, room: "/api/inbox" }),
        region("forms", &draw::Forms { forms: &board.forms }),
    ];
    for phone in &board.phones {
        regions.push(region(&format!("phone-{}-owner", phone.number), &draw::Owner { phone }));
        regions.push(region(&format!("phone-{}-log", phone.number), &draw::Log { phone }));
    }
    regions
}

fn region(id: &str, template: &impl Template) -> Region {
    // Drawing into memory fails only where a template calls something that fails; none does.
    let html = template.render().unwrap_or_default();
    Region { id: id.to_owned(), html }
}

/// What one page is told: everything at first, then what has changed.
pub(super) fn events(
    regions: watch::Receiver<Regions>,
    stop: CancellationToken,
    turn: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut regions = regions;
    regions.mark_changed();
    let start = (regions, Regions::default(), stop, turn);
    stream::unfold(start, |(mut regions, shown, stop, turn)| async move {
        // Ends with the sandbox, or when it stops.
        stop.run_until_cancelled(regions.changed()).await?.ok()?;
        let now = regions.borrow_and_update().clone();
        let changed: Vec<&Region> = now.iter().filter(|region| !shown.contains(region)).collect();
        let event = Event::default().json_data(changed).ok()?;
        Some((Ok(event), (regions, now, stop, turn)))
    })
}
