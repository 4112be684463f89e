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
