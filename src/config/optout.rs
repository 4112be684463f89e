//! `[optout]`: what somebody writes who wants no more messages, and what they are answered.

use super::section::{Noted, Section};
use crate::policy::{Wish, Words, is_word};

/// The longest answer, in characters: what fits into a few SMS.
const LONGEST: usize = 480;

/// `[optout]`.
#[derive(Clone, Debug)]
pub struct Optout {
    /// The words that are obeyed.
    pub words: Words,
    /// What is answered to them.
    pub answers: Answers,
}

/// What people are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// To a word that ends messages.
    pub confirmation: String,
    /// To one that brings them back.
    pub welcome: String,
    /// To one that asks for help.
    pub help: String,
    /// Whether the bridge answers by SMS, too, what Twilio answers by itself unless that is
    /// switched off in the account.
    pub by_sms: bool,
}

impl Answers {
    /// The answer to what somebody asks for.
    #[must_use]
    pub fn to(&self, wish: Wish) -> &str {
        match wish {
            Wish::Stop => &self.confirmation,
            Wish::Start => &self.welcome,
            Wish::Help => &self.help,
        }
    }
}

impl Optout {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let mut words =
            |key| section.list(key, "Write words such as [\"stop\", \"arrêter\"]", word);
        let (stop, start, help) = (words("stop_words"), words("start_words"), words("help_words"));
        let mut answer = |key, usual| section.or(key, usual, "Write a sentence", sentence);
        let confirmation = answer(
            "confirmation",
            "You get no more messages from us. Write START to get them again.",
        );
        let welcome = answer("welcome", "You get our messages again. Write STOP to end them.");
        let helped = answer(
            "help",
            "This number belongs to a group chat. Write STOP to get no more messages.",
        );
        let by_sms = section.choice("sms_answers", &[("twilio", false), ("partyline", true)]);
        Ok(Self {
            words: Words::with(&stop?, &start?, &help?),
            answers: Answers {
                confirmation: confirmation?,
                welcome: welcome?,
                help: helped?,
                by_sms: by_sms?,
            },
        })
    }
}

fn word(text: &str) -> Result<String, String> {
    if is_word(text) {
        Ok(text.to_owned())
    } else {
        Err("it has no letters, or is too long for a word".to_owned())
    }
}

fn sentence(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if text.is_empty() {
        Err("it is empty".to_owned())
    } else if count > LONGEST {
        Err(format!("it has {count} characters; it can have {LONGEST}"))
    } else {
        Ok(text.to_owned())
    }
}
