//! A faithful server of Slack's HTTP and Socket Mode, for the sandbox, the tests and the bench.
//!
//! It is an independent witness: it shares no types with the bridge, and is itself held to
//! Slack's published descriptions and to Slack's own client libraries (see `tests/`). It keeps
//! state as Slack does, refuses what Slack refuses with Slack's errors, and can be told to fail
//! by name ([`Fault`]), on the socket level where that is where it fails.
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! use partyline_slack::simulator::{Options, Simulator};
//!
//! let slack = Simulator::start(Options::default()).await?;
//! let maya = slack.add_user("Maya", None);
//! let crew = slack.add_channel("crew", &[&maya]);
//! // … point a bridge at `slack.api_url()` …
//! slack.user_says(&crew, &maya, "hello <world>")?;
//! assert_eq!(slack.messages(&crew)[0].text, "hello &lt;world&gt;");
//! # Ok(()) }
//! ```
//!
//! | room | what is there |
//! |---|---|
//! | `workspace`, `rooms` | the state, and everything that can happen to it |
//! | `methods` | the Web API, a row a method |
//! | `outbox`, `sockets`, `push` | what goes to the app: by socket, by HTTP |
//! | `respond`, `promises`, `run` | commands, interactions, their answers |
//! | `play`, `filling`, `see` | what people do, also before a form, and what they see |
//! | `blocks`, `views` | Block Kit as Slack takes it; modals and home tabs |
//! | `server`, `wire`, `fault`, `control` | HTTP, connections that can be cut, faults, remote control |

mod arguments;
mod blocks;
mod channel;
mod control;
mod fault;
mod files;
mod filling;
mod happening;
mod message;
mod methods;
mod options;
mod outbox;
mod people;
mod play;
mod promises;
mod push;
mod rate;
mod respond;
mod rooms;
mod run;
mod see;
mod server;
mod shared;
mod signature;
mod sockets;
mod ts;
mod typed;
mod views;
mod wire;
mod workspace;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

pub use fault::{Dose, Fault};
pub use files::StoredFile;
pub use happening::{Ephemeral, Happening};
pub use message::{Author, Message, Reaction};
pub use options::{Identity, Mode, Options};
pub use outbox::Counters;
pub use people::User;
pub use rate::Rate;
pub use run::{Answer, Failed, Run};
pub use sockets::OtherProgram;
pub use ts::{InvalidTs, Ts};
pub use views::View;

use outbox::Outbox;
use push::Push;
use shared::Shared;
use sockets::Strike;
use workspace::Workspace;

/// A simulated Slack workspace with one app installed. Dropping it stops it.
pub struct Simulator {
    shared: Arc<Shared>,
    /// Stops it; none in the hands of the control API, which is part of it.
    _stop: Option<DropGuard>,
}

/// The simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; choose another address, or port 0 for a free one")]
    Listen(SocketAddr, #[source] io::Error),
    /// The client for requests to the app could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[source] reqwest::Error),
}

/// What was waited for did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} in vain for: {what}")]
pub struct InVain {
    what: String,
    within: Duration,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Starts it; it listens when this returns.
    ///
    /// # Errors
    /// The address is taken, or no HTTP client can be made.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let wanted = options.listen;
        let listen = |error| StartError::Listen(wanted, error);
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let push = Push::new().map_err(StartError::Client)?;
        let (options, stop) = (Arc::new(options), CancellationToken::new());
        let outbox = Outbox::new(Arc::clone(&options), push, stop.clone());
        let base = format!("http://{address}");
        let workspace = Workspace::new(Arc::clone(&options), base, outbox.clone());
        let shared = Arc::new(Shared::new(options, address, outbox, workspace));
        tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, _stop: Some(stop.drop_guard()) })
    }

    /// The same simulator in other hands, which do not stop it.
    const fn borrowed(shared: Arc<Shared>) -> Self {
        Self { shared, _stop: None }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// From now on the app reaches it by this address: a proxy's, say. It stands in the addresses
    /// of sockets, files and answers.
    pub fn reached_by(&self, address: SocketAddr) {
        self.shared.workspace().base = format!("http://{address}");
    }

    /// The base address of the Web API, to be given as `slack.api_url`.
    #[must_use]
    pub fn api_url(&self) -> Url {
        self.url("api/")
    }

    /// The base address of the control API.
    #[must_use]
    pub fn control_url(&self) -> Url {
        self.url("_simulator/")
    }

    fn url(&self, path: &str) -> Url {
        // An address and a constant path are always a valid URL.
        Url::parse(&format!("http://{}/{path}", self.address()))
            .expect("a socket address is a host")
    }

    /// How it was set up, with the credentials.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Changes how the app is reached, from the next event on.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.outbox.set_mode(mode);
    }

    /// Asks the app's events address to prove itself (`url_verification`).
    ///
    /// # Errors
    /// It did not answer, or not with the challenge; or the mode is Socket Mode.
    pub async fn verify_events_url(&self) -> Result<(), Failed> {
        let challenge = self.shared.workspace().nonce();
        self.shared.outbox.push().verify(&self.shared.outbox, &challenge).await
    }

    /// Puts a fault in force. `target` is a method (`chat.postMessage`), `response_url`,
    /// `upload`, `download`, the type of an event (`message`), or `*` for all.
    pub fn fault(&self, fault: Fault, target: &str, dose: Dose) {
        self.shared.outbox.faults().add(fault, target, dose);
    }

    /// Lifts all faults. Sockets that are half open stay so.
    pub fn clear_faults(&self) {
        self.shared.outbox.faults().clear();
    }

    /// Resets all sockets of the app.
    pub fn drop_sockets(&self) {
        self.shared.outbox.sockets().strike(Strike::All, Fault::SocketDrop);
    }

    /// Makes all sockets of the app deaf and dumb; they stay open.
    pub fn half_open_sockets(&self) {
        self.shared.outbox.sockets().strike(Strike::All, Fault::SocketHalfOpen);
    }

    /// Tells all sockets of the app to go: closes them at once (`refresh_requested`), or after
    /// ten seconds (`warning`).
    pub fn refresh_sockets(&self, warning: bool) {
        let reason = if warning { "warning" } else { "refresh_requested" };
        self.shared.outbox.sockets().disconnect(reason);
    }

    /// Another program opens a socket of the same app, and has it until this is dropped: it gets its share of
    /// the envelopes, acknowledges them and does nothing with them.
    ///
    /// # Panics
    /// The app has as many sockets as it may have.
    #[must_use]
    pub fn other_program(&self) -> OtherProgram {
        OtherProgram::open(self.shared.outbox.clone())
    }

    /// How many sockets the app has open.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.shared.outbox.sockets().open()
    }

    /// What happens from here on. A listener that is thousands behind misses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.shared.outbox.subscribe()
    }

    /// Whether a fault lost the event of this message, or kept it back: the app cannot have heard
    /// of it in its turn.
    #[must_use]
    pub fn is_belated(&self, channel: &str, ts: Ts) -> bool {
        self.shared.outbox.belated().contains(&(channel.to_owned(), ts.to_string()))
    }

    /// What was sent, and what became of it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.outbox.counters()
    }

    /// Waits until `look` sees something: it is asked now and after each change. `what` says
    /// what is waited for, for the error.
    ///
    /// # Errors
    /// It was not seen in this time.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        look: impl Fn(&Self) -> Option<T>,
    ) -> Result<T, InVain> {
        let mut changes = self.shared.outbox.changes();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if let Some(seen) = look(self) {
                    return Some(seen);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        let seen = tokio::time::timeout(within, wait).await.ok().flatten();
        seen.ok_or_else(|| InVain { what: what.to_owned(), within })
    }

    /// Waits for a message in a channel.
    ///
    /// # Errors
    /// None like it was there in this time.
    pub async fn wait_for_message(
        &self,
        channel: &str,
        within: Duration,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<Arc<Message>, InVain> {
        let look = |slack: &Self| slack.messages(channel).into_iter().find(|m| is_it(m));
        self.wait_for("a message in the channel", within, look).await
    }

    /// Waits until no event, command or repeat is on its way to the app.
    ///
    /// # Errors
    /// Something still was, after this time.
    pub async fn idle(&self, within: Duration) -> Result<(), InVain> {
        let look = |slack: &Self| (slack.shared.outbox.under_way() == 0).then_some(());
        self.wait_for("nothing on its way to the app", within, look).await
    }
}
