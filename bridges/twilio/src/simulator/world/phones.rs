//! Phones: what they show, whether they are on, who may write to them.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::super::events::Effects;
use super::super::happening::Happening;
use super::super::model::{InboxItem, ReceiptStatus, channel};
use super::World;
use super::delivery::Spot;

/// How long WhatsApp takes free-form text after a member wrote (doc).
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Words that opt an SMS recipient out, and in again (Twilio's defaults).
const STOP: [&str; 8] =
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

/// Something on its way to a phone that is off.
#[derive(Clone)]
pub(in super::super) struct Waiting {
    pub(in super::super) item: InboxItem,
    pub(in super::super) spot: Option<Spot>,
}

/// A phone.
pub(in super::super) struct PhoneState {
    pub(in super::super) on: bool,
    /// The name in the person's WhatsApp profile.
    pub(in super::super) profile_name: Option<String>,
    /// By sender: until when free-form text may come from it.
    pub(in super::super) windows: HashMap<String, Timestamp>,
    /// Senders that the person said STOP to.
    pub(in super::super) stopped: HashSet<String>,
    /// A code that every message to this phone fails with (63003, 30006 …).
    pub(in super::super) unreachable: Option<u32>,
    pub(in super::super) inbox: VecDeque<(InboxItem, Option<Spot>)>,
    pub(in super::super) waiting: VecDeque<Waiting>,
}

impl Default for PhoneState {
    fn default() -> Self {
        Self {
            on: true,
            profile_name: None,
            windows: HashMap::new(),
            stopped: HashSet::new(),
            unreachable: None,
            inbox: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }
}

impl World {
    /// The phone of an address; made on first use.
    pub(in super::super) fn phone(&mut self, address: &str) -> &mut PhoneState {
        self.phones.entry(address.to_owned()).or_default()
    }

    /// The person wrote to this sender, which opens the window.
    pub(in super::super) fn open_window(&mut self, address: &str, sender: &str) {
        let Ok(until) = self.now().checked_add(WINDOW) else { return };
        self.phone(address).windows.insert(sender.to_owned(), until);
    }

    /// Switches a phone; what waited for it arrives when it goes on.
    pub(in super::super) fn switch_phone(
        &mut self,
        address: &str,
        on: bool,
        effects: &mut Effects,
    ) {
        let phone = self.phone(address);
        phone.on = on;
        let waiting = if on { std::mem::take(&mut phone.waiting) } else { VecDeque::new() };
        effects.tell(Happening::PhoneSwitched { address: address.to_owned(), on });
        for one in waiting {
            self.arrive(address, one, effects);
        }
    }

    /// The person reads everything on the phone. Only WhatsApp tells of it.
    pub(in super::super) fn read_all(&mut self, address: &str, effects: &mut Effects) {
        let mut spots = Vec::new();
        for (item, spot) in &mut self.phone(address).inbox {
            if !item.read {
                item.read = true;
                spots.extend(spot.clone());
            }
        }
        if channel(address) == "whatsapp" {
            for spot in spots {
                self.set_receipt(&spot, ReceiptStatus::Read, effects);
            }
        }
    }

    /// Notes STOP and START of an SMS. Twilio's own answer to it, where there is one.
    pub(in super::super) fn note_keyword(
        &mut self,
        address: &str,
        sender: &str,
        body: &str,
    ) -> Option<&'static str> {
        if channel(address) != "sms" {
            return None;
        }
        let word = body.trim().to_ascii_uppercase();
        let stopped = &mut self.phone(address).stopped;
        if STOP.contains(&&*word) {
            stopped.insert(sender.to_owned()).then_some(
                "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.",
            )
        } else if START.contains(&&*word) {
            stopped.remove(sender).then_some(
                "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe.",
            )
        } else {
            None
        }
    }
}
