//! Where people stand in the ledger: the one list by which somebody's data is told and erased.
//!
//! A test goes through all tables: a column with text that is not in this list has to be named there,
//! with why nobody's data is in it.

/// How somebody is found in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// It is one of their addresses: `+1415…`, `whatsapp:+1415…`.
    Address,
    /// It is the key of their contact.
    Contact,
    /// It is the hash under which it is known that they want no messages.
    Hash,
    /// It is one of their participants (`MB…`), or an address.
    Participant,
    /// Their number stands in it.
    Number,
    /// Their number or name stands in it: in what people typed, or were answered.
    Words,
}

/// What an erasure does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The row goes.
    Gone,
    /// The row stays without these words: what is set, in SQL.
    Kept(&'static str),
    /// The same, once it has ended; before, it is left.
    KeptOnceEnded(&'static str),
    /// What came: without its words, unless something of it still waits for others.
    Event,
    /// What is owed: what waits for the person is not sent any more, what is done loses its words.
    Delivery,
    /// That they want no messages stays known by the hash alone.
    Suppression,
    /// It is needed until something ends that goes on: left, and told.
    Left,
}

/// A table with people in it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What a row is called in the export.
    pub(super) what: &'static str,
    /// What a row is known by, in the order of an index.
    pub(super) key: &'static [&'static str],
    /// Where somebody can stand: columns, or SQL of them.
    pub(super) columns: &'static [(&'static str, By)],
    /// What of a row is told, in SQL.
    pub(super) shown: &'static str,
    pub(super) fate: Fate,
}

/// A time in milliseconds as RFC 3339 writes it, under its own name.
macro_rules! time {
    ($column:literal) => {
        concat!(", strftime('%Y-%m-%dT%H:%M:%SZ', ", $column, " / 1000, 'unixepoch') AS ", $column)
    };
}

/// All of them, in the order in which they are erased: what others are found by comes after them.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "profiles",
        what: "profile",
        key: &["key"],
        columns: &[("key", By::Contact)],
        shown: concat!("name", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "receipts",
        what: "receipt",
        key: &["event", "message", "participant"],
        columns: &[("participant", By::Participant)],
        shown: concat!("message, rank, error", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "strays",
        what: "stray",
        key: &["id"],
        columns: &[("participant", By::Participant), ("participant", By::Address)],
        shown: concat!("conversation AS \"group\", message, answer", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "departed",
        what: "left",
        key: &["conversation", "sid"],
        columns: &[("address", By::Address)],
        shown: concat!("conversation AS \"group\", address, sender, name", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "participants",
        what: "member",
        key: &["conversation", "sid"],
        columns: &[("address", By::Address)],
        shown: concat!("conversation AS \"group\", address, sender, name", time!("heard")),
        fate: Fate::Gone,
    },
    Table {
        name: "windows",
        what: "window",
        key: &["address", "sender"],
        columns: &[("address", By::Address)],
        shown: concat!("address, sender", time!("heard"), time!("refused"), time!("invited")),
        fate: Fate::Gone,
    },
    Table {
        name: "held",
        what: "held",
        key: &["address", "sender", "event"],
        columns: &[("address", By::Address)],
        shown: concat!("address, sender, conversation AS \"group\"", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "codes",
        what: "code",
        key: &["conversation", "address"],
        columns: &[("address", By::Address)],
        shown: concat!("conversation AS \"group\", address", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "mutes",
        what: "mute",
        key: &["conversation", "member"],
        columns: &[("member", By::Contact)],
        shown: concat!("conversation AS \"group\", by", time!("since"), time!("until")),
        fate: Fate::Gone,
    },
    Table {
        name: "removals",
        what: "removal",
        key: &["id", "conversation", "address"],
        columns: &[("id", By::Hash), ("address", By::Address)],
        shown: "conversation AS \"group\", address, sender",
        fate: Fate::Gone,
    },
    Table {
        name: "suppressions",
        what: "opted_out",
        key: &["id"],
        columns: &[("id", By::Hash), ("address", By::Address), ("source", By::Number)],
        shown: concat!("how, source", time!("since"), time!("lifted")),
        fate: Fate::Suppression,
    },
    Table {
        name: "inbox",
        what: "inbox",
        key: &["conversation"],
        columns: &[("address", By::Address)],
        shown: concat!("conversation, address, thread, unread", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "inbox_waiting",
        what: "inbox_waiting",
        key: &["id"],
        columns: &[("owed", By::Number)],
        shown: "conversation, owed",
        fate: Fate::Gone,
    },
    Table {
        name: "strangers",
        what: "stranger",
        key: &["event"],
        columns: &[("address", By::Address), ("owed", By::Number)],
        shown: concat!("address, sender, owed", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "told",
        what: "told",
        key: &["event"],
        columns: &[("address", By::Address)],
        shown: concat!("address", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "blocks",
        what: "block",
        key: &["id"],
        columns: &[("address", By::Address)],
        shown: concat!("by", time!("since")),
        // That they are blocked stays known by the hash alone.
        fate: Fate::Kept("address = NULL"),
    },
    Table {
        name: "barred",
        what: "blocked_from",
        key: &["id", "conversation", "address"],
        columns: &[("address", By::Address)],
        shown: concat!("conversation, address, sender", time!("at")),
        fate: Fate::Gone,
    },
    Table {
        name: "recipients",
        what: "broadcast_recipient",
        key: &["event", "number"],
        columns: &[("phone", By::Number)],
        shown: "event AS broadcast, phone",
        fate: Fate::Gone,
    },
    Table {
        name: "broadcasts",
        what: "broadcast",
        key: &["event"],
        columns: &[("variables", By::Words), ("account", By::Words)],
        shown: concat!("event AS broadcast, name, variables", time!("at")),
        fate: Fate::KeptOnceEnded("variables = '{}', account = NULL"),
    },
    Table {
        name: "schedules",
        what: "schedule",
        key: &["id"],
        columns: &[("line", By::Words)],
        shown: concat!("id, line AS command, by, rule", time!("due")),
        fate: Fate::Gone,
    },
    Table {
        name: "invitations",
        what: "invitation",
        key: &["conversation"],
        columns: &[("template", By::Words)],
        shown: "conversation AS \"group\", template",
        fate: Fate::Gone,
    },
    Table {
        name: "alerts",
        what: "alert",
        key: &["alert"],
        columns: &[("what", By::Words)],
        shown: concat!("what AS text", time!("began")),
        fate: Fate::Kept("what = '[erased]'"),
    },
    Table {
        name: "suspects",
        what: "suspect",
        key: &["name"],
        columns: &[("name", By::Number)],
        shown: "name",
        fate: Fate::Gone,
    },
    Table {
        name: "begun",
        what: "begun",
        key: &["id"],
        columns: &[("entry", By::Words)],
        shown: "entry",
        fate: Fate::Kept("entry = json_set(entry, '$.subject', '[erased]', '$.said', '[erased]')"),
    },
    Table {
        name: "operations",
        what: "operation",
        key: &["event", "step"],
        columns: &[("result", By::Words)],
        shown: "step, result",
        fate: Fate::Left,
    },
    Table {
        name: "deliveries",
        what: "delivery",
        key: &["id"],
        columns: &[("lane", By::Number), ("owed", By::Number), ("sentence", By::Number)],
        shown: concat!("lane, owed, reason, sentence", time!("since")),
        fate: Fate::Delivery,
    },
    Table {
        name: "inquiries",
        what: "inquiry",
        key: &["place", "message"],
        columns: &[("place", By::Number)],
        shown: concat!("place, message", time!("since")),
        fate: Fate::Gone,
    },
    Table {
        name: "ticks",
        what: "tick",
        key: &["event"],
        columns: &[("place", By::Number)],
        shown: concat!("place, tick", time!("at")),
        fate: Fate::Kept("place = NULL"),
    },
    Table {
        name: "places",
        what: "place",
        key: &["id"],
        columns: &[("place", By::Number)],
        shown: "place",
        fate: Fate::Kept("place = '[erased] ' || id"),
    },
    Table {
        name: "events",
        what: "event",
        key: &["id"],
        // Of what was said, a name alone makes nothing theirs; of what was typed, it does.
        columns: &[
            ("raw", By::Number),
            ("event", By::Number),
            ("CASE kind WHEN 'command' THEN raw END", By::Words),
            ("CASE kind WHEN 'command' THEN event END", By::Words),
        ],
        shown: concat!("via, event", time!("received")),
        fate: Fate::Event,
    },
    Table {
        name: "answers",
        what: "answer",
        key: &["event"],
        columns: &[("said", By::Words), ("details", By::Words)],
        shown: concat!("said, details", time!("at")),
        fate: Fate::Kept("said = '[erased]', details = NULL"),
    },
    Table {
        name: "audit",
        what: "audit",
        key: &["id"],
        columns: &[("subject", By::Words), ("said", By::Words)],
        shown: concat!("by, what AS command, subject, said", time!("at")),
        fate: Fate::Kept("subject = '[erased]', said = '[erased]'"),
    },
    Table {
        name: "unparsed",
        what: "unparsed",
        key: &["id"],
        columns: &[("raw", By::Number)],
        shown: concat!("network, via", time!("received")),
        fate: Fate::Gone,
    },
];
