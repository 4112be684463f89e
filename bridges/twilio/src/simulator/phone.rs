//! The phones, as a test or a page uses them.

use std::sync::Arc;

use jiff::Timestamp;

use super::inbound;
use super::inner::Inner;
use super::model::InboxItem;
use super::saying::{Said, SayError, Saying};

/// A phone to be added to a conversation.
#[derive(Clone)]
pub struct NewMember {
    pub(super) address: String,
    pub(super) sender: String,
    pub(super) profile_name: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) window_open: bool,
    pub(super) told: bool,
}

impl std::fmt::Debug for NewMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMember")
            .field("address", &partyline_core::mask(&self.address))
            .finish_non_exhaustive()
    }
}

impl NewMember {
    /// A member by address (`whatsapp:+1…`, `+1…`) and the sender that the member writes to.
    #[must_use]
    pub fn new(address: &str, sender: &str) -> Self {
        Self {
            address: address.to_owned(),
            sender: sender.to_owned(),
            profile_name: None,
            attributes: None,
            window_open: true,
            told: false,
        }
    }

    /// The name in the person's WhatsApp profile, as the Messaging webhook tells it.
    #[must_use]
    pub fn named(mut self, profile_name: &str) -> Self {
        self.profile_name = Some(profile_name.to_owned());
        self
    }

    /// The participant's attributes: JSON in a string.
    #[must_use]
    pub fn attributes(mut self, attributes: &str) -> Self {
        self.attributes = Some(attributes.to_owned());
        self
    }

    /// The person has never written: nothing but templates reaches a WhatsApp phone.
    #[must_use]
    pub const fn window_closed(mut self) -> Self {
        self.window_open = false;
        self
    }

    /// Hooks tell of it, as if an SDK client had added the member.
    #[must_use]
    pub const fn told(mut self) -> Self {
        self.told = true;
        self
    }
}

/// Somebody's phone.
#[derive(Clone, Debug)]
pub struct Phone {
    inner: Arc<Inner>,
    address: Arc<str>,
}

impl Phone {
    pub(super) fn new(inner: Arc<Inner>, address: &str) -> Self {
        Self { inner, address: address.into() }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Says something in a conversation that the phone is a member of. Returns when the hooks that
    /// it led to have been answered, or have failed.
    ///
    /// # Errors
    /// See [`SayError`].
    pub async fn say(
        &self,
        conversation: &str,
        saying: impl Into<Saying>,
    ) -> Result<Said, SayError> {
        inbound::phone_says(&self.inner, &self.address, conversation, saying.into()).await
    }

    /// The same without waiting for anything. What one phone says in one conversation keeps its
    /// order.
    ///
    /// # Errors
    /// The phone is no member there.
    pub fn say_at_once(
        &self,
        conversation: &str,
        saying: impl Into<Saying>,
    ) -> Result<(), SayError> {
        inbound::queue(&self.inner, &self.address, conversation, saying.into()).map(drop)
    }

    /// Writes to a sender, as a phone really does: Twilio finds the conversation of the two,
    /// makes one where an address configuration says so, and otherwise only the Messaging webhook
    /// hears of it.
    ///
    /// # Errors
    /// See [`SayError`].
    pub async fn write_to(
        &self,
        sender: &str,
        saying: impl Into<Saying>,
    ) -> Result<Said, SayError> {
        inbound::phone_writes(&self.inner, &self.address, sender, saying.into()).await
    }

    /// What has arrived, oldest first.
    #[must_use]
    pub fn inbox(&self) -> Vec<InboxItem> {
        self.inner.look(|world| {
            world
                .phones
                .get(&*self.address)
                .map(|phone| phone.inbox.iter().map(|(item, _)| item.clone()).collect())
                .unwrap_or_default()
        })
    }

    /// How much has arrived, of what is kept; cheap.
    #[must_use]
    pub fn inbox_len(&self) -> usize {
        self.inner
            .look(|world| world.phones.get(&*self.address).map_or(0, |phone| phone.inbox.len()))
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.inner.look(|world| world.phones.get(&*self.address).is_none_or(|phone| phone.on))
    }

    /// The name in the person's WhatsApp profile.
    #[must_use]
    pub fn profile_name(&self) -> Option<String> {
        self.inner.look(|world| world.phones.get(&*self.address)?.profile_name.clone())
    }

    /// Until when free-form text may come from a sender; `None` where the person never wrote to
    /// it, or where the window was closed.
    #[must_use]
    pub fn window(&self, sender: &str) -> Option<Timestamp> {
        self.inner.look(|world| world.phones.get(&*self.address)?.windows.get(sender).copied())
    }

    /// Switches it on or off. What is sent to a phone that is off stays `sent`, and arrives when
    /// it goes on.
    pub fn switch(&self, on: bool) {
        self.inner.change(|world, effects| world.switch_phone(&self.address, on, effects));
    }

    /// The person reads everything; WhatsApp tells of it.
    pub fn read_all(&self) {
        self.inner.change(|world, effects| world.read_all(&self.address, effects));
    }

    /// Closes the 24-hour windows towards every sender.
    pub fn close_window(&self) {
        self.inner.change(|world, _| world.phone(&self.address).windows.clear());
    }

    /// Opens the 24-hour window towards a sender without a message.
    pub fn open_window(&self, sender: &str) {
        self.inner.change(|world, _| world.open_window(&self.address, sender));
    }

    /// Everything sent to it fails with this code (63003 no such WhatsApp user, 63014 blocked,
    /// 30006 landline …), or arrives again.
    pub fn set_unreachable(&self, code: Option<u32>) {
        self.inner.change(|world, _| world.phone(&self.address).unreachable = code);
    }

    /// The name in the person's WhatsApp profile.
    pub fn set_profile_name(&self, name: &str) {
        self.inner
            .change(|world, _| world.phone(&self.address).profile_name = Some(name.to_owned()));
    }
}
