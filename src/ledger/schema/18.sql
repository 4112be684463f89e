-- Threads of Slack channels, each with the ordinal of the newest reply that came: of one that began long
-- ago a channel's history does not show that it has new replies. `deadly` is the version of the program
-- that died over a place again and again: that version does not read it back any more.

CREATE TABLE threads (
    place INTEGER NOT NULL REFERENCES places (id),
    thread TEXT NOT NULL,
    newest INTEGER NOT NULL,
    PRIMARY KEY (place, thread)
) STRICT, WITHOUT ROWID;
CREATE INDEX threads_newest ON threads (newest);

ALTER TABLE places ADD COLUMN deadly TEXT;
CREATE INDEX places_deadly ON places (id) WHERE deadly IS NOT NULL;
