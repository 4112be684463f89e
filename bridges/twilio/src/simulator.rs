//! A simulated Twilio: its HTTP, its rules, its hooks, and the phones behind it.
//!
//! It serves the sandbox, the tests and the benchmark. What it answers is held to Twilio's own
//! OpenAPI documents, and Twilio's own client library works with it (both are tests of this
//! crate). It shares no code with the bridge, so that each is a witness of the other.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use partyline_twilio::simulator::{NewMember, Options, Simulator};
//!
//! let options = Options {
//!     webhook_url: Some("http://127.0.0.1:8080/webhooks/twilio".parse()?),
//!     ..Options::default()
//! };
//! let twilio = Simulator::start(options).await?;
//! let group = twilio.create_conversation("Team").await?;
//! let maya = NewMember::new("whatsapp:+14155550101", "whatsapp:+14155550000").named("Maya");
//! let maya = twilio.add_phone(&group, maya).await?;
//! let said = maya.say(&group, "Hello").await?;
//! assert_eq!(said.message.map(|message| message.index), Some(0));
//! # Ok(())
//! # }
//! ```
//!
//! | where | what |
//! |---|---|
//! | [`Simulator`], [`Phone`] | the programs' side: make, say, switch, wait, break |
//! | [`Happening`] | what happened, for a page that shows it |
//! | [`Fault`] | what goes wrong on request |
//! | `/v1/…`, `/2010-04-01/…`, `/v2/…` | the daemon's side: Twilio's REST |
//! | `/_simulator/…` | the same as [`Simulator`] over HTTP, for other processes |

mod control;
mod events;
mod faults;
mod happening;
mod hooks;
mod inbound;
mod inner;
mod lanes;
mod model;
mod options;
mod phone;
mod refusal;
mod rest;
mod saying;
mod server;
mod signing;
mod templates;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

pub use faults::{Fault, FaultKind};
pub use happening::Happening;
pub use inner::{Counters, TimedOut};
pub use model::{
    Binding, Conversation, InboxItem, MediaItem, Message, Participant, Receipt, ReceiptStatus, Sid,
    State, Template,
};
pub use options::Options;
pub use phone::{NewMember, Phone};
pub use refusal::Refusal;
pub use saying::{Attachment, Said, SayError, Saying};
pub use signing::sign;
pub use templates::seeded as seeded_templates;

use events::Cause;
use inner::Inner;
use world::{conversations, participants};

/// A running simulated Twilio. Clones are the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Simulator {
    inner: Arc<Inner>,
    address: SocketAddr,
    _stop: Arc<DropGuard>,
}

impl Simulator {
    /// Starts one on the running tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on (in use, not ours).
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let inner = Inner::new(options, format!("http://{address}"), stop.clone())?;
        tokio::spawn(server::serve(listener, Arc::clone(&inner), stop.clone()));
        tokio::spawn(server::keep_time(Arc::clone(&inner), stop.clone()));
        Ok(Self { inner, address, _stop: Arc::new(stop.drop_guard()) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stands for `https://conversations.twilio.com` and the three other base addresses; no
    /// slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.inner.base
    }

    /// Makes a conversation. No hook tells of it, as if made by REST.
    ///
    /// # Errors
    /// What Twilio would refuse: a name that is too long.
    #[allow(clippy::unused_async)] // like the rest of the making
    pub async fn create_conversation(&self, friendly_name: &str) -> Result<Sid, Refusal> {
        let wish = conversations::Wish {
            friendly_name: Some(friendly_name.to_owned()),
            ..conversations::Wish::default()
        };
        self.inner.change(|world, effects| {
            let draft = world.draft_conversation(&wish)?;
            Ok(world.add_conversation(draft, &Cause::api(false), effects))
        })
    }

    /// Adds a phone to a conversation, given by SID or unique name. Unless the member says
    /// otherwise, no hook tells of it, as if it was added by REST, and its window is open, as if
    /// the person had written before.
    ///
    /// # Errors
    /// What Twilio would refuse: no such conversation, a bad address, a binding that is taken.
    #[allow(clippy::unused_async)] // like the rest of the making
    pub async fn add_phone(&self, conversation: &str, member: NewMember) -> Result<Phone, Refusal> {
        let wish = participants::Wish {
            address: Some(member.address.clone()),
            proxy_address: Some(member.sender.clone()),
            attributes: member.attributes.clone(),
            ..participants::Wish::default()
        };
        self.inner.change(|world, effects| {
            let draft = world.draft_participant(conversation, &wish)?;
            let cause = Cause { source: "SDK", identity: None, hooks: member.told };
            world.add_participant(conversation, draft, &cause, effects)?;
            if member.profile_name.is_some() {
                world.phone(&member.address).profile_name = member.profile_name;
            }
            if member.window_open {
                world.open_window(&member.address, &member.sender);
            }
            Ok(())
        })?;
        Ok(self.phone(&member.address))
    }

    /// Takes a phone out of a conversation; hooks tell of it, as if an SDK client had done it.
    ///
    /// # Errors
    /// What Twilio would refuse: no such conversation, no such member.
    #[allow(clippy::unused_async)] // like the rest of the making
    pub async fn remove_phone(&self, conversation: &str, address: &str) -> Result<(), Refusal> {
        self.inner.change(|world, effects| {
            let group = world.group(conversation)?;
            let member = group.author(address).ok_or_else(participants::no_participant)?;
            let sid = member.sid.clone();
            let cause = Cause { source: "SDK", identity: None, hooks: true };
            world.remove_participant(conversation, &sid, &cause, effects)
        })
    }

    /// Adds an SDK client to a conversation by its identity.
    ///
    /// # Errors
    /// What Twilio would refuse.
    #[allow(clippy::unused_async)] // like the rest of the making
    pub async fn add_client(
        &self,
        conversation: &str,
        identity: &str,
    ) -> Result<Participant, Refusal> {
        let wish = participants::Wish {
            identity: Some(identity.to_owned()),
            ..participants::Wish::default()
        };
        self.inner.change(|world, effects| {
            let draft = world.draft_participant(conversation, &wish)?;
            world.add_participant(conversation, draft, &Cause::api(false), effects)
        })
    }

    /// An SDK client says something.
    ///
    /// # Errors
    /// See [`SayError`].
    pub async fn client_says(
        &self,
        identity: &str,
        conversation: &str,
        saying: impl Into<Saying>,
    ) -> Result<Said, SayError> {
        inbound::client_says(&self.inner, identity, conversation, saying.into()).await
    }

    /// The phone of an address, member of something or not.
    #[must_use]
    pub fn phone(&self, address: &str) -> Phone {
        Phone::new(Arc::clone(&self.inner), address)
    }

    /// The conversations, in the order of their making.
    #[must_use]
    pub fn conversations(&self) -> Vec<Conversation> {
        self.inner.look(|world| {
            world
                .listed
                .values()
                .filter_map(|sid| Some(world.groups.get(sid)?.conversation.clone()))
                .collect()
        })
    }

    /// A conversation by SID or unique name.
    #[must_use]
    pub fn conversation(&self, id: &str) -> Option<Conversation> {
        self.inner.look(|world| world.group(id).ok().map(|group| group.conversation.clone()))
    }

    /// The members of a conversation, in the order in which they came.
    #[must_use]
    pub fn participants(&self, conversation: &str) -> Vec<Participant> {
        self.inner.look(|world| {
            world
                .group(conversation)
                .map(|group| group.participants.values().cloned().collect())
                .unwrap_or_default()
        })
    }

    /// The messages of a conversation that are kept, oldest first.
    #[must_use]
    pub fn messages(&self, conversation: &str) -> Vec<Message> {
        self.inner.look(|world| {
            world
                .group(conversation)
                .map(|group| group.messages.iter().cloned().collect())
                .unwrap_or_default()
        })
    }

    /// How many messages a conversation has had, removed ones included; cheap.
    #[must_use]
    pub fn message_count(&self, conversation: &str) -> u64 {
        self.inner
            .look(|world| world.group(conversation).map(|group| group.next_index).unwrap_or(0))
    }

    /// Moves a conversation to another state, as somebody would in Twilio's console; hooks tell
    /// of it. Closed is for good.
    ///
    /// # Errors
    /// What Twilio would refuse: no such conversation, closed already.
    #[allow(clippy::unused_async)] // like the rest of the making
    pub async fn set_state(&self, conversation: &str, state: State) -> Result<(), Refusal> {
        self.inner.change(|world, effects| {
            let sid = world.open_group(conversation)?.conversation.sid.clone();
            let cause = Cause { source: "API", identity: None, hooks: true };
            world.set_state(&sid, state, "API", &cause, effects)
        })
    }

    /// Everything that happens from now on. A reader who falls far behind loses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.inner.happenings.subscribe()
    }

    /// Waits until the predicate holds, looking again after each change; at once where it holds
    /// already.
    ///
    /// # Errors
    /// It did not come true in that time (of the tokio clock).
    pub async fn wait_until(
        &self,
        within: Duration,
        holds: impl FnMut(&Self) -> bool,
    ) -> Result<(), TimedOut> {
        self.inner.wait_until(within, self, holds).await
    }

    /// Resolves when no hook and no message of a phone is under way.
    pub async fn idle(&self) {
        self.inner.lanes.idle().await;
    }

    /// Sets the address of the service's hooks, before and after, for every event; none at all
    /// for `None`.
    pub fn set_webhook_url(&self, url: Option<&Url>) {
        self.inner.change(|world, _| {
            world.settings.service_hooks =
                url.map(world::settings::HookConfig::all).unwrap_or_default();
        });
    }

    /// Sets which events the service's hooks tell of (`onMessageAdd`, `onMessageAdded` …).
    pub fn set_webhook_filters(&self, filters: &[&str]) {
        self.inner.change(|world, _| {
            world.settings.service_hooks.filters =
                filters.iter().map(ToString::to_string).collect();
        });
    }

    /// Sets the address of the account's hooks, which come beside the service's.
    pub fn set_account_webhook_url(&self, url: Option<&Url>) {
        self.inner.change(|world, _| {
            world.settings.account_hooks =
                url.map(world::settings::HookConfig::all).unwrap_or_default();
        });
    }

    /// Sets the address of the classic Messaging webhook.
    pub fn set_messaging_webhook_url(&self, url: Option<&Url>) {
        self.inner.change(|world, _| {
            world.settings.messaging_url = url.map(Url::to_string);
        });
    }

    /// Switches a phone on or off.
    pub fn switch_phone(&self, address: &str, on: bool) {
        self.phone(address).switch(on);
    }

    /// Closes the 24-hour windows of an address, towards every sender.
    pub fn close_window(&self, address: &str) {
        self.phone(address).close_window();
    }

    /// Adds a template, as somebody would in Twilio's console; or changes the one with its SID.
    pub fn add_template(&self, template: Template) {
        self.inner.change(|world, _| world.add_template(template));
    }

    /// Sets a fault.
    pub fn fault(&self, fault: Fault) {
        self.inner.faults.set(fault);
    }

    /// Clears every fault.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// How many requests came, and how many hooks went out.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.counters()
    }

    /// Does what the conversations' timers that are due ask for; it is done every second anyway.
    pub fn run_timers(&self) {
        self.inner.change(|_, _| ());
    }
}
