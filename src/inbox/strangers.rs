//! Strangers: who wrote to a sender, and may be in no conversation behind it.

use std::time::Duration;

use jiff::SignedDuration;
use partyline_core::{Address, ConversationState, Network, NewConversation, Place, Speaker};
use sha2::{Digest, Sha256};

use super::{Inbox, is_phone, told};
use crate::crash::{Point, point};
use crate::intake::newest;
use crate::ledger::{GroupChange, Stranger};
use crate::members;

/// How long a conversation may take to be made for somebody's address, and to tell what they wrote,
/// before one is made here.
const SETTLING: SignedDuration = SignedDuration::from_secs(3);

/// Strangers that are looked at together.
const AT_ONCE: u32 = 50;

impl Inbox {
    /// Looks at strangers whose time has come; whether there are more.
    pub(super) async fn next_strangers(&self) -> Result<bool, String> {
        let strangers = self.ledger.strangers(AT_ONCE).await.map_err(told)?;
        for stranger in &strangers {
            let age = self.ledger.now().duration_since(stranger.at);
            if let Ok(left) = Duration::try_from(SETTLING - age) {
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    () = self.stop.cancelled() => return Ok(false),
                }
            }
            self.let_in(stranger).await?;
        }
        Ok(!strangers.is_empty())
    }

    /// What no conversation has told by now is said in the one with that sender, which is made where
    /// there is none. Should the conversation tell it later, that is known again.
    async fn let_in(&self, stranger: &Stranger) -> Result<(), String> {
        if !self.ledger.is_to_be_let_in(stranger).await.map_err(told)? {
            return Ok(());
        }
        let Stranger { address, sender, .. } = stranger;
        let found = self.manage()?.memberships(address).await.map_err(told)?;
        let open = |state| !matches!(state, ConversationState::Closed | ConversationState::Removed);
        let there = found
            .into_iter()
            .find(|one| one.sender.as_ref() == Some(sender) && open(one.state))
            .map(|one| one.conversation);
        let conversation = match there {
            Some(place) => self.is_of_one(&place).await?.then_some(place),
            None => Some(self.make(stranger, unique_name(address, sender)).await?),
        };
        let owner = self.mention.at_first();
        let accepted = self.ledger.let_in(stranger, conversation.as_ref(), owner).await;
        self.wakers.wake(accepted.map_err(told)?);
        Ok(())
    }

    /// Whether a conversation is with one person, and is answered in the inbox. What is said in another
    /// one, its own rooms hear.
    async fn is_of_one(&self, conversation: &Place) -> Result<bool, String> {
        let rooms = self.links.others(conversation);
        if !rooms.is_empty() {
            let thread = self.ledger.correspondent(conversation).await.map_err(told)?;
            return Ok(thread.is_some());
        }
        let members = self.groups()?.members(conversation).await.map_err(told)?;
        Ok(members.iter().filter(|member| is_phone(member)).count() == 1)
    }

    /// Makes a conversation of somebody with a sender.
    async fn make(&self, stranger: &Stranger, unique_name: String) -> Result<Place, String> {
        let Stranger { address, sender, .. } = stranger;
        let (manage, groups) = (self.manage()?, self.groups()?);
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = self.names.resolve(&speaker, &Place::conversation("")).await.name;
        let created_by = "inbox".to_owned();
        let new = NewConversation { unique_name, name, description: None, created_by };
        let info = manage.create(&new).await.map_err(told)?;
        let place = info.place.clone();
        let note = GroupChange::Note(Box::new(info));
        self.ledger.change_groups(vec![note]).await.map_err(told)?;
        // From here on what they write comes by the conversation: it begins now.
        let powers = self.networks.get(Network::Twilio).ok_or("Twilio is not configured")?;
        let read = powers.read_back.read_back(&place, None).await.map_err(told)?;
        self.ledger.begin_anew(&place, newest(&read)).await.map_err(told)?;
        manage.add_member(&place, address, Some(sender)).await.map_err(told)?;
        point(Point::InboxMade);
        let learned = members::learn(groups.as_ref(), &self.ledger, &self.names, &place).await;
        learned.map_err(told)?;
        Ok(place)
    }
}

/// The name by which the conversation of somebody with a sender is found again; no number, since
/// whoever sees the console sees names.
fn unique_name(address: &Address, sender: &Address) -> String {
    let digest = Sha256::digest(format!("{address} {sender}"));
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("inbox-{digest}")
}
