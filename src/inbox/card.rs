//! The card at the head of somebody's thread: who they are, where they are known from, what can be done.

use std::fmt::Write as _;

use partyline_core::{
    Action, Address, Button, Channel, ConversationState, Cursor, Happening, Network, Place, Press,
    Speaker, Text,
};

use super::{Inbox, told};
use crate::forms::{ADD_TO_GROUP, REPLY};

/// Groups that are named on a card.
const NAMED: usize = 5;

/// Messages of before that are shown on a card, and how much of each, in characters.
const HISTORY: u64 = 5;
const EXCERPT: usize = 200;

impl Inbox {
    /// What stands at the head of somebody's thread; `heard` says whether they have written, or were
    /// written to.
    pub(super) async fn card(
        &self,
        conversation: &Place,
        address: &Address,
        heard: bool,
    ) -> Result<Action, String> {
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = self.names.resolve(&speaker, conversation).await.name;
        let (key, channel) = (address.contact_key(), channel(address));
        let what = if heard { "has written" } else { "is written to" };
        let mut card = format!("{name} ({key}, {channel}) {what}.");
        if let Some(profile) = self.names.suggestion(address).await.filter(|one| *one != name) {
            let _ = write!(card, " On WhatsApp they call themselves {profile}.");
        }
        card.push_str(&self.groups_of(conversation, address).await?);
        let _ = write!(
            card,
            " What is written in this thread goes to them alone. `member add GROUP {key}` adds them to a group, `inbox close {key}` closes this, `inbox block {key}` has nothing more of theirs shown."
        );
        card.push_str(&self.threads_before(conversation, address).await?);
        card.push_str(&self.history(conversation).await?);
        Ok(Action::Card { text: Text::plain(card), buttons: buttons(address) })
    }

    /// The groups that somebody is in, by whichever channel, in a sentence.
    async fn groups_of(&self, conversation: &Place, address: &Address) -> Result<String, String> {
        let mut groups = Vec::new();
        for form in address.forms() {
            let found = self.manage()?.memberships(&form).await.map_err(told)?;
            let others = found.into_iter().filter(|one| {
                one.conversation != *conversation && one.state == ConversationState::Active
            });
            groups.extend(others.filter_map(|one| one.name));
        }
        if groups.is_empty() {
            return Ok(String::new());
        }
        let more = if groups.len() > NAMED { " and others" } else { "" };
        groups.truncate(NAMED);
        Ok(format!(" They are in {}{more}.", groups.join(", ")))
    }

    /// Where the same person was answered before, by whichever channel, in a sentence.
    async fn threads_before(
        &self,
        conversation: &Place,
        address: &Address,
    ) -> Result<String, String> {
        let found = self.ledger.inbox_with(address.forms(), 4).await.map_err(told)?;
        let others = found.into_iter().filter(|one| one.conversation != *conversation);
        let threads: Vec<String> =
            others.filter_map(|one| one.thread).map(|thread| thread.to_string()).collect();
        Ok(match threads.as_slice() {
            [] => String::new(),
            threads => format!(" They were answered before in {}.", threads.join(", ")),
        })
    }

    /// What was said in the conversation before what waits for its thread, in lines with times.
    async fn history(&self, conversation: &Place) -> Result<String, String> {
        let waiting = self.ledger.inbox_waits_from(conversation).await.map_err(told)?;
        let Some(first) = waiting.filter(|first| *first > 0) else { return Ok(String::new()) };
        let powers = self.networks.get(Network::Twilio).ok_or("Twilio is not configured")?;
        // An index counts from 0; a cursor stands on what was read.
        let after = first.checked_sub(HISTORY + 1);
        let cursor = Cursor { ordinal: after, last: None };
        let read = powers.read_back.read_back(conversation, Some(&cursor)).await.map_err(told)?;
        let mut lines = String::new();
        for event in read.into_iter().flat_map(|piece| piece.events) {
            let before = event.ordinal.is_some_and(|ordinal| ordinal < first);
            if let Happening::Message { speaker, content, .. } = &event.happening
                && before
            {
                let name = self.names.resolve(speaker, conversation).await.name;
                let at = self.lateness.words(event.at, self.ledger.now());
                let words = excerpt(&content.in_words().plain);
                let _ = write!(lines, "\n• {at}, {name}: {words}");
            }
        }
        Ok(if lines.is_empty() { lines } else { format!("\nBefore that:{lines}") })
    }
}

/// The beginning of a message, in one line.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What can be done about somebody by pressing it.
fn buttons(address: &Address) -> Vec<Button> {
    let who = || [("who".to_owned(), vec![address.to_string()])].into();
    let open = |form: &str| Press::Open { form: form.to_owned(), values: who() };
    let block = ["inbox", "block", address.as_str()].map(str::to_owned).to_vec();
    let button = |label: &str, danger, press| Button { label: label.to_owned(), danger, press };
    vec![
        button("Reply", false, open(REPLY)),
        button("Add to a group", false, open(ADD_TO_GROUP)),
        button("Block", true, Press::Run(block)),
    ]
}

fn channel(address: &Address) -> &'static str {
    match address.channel() {
        Channel::WhatsApp => "WhatsApp",
        Channel::Sms => "SMS",
        Channel::Messenger => "Messenger",
        Channel::Client => "an SDK client",
    }
}
