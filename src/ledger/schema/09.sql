-- Groups after which their rooms are still to be named (`name`) or described (`description`); and what
-- was begun that takes effect outside of the ledger, as the row that the audit gets of it.

CREATE TABLE unnamed (
    conversation TEXT PRIMARY KEY,
    name INTEGER NOT NULL,
    description INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE begun (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
