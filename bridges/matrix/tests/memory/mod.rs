//! An intake that keeps everything in memory, with keys and cursors as the ledger has them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use partyline_core::{
    Cursor, Event, EventKey, Happening, Incoming, Intake, MessageId, Network, NotStored, Place,
    Stored,
};
use tokio::sync::watch;
use tokio::time::timeout;

/// The intake.
#[derive(Debug)]
pub(crate) struct Memory {
    kept: Mutex<Kept>,
    /// Counts what happened here, so that tests can wait for it.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    keys: HashSet<EventKey>,
    cursors: HashMap<Place, MessageId>,
    /// How many events are still taken before the disk is full.
    room_for: Option<usize>,
    refused: bool,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// Everything that was taken, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.kept.lock().expect("a lock").events.clone()
    }

    /// What was said, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.events().iter().filter_map(|event| text(event).map(str::to_owned)).collect()
    }

    /// The id of the message that says this.
    pub(crate) fn message(&self, wanted: &str) -> Option<MessageId> {
        self.events().iter().find_map(|event| match &event.happening {
            Happening::Message { id, content, .. } if content.text.plain == wanted => {
                Some(id.clone())
            }
            _ => None,
        })
    }

    /// From now on only so many are taken.
    pub(crate) fn refuse_after(&self, many: usize) {
        self.kept.lock().expect("a lock").room_for = Some(many);
    }

    /// Everything is taken again.
    pub(crate) fn take_all(&self) {
        self.kept.lock().expect("a lock").room_for = None;
    }

    /// Waits for an event.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        self.wait(|kept| kept.events.iter().find(|event| wanted(event)).cloned()).await
    }

    /// Waits until something was refused.
    pub(crate) async fn wait_until_refused(&self) {
        self.wait(|kept| kept.refused.then_some(())).await;
    }

    async fn wait<T>(&self, look: impl Fn(&Kept) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        let come = async {
            loop {
                if let Some(found) = look(&self.kept.lock().expect("a lock")) {
                    return found;
                }
                changes.changed().await.expect("an intake");
            }
        };
        match timeout(Duration::from_secs(60), come).await {
            Ok(found) => found,
            Err(_) => panic!("it did not come; this did: {:?}", self.events()),
        }
    }
}

fn text(event: &Event) -> Option<&str> {
    match &event.happening {
        Happening::Message { content, .. } => Some(&content.text.plain),
        _ => None,
    }
}

#[async_trait]
impl Intake for Memory {
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored> {
        let mut stored = Stored::default();
        {
            let mut kept = self.kept.lock().expect("a lock");
            for event in incoming.events {
                if kept.room_for == Some(0) {
                    kept.refused = true;
                    self.changes.send_modify(|count| *count += 1);
                    return Err(NotStored("no space left on device".into()));
                }
                if !kept.keys.insert(event.key.clone()) {
                    stored.repeats += 1;
                    continue;
                }
                stored.fresh += 1;
                kept.room_for = kept.room_for.map(|room| room - 1);
                if let Happening::Message { id, .. } = &event.happening {
                    kept.cursors.insert(event.place.clone(), id.clone());
                }
                kept.events.push(event);
            }
        }
        self.changes.send_modify(|count| *count += 1);
        Ok(stored)
    }

    async fn cursor(&self, place: &Place) -> Result<Option<Cursor>, NotStored> {
        let last = self.kept.lock().expect("a lock").cursors.get(place).cloned();
        Ok(last.map(|last| Cursor { ordinal: None, last: Some(last) }))
    }

    async fn reconnected(&self, _: Network, _: Option<jiff::Timestamp>) -> Result<(), NotStored> {
        Ok(())
    }
}
