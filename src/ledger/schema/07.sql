-- WhatsApp names are found by their beginning.

ALTER TABLE profiles ADD COLUMN folded TEXT NOT NULL DEFAULT '';
UPDATE profiles SET folded = lower(name);
CREATE INDEX profiles_folded ON profiles (folded);
