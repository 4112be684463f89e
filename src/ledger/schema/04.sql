-- Conversations as their platform shows them: the directory of groups. `folded` is the name in
-- small letters, by which it is found and sorted; `seen` is the number of the last full listing
-- that it stood in.
CREATE TABLE groups (
    conversation TEXT PRIMARY KEY,
    unique_name TEXT,
    name TEXT,
    folded TEXT NOT NULL,
    description TEXT,
    created_by TEXT,
    state TEXT NOT NULL,
    created INTEGER,
    updated INTEGER NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    -- Rooms that were untied when the group was archived, as a JSON list.
    rooms TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_folded ON groups (folded);
CREATE INDEX groups_unique ON groups (unique_name);

-- When a member was last heard, and what became of the last message to the member.
ALTER TABLE participants ADD COLUMN heard INTEGER;
ALTER TABLE participants ADD COLUMN status TEXT;
ALTER TABLE participants ADD COLUMN error INTEGER;

-- What the operation behind a command that is not done has done, step by step.
CREATE TABLE operations (
    event INTEGER NOT NULL REFERENCES events (id),
    step TEXT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (event, step)
) STRICT, WITHOUT ROWID;
