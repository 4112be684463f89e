//! What can be wrong in a ledger's rows, and how each of it is mended (`partyline doctor`).
//!
//! None of this comes about by the program's own doing: what belongs together is committed
//! together. It comes about by hands in the file, by disks, and by mistakes of ours that are not
//! known yet. A mend never loses a message that is owed: what can still be sent is sent, and what
//! cannot is parked, where a person sees it.

use std::path::Path;

use partyline_core::{Event, Place};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::schema::{SCHEMA, migrate, version};
use super::{Lane, LedgerError, Owed};

type Sql<T> = Result<T, rusqlite::Error>;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is, in a sentence.
    pub what: String,
    /// What mending does about it; `None` where it cannot be mended.
    pub mend: Option<&'static str>,
}

/// Rows that are found by one statement and mended by others.
struct Check {
    /// Gives how many there are.
    count: &'static str,
    /// What they are, in words behind the number.
    what: &'static str,
    mend: &'static str,
    /// The statements of the mend.
    with: &'static [&'static str],
}

/// In the order in which they are mended: what a later one stands on is whole by then.
const CHECKS: &[Check] = &[
    Check {
        count: "SELECT count(*) FROM events WHERE NOT EXISTS
                    (SELECT 1 FROM places WHERE places.id = events.place)",
        what: "events are in no place",
        mend: "puts them back into the place that they name, and forgets those that name none",
        with: &[
            "INSERT OR IGNORE INTO places (place)
             SELECT DISTINCT CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END FROM events
             WHERE CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM places WHERE places.id = events.place)",
            "UPDATE events SET place =
                 (SELECT id FROM places WHERE places.place = CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END)
             WHERE CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM places WHERE places.id = events.place)",
            "DELETE FROM events WHERE NOT EXISTS
                 (SELECT 1 FROM places WHERE places.id = events.place)",
        ],
    },
    Check {
        count: "SELECT count(*) FROM deliveries WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = deliveries.event)",
        what: "deliveries are of no event",
        mend: "keeps those that are still owed, under an event made for them, and forgets the rest",
        with: &[
            "DELETE FROM deliveries WHERE (state NOT IN (0, 2)
                 OR CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END IS NULL)
               AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "INSERT OR IGNORE INTO places (place)
             SELECT DISTINCT CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END FROM deliveries
             WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "INSERT OR IGNORE INTO events (id, network, key, place, at, received, via, kind, state)
             SELECT deliveries.event,
                    substr(places.place, 1, instr(places.place, ':') - 1),
                    'mended:' || deliveries.event, places.id,
                    deliveries.since, deliveries.since, 'doctor', 'message', 0
             FROM deliveries JOIN places ON places.place = CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END
             WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "UPDATE deliveries SET position =
                 (SELECT coalesce(max(position), 0) + 1 FROM deliveries WHERE state = 0)
             WHERE state = 0 AND position IS NULL AND event IN
                 (SELECT id FROM events WHERE via = 'doctor')",
        ],
    },
    Check {
        count: "SELECT count(*) FROM deliveries JOIN events ON events.id = deliveries.event
                WHERE deliveries.state = 0 AND deliveries.position IS NULL AND events.state <> 1",
        what: "deliveries wait without a position in their lane, though nothing holds them",
        mend: "puts them at the end of their lanes, in their order",
        with: &["UPDATE deliveries SET position = id +
                     (SELECT coalesce(max(position), 0) FROM deliveries WHERE state = 0)
                 WHERE state = 0 AND position IS NULL
                   AND event IN (SELECT id FROM events WHERE state <> 1)"],
    },
    Check {
        count: "SELECT count(*) FROM deliveries JOIN events ON events.id = deliveries.event
                WHERE deliveries.state = 0 AND deliveries.position IS NOT NULL AND events.state = 1",
        what: "deliveries have a position in their lane, though their event is held",
        mend: "takes the position away until the event is released",
        with: &["UPDATE deliveries SET position = NULL
                 WHERE state = 0 AND event IN (SELECT id FROM events WHERE state = 1)"],
    },
    Check {
        count: "SELECT count(*) FROM messages WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = messages.event)
                 OR NOT EXISTS (SELECT 1 FROM places WHERE places.id = messages.place)",
        what: "message ids are of no event or in no place",
        mend: "forgets them",
        with: &["DELETE FROM messages WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = messages.event)
                  OR NOT EXISTS (SELECT 1 FROM places WHERE places.id = messages.place)"],
    },
    Check {
        // A microsecond time stamp; Slack's clock and ours may be minutes apart.
        count: "SELECT count(*) FROM places WHERE place LIKE 'slack:%'
                    AND ordinal > (unixepoch() + 600) * 1000000",
        what: "Slack rooms are said to be read up to a time that has not come",
        mend: "sets them back to the newest message that is known, or to now",
        with: &["UPDATE places SET ordinal = coalesce(
                     (SELECT max(events.ordinal) FROM events WHERE events.place = places.id
                        AND events.ordinal <= (unixepoch() + 600) * 1000000),
                     unixepoch() * 1000000)
                 WHERE place LIKE 'slack:%' AND ordinal > (unixepoch() + 600) * 1000000"],
    },
];

/// Looks for what is wrong in a ledger. Reads beside a daemon that runs.
///
/// # Errors
/// It cannot be opened, or a newer program made it.
pub fn examine(path: &Path) -> Result<Vec<Finding>, LedgerError> {
    let mut connection = open(path)?;
    // One snapshot: a daemon may be writing.
    let tx = connection.transaction()?;
    let found = examine_all(&tx)?;
    tx.rollback()?;
    Ok(found)
}

/// Mends what can be mended, in one transaction, and gives what was found before. Whoever calls it
/// has the store's lock.
///
/// # Errors
/// Nothing was changed.
pub fn mend(path: &Path) -> Result<Vec<Finding>, LedgerError> {
    let mut connection = open(path)?;
    migrate(&mut connection)?;
    // What refers to nothing is what is mended here.
    connection.pragma_update(None, "foreign_keys", false)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = examine_all(&tx)?;
    if found.iter().any(|finding| finding.mend.is_some()) {
        tx.execute_batch("REINDEX")?;
        for statement in CHECKS.iter().flat_map(|check| check.with) {
            tx.execute(statement, [])?;
        }
        unreadable(&tx, true)?;
        tx.commit()?;
    }
    Ok(found)
}

fn open(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let found = version(&connection)?;
    if found > SCHEMA {
        return Err(LedgerError::Newer { found, known: SCHEMA });
    }
    Ok(connection)
}

fn examine_all(connection: &Connection) -> Sql<Vec<Finding>> {
    let mut found = integrity(connection)?;
    if found.iter().any(|finding| finding.mend.is_none()) {
        // Of a damaged file, rows tell nothing.
        return Ok(found);
    }
    for check in CHECKS {
        let count: i64 = connection.query_row(check.count, [], |row| row.get(0))?;
        if count > 0 {
            let what = format!("{count} {}", check.what);
            found.push(Finding { what, mend: Some(check.mend) });
        }
    }
    found.extend(unreadable(connection, false)?);
    Ok(found)
}

/// What SQLite itself says of the file. An index that disagrees with its table is made anew.
fn integrity(connection: &Connection) -> Sql<Vec<Finding>> {
    let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
    let said: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Sql<_>>()?;
    if said == ["ok"] {
        return Ok(Vec::new());
    }
    let of_indexes = said.iter().all(|line| line.contains(" index "));
    let what = format!("The ledger's file is damaged: {}", said.join("; "));
    let mend = of_indexes.then_some("makes the indexes anew");
    Ok(vec![Finding { what, mend }])
}

/// Rows whose text this program cannot read. What is done about each is written down where `mend`
/// says so.
fn unreadable(connection: &Connection, mend: bool) -> Sql<Vec<Finding>> {
    let mut found = Vec::new();
    let mut note = |count: usize, what: &str, mend: &'static str| {
        if count > 0 {
            found.push(Finding { what: format!("{count} {what}"), mend: Some(mend) });
        }
    };
    let rows = "SELECT id, coalesce(owed, '') FROM deliveries WHERE state = 0";
    let owed = failing(connection, rows, |text| serde_json::from_str::<Owed>(text).is_err())?;
    note(owed.len(), "waiting deliveries cannot be read", "parks them: look at `queue list`");
    let rows = "SELECT id, lane FROM deliveries WHERE state = 0";
    let lanes = failing(connection, rows, |text| Lane::parse(text).is_none())?;
    note(
        lanes.len(),
        "deliveries wait for a place on no network that is known",
        "parks them: look at `queue list`",
    );
    let rows = "SELECT id, coalesce(event, '') FROM events WHERE state = 2";
    let commands = failing(connection, rows, |text| serde_json::from_str::<Event>(text).is_err())?;
    note(
        commands.len(),
        "commands that are to be carried out cannot be read",
        "takes them for done: they have to be given again",
    );
    let is_room = |text: &str| text.parse::<Place>().is_ok_and(|place| place.is_room());
    let is_conversation =
        |text: &str| text.parse::<Place>().is_ok_and(|place| place.is_conversation());
    let mut links = failing_keys(connection, "SELECT room, room FROM links", |t| !is_room(t))?;
    let rows = "SELECT room, conversation FROM links";
    links.extend(failing_keys(connection, rows, |text| !is_conversation(text))?);
    links.sort();
    links.dedup();
    note(links.len(), "links tie what is no room or no conversation", "takes them away");
    if mend {
        for id in owed.iter().chain(&lanes) {
            connection.execute(
                "UPDATE deliveries SET state = 2, reason = 'poisoned',
                     sentence = 'What is stored of it cannot be read: drop it.' WHERE id = ?1",
                params![id],
            )?;
        }
        for id in &commands {
            connection.execute("UPDATE events SET state = 0 WHERE id = ?1", params![id])?;
        }
        for room in &links {
            connection.execute("DELETE FROM links WHERE room = ?1", params![room])?;
        }
    }
    Ok(found)
}

/// The ids of rows whose text fails. One row is in memory at a time.
fn failing(connection: &Connection, rows: &str, fails: impl Fn(&str) -> bool) -> Sql<Vec<i64>> {
    let mut found = Vec::new();
    let mut rows = connection.prepare(rows)?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        if fails(row.get_ref(1)?.as_str().unwrap_or_default()) {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

fn failing_keys(
    connection: &Connection,
    rows: &str,
    fails: impl Fn(&str) -> bool,
) -> Sql<Vec<String>> {
    let mut rows = connection.prepare(rows)?;
    let all = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    all.filter(|row| row.as_ref().map_or(true, |(_, text)| fails(text)))
        .map(|row| row.map(|(key, _)| key))
        .collect()
}
