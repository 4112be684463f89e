-- The last episode of each alert: `began` while it is not over. `mark` is what was counted when it
-- was told last.

CREATE TABLE alerts (
    alert TEXT PRIMARY KEY,
    began INTEGER,
    ended INTEGER,
    again INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT, WITHOUT ROWID;
