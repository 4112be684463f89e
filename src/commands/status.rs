//! `status`

use std::fmt::Write as _;

use jiff::SignedDuration;
use partyline_core::{Network, Place, Proof, Tick};

use super::{Argument, Call, Command, Kind, Outcome};
use crate::ledger::{InboxCounts, LedgerError};
use crate::policy::{Right, may};

/// Conversations without a room that are named; the rest are counted.
const NAMED: u32 = 10;

/// The span of which it is told how far messages came.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) const STATUS: Command = Command {
    words: "status",
    arguments: &[Argument::word("group", Kind::Group).maybe()],
    right: Right::Everybody,
    help: "Shows what waits for this room and its group, or for GROUP, how far messages came, and how the networks are doing.",
    examples: &["status"],
    run: |call| Box::pin(status(call)),
};

async fn status(call: Call) -> Result<Outcome, LedgerError> {
    let desk = &call.desk;
    let prefix = desk.prefix(call.room.network());
    let mut text = String::new();
    let own = desk.links.conversation(&call.room);
    match (&call.group, &own) {
        (Some(group), _) if own.as_ref() != Some(&group.info.place) => {
            let _ = writeln!(text, "{} ({}):", group.name(), group.info.place.id());
            relayed(&call, &group.info.place, &mut text).await?;
        }
        (_, Some(conversation)) => {
            let _ = writeln!(text, "This room is tied to {}.", conversation.id());
            relayed(&call, conversation, &mut text).await?;
        }
        (_, None) => {
            let _ = writeln!(
                text,
                "This room is tied to no conversation. `{prefix} group link CH…` ties it to one."
            );
        }
    }
    for (network, powers) in desk.networks.iter() {
        let state = powers.watch.state();
        let _ =
            writeln!(text, "{}: {}", capital(network), in_words(&state.inbound, &state.outbound));
    }
    if may(call.standing, Right::Admin) {
        for_admins(&call, prefix, &mut text).await?;
    }
    text.truncate(text.trim_end().len());
    Ok(Outcome::Answer(text))
}

/// What waits for the phones and the rooms of a conversation, and how far came what was said there.
async fn relayed(call: &Call, conversation: &Place, text: &mut String) -> Result<(), LedgerError> {
    let desk = &call.desk;
    let day_ago = desk.clock.now().saturating_sub(DAY).unwrap_or_default();
    let (waiting, parked) = desk.ledger.place_counts(conversation).await?;
    let _ = writeln!(text, "For the phones: {waiting} waiting, {parked} parked.");
    for room in desk.links.others(conversation) {
        let (name, said) = if room == call.room {
            ("this room".to_owned(), "Said here".to_owned())
        } else {
            (room.to_string(), format!("Said in {room}"))
        };
        let (waiting, parked) = desk.ledger.place_counts(&room).await?;
        let _ = writeln!(text, "For {name}: {waiting} waiting, {parked} parked.");
        let counts = desk.ledger.tick_counts(&room, day_ago).await?;
        if !counts.is_empty() {
            let _ = writeln!(text, "{said} in the last 24 hours: {}.", how_far(&counts));
        }
    }
    Ok(())
}

/// `1 room`, `2 rooms`.
fn rooms(count: usize) -> String {
    format!("{count} {}", if count == 1 { "room" } else { "rooms" })
}

async fn for_admins(call: &Call, prefix: &str, text: &mut String) -> Result<(), LedgerError> {
    for alert in call.desk.alerts.open() {
        let _ =
            writeln!(text, "Alert, since {}: {}", alert.since.strftime("%F %H:%M UTC"), alert.what);
    }
    let counts = call.desk.ledger.counts().await?;
    let _ = writeln!(
        text,
        "In all: {} tied, {} deliveries waiting in {} places, {} parked, {} events held for one before them.",
        rooms(call.desk.links.count()),
        counts.waiting,
        counts.lanes,
        counts.parked,
        counts.held
    );
    if counts.inbox != InboxCounts::default() {
        let InboxCounts { open, unread, .. } = counts.inbox;
        let _ = writeln!(
            text,
            "In the inbox: {open} conversations open, {unread} of them unread. `{prefix} inbox list` shows them."
        );
    }
    if counts.unparsed > 0 {
        let _ = writeln!(
            text,
            "{} pieces came that were not understood; their bytes are kept in the ledger.",
            counts.unparsed
        );
    }
    let unlinked = call.desk.ledger.unlinked(NAMED).await?;
    if !unlinked.is_empty() {
        let _ = writeln!(text, "Conversations with messages and no room:");
        for (place, count) in unlinked {
            let _ = writeln!(
                text,
                "• {} ({count} messages): `{prefix} group link {}` in the room that should have it",
                place.id(),
                place.id()
            );
        }
    }
    Ok(())
}

/// How far messages came: `12 on all phones, 1 not for everybody`.
fn how_far(counts: &[(Tick, u64)]) -> String {
    let words = |(tick, count): &(Tick, u64)| {
        let how = match tick {
            Tick::Sent => "on their way",
            Tick::Delivered => "on all phones",
            Tick::Read => "read by all",
            Tick::Failed => "not delivered to everybody",
        };
        format!("{count} {how}")
    };
    counts.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn in_words(inbound: &Proof, outbound: &Proof) -> String {
    match (inbound, outbound) {
        (Proof::Failed(why), _) | (_, Proof::Failed(why)) => format!("not working. {why}"),
        (Proof::Proved, Proof::Proved) => "working both ways.".into(),
        (Proof::Unproved(why), _) | (_, Proof::Unproved(why)) => format!("not proved yet. {why}"),
    }
}

fn capital(network: Network) -> &'static str {
    match network {
        Network::Twilio => "Twilio",
        Network::Slack => "Slack",
        Network::Matrix => "Matrix",
        Network::Operator => "The operator",
    }
}
