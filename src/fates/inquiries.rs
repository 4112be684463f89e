//! What is still to be asked of messages that went to phones, where Twilio does not call
//! (`ingest = "poll"`): each is asked for a few times, with growing pauses, within a part of the rate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use partyline_core::{MessageId, Place};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::learn;
use crate::intake::Wakers;
use crate::ledger::Ledger;
use crate::networks::Networks;

/// The pauses before each time that a message is asked for, in times of the shortest pause: at 5 s these
/// are 5 s, 30 s, 5 min, 1 h and 12 h.
const PAUSES: [u32; 5] = [1, 6, 60, 720, 8640];

/// The most messages that are to be asked for. Of more, those whose turn is last are let go: whatever
/// of them matters is asked for when what is held for somebody is let go.
const MOST: usize = 10_000;

/// Messages of which it is to be asked what became of them. In memory: a start asks for the newest.
#[derive(Debug)]
pub struct Inquiries {
    /// The shortest pause before a message is asked for.
    first: Duration,
    /// The pause between two questions.
    between: Duration,
    turns: Mutex<Turns>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Turns {
    /// By when, and a number that tells equal times apart.
    due: BTreeMap<(Instant, u64), Inquiry>,
    count: u64,
}

#[derive(Debug)]
struct Inquiry {
    place: Place,
    message: MessageId,
    /// How often it was asked for.
    asked: usize,
}

impl Inquiries {
    /// Nothing to be asked for yet.
    #[must_use]
    pub fn new(first: Duration, between: Duration) -> Arc<Self> {
        Arc::new(Self { first, between, turns: Mutex::default(), changed: Notify::new() })
    }

    /// A message went to a conversation, or to one phone.
    pub fn went(&self, place: Place, message: MessageId) {
        self.again(Inquiry { place, message, asked: 0 });
    }

    /// Asks whenever it is something's turn. Never returns.
    pub async fn run(&self, networks: &Networks, ledger: &Ledger, wakers: &Wakers) {
        loop {
            let changed = self.changed.notified();
            let next = self.turns().due.first_key_value().map(|((due, _), _)| *due);
            match next {
                Some(due) if due <= Instant::now() => {
                    let first = self.turns().due.pop_first();
                    if let Some((_, inquiry)) = first {
                        self.ask(networks, ledger, wakers, inquiry).await;
                    }
                    tokio::time::sleep(self.between).await;
                }
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    async fn ask(&self, networks: &Networks, ledger: &Ledger, wakers: &Wakers, one: Inquiry) {
        match learn(networks, ledger, &one.place, &one.message).await {
            Ok(learned) => {
                wakers.wake(learned.accepted);
                if !learned.ended {
                    self.again(Inquiry { asked: one.asked + 1, ..one });
                }
            }
            Err(why) => {
                tracing::warn!(place = ?one.place, "what became of a message is asked for later: {why}");
                self.again(one);
            }
        }
    }

    /// Asks for it after the pause that is next, if there is one.
    fn again(&self, one: Inquiry) {
        let Some(times) = PAUSES.get(one.asked) else { return };
        let mut turns = self.turns();
        turns.count += 1;
        let turn = (Instant::now() + self.first * *times, turns.count);
        turns.due.insert(turn, one);
        if turns.due.len() > MOST {
            turns.due.pop_last();
        }
        drop(turns);
        self.changed.notify_one();
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Place {
        "twilio:whatsapp:+14155550000/whatsapp:+14155550101".parse().expect("a place")
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_asked_for_a_few_times_and_memory_is_bounded() {
        let inquiries = Inquiries::new(Duration::from_secs(5), Duration::ZERO);
        let begun = Instant::now();
        let mut asked = Vec::new();
        inquiries.went(phone(), MessageId::new("SM1"));
        loop {
            let first = inquiries.turns().due.pop_first();
            let Some(((due, _), one)) = first else { break };
            asked.push((due - begun).as_secs());
            tokio::time::advance(due - Instant::now()).await;
            inquiries.again(Inquiry { asked: one.asked + 1, ..one });
        }
        assert_eq!(asked, [5, 35, 335, 3935, 47135]);
        for number in 0..MOST + 10 {
            inquiries.went(phone(), MessageId::new(format!("SM{number}")));
        }
        let turns = inquiries.turns();
        assert_eq!(turns.due.len(), MOST);
        assert_eq!(turns.due.first_key_value().map(|(_, one)| one.message.as_str()), Some("SM0"));
    }
}
