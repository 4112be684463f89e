-- Who is mentioned when the other one writes again in a conversation of the inbox: a person, or no
-- characters where it is anybody's. Who is blocked, by the hash by which opt-outs are known too. What
-- people have said of late by which way (0 the webhook, 1 a conversation), a hash of the words, with the
-- event that told the same by the other way; `stranger` where they were in no conversation then, `said`
-- once it was let in. What is counted of the inbox, and forgotten.

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
