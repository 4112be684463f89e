-- WhatsApp's windows: when somebody was last heard by a sender (`heard`), when the newest message was
-- said that was refused as outside of the window (`refused`), when they were invited to open it and the
-- rooms were told (`invited`, `told`). What is held for them: `state` 0 expected, 1 sure, 2 done. And the
-- template that a group invites by, as JSON; an empty one for none.

CREATE TABLE windows (
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    heard INTEGER,
    refused INTEGER,
    invited INTEGER,
    told INTEGER,
    PRIMARY KEY (address, sender)
) STRICT, WITHOUT ROWID;
INSERT INTO windows (address, sender, heard)
    SELECT address, sender, max(heard) FROM participants
    WHERE address LIKE 'whatsapp:%' AND sender IS NOT NULL AND heard IS NOT NULL
    GROUP BY address, sender;

CREATE TABLE held (
    address TEXT NOT NULL,
    sender TEXT NOT NULL,
    event INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    state INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (address, sender, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_event ON held (event);
CREATE INDEX held_waiting ON held (at) WHERE state < 2;

CREATE TABLE invitations (
    conversation TEXT PRIMARY KEY,
    template TEXT NOT NULL
) STRICT, WITHOUT ROWID;
