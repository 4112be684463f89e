//! Rows that do not hang together.

/// Rows that are found by one statement and mended by others.
pub(super) struct Check {
    /// The first version of the ledger that has these rows.
    pub(super) since: usize,
    /// Gives how many there are.
    pub(super) count: &'static str,
    /// What they are, in words behind the number.
    pub(super) what: &'static str,
    pub(super) mend: &'static str,
    /// The statements of the mend.
    pub(super) with: &'static [&'static str],
}

/// In the order in which they are mended: what a later one stands on is whole by then.
pub(super) const CHECKS: &[Check] = &[
    Check {
        since: 1,
        count: "SELECT count(*) FROM events WHERE NOT EXISTS
                    (SELECT 1 FROM places WHERE places.id = events.place)",
        what: "events are in no place",
        mend: "puts them back into the place that they name, and forgets those that name none",
        with: &[
            "INSERT OR IGNORE INTO places (place)
             SELECT DISTINCT CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END FROM events
             WHERE CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM places WHERE places.id = events.place)",
            "UPDATE events SET place =
                 (SELECT id FROM places WHERE places.place = CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END)
             WHERE CASE WHEN json_valid(event) THEN json_extract(event, '$.place') END IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM places WHERE places.id = events.place)",
            "DELETE FROM events WHERE NOT EXISTS
                 (SELECT 1 FROM places WHERE places.id = events.place)",
        ],
    },
    Check {
        since: 1,
        count: "SELECT count(*) FROM deliveries WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = deliveries.event)",
        what: "deliveries are of no event",
        mend: "keeps those that are still owed, under an event made for them, and forgets the rest",
        with: &[
            "DELETE FROM deliveries WHERE (state NOT IN (0, 2)
                 OR CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END IS NULL)
               AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "INSERT OR IGNORE INTO places (place)
             SELECT DISTINCT CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END FROM deliveries
             WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "INSERT OR IGNORE INTO events (id, network, key, place, at, received, via, kind, state)
             SELECT deliveries.event,
                    substr(places.place, 1, instr(places.place, ':') - 1),
                    'mended:' || deliveries.event, places.id,
                    deliveries.since, deliveries.since, 'doctor', 'message', 0
             FROM deliveries JOIN places ON places.place = CASE WHEN json_valid(owed) THEN json_extract(owed, '$.from') END
             WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = deliveries.event)",
            "UPDATE deliveries SET position =
                 (SELECT coalesce(max(position), 0) + 1 FROM deliveries WHERE state = 0)
             WHERE state = 0 AND position IS NULL AND event IN
                 (SELECT id FROM events WHERE via = 'doctor')",
        ],
    },
    Check {
        since: 1,
        count: "SELECT count(*) FROM deliveries JOIN events ON events.id = deliveries.event
                WHERE deliveries.state = 0 AND deliveries.position IS NULL AND events.state <> 1",
        what: "deliveries wait without a position in their lane, though nothing holds them",
        mend: "puts them at the end of their lanes, in their order",
        with: &["UPDATE deliveries SET position = id +
                     (SELECT coalesce(max(position), 0) FROM deliveries WHERE state = 0)
                 WHERE state = 0 AND position IS NULL
                   AND event IN (SELECT id FROM events WHERE state <> 1)"],
    },
    Check {
        since: 1,
        count: "SELECT count(*) FROM deliveries JOIN events ON events.id = deliveries.event
                WHERE deliveries.state = 0 AND deliveries.position IS NOT NULL AND events.state = 1",
        what: "deliveries have a position in their lane, though their event is held",
        mend: "takes the position away until the event is released",
        with: &["UPDATE deliveries SET position = NULL
                 WHERE state = 0 AND event IN (SELECT id FROM events WHERE state = 1)"],
    },
    Check {
        since: 1,
        count: "SELECT count(*) FROM messages WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = messages.event)
                 OR NOT EXISTS (SELECT 1 FROM places WHERE places.id = messages.place)",
        what: "message ids are of no event or in no place",
        mend: "forgets them",
        with: &["DELETE FROM messages WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = messages.event)
                  OR NOT EXISTS (SELECT 1 FROM places WHERE places.id = messages.place)"],
    },
    Check {
        since: 1,
        // A microsecond time stamp; Slack's clock and ours may be minutes apart.
        count: "SELECT count(*) FROM places WHERE place LIKE 'slack:%'
                    AND ordinal > (unixepoch() + 600) * 1000000",
        what: "Slack rooms are said to be read up to a time that has not come",
        mend: "sets them back to the newest message that is known, or to now",
        with: &["UPDATE places SET ordinal = coalesce(
                     (SELECT max(events.ordinal) FROM events WHERE events.place = places.id
                        AND events.ordinal <= (unixepoch() + 600) * 1000000),
                     unixepoch() * 1000000)
                 WHERE place LIKE 'slack:%' AND ordinal > (unixepoch() + 600) * 1000000"],
    },
    Check {
        since: 2,
        count: "SELECT count(*) FROM profiles WHERE key = '' OR name = ''",
        what: "WhatsApp names are of nobody, or empty",
        mend: "forgets them",
        with: &["DELETE FROM profiles WHERE key = '' OR name = ''"],
    },
    Check {
        since: 4,
        count: "SELECT count(*) FROM operations WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = operations.event AND events.state = 2)",
        what: "steps of operations are of no command that is to be carried out",
        mend: "forgets them",
        with: &["DELETE FROM operations WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = operations.event AND events.state = 2)"],
    },
    Check {
        since: 5,
        count: "SELECT count(*) FROM answers WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = answers.event)",
        what: "answers to the operator are of no command",
        mend: "forgets them",
        with: &["DELETE FROM answers WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = answers.event)"],
    },
    Check {
        since: 6,
        count: "SELECT count(*) FROM alerts
                WHERE max(coalesce(began, 0), coalesce(ended, 0)) > (unixepoch() + 600) * 1000",
        what: "alerts are of a time that has not come",
        mend: "sets them to now",
        with: &["UPDATE alerts SET began = min(began, unixepoch() * 1000),
                     ended = min(ended, unixepoch() * 1000)
                 WHERE max(coalesce(began, 0), coalesce(ended, 0)) > (unixepoch() + 600) * 1000"],
    },
    Check {
        since: 10,
        count: "SELECT count(*) FROM receipts WHERE event <> 0 AND NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = receipts.event)",
        what: "receipts are of no message",
        mend: "forgets them",
        with: &["DELETE FROM receipts WHERE event <> 0 AND NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = receipts.event)"],
    },
    Check {
        since: 10,
        count: "SELECT count(*) FROM ticks WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = ticks.event)",
        what: "ticks are of no message",
        mend: "forgets them",
        with: &["DELETE FROM ticks WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = ticks.event)"],
    },
    Check {
        since: 13,
        count: "SELECT count(*) FROM removals WHERE NOT EXISTS
                    (SELECT 1 FROM suppressions WHERE suppressions.id = removals.id)",
        what: "members are to be taken out of groups, though they have not opted out",
        mend: "leaves them there",
        with: &["DELETE FROM removals WHERE NOT EXISTS
                     (SELECT 1 FROM suppressions WHERE suppressions.id = removals.id)"],
    },
    Check {
        since: 17,
        count: "SELECT count(*) FROM held WHERE NOT EXISTS
                    (SELECT 1 FROM events WHERE events.id = held.event)",
        what: "messages are held for somebody, and are no messages",
        mend: "forgets them",
        with: &["DELETE FROM held WHERE NOT EXISTS
                     (SELECT 1 FROM events WHERE events.id = held.event)"],
    },
    Check {
        since: 17,
        count: "SELECT count(*) FROM windows WHERE
                    max(coalesce(heard, 0), coalesce(refused, 0)) > (unixepoch() + 600) * 1000",
        what: "members are said to have been heard or refused at a time that has not come",
        mend: "forgets when: it is seen with the next message",
        with: &["UPDATE windows SET heard = NULL, refused = NULL WHERE
                     max(coalesce(heard, 0), coalesce(refused, 0)) > (unixepoch() + 600) * 1000"],
    },
    Check {
        since: 22,
        count: "SELECT count(*) FROM deliveries WHERE state = 5 AND NOT EXISTS
                    (SELECT 1 FROM held WHERE held.event = deliveries.event AND held.state = 1
                         AND deliveries.lane = 'twilio:' || held.sender || '/' || held.address)",
        what: "deliveries wait for a window that nobody looks at",
        mend: "parks them: look at `queue list`",
        with: &["UPDATE deliveries SET state = 2, reason = 'refused',
                     sentence = 'WhatsApp refused it outside of the window.'
                 WHERE state = 5 AND NOT EXISTS
                     (SELECT 1 FROM held WHERE held.event = deliveries.event AND held.state = 1
                          AND deliveries.lane = 'twilio:' || held.sender || '/' || held.address)"],
    },
    Check {
        since: 18,
        count: "SELECT count(*) FROM threads WHERE NOT EXISTS
                    (SELECT 1 FROM places WHERE places.id = threads.place)",
        what: "threads are in no place",
        mend: "forgets them",
        with: &["DELETE FROM threads WHERE NOT EXISTS
                     (SELECT 1 FROM places WHERE places.id = threads.place)"],
    },
    Check {
        since: 18,
        count: "SELECT count(*) FROM places WHERE deadly IS NOT NULL",
        what: "places are not read back, because the program died over them again and again",
        mend: "has them read back at the next start",
        with: &["UPDATE places SET deadly = NULL WHERE deadly IS NOT NULL"],
    },
];
