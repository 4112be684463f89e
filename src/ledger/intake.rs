//! Events in: keys, order, cursors.

use partyline_core::{Cursor, Event, EventKey, Happening, MessageId, Network, Place, RoomChange};
use rusqlite::{OptionalExtension, params};

use super::threads::Writing;
use super::{Entry, Lane, Ledger, LedgerError, Order, Owed, to_json};

type Sql<T> = Result<T, rusqlite::Error>;

/// The ordinal in the cursor of a place that was empty when it was first read.
const BEFORE_THE_FIRST: i64 = -1;

/// A hold on a place: every new one has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold(i64);

/// What became of the events of one [`Ledger::accept`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that were new.
    pub fresh: usize,
    /// Events that had come before.
    pub repeats: usize,
    /// Lanes that have something to send now.
    pub wake: Vec<Lane>,
    /// Places in which something before what came is missing.
    pub gaps: Vec<Place>,
    /// Places with a command to carry out.
    pub commands: Vec<Place>,
}

impl Ledger {
    /// Stores events, with what is owed because of them, in one commit. A repeat of a key is
    /// dropped. Durable when it returns.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn accept(&self, entries: Vec<Entry>) -> Result<Accepted, LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                for entry in &entries {
                    accept_one(writing, entry, now, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }

    /// Keeps bytes in which nothing was understood.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn keep_unparsed(
        &self,
        network: Network,
        via: &'static str,
        raw: bytes::Bytes,
    ) -> Result<(), LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                writing
                    .connection
                    .prepare_cached(
                        "INSERT INTO unparsed (network, via, received, raw) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![network.as_str(), via, now, &raw[..]])
                    .map(drop)
            })
            .await
    }

    /// From now on, until it is released, what comes with an ordinal in these places is held: they
    /// are about to be read back, and what was missed goes first. A place that was never read is
    /// read from `begin` on.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn hold(&self, places: Vec<Place>, begin: u64) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                for place in &places {
                    let row = PlaceRow::of(writing, place)?;
                    writing
                        .connection
                        .prepare_cached(
                            "UPDATE places SET holds = holds + 1, holding = holds + 1,
                                 ordinal = coalesce(ordinal, ?2)
                             WHERE id = ?1",
                        )?
                        .execute(params![row.id, to_i64(begin)])?;
                }
                Ok(())
            })
            .await
    }

    /// The hold on a place now, for [`Ledger::release_hold`] once it has been read back.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn hold_on(&self, place: &Place) -> Result<Hold, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT holding FROM places WHERE place = ?1")?
                    .query_row([place], |row| row.get(0))
                    .optional()
                    .map(|hold| Hold(hold.unwrap_or_default()))
            })
            .await
    }

    /// Lets go everything that is held in a place, unless it was put on hold again since: then
    /// what was read back may have a hole before what came live, and the read-back that follows
    /// lets it go.
    ///
    /// # Errors
    /// Nothing was released.
    pub async fn release_hold(&self, place: &Place, hold: Hold) -> Result<Accepted, LedgerError> {
        let place = place.clone();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let row = PlaceRow::of(writing, &place)?;
                if row.holding == hold.0 {
                    release_all(writing, &row, &mut accepted)?;
                }
                Ok(accepted)
            })
            .await
    }

    /// Lets go what is held in a place: everything where `through` is `None` (and nothing is held
    /// there any more), otherwise up to this ordinal and whatever follows it without a hole. The
    /// cursor moves along.
    ///
    /// # Errors
    /// Nothing was released.
    pub async fn release(
        &self,
        place: &Place,
        through: Option<u64>,
    ) -> Result<Accepted, LedgerError> {
        let place = place.clone();
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                let row = PlaceRow::of(writing, &place)?;
                match through.map(to_i64) {
                    None => release_all(writing, &row, &mut accepted)?,
                    // A read-back up to here proves that what is missing below does not exist.
                    Some(through) => {
                        release_through(writing, &row, through, &mut accepted)?;
                        move_cursor(writing, row.id, Some(through), None)?;
                        drain(writing, row.id, through, &mut accepted)?;
                    }
                }
                Ok(accepted)
            })
            .await
    }

    /// Sets the cursor of a place that has none yet: what was said before is not relayed. A cursor
    /// without a message begins before the first one.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn begin(&self, place: &Place, cursor: Cursor) -> Result<(), LedgerError> {
        self.set_cursor(place, cursor, "AND ordinal IS NULL AND last IS NULL").await
    }

    /// The same for a place that may have been read before, but was tied to nothing since: what
    /// was said in that time is not relayed either.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn begin_anew(&self, place: &Place, cursor: Cursor) -> Result<(), LedgerError> {
        self.set_cursor(place, cursor, "").await
    }

    /// Forgets how far places were read that are tied to nothing any more, so that what is said
    /// there meanwhile is not relayed once they are tied again.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn forget_cursors(
        &self,
        tied: impl Fn(&Place) -> bool + Send + 'static,
    ) -> Result<(), LedgerError> {
        self.threads
            .write(move |writing| {
                let mut all = writing.connection.prepare_cached(
                    "SELECT id, place FROM places WHERE ordinal IS NOT NULL OR last IS NOT NULL",
                )?;
                let mut forget = writing.connection.prepare_cached(
                    "UPDATE places SET ordinal = NULL, last = NULL WHERE id = ?1",
                )?;
                let mut rows = all.query([])?;
                let mut left = Vec::new();
                while let Some(row) = rows.next()? {
                    let place = row.get::<_, String>(1)?.parse::<Place>();
                    if place.is_ok_and(|place| !tied(&place)) {
                        left.push(row.get::<_, i64>(0)?);
                    }
                }
                left.into_iter().try_for_each(|id| forget.execute([id]).map(drop))
            })
            .await
    }

    async fn set_cursor(
        &self,
        place: &Place,
        cursor: Cursor,
        only: &'static str,
    ) -> Result<(), LedgerError> {
        let place = place.clone();
        let empty = cursor == Cursor::default();
        let ordinal = cursor.ordinal.map(to_i64).or(empty.then_some(BEFORE_THE_FIRST));
        self.threads
            .write(move |writing| {
                let row = PlaceRow::of(writing, &place)?;
                let last = cursor.last.as_ref().map(MessageId::as_str);
                writing
                    .connection
                    .prepare_cached(&format!(
                        "UPDATE places SET ordinal = ?2, last = ?3 WHERE id = ?1 {only}"
                    ))?
                    .execute(params![row.id, ordinal, last])
                    .map(drop)
            })
            .await
    }

    /// How far a place has been read; `None` where it never was.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn cursor(&self, place: &Place) -> Result<Option<Cursor>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                let row: Option<(Option<i64>, Option<String>)> = connection
                    .prepare_cached("SELECT ordinal, last FROM places WHERE place = ?1")?
                    .query_row([place], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                Ok(row.filter(|(ordinal, last)| ordinal.is_some() || last.is_some()).map(
                    |(ordinal, last)| Cursor {
                        ordinal: ordinal.and_then(|ordinal| u64::try_from(ordinal).ok()),
                        last: last.map(MessageId::new),
                    },
                ))
            })
            .await
    }

    /// The places in which something is held.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn places_held(&self) -> Result<Vec<Place>, LedgerError> {
        self.threads
            .read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT place FROM places WHERE id IN
                         (SELECT DISTINCT place FROM events WHERE state = 1)",
                    )?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .filter_map(|place| place.map(|place| place.parse().ok()).transpose())
                    .collect()
            })
            .await
    }

    /// Whether something is held in a place.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn holds(&self, place: &Place) -> Result<bool, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM events WHERE state = 1
                         AND place = (SELECT id FROM places WHERE place = ?1))",
                    )?
                    .query_row([place], |row| row.get(0))
            })
            .await
    }
}

/// Writes down that our own message stands at `ordinal` in a conversation, so that its number is
/// not taken for a hole. Part of a settle.
pub(super) fn note_own(
    writing: &Writing<'_>,
    place: &Place,
    id: &MessageId,
    ordinal: Option<u64>,
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    let event = Event {
        key: EventKey::new(id.as_str()),
        place: place.clone(),
        at: super::timestamp(now),
        ordinal,
        happening: Happening::Echo { id: id.clone(), delivery: None },
    };
    let entry = Entry {
        event,
        raw: bytes::Bytes::new(),
        via: "own",
        owed: Vec::new(),
        order: Order::Counted,
        unlinked: false,
    };
    accept_one(writing, &entry, now, accepted)
}

fn accept_one(writing: &Writing<'_>, entry: &Entry, now: i64, accepted: &mut Accepted) -> Sql<()> {
    let event = &entry.event;
    let place = PlaceRow::of(writing, &event.place)?;
    if entry.order == Order::CursorOnly {
        return move_cursor(writing, place.id, None, event.happening.message());
    }
    let ordinal = event.ordinal.map(to_i64);
    let is_command = matches!(event.happening, Happening::Command(_));
    let turn = turn(entry.order, &place, ordinal);
    let state = match turn {
        Turn::Held { .. } => State::Held,
        Turn::Now if is_command => State::Todo,
        Turn::Now => State::Done,
    };
    let inserted = writing
        .connection
        .prepare_cached(
            "INSERT INTO events
                 (network, key, place, at, received, via, kind, ordinal, state, raw, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (network, key) DO NOTHING",
        )?
        .execute(params![
            event.place.network().as_str(),
            event.key.as_str(),
            place.id,
            event.at.as_millisecond(),
            now,
            entry.via,
            event.happening.name(),
            ordinal,
            state as i64,
            (!entry.raw.is_empty()).then_some(&entry.raw[..]),
            // An echo says nothing that the ledger does not know.
            if matches!(event.happening, Happening::Echo { .. }) {
                None
            } else {
                Some(to_json(event)?)
            },
        ])?;
    if inserted == 0 {
        accepted.repeats += 1;
        return Ok(());
    }
    let row = writing.connection.last_insert_rowid();
    accepted.fresh += 1;
    if let Happening::Message { id, .. } = &event.happening {
        map_message(writing, place.id, id, row, None)?;
    }
    if entry.unlinked {
        writing
            .connection
            .prepare_cached("UPDATE places SET unlinked = unlinked + 1 WHERE id = ?1")?
            .execute([place.id])?;
    }
    let position = matches!(turn, Turn::Now).then(|| writing.next_position());
    for owed in &entry.owed {
        insert_owed(writing, row, owed, position, now)?;
        if position.is_some() {
            accepted.wake(owed.lane());
        }
    }
    match turn {
        Turn::Held { gap: true } => accepted.gap(&event.place),
        Turn::Held { gap: false } => {}
        Turn::Now => {
            if is_command {
                accepted.command(&event.place);
            }
            move_cursor(writing, place.id, ordinal, event.happening.message())?;
            // The bridge has just come into the room: it is read for the first time.
            let joined = matches!(event.happening, Happening::Room { change: RoomChange::Joined });
            if joined && !place.begun {
                accepted.gap(&event.place);
            }
            if entry.order == Order::Counted
                && let Some(ordinal) = ordinal
            {
                drain(writing, place.id, ordinal.max(place.ordinal.unwrap_or(ordinal)), accepted)?;
            }
        }
    }
    Ok(())
}

enum Turn {
    Now,
    Held { gap: bool },
}

/// Whether it is this event's turn, given how far its place has been read.
fn turn(order: Order, place: &PlaceRow, ordinal: Option<i64>) -> Turn {
    match (order, place.ordinal, ordinal) {
        (Order::Arrival, _, Some(_)) if place.holding != 0 => Turn::Held { gap: false },
        (Order::Held, _, _) => Turn::Held { gap: false },
        (Order::Counted, Some(cursor), Some(ordinal)) if ordinal > cursor + 1 => {
            Turn::Held { gap: true }
        }
        // The first of a place, the next one, or a late one that was given up for missing.
        (Order::Counted | Order::Arrival | Order::CursorOnly, _, _) => Turn::Now,
    }
}

#[derive(Clone, Copy)]
enum State {
    Done = 0,
    Held = 1,
    Todo = 2,
}

struct PlaceRow {
    id: i64,
    ordinal: Option<i64>,
    holding: i64,
    /// It has a cursor.
    begun: bool,
    place: Place,
}

impl PlaceRow {
    fn of(writing: &Writing<'_>, place: &Place) -> Sql<Self> {
        let text = place.to_string();
        let found = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, holding, ordinal IS NOT NULL OR last IS NOT NULL
                 FROM places WHERE place = ?1",
            )?
            .query_row([&text], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        if let Some((id, ordinal, holding, begun)) = found {
            return Ok(Self { id, ordinal, holding, begun, place: place.clone() });
        }
        writing
            .connection
            .prepare_cached("INSERT INTO places (place) VALUES (?1)")?
            .execute([&text])?;
        Ok(Self {
            id: writing.connection.last_insert_rowid(),
            ordinal: None,
            holding: 0,
            begun: false,
            place: place.clone(),
        })
    }
}

/// The id of a place, made if it is new.
pub(super) fn place_id(writing: &Writing<'_>, place: &Place) -> Sql<i64> {
    PlaceRow::of(writing, place).map(|row| row.id)
}

/// Notes which event a message is.
pub(super) fn map_message(
    writing: &Writing<'_>,
    place: i64,
    message: &MessageId,
    event: i64,
    delivery: Option<i64>,
) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO messages (place, message, event, delivery) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![place, message.as_str(), event, delivery])
        .map(drop)
}

/// Writes down one delivery.
pub(super) fn insert_owed(
    writing: &Writing<'_>,
    event: i64,
    owed: &Owed,
    position: Option<i64>,
    now: i64,
) -> Sql<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO deliveries (event, lane, position, since, owed)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![event, owed.lane().to_string(), position, now, to_json(owed)?])
        .map(drop)
}

fn move_cursor(
    writing: &Writing<'_>,
    place: i64,
    ordinal: Option<i64>,
    last: Option<&MessageId>,
) -> Sql<()> {
    if ordinal.is_none() && last.is_none() {
        return Ok(());
    }
    writing
        .connection
        .prepare_cached(
            "UPDATE places SET
                 ordinal = CASE WHEN ?2 IS NULL THEN ordinal
                                ELSE max(coalesce(ordinal, ?2), ?2) END,
                 last = coalesce(?3, last)
             WHERE id = ?1",
        )?
        .execute(params![place, ordinal, last.map(MessageId::as_str)])
        .map(drop)
}

/// Lets go the held events that follow `cursor` without a hole.
fn drain(writing: &Writing<'_>, place: i64, cursor: i64, accepted: &mut Accepted) -> Sql<()> {
    let mut cursor = cursor;
    loop {
        let next: Option<(i64, i64, String)> = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, kind FROM events
                 WHERE state = 1 AND place = ?1 AND ordinal <= ?2 + 1
                 ORDER BY ordinal, id LIMIT 1",
            )?
            .query_row(params![place, cursor], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((event, ordinal, kind)) = next else { return Ok(()) };
        release_event(writing, event, &kind, accepted)?;
        move_cursor(writing, place, Some(ordinal), None)?;
        cursor = cursor.max(ordinal);
    }
}

fn release_all(writing: &Writing<'_>, row: &PlaceRow, accepted: &mut Accepted) -> Sql<()> {
    writing
        .connection
        .prepare_cached("UPDATE places SET holding = 0 WHERE id = ?1")?
        .execute([row.id])?;
    release_through(writing, row, i64::MAX, accepted)
}

/// Lets go every held event up to an ordinal; those without one come first.
fn release_through(
    writing: &Writing<'_>,
    row: &PlaceRow,
    through: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    loop {
        let next: Option<(i64, Option<i64>, String)> = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, kind FROM events
                 WHERE state = 1 AND place = ?1 AND coalesce(ordinal, 0) <= ?2
                 ORDER BY ordinal, id LIMIT 1",
            )?
            .query_row(params![row.id, through], |found| {
                Ok((found.get(0)?, found.get(1)?, found.get(2)?))
            })
            .optional()?;
        let Some((event, ordinal, kind)) = next else { return Ok(()) };
        if kind == "command" {
            accepted.command(&row.place);
        }
        release_event(writing, event, &kind, accepted)?;
        move_cursor(writing, row.id, ordinal, None)?;
    }
}

fn release_event(
    writing: &Writing<'_>,
    event: i64,
    kind: &str,
    accepted: &mut Accepted,
) -> Sql<()> {
    let state = if kind == "command" { State::Todo } else { State::Done };
    writing
        .connection
        .prepare_cached("UPDATE events SET state = ?2 WHERE id = ?1")?
        .execute(params![event, state as i64])?;
    let position = writing.next_position();
    writing
        .connection
        .prepare_cached("UPDATE deliveries SET position = ?2 WHERE event = ?1")?
        .execute(params![event, position])?;
    let mut lanes = writing
        .connection
        .prepare_cached("SELECT DISTINCT lane FROM deliveries WHERE event = ?1")?;
    let mut lanes = lanes.query([event])?;
    while let Some(row) = lanes.next()? {
        if let Some(lane) = Lane::parse(&row.get::<_, String>(0)?) {
            accepted.wake(lane);
        }
    }
    Ok(())
}

impl Accepted {
    pub(super) fn wake(&mut self, lane: Lane) {
        if !self.wake.contains(&lane) {
            self.wake.push(lane);
        }
    }

    fn gap(&mut self, place: &Place) {
        if !self.gaps.contains(place) {
            self.gaps.push(place.clone());
        }
    }

    fn command(&mut self, place: &Place) {
        if !self.commands.contains(place) {
            self.commands.push(place.clone());
        }
    }
}

fn to_i64(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}
