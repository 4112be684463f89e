//! A pause that many callers share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Backoff;

/// Lets everybody through but while it is closed: where one caller hears that there are too many,
/// all of them wait, and do not ask one by one.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    backoff: Backoff,
}

impl Gate {
    /// Waits until it is open.
    pub async fn pass(&self) {
        while let Some(until) = self.until() {
            tokio::time::sleep_until(until).await;
        }
    }

    /// How long it stays closed from now on; nothing where it is open.
    pub fn left(&self) -> Duration {
        self.until().map_or(Duration::ZERO, |until| until.duration_since(Instant::now()))
    }

    /// Closes it for as long as was asked, or where nothing was, for longer each time until
    /// [`Gate::worked`]. Those who were under way when it closed are told the same, and do not make
    /// it longer.
    pub fn close(&self, asked: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.lock();
        let open = state.until.is_none_or(|until| until <= now);
        let wait = if open { state.backoff.at_least(asked) } else { asked.unwrap_or_default() };
        state.until = state.until.max(now.checked_add(wait));
    }

    /// A call worked: the next pause is a first one.
    pub fn worked(&self) {
        self.lock().backoff.reset();
    }

    fn until(&self) -> Option<Instant> {
        self.lock().until.filter(|until| *until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_opens_by_itself() {
        let gate = Gate::default();
        let begun = Instant::now();
        gate.pass().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        gate.close(Some(Duration::from_secs(9)));
        gate.close(Some(Duration::from_secs(3)));
        assert_eq!(gate.left(), Duration::from_secs(9));
        gate.pass().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_something_works_however_many_hear_of_them() {
        let gate = Gate::default();
        let mut pauses = Vec::new();
        for _ in 0..3 {
            for _ in 0..100 {
                gate.close(None);
            }
            pauses.push(gate.left());
            gate.pass().await;
        }
        assert!(pauses[0] <= Duration::from_millis(250), "{pauses:?}");
        assert!(pauses[2] >= Duration::from_millis(500), "{pauses:?}");
        gate.worked();
        gate.close(None);
        assert!(gate.left() <= Duration::from_millis(250));
    }
}
