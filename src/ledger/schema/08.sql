-- How far a Slack room is known to be whole: up to `floor` a list has shown that nothing is
-- missing, while the cursor follows the newest event. `overtaken` is 1 for what was found after
-- something later had gone.

ALTER TABLE places ADD COLUMN floor INTEGER;
UPDATE places SET floor = ordinal WHERE place LIKE 'slack:%';
ALTER TABLE deliveries ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;
