-- Messages by their id first, then by place: what Slack numbers in the order of time is written side by
-- side then, and not a page for each room. (From here on, a message whose id is its event's key is found
-- by that, and has no row.) What went to a phone alone, under an id of Messaging's, is found by its place.

CREATE TABLE messages_by_id (
    place INTEGER NOT NULL REFERENCES places (id),
    message TEXT NOT NULL,
    event INTEGER NOT NULL,
    delivery INTEGER,
    PRIMARY KEY (message, place)
) STRICT, WITHOUT ROWID;
INSERT INTO messages_by_id (place, message, event, delivery)
    SELECT place, message, event, delivery FROM messages ORDER BY message, place;
DROP TABLE messages;
ALTER TABLE messages_by_id RENAME TO messages;
CREATE INDEX messages_event ON messages (event);
CREATE INDEX messages_to_phones ON messages (place, delivery) WHERE message GLOB '[SM]M*';
