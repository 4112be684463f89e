//! What members may not say, and who of them is muted: held in memory, so that the hook before a
//! message is answered without waiting for anything.
//!
//! | | where it is decided | what follows |
//! |---|---|---|
//! | muted, blocked words and files | in the hook before the message; where Twilio did not call, on relay | nobody gets it; the rooms are told that something was stopped |
//! | quiet hours, too many in a minute | in the hook alone: what it did not see the members have by then | nobody gets it; in quiet hours the rooms are told what was said |
//!
//! The policy itself is pure (`crate::policy`). What the hook stops is in no conversation and in no
//! list: only the notice tells of it, so that it is stored before Twilio is answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use partyline_core::{Action, Event, Happening, Lateness, Network, Place, Speaker, Text};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::contacts::Names;
use crate::intake::Wakers;
use crate::ledger::{Ledger, MuteChange, Muted, Owed, Told};
use crate::links::Links;
use crate::policy::{Minute, Mute, Rules, Said, Stopped, Words};

/// Members of whom it is remembered how much they said within the minute; those who spoke last.
const SPEAKERS: usize = 10_000;
/// Of several messages of one member that were stopped for the same reason within this, the rooms are
/// told once.
const TOLD_ONCE: i64 = 600;
/// How long Twilio waits for the notice to be stored: it gives the hook five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A member of a conversation, by the key of a contact.
type Member = (Place, String);

/// The rules, and who is muted.
pub struct Moderation {
    rules: Rules,
    /// Whoever wants no more messages is always heard.
    pleas: Words,
    lateness: Lateness,
    mutes: RwLock<HashMap<Member, Mute>>,
    minutes: Cache<Member, Arc<Mutex<Minute>>>,
}

impl Moderation {
    /// These rules, with those who are muted. `pleas` are never stopped; `lateness` says how times are
    /// told.
    #[must_use]
    pub fn new(rules: Rules, pleas: Words, lateness: Lateness, muted: Vec<Muted>) -> Self {
        let muted = muted.into_iter().map(|one| ((one.conversation, one.member), one.mute));
        let (mutes, minutes) = (RwLock::new(muted.collect()), Cache::new(SPEAKERS));
        Self { rules, pleas, lateness, mutes, minutes }
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
        self.rules
            .anywhere(said, mute)
            .or_else(|| self.rules.quiet(said.at))
            .or_else(|| self.too_many(place, member, said.at))
    }

    fn too_many(&self, place: &Place, member: String, at: Timestamp) -> Option<Stopped> {
        let most = self.rules.per_minute?;
        let minute = self.minutes.get_or_insert_with(&(place.clone(), member), || {
            Ok::<_, std::convert::Infallible>(Arc::default())
        });
        let minute = minute.unwrap_or_else(|never| match never {});
        minute.lock().unwrap_or_else(PoisonError::into_inner).take(at, most)
    }

    /// Whether what a member said is not relayed to the rooms.
    #[must_use]
    pub fn after(&self, event: &Event) -> Option<Stopped> {
        let Happening::Message { speaker, content, .. } = &event.happening else { return None };
        if !event.place.is_conversation() || speaker.id.network != Network::Twilio {
            return None;
        }
        let files: Vec<&str> =
            content.files.iter().filter_map(|file| file.media_type.as_deref()).collect();
        let said = Said { text: &content.text.plain, files: &files, at: event.at };
        let member = key(speaker).filter(|_| !self.is_plea(&said))?;
        self.rules.anywhere(&said, self.mute_of(&event.place, &member))
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

fn key(speaker: &Speaker) -> Option<String> {
    speaker.address().map(|address| address.contact_key().to_owned())
}

/// Answers the hook before a message, and tells the rooms.
pub struct Moderator {
    /// The rules.
    pub moderation: Arc<Moderation>,
    /// Where notices are stored.
    pub ledger: Ledger,
    /// The rooms.
    pub links: Arc<Links>,
    /// Who is called what.
    pub names: Arc<Names>,
    /// Told of the notices.
    pub wakers: Wakers,
}

impl Moderator {
    /// Whether a message is stopped before anybody gets it. If it is, the rooms' notice is stored when
    /// this returns, or cannot be: then that is logged.
    pub async fn stops(
        &self,
        conversation: &Place,
        speaker: &Speaker,
        text: &str,
        files: &[&str],
    ) -> bool {
        let said = Said { text, files, at: self.ledger.now() };
        let Some(stopped) = self.moderation.before(conversation, speaker, &said) else {
            return false;
        };
        count(&stopped, "hook");
        tracing::info!(place = %conversation, reason = stopped.as_str(), "a member's message was stopped");
        let told =
            tokio::time::timeout(PATIENCE, self.tell(conversation, speaker, &stopped, &said));
        if told.await.is_err() {
            tracing::error!(place = %conversation, "the rooms are not told that a message was stopped: the ledger is busy");
        }
        true
    }

    async fn tell(
        &self,
        conversation: &Place,
        speaker: &Speaker,
        stopped: &Stopped,
        said: &Said<'_>,
    ) {
        let name = self.names.resolve(speaker, conversation).await.name;
        let text = self.moderation.sentence(stopped, &name, said.text, said.at);
        let owed = notices(&self.links, conversation, &text, said.at);
        // In quiet hours each message is told.
        let when = match stopped {
            Stopped::Quiet(_) => said.at.as_nanosecond().to_string(),
            _ => (said.at.as_second() / TOLD_ONCE).to_string(),
        };
        let key = told_under(&[conversation.id(), &speaker.id.id, stopped.as_str(), &when]);
        match self.ledger.tell(Told { key, text, owed }).await {
            Ok(accepted) => self.wakers.wake(accepted),
            Err(error) => {
                tracing::error!(place = %conversation, %error, "the rooms are not told that a message was stopped");
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use partyline_core::{Content, EventKey, MessageId};

    use super::*;

    const CONVERSATION: &str = "twilio:CH0123456789abcdef0123456789abcdef";

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn moderation(rules: Rules) -> Moderation {
        Moderation::new(rules, Words::default(), Lateness::default(), Vec::new())
    }

    fn maya() -> Speaker {
        Speaker::new(Network::Twilio, "whatsapp:+14155550101")
    }

    fn mute(until: Option<Timestamp>) -> MuteChange {
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
    fn what_was_said_before_a_mute_is_relayed_and_rooms_are_never_stopped() {
        let moderation = moderation(Rules::default());
        moderation.change(&mute(None));
        let event = |place: &str, speaker: Speaker, at: i64| Event {
            key: EventKey::new("k"),
            place: place.parse().unwrap(),
            at: second(at),
            ordinal: None,
            happening: Happening::Message {
                id: MessageId::new("m"),
                speaker,
                content: Content::plain("hi"),
            },
        };
        assert_eq!(moderation.after(&event(CONVERSATION, maya(), 99)), None);
        let stopped = moderation.after(&event(CONVERSATION, maya(), 100));
        assert_eq!(stopped, Some(Stopped::Muted(None)));
        let ravi = Speaker::new(Network::Slack, "U1");
        assert_eq!(moderation.after(&event("slack:C1", ravi, 100)), None);
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
