//! What somebody on a phone asks for by a word: no more messages, messages again, help.
//!
//! Only a whole message asks for it: "stop" does, "please stop by at ten" does not. Case, accents,
//! punctuation and white space do not count. A word that ends messages is obeyed always, one that
//! brings them back only from somebody who gets none: "yes" is an answer to many questions.

use std::collections::BTreeSet;

use partyline_core::{Address, Channel};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The words that Twilio obeys by itself on SMS (Twilio's documentation of "default keywords").
const STOP: &[&str] =
    &["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];
const START: &[&str] = &["start", "yes", "unstop"];
const HELP: &[&str] = &["help", "info"];

/// The longest word, in characters: longer messages are not looked at.
const LONGEST: usize = 80;

/// What a whole message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again, if they get none.
    Start,
    /// To be told what this is.
    Help,
}

/// The words that are obeyed: those of the English-speaking carriers, and those of the
/// configuration.
#[derive(Clone, Debug)]
pub struct Words {
    stop: BTreeSet<String>,
    start: BTreeSet<String>,
    help: BTreeSet<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self::with(&[], &[], &[])
    }
}

impl Words {
    /// The usual words, and these.
    #[must_use]
    pub fn with(stop: &[String], start: &[String], help: &[String]) -> Self {
        let all = |usual: &[&str], more: &[String]| {
            usual.iter().copied().chain(more.iter().map(String::as_str)).map(bare).collect()
        };
        Self { stop: all(STOP, stop), start: all(START, start), help: all(HELP, help) }
    }

    /// What a message asks for, if that is all that it says.
    #[must_use]
    pub fn wish(&self, message: &str) -> Option<Wish> {
        if message.chars().nth(LONGEST).is_some() {
            return None;
        }
        let word = bare(message);
        if self.stop.contains(&word) {
            Some(Wish::Stop)
        } else if self.start.contains(&word) {
            Some(Wish::Start)
        } else {
            self.help.contains(&word).then_some(Wish::Help)
        }
    }
}

/// Whether Twilio itself answers this word on this channel: by SMS, the words that it knows.
#[must_use]
pub fn twilio_answers(address: &Address, message: &str) -> bool {
    let word = bare(message);
    address.channel() == Channel::Sms
        && [STOP, START, HELP].iter().any(|words| words.contains(&word.as_str()))
}

/// Whether a word has letters to be known by.
#[must_use]
pub fn is_word(text: &str) -> bool {
    !bare(text).is_empty() && text.chars().nth(LONGEST).is_none()
}

/// Letters and digits alone, small and without accents, with one space between words.
fn bare(text: &str) -> String {
    let letters: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .flat_map(char::to_lowercase)
        .collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> Words {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Words::with(&own(&["Arrêter", "STOP ALL", "退订"]), &own(&["Débuter"]), &own(&["Ayuda"]))
    }

    #[test]
    fn the_usual_words_are_obeyed() {
        for word in ["STOP", "stopall", "Unsubscribe", "CANCEL", "End", "quit"] {
            assert_eq!(words().wish(word), Some(Wish::Stop), "{word}");
        }
        for word in ["START", "yes", "Unstop"] {
            assert_eq!(words().wish(word), Some(Wish::Start), "{word}");
        }
        for word in ["HELP", "info"] {
            assert_eq!(words().wish(word), Some(Wish::Help), "{word}");
        }
    }

    #[test]
    fn case_accents_and_punctuation_do_not_count() {
        for message in
            ["Stop.", " \"STOP\"! ", "s\u{301}top", "arreter", "ARRÊTER!", "stop all", "退订。"]
        {
            assert_eq!(words().wish(message), Some(Wish::Stop), "{message}");
        }
        assert_eq!(words().wish("¿Ayuda?"), Some(Wish::Help));
        assert_eq!(words().wish("debuter"), Some(Wish::Start));
    }

    #[test]
    fn a_word_among_others_asks_for_nothing() {
        for message in ["please stop by at ten", "stop it", "the end", "no help", "", "!", "st op"]
        {
            assert_eq!(words().wish(message), None, "{message}");
        }
    }

    #[test]
    fn twilio_answers_its_own_words_by_sms_alone() {
        let (sms, whatsapp) = ("+14155550101", "whatsapp:+14155550101");
        let answers = |address: &str, word| twilio_answers(&address.parse().unwrap(), word);
        assert!(answers(sms, "Stop!") && answers(sms, "HELP") && answers(sms, "yes"));
        assert!(!answers(whatsapp, "stop") && !answers(sms, "arrêter"));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_marks_around_a_word_change_nothing(
            text in ".{0,120}", front in "[ .,!?\"'-]{0,5}", back in "[ .,!?\"'-]{0,5}",
        ) {
            let words = words();
            let _ = words.wish(&text);
            if text.chars().count() + 10 <= LONGEST {
                prop_assert_eq!(words.wish(&format!("{front}{text}{back}")), words.wish(&text));
                prop_assert_eq!(words.wish(&bare(&text)), words.wish(&text));
            }
        }

        #[test]
        fn a_stop_word_with_another_word_is_talk(word in "[a-z]{3,8}") {
            prop_assert_eq!(words().wish(&format!("stop {word} now")), None);
        }
    }
}
