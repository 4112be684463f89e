//! `status`

use std::fmt::Write as _;

use jiff::SignedDuration;
use partyline_core::{Network, Proof, Tick};

use super::{Call, Command, Outcome};
use crate::ledger::LedgerError;
use crate::policy::{Right, may};

/// Conversations without a room that are named; the rest are counted.
const NAMED: u32 = 10;

/// The span of which it is told how far messages came.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) const STATUS: Command = Command {
    words: "status",
    arguments: &[],
    right: Right::Everybody,
    help: "Shows what this room is tied to, what is waiting, and how the networks are doing.",
    examples: &["status"],
    run: |call| Box::pin(status(call)),
};

async fn status(call: Call) -> Result<Outcome, LedgerError> {
    let desk = &call.desk;
    let prefix = desk.prefix(call.room.network());
    let mut text = String::new();
    match desk.links.conversation(&call.room) {
        Some(conversation) => {
            let _ = writeln!(text, "This room is tied to {}.", conversation.id());
            for (place, name) in [(&conversation, "the phones"), (&call.room, "this room")] {
                let (waiting, parked) = desk.ledger.place_counts(place).await?;
                let _ = writeln!(text, "For {name}: {waiting} waiting, {parked} parked.");
            }
            let day_ago = desk.clock.now().saturating_sub(DAY).unwrap_or_default();
            let counts = desk.ledger.tick_counts(&call.room, day_ago).await?;
            if !counts.is_empty() {
                let _ = writeln!(text, "Said here in the last 24 hours: {}.", how_far(&counts));
            }
        }
        None => {
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

async fn for_admins(call: &Call, prefix: &str, text: &mut String) -> Result<(), LedgerError> {
    for alert in call.desk.alerts.open() {
        let _ =
            writeln!(text, "Alert, since {}: {}", alert.since.strftime("%F %H:%M UTC"), alert.what);
    }
    let counts = call.desk.ledger.counts().await?;
    let _ = writeln!(
        text,
        "In all: {} rooms tied, {} deliveries waiting in {} places, {} parked, {} events held for one before them.",
        call.desk.links.count(),
        counts.waiting,
        counts.lanes,
        counts.parked,
        counts.held
    );
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
