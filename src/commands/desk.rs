//! What commands may look at.

use std::sync::Arc;

use jiff::tz::TimeZone;
use partyline_core::{Address, Clock, Lateness, Network, PersonId, Place};

use crate::alerts::Board;
use crate::blocks::Blocks;
use crate::config::{Country, Inbox};
use crate::contacts::Contacts;
use crate::invitations::Invitations;
use crate::ledger::Ledger;
use crate::links::Links;
use crate::moderation::Moderation;
use crate::networks::Networks;
use crate::templates::Templates;

/// What commands may look at, and what they need to know.
pub struct Desk {
    /// What came, what is owed, and the directory of groups.
    pub ledger: Ledger,
    /// The links in force.
    pub links: Arc<Links>,
    /// Rooms whose link stands in the configuration: no command unties them.
    pub fixed: Vec<Place>,
    /// Twilio's approved templates, asked for once a minute at most.
    pub templates: Templates,
    /// How members are invited whose window is closed.
    pub invitations: Invitations,
    /// Who is behind an address.
    pub contacts: Contacts,
    /// The bridges, by network and by what each can do. Operations alone call them.
    pub networks: Networks,
    /// The pool of senders, in the order of the configuration.
    pub senders: Vec<Address>,
    /// Who may do everything.
    pub admins: Vec<PersonId>,
    /// The region of numbers in national format.
    pub region: Country,
    /// What stands before a command: on Slack `/wa`, on Matrix `!wa`.
    pub prefixes: Vec<(Network, String)>,
    /// How times are told.
    pub lateness: Lateness,
    /// The alerts that are open.
    pub alerts: Arc<Board>,
    /// Who is muted.
    pub moderation: Arc<Moderation>,
    /// Where people are answered who are in no group.
    pub inbox: Inbox,
    /// Who is blocked.
    pub blocks: Arc<Blocks>,
    /// The time, which tests can move.
    pub clock: Arc<dyn Clock>,
    /// Told when a command of the operator's has ended.
    pub ended: Arc<tokio::sync::Notify>,
    /// Told when a broadcast begins.
    pub broadcast: Arc<tokio::sync::Notify>,
    /// Told when something was scheduled or taken back.
    pub scheduled: Arc<tokio::sync::Notify>,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

impl Desk {
    /// What stands before a command on this network.
    #[must_use]
    pub fn prefix(&self, network: Network) -> &str {
        self.prefixes
            .iter()
            .find(|(of, _)| *of == network)
            .map_or("/wa", |(_, prefix)| prefix.as_str())
    }
}
