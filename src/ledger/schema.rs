//! The tables, and how an older ledger becomes a newer one.

use rusqlite::Connection;

use super::LedgerError;
use crate::crash::{Point, point};

/// What each version of the ledger adds to the one before it. Never change a step that was
/// released: add one.
const STEPS: &[&str] = &[
    STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7, STEP_8, STEP_9, STEP_10, STEP_11,
    STEP_12, STEP_13, STEP_14, STEP_15, STEP_16, STEP_17, STEP_18, STEP_19, STEP_20, STEP_21,
    STEP_22,
];

const STEP_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Conversations and rooms that something came from. `ordinal` and `last` are the cursor; an
-- ordinal of -1 says that the place was empty when it was first read. What comes while `holding`
-- is not 0 is held, because the place is being read back; it is the number of the last of `holds`.
CREATE TABLE places (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL UNIQUE,
    ordinal INTEGER,
    last TEXT,
    unlinked INTEGER NOT NULL DEFAULT 0,
    holding INTEGER NOT NULL DEFAULT 0,
    holds INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX places_unlinked ON places (place) WHERE unlinked > 0;

CREATE TABLE links (
    room TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participants (
    conversation TEXT NOT NULL,
    sid TEXT NOT NULL,
    address TEXT,
    sender TEXT,
    name TEXT,
    PRIMARY KEY (conversation, sid)
) STRICT, WITHOUT ROWID;

-- state: 0 done, 1 held (its turn in its place has not come), 2 a command to be carried out.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL REFERENCES places (id),
    at INTEGER NOT NULL,
    received INTEGER NOT NULL,
    via TEXT NOT NULL,
    kind TEXT NOT NULL,
    ordinal INTEGER,
    state INTEGER NOT NULL,
    raw BLOB,
    event TEXT,
    UNIQUE (network, key)
) STRICT;
CREATE INDEX events_held ON events (place, ordinal, id) WHERE state = 1;
CREATE INDEX events_todo ON events (place, id) WHERE state = 2;
CREATE INDEX events_bodies ON events (received) WHERE raw IS NOT NULL;

-- state: 0 waiting, 1 sent, 2 parked, 3 dropped. A held event's deliveries have no position yet.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event INTEGER NOT NULL REFERENCES events (id),
    lane TEXT NOT NULL,
    position INTEGER,
    state INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL,
    owed TEXT,
    reason TEXT,
    sentence TEXT
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (lane, position, id) WHERE state = 0;
CREATE INDEX deliveries_parked ON deliveries (lane, id) WHERE state = 2;
CREATE INDEX deliveries_event ON deliveries (event);

-- Which message in which place is which event's.
CREATE TABLE messages (
    place INTEGER NOT NULL REFERENCES places (id),
    message TEXT NOT NULL,
    event INTEGER NOT NULL,
    delivery INTEGER,
    PRIMARY KEY (place, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_event ON messages (event);

-- What came and was not understood, as it came.
CREATE TABLE unparsed (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    via TEXT NOT NULL,
    received INTEGER NOT NULL,
    raw BLOB NOT NULL
) STRICT;
CREATE INDEX unparsed_received ON unparsed (received);
";

/// `mark` is what is behind the tag in a delivery's id; those of before go by their number. The
/// name that somebody chose on WhatsApp is kept, so that a start does not lose it.
const STEP_2: &str = "
ALTER TABLE deliveries ADD COLUMN mark TEXT;

CREATE TABLE profiles (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX profiles_at ON profiles (at);
";

const STEP_3: &str = "
-- What was worked on when a run of the program ended, and at how many such ends in a row. The meta
-- row bad_runs counts the runs in a row that did not end well.
CREATE TABLE suspects (name TEXT PRIMARY KEY, deaths INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- A place that could not be read back has a hole: it is read again from here, and not from its
-- cursor, until that works. An ordinal of -1 is before the first message.
ALTER TABLE places ADD COLUMN hole_ordinal INTEGER;
ALTER TABLE places ADD COLUMN hole_last TEXT;
CREATE INDEX places_with_holes ON places (id)
    WHERE hole_ordinal IS NOT NULL OR hole_last IS NOT NULL;

-- Deliveries have one more state: 4 skipped, because it was too late for them when they were read
-- back; a summary stands in their place.
CREATE INDEX deliveries_skipped ON deliveries (lane, id) WHERE state = 4;
";

const STEP_4: &str = "
-- Conversations as their platform shows them: the directory of groups. `folded` is the name in
-- small letters, by which it is found and sorted; `seen` is the number of the last full listing
-- that it stood in.
CREATE TABLE groups (
    conversation TEXT PRIMARY KEY,
    unique_name TEXT,
    name TEXT,
    folded TEXT NOT NULL,
    description TEXT,
    created_by TEXT,
    state TEXT NOT NULL,
    created INTEGER,
    updated INTEGER NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    -- Rooms that were untied when the group was archived, as a JSON list.
    rooms TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_folded ON groups (folded);
CREATE INDEX groups_unique ON groups (unique_name);

-- When a member was last heard, and what became of the last message to the member.
ALTER TABLE participants ADD COLUMN heard INTEGER;
ALTER TABLE participants ADD COLUMN status TEXT;
ALTER TABLE participants ADD COLUMN error INTEGER;

-- What the operation behind a command that is not done has done, step by step.
CREATE TABLE operations (
    event INTEGER NOT NULL REFERENCES events (id),
    step TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (event, step)
) STRICT, WITHOUT ROWID;
";

/// Roles, the audit, and answers to the operator's commands.
const STEP_5: &str = "
-- role: admin (of everything; no conversation), manager (of a conversation).
CREATE TABLE roles (
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    conversation TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, role, conversation)
) STRICT, WITHOUT ROWID;

-- Who did what. Rows are never changed; they go when they are older than audit.retention.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    name TEXT,
    place TEXT NOT NULL,
    what TEXT NOT NULL,
    conversation TEXT,
    subject TEXT NOT NULL,
    ended TEXT NOT NULL,
    said TEXT NOT NULL
) STRICT;
CREATE INDEX audit_conversation ON audit (conversation, id) WHERE conversation IS NOT NULL;
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_stands BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is not changed'); END;

-- What became of the operator's commands.
CREATE TABLE answers (
    event INTEGER PRIMARY KEY REFERENCES events (id),
    at INTEGER NOT NULL,
    ended TEXT NOT NULL,
    said TEXT NOT NULL,
    details TEXT
) STRICT;
CREATE INDEX answers_at ON answers (at);
";

/// The last episode of each alert: `began` while it is not over. `mark` is what was counted when it
/// was told last.
const STEP_6: &str = "
CREATE TABLE alerts (
    alert TEXT PRIMARY KEY,
    began INTEGER,
    ended INTEGER,
    again INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// WhatsApp names are found by their beginning.
const STEP_7: &str = "
ALTER TABLE profiles ADD COLUMN folded TEXT NOT NULL DEFAULT '';
UPDATE profiles SET folded = lower(name);
CREATE INDEX profiles_folded ON profiles (folded);
";

/// How far a Slack room is known to be whole: up to `floor` a list has shown that nothing is
/// missing, while the cursor follows the newest event. `overtaken` is 1 for what was found after
/// something later had gone.
const STEP_8: &str = "
ALTER TABLE places ADD COLUMN floor INTEGER;
UPDATE places SET floor = ordinal WHERE place LIKE 'slack:%';
ALTER TABLE deliveries ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;
";

/// Groups after which their rooms are still to be named (`name`) or described (`description`); and what
/// was begun that takes effect outside of the ledger, as the row that the audit gets of it.
const STEP_9: &str = "
CREATE TABLE unnamed (
    conversation TEXT PRIMARY KEY,
    name INTEGER NOT NULL,
    description INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE begun (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
";

/// Receipts, one row a message and member, and the ticks that they come to. A receipt of event 0 is
/// of a message that is not known yet. `rank` is how far the message came, `told` whether people
/// were told that it failed. `news` counts what came of a message, which is looked at when it is
/// `due`: `tick` is what it comes to, `shown` what the room shows, `handle` how that is taken away.
const STEP_10: &str = "
CREATE TABLE receipts (
    event INTEGER NOT NULL,
    message TEXT NOT NULL,
    participant TEXT NOT NULL,
    rank INTEGER NOT NULL,
    error INTEGER,
    at INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (event, message, participant)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticks (
    event INTEGER PRIMARY KEY,
    news INTEGER NOT NULL,
    due INTEGER,
    tick TEXT,
    shown TEXT,
    handle TEXT,
    place TEXT,
    at INTEGER
) STRICT;
CREATE INDEX ticks_due ON ticks (due) WHERE due IS NOT NULL;
CREATE INDEX ticks_at ON ticks (place, at) WHERE place IS NOT NULL;
";

/// Codes that were sent to people who are to be added to a group, until they are told.
const STEP_11: &str = "
CREATE TABLE codes (
    conversation TEXT NOT NULL,
    address TEXT NOT NULL,
    sender TEXT,
    sent TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (conversation, address)
) STRICT, WITHOUT ROWID;
";

/// Since when a conversation is tied to a room: what was said there from then on is relayed, however
/// often the bridge is killed before it has read the conversation for the first time.
const STEP_12: &str = "
ALTER TABLE places ADD COLUMN since INTEGER;
";

/// Who wants no more messages, under a keyed hash of the contact's key (the hash's key is in `meta`,
/// `people`); `address` is NULL once the person's data was erased, `lifted` when they wanted messages
/// again, `sweep` is 1 while it is still to be asked where else they are. `removals` are the groups
/// that they are taken out of: 0 still to be done, 1 done, 2 to be undone.
const STEP_13: &str = "
CREATE TABLE suppressions (
    id TEXT PRIMARY KEY,
    address TEXT,
    since INTEGER NOT NULL,
    how TEXT NOT NULL,
    source TEXT NOT NULL,
    lifted INTEGER,
    sweep INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressions_since ON suppressions (since DESC, id) WHERE lifted IS NULL;
CREATE INDEX suppressions_sweep ON suppressions (id) WHERE sweep = 1;

CREATE TABLE removals (
    id TEXT NOT NULL,
    conversation TEXT NOT NULL,
    address TEXT NOT NULL,
    sender TEXT,
    state INTEGER NOT NULL,
    PRIMARY KEY (id, conversation, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX removals_open ON removals (id) WHERE state <> 1;

-- Of the audit's words, those that name a person whose data is erased are taken; nothing else changes.
DROP TRIGGER audit_stands;
CREATE TRIGGER audit_stands BEFORE UPDATE OF id, at, by, name, place, what, conversation, ended ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is not changed'); END;

CREATE INDEX participants_address ON participants (address) WHERE address IS NOT NULL;
";

/// Commands that are to be given at a later time: as they would be typed, with who gives them where, and
/// when (as JSON); `due` is the next time.
const STEP_14: &str = "
CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    by TEXT NOT NULL,
    name TEXT,
    answer TEXT NOT NULL,
    line TEXT NOT NULL,
    rule TEXT NOT NULL,
    due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (due);
";

/// Templates on their way to many people: what goes where its account goes (`shown`: what shows how far
/// it is), and who is still to be owed it.
const STEP_15: &str = "
CREATE TABLE broadcasts (
    event INTEGER PRIMARY KEY,
    answer TEXT NOT NULL,
    room TEXT NOT NULL,
    template TEXT NOT NULL,
    name TEXT NOT NULL,
    variables TEXT NOT NULL,
    total INTEGER NOT NULL,
    shown TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE recipients (
    event INTEGER NOT NULL,
    number INTEGER NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;
";

/// Conversations with one person each, in threads of the inbox: state 0 closed, 1 open, 2 a group, and
/// none of the inbox's; `card` is the delivery that begins the thread. `inbox_waiting` is what waits for
/// a thread, `strangers` what the Messaging webhook alone told of, each with what it is owed.
const STEP_16: &str = "
CREATE TABLE inbox (
    conversation TEXT PRIMARY KEY,
    address TEXT,
    card INTEGER,
    thread TEXT,
    state INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_address ON inbox (address) WHERE address IS NOT NULL;
CREATE INDEX inbox_card ON inbox (card) WHERE card IS NOT NULL;
CREATE INDEX inbox_thread ON inbox (thread) WHERE thread IS NOT NULL;
CREATE INDEX inbox_untied ON inbox (conversation) WHERE thread IS NULL AND state <> 2;

CREATE TABLE inbox_waiting (
    id INTEGER PRIMARY KEY,
    conversation TEXT NOT NULL,
    event INTEGER NOT NULL,
    owed TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_waiting_for ON inbox_waiting (conversation, id);

CREATE TABLE strangers (
    event INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    at INTEGER NOT NULL,
    owed TEXT NOT NULL
) STRICT;
";

/// WhatsApp's windows: when somebody was last heard by a sender (`heard`), when the newest message was
/// said that was refused as outside of the window (`refused`), when they were invited to open it and the
/// rooms were told (`invited`, `told`). What is held for them: `state` 0 expected, 1 sure, 2 done. And the
/// template that a group invites by, as JSON; an empty one for none.
const STEP_17: &str = "
CREATE TABLE windows (
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    heard INTEGER,
    refused INTEGER,
    invited INTEGER,
    told INTEGER,
    PRIMARY KEY (address, sender)
) STRICT, WITHOUT ROWID;
INSERT INTO windows (address, sender, heard)
    SELECT address, sender, max(heard) FROM participants
    WHERE address LIKE 'whatsapp:%' AND sender IS NOT NULL AND heard IS NOT NULL
    GROUP BY address, sender;

CREATE TABLE held (
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    event INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    state INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (address, sender, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_event ON held (event);
CREATE INDEX held_waiting ON held (at) WHERE state < 2;

CREATE TABLE invitations (
    conversation TEXT PRIMARY KEY,
    template TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Threads of Slack channels, each with the ordinal of the newest reply that came: of one that began long
/// ago a channel's history does not show that it has new replies. `deadly` is the version of the program
/// that died over a place again and again: that version does not read it back any more.
const STEP_18: &str = "
CREATE TABLE threads (
    place INTEGER NOT NULL REFERENCES places (id),
    thread TEXT NOT NULL,
    newest INTEGER NOT NULL,
    PRIMARY KEY (place, thread)
) STRICT, WITHOUT ROWID;
CREATE INDEX threads_newest ON threads (newest);

ALTER TABLE places ADD COLUMN deadly TEXT;
CREATE INDEX places_deadly ON places (id) WHERE deadly IS NOT NULL;
";

/// Members who are muted, by the contact's key. `until` is NULL where somebody has to take it back.
const STEP_19: &str = "
CREATE TABLE mutes (
    conversation TEXT NOT NULL,
    member TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    by TEXT NOT NULL,
    PRIMARY KEY (conversation, member)
) STRICT, WITHOUT ROWID;
";

/// Broadcasts are kept when they are over (`ended`), with their `account`; `by` gave it, `stopped` is who
/// stopped it and `unsent` how many got none by that, `suppressed` how many the plan left out because they
/// want no messages. A recipient has a `template` of their own where they read another language.
const STEP_20: &str = "
ALTER TABLE broadcasts ADD COLUMN by TEXT;
ALTER TABLE broadcasts ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE broadcasts ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE broadcasts ADD COLUMN stopped TEXT;
ALTER TABLE broadcasts ADD COLUMN ended INTEGER;
ALTER TABLE broadcasts ADD COLUMN account TEXT;
CREATE INDEX broadcasts_open ON broadcasts (event) WHERE ended IS NULL;
CREATE INDEX broadcasts_ended ON broadcasts (ended) WHERE ended IS NOT NULL;
ALTER TABLE recipients ADD COLUMN template TEXT;
";

/// Who is mentioned when the other one writes again in a conversation of the inbox: a person, or no
/// characters where it is anybody's. Who is blocked, by the hash by which opt-outs are known too. What
/// people have said of late by which way (0 the webhook, 1 a conversation), a hash of the words, with the
/// event that told the same by the other way; `stranger` where they were in no conversation then, `said`
/// once it was let in. What is counted of the inbox, and forgotten.
const STEP_21: &str = "
ALTER TABLE inbox ADD COLUMN owner TEXT;
CREATE TABLE blocks (
    id TEXT PRIMARY KEY,
    address TEXT,
    since INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blocks_since ON blocks (since);
CREATE TABLE told (
    event INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    words TEXT NOT NULL,
    way INTEGER NOT NULL,
    at INTEGER NOT NULL,
    noted INTEGER NOT NULL,
    twin INTEGER,
    stranger INTEGER NOT NULL DEFAULT 0,
    said INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX told_words ON told (address, words, event);
CREATE INDEX told_noted ON told (noted);
CREATE INDEX told_strangers ON told (address) WHERE stranger = 1;
CREATE INDEX strangers_address ON strangers (address);
CREATE INDEX links_conversation ON links (conversation);
CREATE INDEX inbox_open ON inbox (conversation) WHERE state = 1;
CREATE INDEX inbox_unread ON inbox (conversation) WHERE state = 1 AND unread > 0;
CREATE INDEX inbox_closed ON inbox (at) WHERE state = 0;
";

/// Failed receipts of participants whom nobody knows yet (`at` is when they failed), until it was asked
/// who they are, and what such people are to be answered (`participant` is their address then); and who
/// was in a conversation until not long ago. Deliveries have one more state: 5 refused at a phone outside
/// of the window, and sent again when that opens.
const STEP_22: &str = "
CREATE TABLE strays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    participant TEXT NOT NULL,
    message TEXT NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT,
    UNIQUE (participant, message)
) STRICT;
CREATE INDEX strays_in ON strays (conversation, id);

CREATE TABLE departed (
    conversation TEXT NOT NULL,
    sid TEXT NOT NULL,
    address TEXT NOT NULL,
    sender TEXT,
    name TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (conversation, sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX departed_address ON departed (address);
CREATE INDEX departed_at ON departed (at);
";

/// The version of the ledger that this program writes.
pub const SCHEMA: usize = STEPS.len();

/// The version of the ledger that is there; 0 where nothing is yet.
pub(super) fn version(connection: &Connection) -> Result<usize, LedgerError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Brings the ledger to the newest version, each step in a transaction of its own.
///
/// # Errors
/// A newer program wrote it, or a step failed (nothing of that step stays).
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LedgerError> {
    let found = version(connection)?;
    if found > SCHEMA {
        return Err(LedgerError::Newer { found, known: SCHEMA });
    }
    for (done, step) in STEPS.iter().enumerate().skip(found) {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX))?;
        point(Point::StartMigrate);
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_ledger_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
    }

    /// Every released schema, as a store that the released program wrote.
    const RELEASED: [&str; 1] = [include_str!("../../tests/fixtures/ledger-1.sql")];

    fn tables(connection: &Connection) -> Vec<String> {
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Every row of a table, in these columns, as text.
    fn rows(connection: &Connection, table: &str, columns: &[String]) -> Vec<String> {
        let quoted: Vec<_> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", quoted.join(" || ',' || "));
        let mut all = connection.prepare(&sql).unwrap();
        let mut all: Vec<String> =
            all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        all.sort();
        all
    }

    fn columns(connection: &Connection, table: &str) -> Vec<String> {
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        columns.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_released_ledger_keeps_every_row() {
        for released in RELEASED {
            let before = Connection::open_in_memory().unwrap();
            before.execute_batch(released).unwrap();
            let mut after = Connection::open_in_memory().unwrap();
            after.execute_batch(released).unwrap();
            migrate(&mut after).unwrap();
            for table in tables(&before) {
                let columns = columns(&before, &table);
                let kept = rows(&before, &table, &columns);
                assert!(!kept.is_empty(), "the fixture has rows in {table}");
                assert_eq!(rows(&after, &table, &columns), kept, "{table}");
            }
        }
    }

    /// What a released store becomes is what a new one is: the same tables, columns and indexes.
    #[test]
    fn a_released_ledger_becomes_what_a_new_one_is() {
        let shape = |connection: &Connection| -> Vec<(String, Vec<String>)> {
            let mut indexes = connection
                .prepare("SELECT name || ': ' || sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
                .unwrap();
            let indexes = indexes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap);
            let indexes = ("indexes".to_owned(), indexes.collect());
            let tables = tables(connection).into_iter();
            tables
                .map(|table| {
                    let columns = columns(connection, &table);
                    (table, columns)
                })
                .chain([indexes])
                .collect()
        };
        let mut new = Connection::open_in_memory().unwrap();
        migrate(&mut new).unwrap();
        for released in RELEASED {
            let mut old = Connection::open_in_memory().unwrap();
            old.execute_batch(released).unwrap();
            migrate(&mut old).unwrap();
            assert_eq!(shape(&old), shape(&new));
        }
    }
}
