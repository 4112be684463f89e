//! Who is suppressed, for whoever asks, and what is still to be done for them.

use partyline_core::{Address, Place};
use rusqlite::{OptionalExtension, params};

use super::{
    How, LEAVING, OUT, OptoutWork, RETURNING, Removal, Sql, Suppression, id_of, in_force, removals,
    remove,
};
use crate::crash::{Point, point};
use crate::ledger::cursors::place_id;
use crate::ledger::threads::Writing;
use crate::ledger::{Accepted, Ledger, LedgerError, members, own, strays, timestamp};

fn read(row: &rusqlite::Row<'_>) -> Sql<Suppression> {
    let address: Option<String> = row.get(1)?;
    Ok(Suppression {
        id: row.get(0)?,
        address: address.and_then(|address| address.parse().ok()),
        since: timestamp(row.get(2)?),
        how: How::read(&row.get::<_, String>(3)?),
        source: row.get(4)?,
    })
}

impl Ledger {
    /// Who of these gets no messages, because they want none or are blocked, and since when.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn suppressed(
        &self,
        addresses: Vec<Address>,
    ) -> Result<Vec<(Address, Suppression)>, LedgerError> {
        self.threads
            .read(move |connection| {
                let mut find = connection.prepare_cached(
                    "SELECT id, address, since, how, source FROM suppressions
                     WHERE id = ?1 AND lifted IS NULL
                     UNION ALL SELECT id, address, since, 'barred', by FROM blocks WHERE id = ?1",
                )?;
                let mut found = Vec::new();
                for address in addresses {
                    let id = id_of(connection, &address)?;
                    if let Some(suppression) = find.query_row([id], read).optional()? {
                        found.push((address, suppression));
                    }
                }
                Ok(found)
            })
            .await
    }

    /// Those who want no more messages, the newest first; from the row `offset` on, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn suppressions(
        &self,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Suppression>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, address, since, how, source FROM suppressions
                         WHERE lifted IS NULL ORDER BY since DESC, id LIMIT ?1 OFFSET ?2",
                    )?
                    .query_map([limit, offset], read)?
                    .collect()
            })
            .await
    }

    /// Those for whom something is still to be done, each with the groups that they are to be taken
    /// out of.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn optouts_open(&self) -> Result<Vec<(String, Vec<Place>)>, LedgerError> {
        self.threads
            .read(|connection| {
                let ids: Vec<String> = connection
                    .prepare_cached(
                        "SELECT id FROM suppressions WHERE sweep = 1
                         UNION SELECT id FROM removals WHERE state <> 1",
                    )?
                    .query_map([], |row| row.get(0))?
                    .collect::<Sql<_>>()?;
                ids.into_iter()
                    .map(|id| {
                        let leaving = removals(connection, &id, LEAVING)?;
                        Ok((id, leaving.into_iter().map(|one| one.conversation).collect()))
                    })
                    .collect()
            })
            .await
    }

    /// What is still to be done for somebody.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn optout_work(&self, id: &str) -> Result<OptoutWork, LedgerError> {
        let id = id.to_owned();
        self.threads
            .read(move |connection| {
                let found: Option<(Option<String>, String, bool, bool)> = connection
                    .prepare_cached(
                        "SELECT address, how, sweep, lifted IS NULL FROM suppressions WHERE id = ?1",
                    )?
                    .query_row([&id], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })
                    .optional()?;
                let Some((address, how, sweep, holds)) = found else {
                    return Ok(OptoutWork::default());
                };
                let address = address.and_then(|address| address.parse().ok());
                Ok(OptoutWork {
                    sweep: address.filter(|_| sweep),
                    how: holds.then(|| How::read(&how)),
                    leaving: removals(connection, &id, LEAVING)?,
                    returning: removals(connection, &id, RETURNING)?,
                })
            })
            .await
    }

    /// It was asked where somebody is who wants no more messages: in these groups, and no others.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn swept(&self, id: &str, found: Vec<Removal>) -> Result<Accepted, LedgerError> {
        let (id, now) = (id.to_owned(), self.now_ms());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                if !in_force(writing.connection, &id)? {
                    return Ok(accepted);
                }
                for removal in &found {
                    remove(writing, &id, removal)?;
                    if let Some(sender) = &removal.sender {
                        let to = (sender, &removal.address);
                        let group = &removal.conversation;
                        strays::answer_from(writing, group, to, now, &mut accepted)?;
                    }
                }
                writing
                    .connection
                    .prepare_cached("UPDATE suppressions SET sweep = 0 WHERE id = ?1")?
                    .execute([&id])?;
                Ok(accepted)
            })
            .await
    }

    /// Somebody was taken out of a group, or cannot be: what these rooms are told of it is one commit
    /// with it.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn removed(
        &self,
        id: &str,
        removal: &Removal,
        told: Vec<(Place, String)>,
    ) -> Result<Accepted, LedgerError> {
        self.settle_removal(id, removal, told, |writing, id, removal, now| {
            let (place, address) = (removal.conversation.to_string(), removal.address.as_str());
            let changed = writing
                .connection
                .prepare_cached(
                    "UPDATE removals SET state = ?4
                     WHERE id = ?1 AND conversation = ?2 AND address = ?3 AND state = ?5",
                )?
                .execute(params![id, place, address, OUT, LEAVING])?;
            if changed > 0 {
                let here: Vec<String> = writing
                    .connection
                    .prepare_cached(
                        "SELECT sid FROM participants WHERE conversation = ?1 AND address = ?2",
                    )?
                    .query_map([place.as_str(), address], |row| row.get(0))?
                    .collect::<Sql<_>>()?;
                here.iter().try_for_each(|sid| members::depart(writing, &place, sid, now))?;
            }
            Ok((changed > 0).then_some(Settled { key: "optout", then: Point::OptoutRemoving }))
        })
        .await
    }

    /// Somebody was put back into a group, or cannot be: likewise.
    ///
    /// # Errors
    /// Nothing was noted.
    pub async fn returned(
        &self,
        id: &str,
        removal: &Removal,
        told: Vec<(Place, String)>,
    ) -> Result<Accepted, LedgerError> {
        self.settle_removal(id, removal, told, |writing, id, removal, _| {
            let (place, address) = (removal.conversation.to_string(), removal.address.as_str());
            let changed = writing
                .connection
                .prepare_cached(
                    "DELETE FROM removals
                     WHERE id = ?1 AND conversation = ?2 AND address = ?3 AND state = ?4",
                )?
                .execute(params![id, place, address, RETURNING])?;
            Ok((changed > 0).then_some(Settled { key: "optin", then: Point::OptoutReturning }))
        })
        .await
    }

    /// Notes what became of a removal, and tells these rooms, if that is new.
    async fn settle_removal(
        &self,
        id: &str,
        removal: &Removal,
        told: Vec<(Place, String)>,
        note: fn(&Writing<'_>, &str, &Removal, i64) -> Sql<Option<Settled>>,
    ) -> Result<Accepted, LedgerError> {
        let (id, removal, now) = (id.to_owned(), removal.clone(), self.now_ms());
        self.threads
            .write(move |writing| {
                let mut accepted = Accepted::default();
                if let Some(Settled { key, then }) = note(writing, &id, &removal, now)? {
                    let key = format!("{key}:{id}:{}:{now}", removal.conversation.id());
                    tell(writing, &removal.conversation, key, &told, now, &mut accepted)?;
                    point(then);
                }
                Ok(accepted)
            })
            .await
    }
}

/// What became of a removal: how the event is called that tells of it, and where a test ends the
/// program.
struct Settled {
    key: &'static str,
    then: Point,
}

fn tell(
    writing: &Writing<'_>,
    conversation: &Place,
    key: String,
    told: &[(Place, String)],
    now: i64,
    accepted: &mut Accepted,
) -> Sql<()> {
    if told.is_empty() {
        return Ok(());
    }
    let row = place_id(writing, conversation)?;
    let note = own::note(writing, conversation, row, key, now)?;
    told.iter()
        .try_for_each(|(room, text)| own::owe(writing, &note, room, text.clone(), now, accepted))
}
