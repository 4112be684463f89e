-- Messages of which it is still to be asked what became of them, where the platform does not tell: since when,
-- how often it was asked, and when it is to be asked again.

CREATE TABLE inquiries (
    place TEXT NOT NULL,
    message TEXT NOT NULL,
    since INTEGER NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    PRIMARY KEY (place, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX inquiries_due ON inquiries (due);
