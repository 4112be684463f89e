-- Since when a conversation is tied to a room: what was said there from then on is relayed, however
-- often the bridge is killed before it has read the conversation for the first time.

ALTER TABLE places ADD COLUMN since INTEGER;
