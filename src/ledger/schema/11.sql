-- Codes that were sent to people who are to be added to a group, until they are told.

CREATE TABLE codes (
    conversation TEXT NOT NULL,
    address TEXT NOT NULL,
    sender TEXT,
    sent TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (conversation, address)
) STRICT, WITHOUT ROWID;
