-- To which sender something was written (`sender`, as the webhook tells it), and in which conversation it was said
-- (`conversation`: by which it was told, or into which it was let in). So that the same words to two senders are
-- not taken for one message.

ALTER TABLE told ADD COLUMN sender TEXT;
ALTER TABLE told ADD COLUMN conversation TEXT;

-- Why the platform does not give the log of a sender; nothing, where it does. (Before, such a log counted as
-- read for ever.)
ALTER TABLE logs ADD COLUMN refusal TEXT;
UPDATE logs SET looked = read_to WHERE looked > 253402200000000;
