-- What was held and went with others as a digest: the event that the digest stands for.

ALTER TABLE held ADD COLUMN digest INTEGER;
CREATE INDEX held_digest ON held (digest) WHERE digest IS NOT NULL;
