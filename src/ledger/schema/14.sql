-- Commands that are to be given at a later time: as they would be typed, with who gives them where, and
-- when (as JSON); `due` is the next time.

CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    room TEXT NOT NULL,
    by TEXT NOT NULL,
    name TEXT,
    answer TEXT NOT NULL,
    line TEXT NOT NULL,
    rule TEXT NOT NULL,
    due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (due);
