//! What goes to a phone alone of what was held for it: each as it was said, or all of it as a digest.

use std::fmt::Write as _;

use partyline_core::{Action, Happening, Network, Place, Text};

use super::Windows;
use crate::ledger::{HeldMessage, HeldPart, Owed};
use crate::route::posts;

/// The characters that a digest's part number can take, `(123/456) `.
const NUMBER: usize = 10;

impl Windows {
    /// Each as it was said, under its speaker's name.
    pub(super) fn one_by_one(&self, phone: &Place, held: &[HeldMessage]) -> Vec<(i64, Owed)> {
        let limit = self.limit();
        let parts = |one| missing(one, phone, limit).into_iter().map(|part| (one.number, part));
        held.iter().flat_map(parts).collect()
    }

    /// All of it, line under line, in as few messages as it takes.
    pub(super) async fn digest(
        &self,
        phone: &Place,
        conversation: &Place,
        held: &[HeldMessage],
    ) -> Vec<(i64, Owed)> {
        let Some(last) = held.last() else { return Vec::new() };
        let (now, limit) = (self.ledger.now(), self.limit());
        let mut text = format!("{} messages since you last wrote", held.len());
        if let Some(group) = self.ledger.group(conversation).await.ok().flatten() {
            let _ = write!(text, " in \"{}\"", group.name());
        }
        text.push(':');
        for one in held {
            let Some(event) = &one.event else { continue };
            let Happening::Message { speaker, .. } = &event.happening else { continue };
            let name = self.called(speaker, &event.place).await;
            let when = self.lateness.words(event.at, now);
            for part in missing(one, phone, limit) {
                let Action::Post { content, .. } = part.action else { continue };
                let _ = write!(text, "\n[{when}] {name}: {}", content.in_words().plain);
            }
        }
        let parts = Text::plain(text).split(limit.saturating_sub(NUMBER));
        let of = parts.len();
        let number = |(at, part): (usize, Text)| {
            let front = if of > 1 { format!("({}/{of}) ", at + 1) } else { String::new() };
            let owed = Owed {
                to: phone.clone(),
                from: conversation.clone(),
                speaker: None,
                at: now,
                action: Action::Notice { text: Text::plain(format!("{front}{}", part.plain)) },
            };
            (last.number, owed)
        };
        parts.into_iter().enumerate().map(number).collect()
    }

    /// The characters of one message to a phone.
    fn limit(&self) -> usize {
        self.networks.limits().get(&Network::Twilio).copied().unwrap_or(usize::MAX)
    }
}

/// What of a message did not come: all of it, or, where it went in the same parts, those that failed.
fn missing(one: &HeldMessage, phone: &Place, limit: usize) -> Vec<Owed> {
    let Some(event) = &one.event else { return Vec::new() };
    let Happening::Message { speaker, content, .. } = &event.happening else { return Vec::new() };
    let mut parts = posts((&event.place, event.at), speaker, content, phone, limit);
    if parts.len() == one.parts.len() && one.parts.iter().any(HeldPart::failed) {
        let mut fates = one.parts.iter().map(HeldPart::failed);
        parts.retain(|_| fates.next().unwrap_or(true));
    }
    parts
}
