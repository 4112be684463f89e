//! What stands beside a message in its room: whom it does not reach and why, for whom it is held, and
//! buttons for what can be done.

use std::collections::{BTreeMap, HashSet};

use partyline_core::{Action, Button, MessageId, Network, Place, Press, Speaker, Text};

use super::{GIVEN_UP, Ticker};
use crate::forms::{GROUP, INVITATION};
use crate::invitations::Standing;
use crate::ledger::{LedgerError, Owed, Receipt, TickNews};
use crate::policy::{is_failure, is_out_of_reach, may_come_later, told, waiting};

/// Members for whom one remark has a button each.
const HELPED: usize = 5;

impl Ticker {
    /// Tells the people in the rooms whom a message does not reach, and for whom it is held, of whom
    /// they do not know yet. False where that is to be tried again: it does not stand in a room yet.
    pub(super) async fn tell(&self, news: &TickNews) -> Result<bool, LedgerError> {
        let new = news.receipts.iter().filter(|receipt| is_failure(receipt) && !receipt.told);
        let new: Vec<_> = new.cloned().collect();
        let waiting: Vec<_> = news.waiting.iter().filter(|one| !one.told).cloned().collect();
        if new.is_empty() && waiting.is_empty() {
            return Ok(true);
        }
        let is_young = self.ledger.now().duration_since(news.at) <= GIVEN_UP;
        let rooms = || self.links.others(&news.place);
        if news.place.is_conversation()
            && news.copies.is_empty()
            && is_young
            && !rooms().is_empty()
            && news.message.is_some()
        {
            return Ok(false);
        }
        let (mut lines, mut buttons) = (Vec::new(), Vec::new());
        if !waiting.is_empty() {
            let (line, button) = self.waiting(news).await?;
            lines.push(line);
            buttons.extend(button);
        }
        if !new.is_empty() {
            lines.push(self.failed(news, &new).await);
            for remedy in self.remedies(news, &new).await? {
                lines.extend(remedy.words);
                buttons.push(remedy.button);
            }
        }
        let text = Text::plain(lines.join("\n"));
        let notices = self.beside(news, &text, &buttons);
        metrics::counter!("partyline_failures_told_total").increment(new.len() as u64);
        let accepted = self.ledger.tell_failed(news.event, new, waiting, notices).await?;
        self.wakers.wake(accepted);
        Ok(true)
    }

    /// Who will get it once they write; and, where nothing invites them to, what chooses something.
    async fn waiting(&self, news: &TickNews) -> Result<(String, Option<Button>), LedgerError> {
        let mut names = Vec::with_capacity(news.waiting.len());
        for one in &news.waiting {
            let mut known = news.members.iter().chain(&news.departed);
            let member = known.find(|phone| phone.address == one.address);
            let name = member.and_then(|phone| phone.name.clone());
            names.push(self.called(news, &one.address, name).await);
        }
        let standing = self.invitations.standing(&news.conversation).await?;
        let how = match &standing {
            Standing::Goes(_) => None,
            Standing::Off => Some("no invitation is set that asks them to: `group template TEMPLATE` sets one (`template list` shows them).".to_owned()),
            Standing::Refused { name, status } => Some(format!("their invitation \"{name}\" cannot be sent, since WhatsApp's word on it is \"{status}\": `group template TEMPLATE` sets another one (`template list` shows them).")),
        };
        // Whoever said it on a phone is a member, too, and has it.
        let author = news.members.iter().any(|one| Some(&one.address) == news.speaker.as_ref());
        let others = news.members.len() - usize::from(author);
        let mut line = waiting(&names, others.max(names.len()), how.as_deref());
        if let Standing::Goes(Some(says)) = standing {
            line.push_str(&format!("\nThe invitation says: {says}"));
        }
        let group = vec![news.conversation.id().to_owned()];
        let choose = how.map(|_| Button {
            label: "Choose an invitation".to_owned(),
            danger: false,
            press: Press::Open {
                form: INVITATION.to_owned(),
                values: [(GROUP.to_owned(), group)].into(),
            },
        });
        Ok((line, choose))
    }

    /// What can be done for those whom it does not reach, some of them.
    async fn remedies(&self, news: &TickNews, new: &[Receipt]) -> Result<Vec<Remedy>, LedgerError> {
        let group = &news.conversation;
        if group.is_phone() || self.ledger.correspondent(group).await?.is_some() {
            return Ok(Vec::new());
        }
        let mut found: BTreeMap<&str, Option<u32>> = BTreeMap::new();
        let can_be_helped =
            |one: &&Receipt| is_out_of_reach(one.error) || may_come_later(one.error);
        for receipt in new.iter().filter(can_be_helped) {
            let member = news.members.iter().find(|one| one.participant == receipt.participant);
            found.extend(member.map(|one| (one.address.as_str(), receipt.error)));
        }
        let mut remedies = Vec::new();
        for (address, code) in found.into_iter().take(HELPED) {
            let name = self.called(news, address, None).await;
            remedies.push(match is_out_of_reach(code) {
                true => Remedy::take_out(group, address, &name),
                false => Remedy::send_again(group, news.event, address, &name),
            });
        }
        Ok(remedies)
    }

    /// Whom it does not reach, and why.
    async fn failed(&self, news: &TickNews, new: &[Receipt]) -> String {
        let mut seen = HashSet::new();
        let mut failed = Vec::new();
        for receipt in new.iter().filter(|receipt| seen.insert(receipt.participant.as_str())) {
            failed.push((self.name(news, &receipt.participant).await, receipt.error));
        }
        let whose = match &news.speaker {
            Some(address) if news.place.is_conversation() => {
                Some(self.called(news, address, None).await)
            }
            _ => None,
        };
        told(whose.as_deref(), &failed)
    }

    /// What the rooms are owed, so that this stands beside the message; as a notice, where it has
    /// none.
    fn beside(&self, news: &TickNews, text: &Text, buttons: &[Button]) -> Vec<Owed> {
        let owed = |to: &Place, about: Option<MessageId>, thread: Option<MessageId>| Owed {
            to: to.clone(),
            from: news.conversation.clone(),
            speaker: None,
            // The message's own time: by it the remark is looked up, whatever our clock says.
            at: news.at,
            action: match about {
                Some(about) => {
                    Action::Remark { about, thread, text: text.clone(), buttons: buttons.to_vec() }
                }
                None => Action::Notice { text: text.clone() },
            },
        };
        match (news.place.is_conversation(), &news.message) {
            (false, about) => vec![owed(&news.place, about.clone(), news.thread.clone())],
            (true, Some(_)) => news
                .copies
                .iter()
                .map(|(room, copy)| owed(room, Some(copy.clone()), None))
                .collect(),
            (true, None) => {
                self.links.others(&news.place).iter().map(|room| owed(room, None, None)).collect()
            }
        }
    }

    /// What a participant is called.
    async fn name(&self, news: &TickNews, participant: &str) -> String {
        let mut known = news.members.iter().chain(&news.departed);
        match known.find(|phone| phone.participant == participant) {
            Some(phone) => self.called(news, &phone.address, phone.name.clone()).await,
            None => "somebody who has left".to_owned(),
        }
    }

    async fn called(&self, news: &TickNews, address: &str, name: Option<String>) -> String {
        let speaker = Speaker { name, ..Speaker::new(Network::Twilio, address) };
        self.names.resolve(&speaker, &news.conversation).await.name
    }
}

/// What can be done for somebody whom a message does not reach.
struct Remedy {
    /// How it is typed, where the reason does not say so already.
    words: Option<String>,
    button: Button,
}

impl Remedy {
    /// The number is taken out of the group.
    fn take_out(group: &Place, address: &str, name: &str) -> Self {
        let words = ["member", "remove", group.id(), address].map(str::to_owned).to_vec();
        let question = format!("{name} is taken out of the group, and gets nothing more of it.");
        let press = Press::Ask { question, words };
        Self {
            words: None,
            button: Button { label: format!("Take {name} out"), danger: true, press },
        }
    }

    /// It is sent once more, to this phone alone.
    fn send_again(group: &Place, event: i64, address: &str, name: &str) -> Self {
        let number = event.to_string();
        let words = ["queue", "again", group.id(), &number, address].map(str::to_owned).to_vec();
        let label = format!("Send it to {name} again");
        let key = address.rsplit(':').next().unwrap_or(address);
        Self {
            words: Some(format!("`queue again {number} {key}` sends it to {name} once more.")),
            button: Button { label, danger: false, press: Press::Run(words) },
        }
    }
}
