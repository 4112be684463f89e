-- Templates on their way to many people: what goes where its account goes (`shown`: what shows how far
-- it is), and who is still to be owed it.

CREATE TABLE broadcasts (
    event INTEGER PRIMARY KEY,
    answer TEXT NOT NULL,
    room TEXT NOT NULL,
    template TEXT NOT NULL,
    name TEXT NOT NULL,
    variables TEXT NOT NULL,
    total INTEGER NOT NULL,
    shown TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE recipients (
    event INTEGER NOT NULL,
    number INTEGER NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;
