-- Whether what somebody asked for was heeded when it was told (`heeded`: 1 it was, 2 its answer waits), so that
-- what two ways tell is answered once. Of what was asked for it is remembered longer who told it.

ALTER TABLE told ADD COLUMN heeded INTEGER NOT NULL DEFAULT 0;
DROP INDEX told_noted;
CREATE INDEX told_noted ON told (noted) WHERE heeded = 0;
CREATE INDEX told_heeded ON told (noted) WHERE heeded > 0;
