//! How far each place has been read.

use jiff::Timestamp;
use partyline_core::{Cursor, MessageId, Place};
use rusqlite::{OptionalExtension, params};

use super::threads::Writing;
use super::{Ledger, LedgerError, Sql, timestamp};
use crate::crash::{Point, point};

impl Ledger {
    /// The places in the first column of what this finds; what is no place is passed by.
    pub(super) async fn places_of<Places, Values>(
        &self,
        sql: &'static str,
        values: Values,
    ) -> Result<Places, LedgerError>
    where
        Places: FromIterator<Place> + Send + 'static,
        Values: rusqlite::Params + Send + 'static,
    {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(sql)?
                    .query_map(values, |row| row.get::<_, String>(0))?
                    .filter_map(|place| place.map(|place| place.parse().ok()).transpose())
                    .collect()
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
                    "SELECT id, place FROM places
                     WHERE ordinal IS NOT NULL OR last IS NOT NULL OR since IS NOT NULL",
                )?;
                let mut forget = writing.connection.prepare_cached(
                    "UPDATE places SET ordinal = NULL, last = NULL, floor = NULL, since = NULL,
                         hole_ordinal = NULL, hole_last = NULL WHERE id = ?1",
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

    /// Notes that these places are tied to others from now on, where that is not known of them and
    /// they were never read.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn note_tied(&self, places: Vec<Place>) -> Result<(), LedgerError> {
        let now = self.now_ms();
        self.threads
            .write(move |writing| {
                let mut note = writing.connection.prepare_cached(
                    "INSERT INTO places (place, since) VALUES (?1, ?2)
                     ON CONFLICT (place) DO UPDATE SET since = excluded.since
                     WHERE since IS NULL AND ordinal IS NULL AND last IS NULL",
                )?;
                places
                    .iter()
                    .try_for_each(|place| note.execute(params![place.to_string(), now]).map(drop))
            })
            .await
    }

    /// Since when a place is tied, as far as that was noted.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn tied_since(&self, place: &Place) -> Result<Option<Timestamp>, LedgerError> {
        let place = place.to_string();
        self.threads
            .read(move |connection| {
                let since: Option<Option<i64>> = connection
                    .prepare_cached("SELECT since FROM places WHERE place = ?1")?
                    .query_row([place], |row| row.get(0))
                    .optional()?;
                Ok(since.flatten().map(timestamp))
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
                        "UPDATE places SET ordinal = ?2, last = ?3, floor = NULL,
                             hole_ordinal = NULL, hole_last = NULL
                         WHERE id = ?1 {only}"
                    ))?
                    .execute(params![row.id, ordinal, last])?;
                point(Point::ReadCursor);
                Ok(())
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
}

pub(super) struct PlaceRow {
    pub(super) id: i64,
    pub(super) ordinal: Option<i64>,
    pub(super) holding: i64,
    /// It has a cursor.
    pub(super) begun: bool,
    /// It is tied to others, and has not been read yet.
    pub(super) unread: bool,
    pub(super) place: Place,
}

impl PlaceRow {
    pub(super) fn of(writing: &Writing<'_>, place: &Place) -> Sql<Self> {
        let text = place.to_string();
        let found = writing
            .connection
            .prepare_cached(
                "SELECT id, ordinal, holding, ordinal IS NOT NULL OR last IS NOT NULL,
                     since IS NOT NULL
                 FROM places WHERE place = ?1",
            )?
            .query_row([&text], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get::<_, bool>(3)?,
                    row.get::<_, bool>(4)?,
                ))
            })
            .optional()?;
        if let Some((id, ordinal, holding, begun, tied)) = found {
            let unread = tied && !begun;
            return Ok(Self { id, ordinal, holding, begun, unread, place: place.clone() });
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
            unread: false,
            place: place.clone(),
        })
    }
}

/// The id of a place, made if it is new.
pub(super) fn place_id(writing: &Writing<'_>, place: &Place) -> Sql<i64> {
    PlaceRow::of(writing, place).map(|row| row.id)
}

pub(super) fn move_cursor(
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
                 floor = CASE WHEN place LIKE 'slack:%' THEN coalesce(floor, ordinal, ?2) END,
                 ordinal = CASE WHEN ?2 IS NULL THEN ordinal
                                ELSE max(coalesce(ordinal, ?2), ?2) END,
                 last = coalesce(?3, last)
             WHERE id = ?1",
        )?
        .execute(params![place, ordinal, last.map(MessageId::as_str)])
        .map(drop)
}

/// The ordinal in the cursor of a place that was empty when it was first read.
pub(super) const BEFORE_THE_FIRST: i64 = -1;

pub(super) fn to_i64(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}
