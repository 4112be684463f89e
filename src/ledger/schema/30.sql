-- What was given up and is still to be told to the room that it came from (`untold`: 1 it was not sent, 2 nobody
-- knows), and the number of the first of those that were told of together (`batch`).

ALTER TABLE deliveries ADD COLUMN untold INTEGER;
ALTER TABLE deliveries ADD COLUMN batch INTEGER;
CREATE INDEX deliveries_untold ON deliveries (lane) WHERE untold IS NOT NULL;
CREATE INDEX deliveries_batch ON deliveries (batch) WHERE batch IS NOT NULL;
