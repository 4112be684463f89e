//! Rows whose text this program cannot read.

use jiff::Timestamp;
use partyline_core::{Address, Event, PersonId, Place};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Finding, Sql};
use crate::invitations::GroupInvitation;
use crate::ledger::groups::state_of;
use crate::ledger::{AuditEntry, Lane, Owed, Role};

/// A text that must be readable.
pub(super) struct Readable {
    /// The first version of the ledger that has these rows.
    since: usize,
    /// Gives each row's key and its text.
    rows: &'static str,
    fails: fn(&str) -> bool,
    /// What the rows are that fail, in words behind their number.
    what: &'static str,
    mend: &'static str,
    /// Mends the row with the key `?1`.
    with: &'static str,
}

const PARK: &str = "UPDATE deliveries SET state = 2, reason = 'poisoned',
    sentence = 'What is stored of it cannot be read: drop it.' WHERE id = ?1";

/// All of them.
pub(super) const TEXTS: &[Readable] = &[
    Readable {
        since: 1,
        rows: "SELECT key, value FROM meta WHERE key = 'restored'",
        fails: |text| text.parse::<Timestamp>().is_err(),
        what: "note of a restore cannot be read",
        mend: "takes now for it, so that everything is looked up before it is sent",
        with: "UPDATE meta SET value = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE key = ?1",
    },
    Readable {
        since: 1,
        rows: "SELECT id, coalesce(owed, '') FROM deliveries WHERE state = 0",
        fails: |text| serde_json::from_str::<Owed>(text).is_err(),
        what: "waiting deliveries cannot be read",
        mend: "parks them: look at `queue list`",
        with: PARK,
    },
    Readable {
        since: 1,
        rows: "SELECT id, lane FROM deliveries WHERE state = 0",
        fails: |text| Lane::parse(text).is_none(),
        what: "deliveries wait for a place on no network that is known",
        mend: "parks them: look at `queue list`",
        with: PARK,
    },
    Readable {
        since: 1,
        rows: "SELECT id, coalesce(event, '') FROM events WHERE state = 2",
        fails: |text| serde_json::from_str::<Event>(text).is_err(),
        what: "commands that are to be carried out cannot be read",
        mend: "takes them for done: they have to be given again",
        with: "UPDATE events SET state = 0 WHERE id = ?1",
    },
    Readable {
        since: 1,
        rows: "SELECT room, room || ' ' || conversation FROM links",
        fails: |text| {
            let Some((room, conversation)) = text.split_once(' ') else { return true };
            !room.parse::<Place>().is_ok_and(|room| room.is_room())
                || is_conversation(conversation) != Some(true)
        },
        what: "links tie what is no room or no conversation",
        mend: "takes them away",
        with: "DELETE FROM links WHERE room = ?1",
    },
    Readable {
        since: 1,
        // Of a person whose data was erased, no place is left.
        rows: "SELECT id, place FROM places WHERE place NOT LIKE '[erased]%'",
        fails: |text| is_conversation(text).is_none() && !is_service(text),
        what: "places are on no network that is known",
        mend: "gives them a name that can be read; what came from them stays",
        with: "UPDATE places SET place = 'operator:mended-' || id WHERE id = ?1",
    },
    Readable {
        since: 1,
        rows: "SELECT conversation || ' ' || sid, conversation FROM participants",
        fails: |text| is_conversation(text) != Some(true),
        what: "members are in no conversation",
        mend: "forgets them: the next listing has those that there are",
        with: "DELETE FROM participants WHERE conversation || ' ' || sid = ?1",
    },
    Readable {
        since: 4,
        rows: "SELECT conversation, conversation || ' ' || state FROM groups",
        fails: |text| {
            let Some((conversation, state)) = text.split_once(' ') else { return true };
            is_conversation(conversation) != Some(true) || state_of(state).is_none()
        },
        what: "groups cannot be read",
        mend: "forgets them: the next listing has those that there are",
        with: "DELETE FROM groups WHERE conversation = ?1",
    },
    Readable {
        since: 4,
        rows: "SELECT conversation, rooms FROM groups WHERE rooms IS NOT NULL",
        fails: |text| serde_json::from_str::<Vec<Place>>(text).is_err(),
        what: "archived groups have rooms that cannot be read",
        mend: "forgets the rooms: they have to be tied again",
        with: "UPDATE groups SET rooms = NULL WHERE conversation = ?1",
    },
    Readable {
        since: 5,
        rows: "SELECT person || ' ' || role || ' ' || conversation,
                      person || ' ' || role || ' ' || conversation FROM roles",
        fails: |text| {
            let mut words = text.splitn(3, ' ');
            let (person, role) = (words.next(), words.next());
            let role = Role::read(role.unwrap_or_default(), words.next().unwrap_or_default());
            role.is_none() || person.is_none_or(|person| person.parse::<PersonId>().is_err())
        },
        what: "roles are of nobody, or are no roles",
        mend: "takes them away: they have to be granted again",
        with: "DELETE FROM roles WHERE person || ' ' || role || ' ' || conversation = ?1",
    },
    Readable {
        since: 9,
        rows: "SELECT id, entry FROM begun",
        fails: |text| serde_json::from_str::<AuditEntry>(text).is_err(),
        what: "entries for the audit cannot be read",
        mend: "forgets them",
        with: "DELETE FROM begun WHERE id = ?1",
    },
    Readable {
        since: 13,
        rows: "SELECT id, address FROM suppressions WHERE address IS NOT NULL",
        fails: |text| text.parse::<Address>().is_err(),
        what: "people who opted out have an address that cannot be read",
        mend: "takes it away; that they opted out stays",
        with: "UPDATE suppressions SET address = NULL WHERE id = ?1",
    },
    Readable {
        since: 13,
        rows: "SELECT id || ' ' || conversation || ' ' || address, conversation || ' ' || address
               FROM removals",
        fails: |text| {
            text.split_once(' ').is_none_or(|(conversation, address)| {
                is_conversation(conversation) != Some(true) || address.parse::<Address>().is_err()
            })
        },
        what: "members who opted out are in no group",
        mend: "forgets that they are to be taken out of it",
        with: "DELETE FROM removals WHERE id || ' ' || conversation || ' ' || address = ?1",
    },
    Readable {
        since: 17,
        rows: "SELECT address || ' ' || sender, address || ' ' || sender FROM windows",
        fails: |text| are_no_addresses(text),
        what: "windows are of nobody",
        mend: "forgets them",
        with: "DELETE FROM windows WHERE address || ' ' || sender = ?1",
    },
    Readable {
        since: 17,
        rows: "SELECT event || ' ' || address || ' ' || sender,
                   conversation || ' ' || address || ' ' || sender FROM held",
        fails: |text| {
            text.split_once(' ').is_none_or(|(conversation, phone)| {
                is_conversation(conversation) != Some(true) || are_no_addresses(phone)
            })
        },
        what: "messages are held for nobody, or in no group",
        mend: "forgets them",
        with: "DELETE FROM held WHERE event || ' ' || address || ' ' || sender = ?1",
    },
    Readable {
        since: 17,
        rows: "SELECT conversation, conversation || ' ' || template FROM invitations",
        fails: |text| {
            text.split_once(' ').is_none_or(|(conversation, template)| {
                is_conversation(conversation) != Some(true)
                    || serde_json::from_str::<GroupInvitation>(template).is_err()
            })
        },
        what: "invitations of groups cannot be read",
        mend: "forgets them: whatsapp.reengagement_template serves",
        with: "DELETE FROM invitations WHERE conversation = ?1",
    },
    Readable {
        since: 22,
        rows: "SELECT id, conversation FROM strays",
        fails: |text| is_conversation(text) != Some(true),
        what: "receipts of people whom nobody knows are of no group",
        mend: "forgets them",
        with: "DELETE FROM strays WHERE id = ?1",
    },
    Readable {
        since: 19,
        rows: "SELECT conversation || ' ' || member, conversation FROM mutes",
        fails: |text| is_conversation(text) != Some(true),
        what: "members are muted in no conversation",
        mend: "forgets that",
        with: "DELETE FROM mutes WHERE conversation || ' ' || member = ?1",
    },
];

/// Whether a place is a conversation and no room, if it is a place.
fn is_conversation(text: &str) -> Option<bool> {
    text.parse::<Place>().ok().map(|place| place.is_conversation())
}

/// Whether a place is Twilio's service as a whole: of users, and of what is written to a sender by
/// somebody who is in no conversation.
fn is_service(text: &str) -> bool {
    text.strip_prefix("twilio:IS").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether this is not an address and a sender.
fn are_no_addresses(text: &str) -> bool {
    text.split(' ').any(|one| one.parse::<Address>().is_err())
}

impl Readable {
    /// Finds those that fail in a ledger of this version, and mends them where `mend` says so.
    pub(super) fn examine(
        &self,
        connection: &Connection,
        version: usize,
        mend: bool,
    ) -> Sql<Option<Finding>> {
        if version < self.since {
            return Ok(None);
        }
        let failing = self.failing(connection)?;
        if mend {
            let mut mended = connection.prepare(self.with)?;
            failing.iter().try_for_each(|key| mended.execute([key]).map(drop))?;
        }
        let what = format!("{} {}", failing.len(), self.what);
        Ok((!failing.is_empty()).then_some(Finding { what, mend: Some(self.mend) }))
    }

    /// The keys of rows whose text fails. One row is in memory at a time.
    fn failing(&self, connection: &Connection) -> Sql<Vec<Value>> {
        let mut found = Vec::new();
        let mut rows = connection.prepare(self.rows)?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            if (self.fails)(row.get_ref(1)?.as_str().unwrap_or_default()) {
                found.push(row.get(0)?);
            }
        }
        Ok(found)
    }
}
