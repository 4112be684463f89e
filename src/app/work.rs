//! What works in the background: lanes, read-backs, operations, and all that is done now and then.

use std::sync::Arc;

use super::paces;
use super::parts::Parts;
use crate::broadcast;
use crate::catchup::{self, CatchUp};
use crate::commands::Desk;
use crate::config::Config;
use crate::crash::{Point, point};
use crate::directory::Directory;
use crate::inbox::{Inbox, Manners};
use crate::lanes::{self, Lanes};
use crate::ledger::LedgerError;
use crate::members;
use crate::message_log::{LogReader, Source};
use crate::naming::Naming;
use crate::operations::Operations;
use crate::optouts::Optouts;
use crate::strays::Strays;
use crate::ticks::Ticker;
use crate::windows::Windows;

/// Remembers who is in which group, and goes on taking people out of groups.
pub(super) async fn people(parts: &Parts) -> Result<(), LedgerError> {
    let (stop, names) = (&parts.lifecycle.stop, parts.names());
    let recalling =
        members::recall(&parts.ledger, &names, &parts.links, &parts.networks, stop.clone()).await?;
    parts.lifecycle.tasks.spawn(recalling);
    Optouts::start(
        parts.ledger.clone(),
        parts.links.clone(),
        names.clone(),
        parts.networks.clone(),
        parts.wakers.clone(),
        stop.clone(),
    )
    .await?;
    Strays::start(
        parts.ledger.clone(),
        names,
        parts.networks.clone(),
        parts.wakers.clone(),
        stop.clone(),
    )
    .await
}

/// Goes on sending what is owed.
pub(super) async fn lanes(config: &Config, parts: &Parts) -> Result<(), LedgerError> {
    let lanes = Lanes::new(
        parts.ledger.clone(),
        parts.networks.clone(),
        parts.names(),
        parts.wakers.clone(),
        parts.clock.clone(),
        parts.lifecycle.stop.clone(),
        lanes::Care {
            guard: parts.guard.clone(),
            give_up_after: config.relay.give_up_after,
            lateness: config.relay.lateness.clone(),
            blocks: parts.blocks.clone(),
        },
    );
    lanes.start().await?;
    point(Point::StartLanes);
    Ok(())
}

/// A reader of what was written to the senders.
pub(super) fn log_reader(config: &Config, parts: &Parts) -> LogReader {
    let twilio = parts.bridges.twilio.clone();
    LogReader::new(
        parts.door.clone(),
        parts.ledger.clone(),
        Source { log: twilio.clone(), watch: twilio },
        config.twilio.senders.clone(),
        paces::log(config),
    )
}

/// The inbox, where there is one: it lets nobody in before the log of messages was read.
pub(super) async fn inbox(
    config: &Config,
    parts: &Parts,
    log: &LogReader,
) -> Result<(), LedgerError> {
    let Some(room) = config.inbox.room.clone() else { return Ok(()) };
    let inbox = Inbox::new(
        parts.ledger.clone(),
        parts.links.clone(),
        parts.names(),
        parts.networks.clone(),
        parts.wakers.clone(),
        Manners {
            room,
            mention: config.inbox.mention.clone(),
            lateness: config.relay.lateness.clone(),
        },
        parts.lifecycle.stop.clone(),
    );
    inbox.start().await?;
    parts.lifecycle.tasks.spawn(inbox.admit(log.caught_up()));
    Ok(())
}

/// Shows how far messages came.
pub(super) fn ticks(config: &Config, parts: &Parts, desk: &Desk) {
    let ticker = Ticker::new(
        parts.ledger.clone(),
        parts.links.clone(),
        parts.networks.clone(),
        parts.names(),
        desk.invitations.clone(),
        parts.wakers.clone(),
        config.relay.ticks,
    );
    parts.lifecycle.tasks.spawn(ticker.run(parts.lifecycle.stop.clone()));
}

/// Goes on with what is held for members whose window is closed.
pub(super) async fn windows(
    config: &Config,
    parts: &Parts,
    desk: &Desk,
) -> Result<(), LedgerError> {
    let windows = Arc::new(Windows {
        ledger: desk.ledger.clone(),
        links: desk.links.clone(),
        networks: desk.networks.clone(),
        contacts: desk.contacts.clone(),
        invitations: desk.invitations.clone(),
        wakers: parts.wakers.clone(),
        asked_again: config.whatsapp.templates_interval,
        hold_for: config.whatsapp.hold_for,
        digest_after: config.whatsapp.digest_after,
        lateness: config.relay.lateness.clone(),
    });
    let lifecycle = &parts.lifecycle;
    windows.clone().start(lifecycle.stop.clone()).await?;
    lifecycle.keep(windows.clone().make_up());
    lifecycle.keep(windows.clone().inquire());
    lifecycle.keep(windows.clone().make_good());
    lifecycle.keep(windows.expire());
    Ok(())
}

/// Goes on with commands and their operations, and with the names of rooms.
pub(super) async fn commands(parts: &Parts, desk: &Arc<Desk>) -> Result<(), LedgerError> {
    let (wakers, stop) = (&parts.wakers, &parts.lifecycle.stop);
    Operations::start(desk.clone(), wakers.clone(), stop.clone(), parts.guard.clone()).await?;
    point(Point::StartCommands);
    let (ledger, links) = (parts.ledger.clone(), parts.links.clone());
    Naming::start(ledger, links, parts.networks.clone(), wakers, stop.clone()).await
}

/// Reads back what was missed, now and from now on.
pub(super) async fn catch_up(config: &Config, parts: &Parts) -> Result<(), LedgerError> {
    let catch_up = CatchUp::new(
        parts.door.clone(),
        parts.ledger.clone(),
        parts.links.clone(),
        parts.networks.clone(),
        parts.wakers.clone(),
        parts.lifecycle.stop.clone(),
        catchup::Rules {
            guard: parts.guard.clone(),
            gap_wait: config.relay.gap_wait,
            inbox: config.inbox.room.clone(),
        },
    );
    catch_up.start().await?;
    point(Point::StartCatchUp);
    parts.lifecycle.tasks.spawn(catch_up.tend());
    Ok(())
}

/// Keeps the directory of groups as Twilio has it.
pub(super) fn directory(config: &Config, parts: &Parts) {
    let directory = Directory::new(
        parts.ledger.clone(),
        parts.links.clone(),
        parts.door.clone(),
        parts.bridges.twilio.clone(),
        config.inbox.room.as_ref().map(|_| parts.wakers.clone()),
    );
    parts.lifecycle.keep(directory.keep(config.twilio.groups_interval));
}

/// Sends to many, a few a second.
pub(super) fn broadcasts(config: &Config, parts: &Parts, desk: &Arc<Desk>) {
    let (wakers, stop) = (&parts.wakers, parts.lifecycle.stop.clone());
    let pace = config.twilio.broadcast_per_second;
    let sending = broadcast::keep(desk.clone(), wakers.clone(), pace, stop);
    parts.lifecycle.tasks.spawn(sending);
    parts.lifecycle.keep(broadcast::recount(desk.clone(), wakers.clone()));
}
