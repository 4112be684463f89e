-- Conversations with one person each, in threads of the inbox: state 0 closed, 1 open, 2 a group, and
-- none of the inbox's; `card` is the delivery that begins the thread. `inbox_waiting` is what waits for
-- a thread, `strangers` what the Messaging webhook alone told of, each with what it is owed.

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
