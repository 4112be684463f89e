//! What a member said and Twilio did not ask about: the other members have it by now, and only what the
//! rooms get can be decided.

use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Event, Happening, Network};

use super::{Moderation, key, stretch, told_under};
use crate::policy::{Said, Stopped};

/// How much later than the hook's answer a message is dated by Twilio: what was asked about in time is
/// not taken for unasked where quiet hours begin.
const DATED_LATER: SignedDuration = SignedDuration::from_secs(30);

/// Something that would have been stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Which rule stops it.
    pub why: Stopped,
    /// Whether the rooms get it all the same: in quiet hours, in which only members are not disturbed.
    pub relayed: bool,
    /// The key of what the rooms are told of it: of several at a time, it is the same.
    pub key: String,
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
        // Quiet hours are the group's, and are told once.
        let (whose, when) = match &why {
            Stopped::Quiet(end) => ("", end.as_second().to_string()),
            _ => (member.as_str(), stretch(event.at)),
        };
        let key = told_under(&["relay", event.place.id(), whose, why.as_str(), &when]);
        Some(Unasked { why, relayed, key })
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
    use partyline_core::{Content, EventKey, MessageId, Speaker};

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
        let stopped = |at| moderation.after(&event(CONVERSATION, maya(), at)).expect("stopped");
        let muted = stopped(100);
        assert_eq!((&muted.why, muted.relayed), (&Stopped::Muted(None), false));
        // The next one is told under the same key, and one of ten minutes later is not.
        assert_eq!(stopped(101), muted);
        assert_ne!(stopped(700).key, muted.key);
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
        assert_eq!(at(21, maya()), None);
        // The hook was asked before they began.
        assert_eq!(at(22, maya()), None);
        let quiet = at(23, maya()).expect("quiet hours");
        assert_eq!((&quiet.why, quiet.relayed), (&Stopped::Quiet(second(31 * 3600)), true));
        assert_eq!(at(24, ben()), Some(quiet.clone()));
        let next = at(47, ben()).expect("the next night");
        assert!(next.relayed && next.key != quiet.key);
    }
}
