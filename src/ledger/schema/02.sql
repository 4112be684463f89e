-- `mark` is what is behind the tag in a delivery's id; those of before go by their number. The
-- name that somebody chose on WhatsApp is kept, so that a start does not lose it.

ALTER TABLE deliveries ADD COLUMN mark TEXT;

CREATE TABLE profiles (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX profiles_at ON profiles (at);
