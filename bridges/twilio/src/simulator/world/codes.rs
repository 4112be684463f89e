//! Codes that prove who has a phone: one for each number, until it is told or is over.
//!
//! Ten minutes, five sendings, five wrong answers (Twilio's documentation of Verify's rate limits and
//! of the errors 60202 and 60203). A sending before the code is over sends the same one again, of the same
//! verification: "a single verification may generate one or more verification attempts" (its
//! documentation of Verification Attempts), of which the resource has the list, `send_code_attempts`.

use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use super::super::events::Effects;
use super::super::model::{InboxItem, Sid};
use super::super::refusal::Refusal;
use super::World;
use super::phones::Waiting;

/// How long a code is good.
const GOOD: SignedDuration = SignedDuration::from_mins(10);
/// How often it is sent, and how often a wrong one may be told.
const TIMES: usize = 5;
/// Who codes come from.
const FROM: &str = "+15550000123";

/// A code that was sent to a number.
#[derive(Clone)]
pub(in super::super) struct Verification {
    pub(in super::super) sid: Sid,
    pub(in super::super) channel: String,
    pub(in super::super) code: String,
    pub(in super::super) wrong: usize,
    pub(in super::super) sent: Vec<(Sid, Timestamp)>,
    pub(in super::super) created: Timestamp,
}

/// What became of a sending.
#[derive(Clone)]
pub(in super::super) struct CodeAttempt {
    pub(in super::super) verification: Sid,
    pub(in super::super) number: String,
    pub(in super::super) channel: String,
    pub(in super::super) told: bool,
    pub(in super::super) created: Timestamp,
}

impl World {
    /// Sends a code, or the same one once more.
    pub(in super::super) fn send_code(
        &mut self,
        number: &str,
        channel: &str,
        effects: &mut Effects,
    ) -> Result<Verification, Refusal> {
        let now = self.now();
        let known = self.verifications.get(number).filter(|known| is_good(known, now)).cloned();
        let mut one = match known {
            Some(known) if known.sent.len() == TIMES => {
                return Err(Refusal::new(429, 60203, "Max send attempts reached"));
            }
            Some(known) => known,
            None => Verification {
                sid: self.sid("VE"),
                channel: channel.to_owned(),
                code: format!("{:06}", self.chance.random_range(0..1_000_000)),
                wrong: 0,
                sent: Vec::new(),
                created: now,
            },
        };
        let attempt = self.sid("VL");
        one.sent.push((attempt.clone(), now));
        let kept = CodeAttempt {
            verification: one.sid.clone(),
            number: number.to_owned(),
            channel: channel.to_owned(),
            told: false,
            created: now,
        };
        self.code_attempts.insert(attempt, kept);
        let (from, to) = match channel {
            "whatsapp" => (format!("whatsapp:{FROM}"), format!("whatsapp:{number}")),
            _ => (FROM.to_owned(), number.to_owned()),
        };
        let item = InboxItem {
            from,
            body: format!("Your verification code is: {}", one.code),
            media: Vec::new(),
            at: now,
            conversation_sid: None,
            message_sid: self.sid("SM"),
            content_sid: None,
            read: false,
        };
        self.arrive(&to, Waiting { item, spot: None }, effects);
        self.verifications.insert(number.to_owned(), one.clone());
        Ok(one)
    }

    /// Somebody tells a code, for a number or a verification. Whether it is the right one, and what
    /// it was about; the right one is taken once. `None` where there is nothing to be told.
    pub(in super::super) fn tell_code(
        &mut self,
        number: Option<&str>,
        verification: Option<&str>,
        code: &str,
    ) -> Result<Option<(String, Verification, bool)>, Refusal> {
        let now = self.now();
        let found = self.verifications.iter_mut().find(|(of, one)| {
            (number == Some(of.as_str()) || verification == Some(&*one.sid)) && is_good(one, now)
        });
        let Some((number, one)) = found else { return Ok(None) };
        if one.wrong == TIMES {
            return Err(Refusal::new(429, 60202, "Max check attempts reached"));
        }
        let (number, right) = (number.clone(), one.code == code);
        if !right {
            one.wrong += 1;
            return Ok(Some((number, one.clone(), false)));
        }
        let one = one.clone();
        self.verifications.remove(&number);
        for (attempt, _) in &one.sent {
            if let Some(attempt) = self.code_attempts.get_mut(attempt) {
                attempt.told = true;
            }
        }
        Ok(Some((number, one, true)))
    }
}

fn is_good(one: &Verification, now: Timestamp) -> bool {
    now.duration_since(one.created) < GOOD
}
