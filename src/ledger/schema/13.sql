-- Who wants no more messages, under a keyed hash of the contact's key (the hash's key is in `meta`,
-- `people`); `address` is NULL once the person's data was erased, `lifted` when they wanted messages
-- again, `sweep` is 1 while it is still to be asked where else they are. `removals` are the groups
-- that they are taken out of: 0 still to be done, 1 done, 2 to be undone.

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
