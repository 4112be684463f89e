-- Receipts, one row a message and member, and the ticks that they come to. A receipt of event 0 is
-- of a message that is not known yet. `rank` is how far the message came, `told` whether people
-- were told that it failed. `news` counts what came of a message, which is looked at when it is
-- `due`: `tick` is what it comes to, `shown` what the room shows, `handle` how that is taken away.

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
