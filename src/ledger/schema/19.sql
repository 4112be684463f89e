-- Members who are muted, by the contact's key. `until` is NULL where somebody has to take it back.

CREATE TABLE mutes (
    conversation TEXT NOT NULL,
    member TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    by TEXT NOT NULL,
    PRIMARY KEY (conversation, member)
) STRICT, WITHOUT ROWID;
