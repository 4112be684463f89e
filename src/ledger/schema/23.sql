-- How far the log of messages of each sender was read (`read_to`, by the platform's clock; nothing from before
-- `began` is), and when all of it had been read (`looked`, by ours). Strangers are let in in the order in
-- which they wrote (`said`), whoever told of it.

CREATE TABLE logs (
    sender TEXT PRIMARY KEY,
    began INTEGER NOT NULL,
    read_to INTEGER NOT NULL,
    looked INTEGER NOT NULL
) STRICT;
ALTER TABLE strangers ADD COLUMN said INTEGER NOT NULL DEFAULT 0;
CREATE INDEX strangers_said ON strangers (said, event);
