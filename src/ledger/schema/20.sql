-- Broadcasts are kept when they are over (`ended`), with their `account`; `by` gave it, `stopped` is who
-- stopped it and `unsent` how many got none by that, `suppressed` how many the plan left out because they
-- want no messages. A recipient has a `template` of their own where they read another language.

ALTER TABLE broadcasts ADD COLUMN by TEXT;
ALTER TABLE broadcasts ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE broadcasts ADD COLUMN unsent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE broadcasts ADD COLUMN stopped TEXT;
ALTER TABLE broadcasts ADD COLUMN ended INTEGER;
ALTER TABLE broadcasts ADD COLUMN account TEXT;
CREATE INDEX broadcasts_open ON broadcasts (event) WHERE ended IS NULL;
CREATE INDEX broadcasts_ended ON broadcasts (ended) WHERE ended IS NOT NULL;
ALTER TABLE recipients ADD COLUMN template TEXT;
