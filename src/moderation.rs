//! What members may not say, and who of them is muted: held in memory, so that the hook before a
//! message is answered without waiting for anything.
//!
//! | | in the hook before the message (`hook`) | on relay, where Twilio did not ask (`relay`) |
//! |---|---|---|
//! | muted, blocked words and files, too many in a minute | nobody gets it; the rooms are told that something was stopped | the members have it by then; the rooms do not get it, and are told |
//! | quiet hours | the members do not get it; the rooms are told what was said | the members have it by then; the rooms get it like any other, and are told, once in these hours |
//!
//! Twilio does not ask where it does not call the bridge (`ingest = "poll"`), while the bridge is down,
//! or where the hook was answered late. Of several messages of one member that were stopped for the same
//! reason in the same ten minutes, the rooms are told once: the ledger knows the key of what was told, so
//! that a restart tells nothing again.
//!
//! The policy itself is pure (`crate::policy`). What the hook stops is in no conversation and in no
//! list: only the notice tells of it, so that it is stored before Twilio is answered.

mod hook;
mod pace;
mod relay;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use partyline_core::{Action, Lateness, Place, Speaker, Text};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::ledger::{MuteChange, Muted, Owed};
use crate::links::Links;
use crate::policy::{Mute, Rules, Said, Stopped, Words};
pub use hook::Moderator;
use pace::Spoken;
pub use relay::Unasked;

/// Members of whom it is remembered how much they said within the minute; those who spoke last.
const SPEAKERS: usize = 10_000;
/// Of several messages of one member that were stopped for the same reason in the same stretch of this, in
/// seconds, the rooms are told once.
const TOLD_ONCE: i64 = 600;

/// A member of a conversation, by the key of a contact.
type Member = (Place, String);

/// The rules, and who is muted.
pub struct Moderation {
    rules: Rules,
    /// Whoever wants no more messages is always heard.
    pleas: Words,
    lateness: Lateness,
    mutes: RwLock<HashMap<Member, Mute>>,
    spoken: Cache<Member, Arc<Mutex<Spoken>>>,
}

impl Moderation {
    /// These rules, with those who are muted. `pleas` are never stopped; `lateness` says how times are
    /// told.
    #[must_use]
    pub fn new(rules: Rules, pleas: Words, lateness: Lateness, muted: Vec<Muted>) -> Self {
        let muted = muted.into_iter().map(|one| ((one.conversation, one.member), one.mute));
        let (mutes, spoken) = (RwLock::new(muted.collect()), Cache::new(SPEAKERS));
        Self { rules, pleas, lateness, mutes, spoken }
    }

    /// Takes over a change that the ledger has.
    pub fn change(&self, change: &MuteChange) {
        let mut mutes = self.mutes.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            MuteChange::Mute { muted, .. } => {
                mutes.insert((muted.conversation.clone(), muted.member.clone()), muted.mute);
            }
            MuteChange::Unmute { conversation, member } => {
                mutes.remove(&(conversation.clone(), member.clone()));
            }
        }
    }

    /// Forgets the mutes of somebody whose data is erased, by the key of their contact.
    pub fn forget(&self, member: &str) {
        let mut mutes = self.mutes.write().unwrap_or_else(PoisonError::into_inner);
        mutes.retain(|(_, one), _| one != member);
    }

    /// The mute of a member, be it over or not.
    #[must_use]
    pub fn mute_of(&self, conversation: &Place, member: &str) -> Option<Mute> {
        let mutes = self.mutes.read().unwrap_or_else(PoisonError::into_inner);
        mutes.get(&(conversation.clone(), member.to_owned())).copied()
    }

    /// Whether something that a member is about to say is stopped. Whoever has no address is no member:
    /// the bridge itself, say.
    #[must_use]
    pub fn before(&self, place: &Place, speaker: &Speaker, said: &Said<'_>) -> Option<Stopped> {
        let member = key(speaker).filter(|_| !self.is_plea(said))?;
        let mute = self.mute_of(place, &member);
        self.rules.anywhere(said, mute).or_else(|| self.rules.quiet(said.at)).or_else(|| {
            let (spoken, most) = self.spoken(place, member)?;
            spoken.lock().unwrap_or_else(PoisonError::into_inner).asked(said.at, most)
        })
    }

    /// What a member said within the minute, where that is limited, and to how much.
    fn spoken(&self, place: &Place, member: String) -> Option<(Arc<Mutex<Spoken>>, u32)> {
        let most = self.rules.per_minute?;
        let spoken = self.spoken.get_or_insert_with(&(place.clone(), member), || {
            Ok::<_, std::convert::Infallible>(Arc::default())
        });
        Some((spoken.unwrap_or_else(|never| match never {}), most))
    }

    fn is_plea(&self, said: &Said<'_>) -> bool {
        said.files.is_empty() && self.pleas.wish(said.text).is_some()
    }

    /// A time as the rooms are told it.
    #[must_use]
    pub fn time(&self, at: Timestamp, now: Timestamp) -> String {
        self.lateness.words(at, now)
    }

    /// What the rooms are told of something that was stopped.
    #[must_use]
    pub fn sentence(&self, stopped: &Stopped, name: &str, text: &str, now: Timestamp) -> String {
        match stopped {
            Stopped::Muted(None) => {
                format!(
                    "{name} is muted: what they wrote was not passed on. (`member unmute` lets them speak again.)"
                )
            }
            Stopped::Muted(Some(until)) => format!(
                "{name} is muted until {}: what they wrote was not passed on. (`member unmute` lets them speak again.)",
                self.time(*until, now)
            ),
            Stopped::Word => {
                format!("{name} used a word that is blocked here: the message was not passed on.")
            }
            Stopped::File(media_type) => format!(
                "{name} sent a file of a kind that is blocked here ({media_type}): the message was not passed on."
            ),
            Stopped::TooMany(most) => format!(
                "{name} wrote more than {most} messages within a minute: those beyond were not passed on."
            ),
            Stopped::Quiet(end) => format!(
                "{name} wrote in quiet hours, which end at {}; the other members do not get it: {}",
                self.time(*end, now),
                if text.trim().is_empty() { "(no words)" } else { text }
            ),
        }
    }
}

/// Counts something that was stopped.
pub(crate) fn count(stopped: &Stopped, by: &'static str) {
    metrics::counter!("partyline_moderated_total", "reason" => stopped.as_str(), "by" => by)
        .increment(1);
}

/// What the rooms of a conversation are owed because something was stopped.
pub(crate) fn notices(
    links: &Links,
    conversation: &Place,
    text: &str,
    now: Timestamp,
) -> Vec<Owed> {
    let rooms = links.others(conversation).into_iter();
    rooms
        .map(|room| Owed {
            to: room,
            from: conversation.clone(),
            speaker: None,
            at: now,
            action: Action::Notice { text: Text::plain(text) },
        })
        .collect()
}

/// The stretch of time in which the rooms are told once.
fn stretch(at: Timestamp) -> String {
    (at.as_second() / TOLD_ONCE).to_string()
}

/// The key of a notice. A hash: no number is kept for longer than the notice itself.
fn told_under(pieces: &[&str]) -> String {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece.len().to_be_bytes());
        hash.update(piece);
    }
    let hash: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("stopped/{hash}")
}

fn key(speaker: &Speaker) -> Option<String> {
    speaker.address().map(|address| address.contact_key().to_owned())
}

#[cfg(test)]
mod tests {
    use partyline_core::Network;

    use super::*;

    pub(super) const CONVERSATION: &str = "twilio:CH0123456789abcdef0123456789abcdef";

    pub(super) fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(super) fn moderation(rules: Rules) -> Moderation {
        Moderation::new(rules, Words::default(), Lateness::default(), Vec::new())
    }

    pub(super) fn maya() -> Speaker {
        Speaker::new(Network::Twilio, "whatsapp:+14155550101")
    }

    pub(super) fn mute(until: Option<Timestamp>) -> MuteChange {
        let mute = Mute { since: second(100), until };
        let (conversation, member) = (CONVERSATION.parse().unwrap(), "+14155550101".to_owned());
        MuteChange::Mute { muted: Muted { conversation, member, mute }, by: "slack:U1".into() }
    }

    #[test]
    fn a_member_is_muted_on_every_channel_in_this_group_and_until_it_is_taken_back() {
        let moderation = moderation(Rules::default());
        let here: Place = CONVERSATION.parse().unwrap();
        let elsewhere: Place = "twilio:CH1123456789abcdef0123456789abcdef".parse().unwrap();
        let said = Said { text: "hi", files: &[], at: second(200) };
        let sms = Speaker::new(Network::Twilio, "+14155550101");
        assert_eq!(moderation.before(&here, &maya(), &said), None);
        moderation.change(&mute(None));
        for speaker in [&maya(), &sms] {
            assert_eq!(moderation.before(&here, speaker, &said), Some(Stopped::Muted(None)));
            assert_eq!(moderation.before(&elsewhere, speaker, &said), None);
        }
        // Whoever wants no more messages is heard all the same.
        let stop = Said { text: "Stop", ..said };
        assert_eq!(moderation.before(&here, &maya(), &stop), None);
        let member = "+14155550101".to_owned();
        moderation.change(&MuteChange::Unmute { conversation: here.clone(), member });
        assert_eq!(moderation.before(&here, &maya(), &said), None);
    }

    #[test]
    fn each_member_has_a_minute_of_their_own() {
        let moderation = moderation(Rules { per_minute: Some(1), ..Rules::default() });
        let here: Place = CONVERSATION.parse().unwrap();
        let said = Said { text: "hi", files: &[], at: second(0) };
        let other = Speaker::new(Network::Twilio, "whatsapp:+14155550102");
        assert_eq!(moderation.before(&here, &maya(), &said), None);
        assert_eq!(moderation.before(&here, &maya(), &said), Some(Stopped::TooMany(1)));
        assert_eq!(moderation.before(&here, &other, &said), None);
        let later = Said { at: second(60), ..said };
        assert_eq!(moderation.before(&here, &maya(), &later), None);
    }
}
