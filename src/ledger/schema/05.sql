-- Roles, the audit, and answers to the operator's commands.

-- role: admin (of everything; no conversation), manager (of a conversation).
CREATE TABLE roles (
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    conversation TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, role, conversation)
) STRICT, WITHOUT ROWID;

-- Who did what. Rows are never changed; they go when they are older than audit.retention.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    name TEXT,
    place TEXT NOT NULL,
    what TEXT NOT NULL,
    conversation TEXT,
    subject TEXT NOT NULL,
    ended TEXT NOT NULL,
    said TEXT NOT NULL
) STRICT;
CREATE INDEX audit_conversation ON audit (conversation, id) WHERE conversation IS NOT NULL;
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_stands BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is not changed'); END;

-- What became of the operator's commands.
CREATE TABLE answers (
    event INTEGER PRIMARY KEY REFERENCES events (id),
    at INTEGER NOT NULL,
    ended TEXT NOT NULL,
    said TEXT NOT NULL,
    details TEXT
) STRICT;
CREATE INDEX answers_at ON answers (at);
