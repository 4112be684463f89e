//! The timers that make a conversation inactive, then close it.

use jiff::Timestamp;

use super::super::events::{Cause, Effects};
use super::super::model::{Conversation, Sid, State};
use super::World;

impl World {
    /// Something happened in the conversation: its timers start anew.
    pub(in super::super) fn touch(&mut self, sid: &Sid) {
        let now = self.now();
        let Some(group) = self.groups.get_mut(sid) else { return };
        let one = &mut group.conversation;
        let before = one.clone();
        let open = one.state == State::Active;
        one.date_inactive =
            one.inactive_after.filter(|_| open).and_then(|after| now.checked_add(after).ok());
        one.date_closed = one
            .closed_after
            .filter(|_| one.state != State::Closed)
            .and_then(|after| now.checked_add(after).ok());
        let after = [one.date_inactive, one.date_closed];
        self.forget_timers(&before);
        self.timers.extend(after.into_iter().flatten().map(|at| (at, sid.clone())));
    }

    pub(in super::super) fn forget_timers(&mut self, one: &Conversation) {
        for at in [one.date_inactive, one.date_closed].into_iter().flatten() {
            self.timers.remove(&(at, one.sid.clone()));
        }
    }

    /// Whether a timer is due.
    pub(in super::super) fn timer_due(&self) -> bool {
        self.timers.first().is_some_and(|(at, _)| *at <= self.now())
    }

    /// Does what the timers that are due ask for.
    pub(in super::super) fn run_timers(&mut self, effects: &mut Effects) {
        let now = self.now();
        let cause = Cause { source: "API", identity: None, hooks: true };
        while let Some((at, sid)) = self.timers.first().filter(|(at, _)| *at <= now).cloned() {
            self.timers.remove(&(at, sid.clone()));
            let Some(group) = self.groups.get(&sid) else { continue };
            let Some(state) = due(&group.conversation, now) else { continue };
            // The conversation was there a line ago, so nothing can be refused.
            let _ = self.set_state(&sid, state, "TIMER", &cause, effects);
        }
    }
}

fn due(one: &Conversation, now: Timestamp) -> Option<State> {
    if one.state == State::Closed {
        None
    } else if one.date_closed.is_some_and(|at| at <= now) {
        Some(State::Closed)
    } else if one.state == State::Active && one.date_inactive.is_some_and(|at| at <= now) {
        Some(State::Inactive)
    } else {
        None
    }
}
