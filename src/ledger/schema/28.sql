-- The groups that somebody was taken out of when they were blocked (`at`), by the hash by which they are
-- known, so that they can be put back once they are unblocked.

CREATE TABLE barred (
    id TEXT NOT NULL,
    conversation TEXT NOT NULL,
    address TEXT NOT NULL,
    sender TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (id, conversation, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX barred_address ON barred (address);
CREATE INDEX barred_at ON barred (at);
