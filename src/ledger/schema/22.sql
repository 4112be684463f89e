-- Failed receipts of participants whom nobody knows yet (`at` is when they failed), until it was asked
-- who they are, and what such people are to be answered (`participant` is their address then); and who
-- was in a conversation until not long ago. Deliveries have one more state: 5 refused at a phone outside
-- of the window, and sent again when that opens.

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
