//! What a member said and Twilio did not ask about: the other members have it by now, and only what the
//! rooms get can be decided.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Event, EventKey, Happening, Network};

use super::{Member, Moderation, TOLD_ONCE, key};
use crate::policy::{Said, Stopped};

/// How much later than the hook's answer a message is dated by Twilio: what was asked about in time is
/// not taken for unasked where quiet hours begin.
const DATED_LATER: SignedDuration = SignedDuration::from_secs(30);

/// What the rooms were told last: when (of quiet hours: when these end), and by which event.
pub(super) type LastTold = Arc<Mutex<Option<(Timestamp, EventKey)>>>;

/// Something that would have been stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Why.
    pub why: Stopped,
    /// Whether the rooms get it all the same: in quiet hours, in which only members are not disturbed.
    pub relayed: bool,
    /// Whether the rooms are told: of several at a time, once.
    pub told: bool,
}

impl Moderation {
    /// What becomes of something that a member said, where it would have been stopped.
    #[must_use]
    pub fn after(&self, event: &Event) -> Option<Unasked> {
        let Happening::Message { speaker, content, .. } = &event.happening else { return None };
        if !event.place.is_conversation() || speaker.id.network != Network::Twilio {
            return None;
        }
        let files: Vec<&str> =
            content.files.iter().filter_map(|file| file.media_type.as_deref()).collect();
        let said = Said { text: &content.text.plain, files: &files, at: event.at };
        let member = key(speaker).filter(|_| !self.is_plea(&said))?;
        let why = self.rules.anywhere(&said, self.mute_of(&event.place, &member)).or_else(|| {
            let (spoken, most) = self.spoken(&event.place, member.clone())?;
            let mut spoken = spoken.lock().unwrap_or_else(PoisonError::into_inner);
            spoken.relayed(&event.key, event.at, most)
        });
        let (why, relayed) = match why {
            Some(why) => (why, false),
            None => {
                let before = event.at.checked_sub(DATED_LATER).unwrap_or(event.at);
                (self.rules.quiet(before).and_then(|_| self.rules.quiet(event.at))?, true)
            }
        };
        // Quiet hours are the group's.
        let whose = if relayed { String::new() } else { member };
        let told = self.is_told((event.place.clone(), whose), &why, event);
        Some(Unasked { why, relayed, told })
    }

    /// Whether the rooms are told of it by this event. The same event is answered the same again: what
    /// could not be stored comes once more.
    fn is_told(&self, member: Member, why: &Stopped, event: &Event) -> bool {
        let last = self.told.get_or_insert_with(&(member, why.as_str()), || {
            Ok::<_, std::convert::Infallible>(LastTold::default())
        });
        let last = last.unwrap_or_else(|never| match never {});
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match why {
            Stopped::Quiet(end) => *end,
            _ => event.at,
        };
        if let Some((then, by)) = &*last {
            let lately = match why {
                Stopped::Quiet(end) => then == end,
                _ => event.at.duration_since(*then).abs().as_secs() < TOLD_ONCE,
            };
            if lately {
                return *by == event.key;
            }
        }
        *last = Some((stamp, event.key.clone()));
        true
    }

    /// What the rooms are told of it.
    #[must_use]
    pub fn unasked_sentence(&self, why: &Stopped, name: &str, now: Timestamp) -> String {
        match why {
            Stopped::Quiet(end) => format!(
                "{name} wrote in quiet hours, which end at {}. The other members got it, and what else is written until then: Twilio did not ask the bridge before.",
                self.time(*end, now)
            ),
            why => format!(
                "{} The other members have it: Twilio did not ask the bridge before.",
                self.sentence(why, name, "", now)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;
    use jiff::tz::TimeZone;
    use partyline_core::{Content, MessageId, Speaker};

    use super::super::tests::{CONVERSATION, maya, moderation, mute, second};
    use super::*;
    use crate::policy::{Hours, Rules};

    fn event(place: &str, speaker: Speaker, at: i64) -> Event {
        Event {
            key: EventKey::new(format!("IM{at}")),
            place: place.parse().expect("a place"),
            at: second(at),
            ordinal: None,
            happening: Happening::Message {
                id: MessageId::new("m"),
                speaker,
                content: Content::plain("hi"),
            },
        }
    }

    #[test]
    fn what_was_said_before_a_mute_is_relayed_and_rooms_are_never_stopped() {
        let moderation = moderation(Rules::default());
        moderation.change(&mute(None));
        assert_eq!(moderation.after(&event(CONVERSATION, maya(), 99)), None);
        let stopped = moderation.after(&event(CONVERSATION, maya(), 100));
        let muted = Unasked { why: Stopped::Muted(None), relayed: false, told: true };
        assert_eq!(stopped, Some(muted.clone()));
        // The same once more is told the same, the next one is not, and ten minutes later it is.
        assert_eq!(moderation.after(&event(CONVERSATION, maya(), 100)), Some(muted.clone()));
        let silent = Unasked { told: false, ..muted.clone() };
        assert_eq!(moderation.after(&event(CONVERSATION, maya(), 101)), Some(silent));
        assert_eq!(moderation.after(&event(CONVERSATION, maya(), 700)), Some(muted));
        let ravi = Speaker::new(Network::Slack, "U1");
        assert_eq!(moderation.after(&event("slack:C1", ravi, 100)), None);
    }

    #[test]
    fn in_quiet_hours_it_is_relayed_and_told_once_for_all_members() {
        let hours = |from, to| Hours {
            from: civil::time(from, 0, 0, 0),
            to: civil::time(to, 0, 0, 0),
            zone: TimeZone::UTC,
        };
        let rules = Rules { quiet: Some(hours(22, 7)), ..Rules::default() };
        let moderation = moderation(rules);
        let ben = || Speaker::new(Network::Twilio, "whatsapp:+14155550102");
        let at = |hour: i64, speaker| moderation.after(&event(CONVERSATION, speaker, hour * 3600));
        let quiet = |told| {
            let why = Stopped::Quiet(second(31 * 3600));
            Some(Unasked { why, relayed: true, told })
        };
        assert_eq!(at(21, maya()), None);
        // The hook was asked before they began.
        assert_eq!(at(22, maya()), None);
        assert_eq!(at(23, maya()), quiet(true));
        assert_eq!(at(24, ben()), quiet(false));
        assert_eq!(at(23, maya()), quiet(true));
        let next = at(47, ben()).expect("the next night");
        assert!(next.relayed && next.told);
    }
}
