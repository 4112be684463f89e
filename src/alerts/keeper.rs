//! The loop: looks, decides, writes down what is to be told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use partyline_core::{Action, Clock, Place, Text};
use tokio::time::Instant;

use super::episode::{Machine, Moment, Observed, Patience, Tell};
use super::look::in_words;
use super::{Alert, Board, Look, Open};
use crate::config::Alerts;
use crate::intake::Wakers;
use crate::ledger::{Episode, KeptEpisode, Ledger, LedgerError, Owed, Told};

/// How often it is looked, unless the grace or the calm is shorter.
const LOOK: Duration = Duration::from_secs(5);

/// What is told of counts that only rise: it is over when they have not risen for so long.
const QUIET: Duration = Duration::from_secs(3600);

/// What could not be written down yet, at most: a beginning and an end of each. After that nothing
/// more is decided until it could.
const UNWRITTEN: usize = 2 * Alert::ALL.len();

/// Keeps watch.
pub struct Keeper {
    ledger: Ledger,
    look: Look,
    board: Arc<Board>,
    wakers: Wakers,
    clock: Arc<dyn Clock>,
    settings: Alerts,
    machines: Vec<(Alert, Machine)>,
    unwritten: VecDeque<Told>,
    /// What the ledger has of each episode.
    kept: Vec<KeptEpisode>,
    started: Instant,
}

impl Keeper {
    /// A keeper that goes on with the episodes in the ledger, and shows the open ones on the board.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn new(
        ledger: Ledger,
        mut look: Look,
        board: Arc<Board>,
        wakers: Wakers,
        clock: Arc<dyn Clock>,
        settings: Alerts,
    ) -> Result<Self, LedgerError> {
        let kept = ledger.episodes().await?;
        let machines: Vec<_> = Alert::ALL
            .into_iter()
            .map(|alert| {
                let of_it = |one: &&KeptEpisode| one.alert == alert.as_str();
                let episode = kept.iter().find(of_it).map(|one| one.episode.clone());
                (alert, Machine::new(episode.unwrap_or_default()))
            })
            .collect();
        for (alert, machine) in &machines {
            look.told_before(*alert, machine.kept.mark);
        }
        let (unwritten, started) = (VecDeque::new(), Instant::now());
        let keeper = Self {
            ledger,
            look,
            board,
            wakers,
            clock,
            settings,
            machines,
            unwritten,
            kept,
            started,
        };
        keeper.show();
        Ok(keeper)
    }

    /// Looks again and again, until it is dropped.
    pub async fn run(mut self) {
        let every = LOOK.min(self.settings.grace / 3).min(self.settings.calm / 3);
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(50)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look_once().await;
        }
    }

    async fn look_once(&mut self) {
        let now = Moment { at: self.clock.now(), up: self.started.elapsed() };
        let seen = self.look.at(now).await;
        if self.unwritten.len() <= UNWRITTEN - Alert::ALL.len() {
            for (alert, observed) in seen {
                self.decide(alert, observed, now);
            }
        }
        self.show();
        if let Err(error) = self.write().await {
            tracing::debug!(%error, "what is to be told could not be written down yet");
        }
    }

    fn decide(&mut self, alert: Alert, observed: Observed, now: Moment) {
        let patience = self.patience(alert);
        let Some((_, machine)) = self.machines.iter_mut().find(|(one, _)| *one == alert) else {
            return;
        };
        let tell = machine.step(observed, now, patience);
        if let Some(mark) = self.look.mark(alert) {
            machine.kept.mark = mark;
        }
        let text = match tell {
            None => return,
            Some(Tell::Began) => {
                let what = &machine.kept.what;
                tracing::error!(alert = alert.as_str(), "{what}");
                format!("Alert: {what}")
            }
            Some(Tell::Over(after)) => {
                let over = alert.over();
                let after = in_words(after);
                tracing::info!(alert = alert.as_str(), after, "{over}");
                format!("Over, after {after}: {over}")
            }
        };
        let state = if tell == Some(Tell::Began) { "began" } else { "over" };
        let key = format!("alert/{}/{}/{state}", alert.as_str(), now.at.as_millisecond());
        let owed = self.settings.rooms.iter().map(|room| notice(room, now, &text)).collect();
        self.unwritten.push_back(Told { key, text, owed });
    }

    fn patience(&self, alert: Alert) -> Patience {
        let Alerts { grace, calm, .. } = self.settings;
        match alert {
            Alert::Network(_) | Alert::Ledger => Patience { grace, calm },
            // Their thresholds are patient enough.
            Alert::Company | Alert::Queue | Alert::Disk | Alert::Clock | Alert::MessageLog => {
                Patience { grace: Duration::ZERO, calm }
            }
            Alert::Parked | Alert::ReadBack | Alert::LostEnd => {
                Patience { grace: Duration::ZERO, calm: QUIET }
            }
        }
    }

    /// Writes down what is to be told and how the episodes stand, in one commit.
    async fn write(&mut self) -> Result<(), LedgerError> {
        let now: Vec<KeptEpisode> = self
            .machines
            .iter()
            .map(|(alert, machine)| KeptEpisode {
                alert: alert.as_str().to_owned(),
                episode: machine.kept.clone(),
            })
            .filter(|one| !self.has(one))
            .collect();
        if now.is_empty() && self.unwritten.is_empty() {
            return Ok(());
        }
        let told: Vec<Told> = self.unwritten.iter().cloned().collect();
        let accepted = self.ledger.keep_episodes(now.clone(), told).await?;
        self.unwritten.clear();
        for one in now {
            self.kept.retain(|old| old.alert != one.alert);
            self.kept.push(one);
        }
        self.wakers.wake(accepted);
        Ok(())
    }

    /// Whether the ledger has this already. Newer words alone are not worth a commit.
    fn has(&self, one: &KeptEpisode) -> bool {
        let nothing = Episode::default();
        let found = self.kept.iter().find(|old| old.alert == one.alert);
        let old = found.map_or(&nothing, |old| &old.episode);
        let Episode { began, ended, again, mark, what: _ } = &one.episode;
        (old.began, old.ended, old.again, old.mark) == (*began, *ended, *again, *mark)
    }

    fn show(&self) {
        let mut open = Vec::new();
        for (alert, machine) in &self.machines {
            let began = machine.kept.began;
            metrics::gauge!("partyline_alerts", "alert" => alert.as_str())
                .set(if began.is_some() { 1.0 } else { 0.0 });
            open.extend(began.map(|since| Open {
                alert: alert.as_str(),
                since,
                what: machine.kept.what.clone(),
            }));
        }
        self.board.show(open);
    }
}

fn notice(room: &Place, now: Moment, text: &str) -> Owed {
    Owed {
        to: room.clone(),
        from: room.clone(),
        speaker: None,
        at: now.at,
        action: Action::Notice { text: Text::plain(text) },
    }
}

#[cfg(test)]
mod tests {
    use partyline_core::SystemClock;

    use super::*;
    use crate::alerts::{Signs, Skew};
    use crate::ledger::Lane;
    use crate::networks::Networks;

    const ROOM: &str = "slack:C1";

    fn settings() -> Alerts {
        Alerts {
            rooms: vec![ROOM.parse().unwrap()],
            canary_interval: Duration::from_secs(60),
            grace: Duration::ZERO,
            calm: Duration::ZERO,
            queue_age: Duration::from_secs(600),
            disk_free_mib: 1,
            clock_off: Duration::from_secs(30),
        }
    }

    async fn keeper(ledger: &Ledger, folder: &std::path::Path, signs: &Arc<Signs>) -> Keeper {
        let wakers = Wakers::new(&tokio_util::task::TaskTracker::new());
        let (networks, skew) = (Networks::default(), Arc::new(Skew::default()));
        let signs = signs.clone();
        let look = Look::new(ledger.clone(), networks, folder.to_owned(), signs, skew, settings());
        let (board, clock) = (Arc::default(), Arc::new(SystemClock));
        Keeper::new(ledger.clone(), look, board, wakers, clock, settings()).await.unwrap()
    }

    async fn owed(ledger: &Ledger) -> Vec<String> {
        let waiting = ledger.waiting(&Lane::of(ROOM.parse().unwrap()), 10).await.unwrap();
        let text = |action| match action {
            Action::Notice { text } => text.plain,
            other => panic!("{other:?}"),
        };
        waiting.into_iter().map(|delivery| text(delivery.owed.action.clone())).collect()
    }

    #[tokio::test]
    async fn what_cannot_be_written_down_is_shown_at_once_and_told_later() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let ledger = Ledger::open(&file, Arc::new(SystemClock)).unwrap();
        let mut keeper = keeper(&ledger, folder.path(), &Arc::default()).await;
        keeper.look_once().await;
        assert_eq!(keeper.board.open(), []);

        let other = rusqlite::Connection::open(&file).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(ledger.touch().await.is_err(), "somebody else writes");
        keeper.look_once().await;
        let open = keeper.board.open();
        assert!(open[0].alert == "ledger" && open[0].what.contains("Nothing can be written"));
        assert_eq!(owed(&ledger).await, [""; 0]);
        other.execute_batch("ROLLBACK").unwrap();
        keeper.look_once().await;
        assert_eq!(keeper.board.open(), []);
        let owed = owed(&ledger).await;
        assert!(owed[0].starts_with("Alert: Nothing can be written"), "{owed:?}");
        assert!(owed[1].ends_with("The ledger can be written again."), "{owed:?}");
        assert_eq!(owed.len(), 2);
    }

    #[tokio::test]
    async fn what_is_open_is_known_after_a_start_and_ends_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let ledger = Ledger::open(&file, Arc::new(SystemClock)).unwrap();
        let signs = Arc::new(Signs::default());
        let mut first = keeper(&ledger, folder.path(), &signs).await;
        signs.unread(&"slack:C7".parse().unwrap());
        first.look_once().await;
        first.look_once().await;
        assert!(owed(&ledger).await[0].contains("the last is slack:C7"));
        // Another run, in which nothing of the kind has happened yet.
        let mut second = keeper(&ledger, folder.path(), &Arc::default()).await;
        assert_eq!(second.board.open()[0].alert, "read_back");
        second.look_once().await;
        assert_eq!(owed(&ledger).await.len(), 1, "neither told again nor over");
    }
}
