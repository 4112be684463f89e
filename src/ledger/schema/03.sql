-- What was worked on when a run of the program ended, and at how many such ends in a row. The meta
-- row bad_runs counts the runs in a row that did not end well.
CREATE TABLE suspects (name TEXT PRIMARY KEY, deaths INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- A place that could not be read back has a hole: it is read again from here, and not from its
-- cursor, until that works. An ordinal of -1 is before the first message.
ALTER TABLE places ADD COLUMN hole_ordinal INTEGER;
ALTER TABLE places ADD COLUMN hole_last TEXT;
CREATE INDEX places_with_holes ON places (id)
    WHERE hole_ordinal IS NOT NULL OR hole_last IS NOT NULL;

-- Deliveries have one more state: 4 skipped, because it was too late for them when they were read
-- back; a summary stands in their place.
CREATE INDEX deliveries_skipped ON deliveries (lane, id) WHERE state = 4;
