//! What a channel's history is read for: messages that were missed, and posts whose answer was
//! lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;
use jiff::SignedDuration;
use partyline_core::{
    Cursor, DeliveryId, Event, Failure, Incoming, MessageId, Network, Outgoing, Place, Reason,
    Sent, guarded,
};
use serde_json::value::RawValue;

use crate::client::{Client, Span};
use crate::inbound::Reader;
use crate::threads::Threads;
use crate::{outbound, ts, wire};

/// The most messages that are read back at once, which bounds the memory; of more, the oldest, so
/// that whoever reads on from the last of them gets the rest.
const AT_ONCE: usize = 10_000;

/// How many pages are looked through for a post, whatever a server says of more.
const PAGES: usize = 100;

/// How many pages of a history are read at once: of 200,000 messages.
const HISTORY: usize = 1000;

/// How long before the cursor the threads may have begun whose replies are read back too. A
/// channel's history does not list replies, only which threads have new ones.
const THREADS_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// How much earlier than the delivery a post is looked for, should the clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// How far before the cursor threads are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of [`THREADS_SINCE`].
    Day,
    /// No further than one page that holds nothing new.
    Page,
}

impl Depth {
    /// How long before the cursor something was said in threads that may have new replies, of those
    /// that began too long ago to be shown.
    const fn lively(self) -> SignedDuration {
        match self {
            Self::Day => SignedDuration::from_hours(7 * 24),
            Self::Page => SignedDuration::from_hours(1),
        }
    }
}

/// What shows which threads may have new replies.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) depth: Depth,
    pub(crate) threads: &'a Threads,
}

impl Sight<'_> {
    /// The threads that may have replies after this ordinal and that a channel's history, read to this
    /// depth, does not show.
    fn remembered(self, channel: &str, after: u64) -> impl Iterator<Item = String> {
        let shown = match self.depth {
            Depth::Day => after.saturating_sub(micros(THREADS_SINCE)),
            Depth::Page => u64::MAX,
        };
        let lively = self.threads.lively(channel, after, self.depth.lively()).into_iter();
        lively.filter(move |thread| ts::ordinal(thread).is_some_and(|began| began < shown))
    }
}

/// A message, and the bytes that it was read from.
struct Found {
    message: wire::Message,
    raw: Bytes,
}

/// What is found, by its place in the order of the channel: its bytes, and what is understood of
/// them.
type InOrder = BTreeMap<u64, (Option<Event>, Bytes)>;

/// Looks for the post of a delivery, by the id in its metadata.
pub(crate) async fn find(client: &Client, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
    let (channel, thread) = outbound::place(outgoing);
    let earliest = outgoing.earliest();
    let earliest = earliest.saturating_sub(CLOCKS_DIFFER).unwrap_or(earliest);
    let oldest = ts::from_ordinal(ts::at(earliest));
    let span = Span { channel, thread, oldest: Some(&oldest), newest_only: false };
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let page = client.page(&span, cursor.as_deref()).await?;
        if let Some(sent) = page.messages.iter().find_map(|raw| post_of(raw, &outgoing.id)) {
            return Ok(Some(sent));
        }
        match page.next() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(None),
        }
    }
    Err(Failure::unknown(
        Reason::Uncertain,
        format!(
            "Too much was said in channel {channel} since to find out whether this message \
             arrived: look there, then retry or drop it."
        ),
    ))
}

fn post_of(raw: &RawValue, delivery: &DeliveryId) -> Option<Sent> {
    let message: wire::Message = serde_json::from_str(raw.get()).ok()?;
    if message.metadata?.delivery()? != delivery.as_str() {
        return None;
    }
    Some(sent(&message.ts?))
}

/// What is known of a post by its time stamp.
pub(crate) fn sent(stamp: &str) -> Sent {
    Sent { id: Some(MessageId::new(stamp)), ordinal: ts::ordinal(stamp) }
}

/// Everything in a place after the cursor, oldest first; without a cursor the newest message only.
pub(crate) async fn read_back(
    client: &Client,
    reader: &Reader<'_>,
    sight: Sight<'_>,
    place: &Place,
    after: Option<&Cursor>,
) -> Result<Vec<Incoming>, Failure> {
    let (channel_id, thread) = ts::parts(place);
    let Some(channel) = ts::channel(channel_id) else {
        return Err(Failure::never(Reason::NoSuchPlace, format!("{place} is no Slack channel.")));
    };
    let after = after.map(|cursor| {
        let last = || ts::ordinal(cursor.last.as_ref()?.as_str());
        cursor.ordinal.or_else(last).unwrap_or_default()
    });
    let mut found = InOrder::new();
    match (after, thread) {
        (Some(after), None) => {
            let depth = sight.depth;
            let mut threads = messages(client, reader, &channel, after, depth, &mut found).await?;
            threads.extend(sight.remembered(channel_id, after));
            for thread in threads {
                match replies(client, reader, &channel, &thread, after, &mut found).await {
                    // It was deleted meanwhile: nothing in it is left to read.
                    Err(gone) if gone.code.as_deref() == Some("thread_not_found") => {}
                    read => read?,
                }
            }
        }
        (Some(after), Some(thread)) => {
            replies(client, reader, &channel, thread, after, &mut found).await?;
        }
        (None, None) => {
            let span = Span { channel: channel_id, newest_only: true, ..Span::default() };
            let page = client.page(&span, None).await?;
            for one in page.messages.iter().filter_map(|raw| read(raw)) {
                keep(reader, &channel, one, 0, &mut found);
            }
        }
        (None, Some(thread)) => {
            replies(client, reader, &channel, thread, 0, &mut found).await?;
        }
    }
    if found.len() == AT_ONCE {
        tracing::info!(%place, "the oldest {AT_ONCE} messages that are to be read are read first");
    }
    if after.is_none() {
        let newest = found.pop_last();
        found.clear();
        found.extend(newest);
    }
    Ok(found
        .into_values()
        .map(|(event, raw)| Incoming {
            network: Network::Slack,
            via: "list",
            raw,
            events: event.into_iter().collect(),
        })
        .collect())
}

/// Reads the channel's messages after the cursor, and gives the threads that have replies after
/// it. Slack's history goes from the newest message to the oldest.
async fn messages(
    client: &Client,
    reader: &Reader<'_>,
    channel: &Place,
    after: u64,
    depth: Depth,
    found: &mut InOrder,
) -> Result<BTreeSet<String>, Failure> {
    let oldest = ts::from_ordinal(after.saturating_sub(micros(THREADS_SINCE)));
    let span =
        Span { channel: channel.id(), thread: None, oldest: Some(&oldest), newest_only: false };
    let mut threads = BTreeSet::new();
    pages(client, &span, |page| {
        let mut news = false;
        for one in page {
            let newest_reply = one.message.latest_reply.as_deref().and_then(ts::ordinal);
            if newest_reply.is_some_and(|reply| reply > after)
                && let Some(thread) = &one.message.ts
            {
                threads.insert(thread.clone());
            }
            news |= one.message.ts.as_deref().and_then(ts::ordinal) > Some(after);
            keep(reader, channel, one, after, found);
        }
        if news || depth == Depth::Day { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .await?;
    Ok(threads)
}

/// Reads a thread's messages after the cursor. Slack puts the message that began the thread in
/// front, however old it is.
async fn replies(
    client: &Client,
    reader: &Reader<'_>,
    channel: &Place,
    thread: &str,
    after: u64,
    found: &mut InOrder,
) -> Result<(), Failure> {
    let oldest = ts::from_ordinal(after);
    let span = Span {
        channel: channel.id(),
        thread: Some(thread),
        oldest: Some(&oldest),
        newest_only: false,
    };
    pages(client, &span, |page| {
        page.into_iter().for_each(|one| keep(reader, channel, one, after, found));
        ControlFlow::Continue(())
    })
    .await
}

/// Reads page after page, until there are no more or `each` has seen enough.
async fn pages(
    client: &Client,
    span: &Span<'_>,
    mut each: impl FnMut(Vec<Found>) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut cursor: Option<String> = None;
    for _ in 0..HISTORY {
        let page = client.page(span, cursor.as_deref()).await?;
        let seen = each(page.messages.iter().filter_map(|raw| read(raw)).collect());
        match page.next() {
            Some(next) if seen.is_continue() => cursor = Some(next.to_owned()),
            _ => return Ok(()),
        }
    }
    Err(Failure::later(
        Reason::BadAnswer,
        None,
        format!("Slack's history of channel {} does not end; it is read again.", span.channel),
    ))
}

fn micros(span: SignedDuration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or_default()
}

fn read(raw: &RawValue) -> Option<Found> {
    let message = serde_json::from_str(raw.get())
        .inspect_err(|_| metrics::counter!("partyline_slack_odd_fields_total").increment(1))
        .ok()?;
    Some(Found { message, raw: Bytes::copy_from_slice(raw.get().as_bytes()) })
}

fn keep(reader: &Reader<'_>, channel: &Place, one: Found, after: u64, found: &mut InOrder) {
    let stamp = one.message.ts.as_deref();
    let Some(ordinal) = stamp.and_then(ts::ordinal).filter(|ordinal| *ordinal > after) else {
        return;
    };
    let event = match guarded(Network::Slack, || reader.said(&one.message, channel)) {
        Some(None) => return,
        said => said.flatten(),
    };
    found.insert(ordinal, (event, one.raw));
    if found.len() > AT_ONCE {
        found.pop_last();
    }
}
