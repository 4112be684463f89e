//! Every metric of ours, with what it says. A test holds this to the source and to the dashboard.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// A metric's name and what it says, in one line.
type Described = (&'static str, &'static str);

/// What only rises while the program runs.
const COUNTERS: &[Described] = &[
    ("partyline_broadcast_recipients_total", "People who were owed their copy of a broadcast"),
    ("partyline_commands_total", "Chat commands that were done"),
    ("partyline_contacts_changes_total", "Contacts put or removed"),
    ("partyline_contacts_damaged_total", "Contacts met that could not be read"),
    ("partyline_contacts_failures_total", "Names that the contact store could not be asked for"),
    ("partyline_deliveries_total", "Deliveries by network and by how they ended"),
    ("partyline_events_passed_total", "Events passed by, by name and why"),
    ("partyline_events_repeated_total", "Events that had come before and were dropped"),
    ("partyline_events_unannounced_total", "Messages found in a history of which no event came"),
    (
        "partyline_hook_in_doubt_total",
        "Members' messages let through without a name, which was not in memory",
    ),
    ("partyline_failures_told_total", "Members whom a message did not reach, told in the room"),
    ("partyline_group_lists_total", "Readings of Twilio's list of groups, by how they ended"),
    (
        "partyline_held_messages_total",
        "What was said to members whose WhatsApp window was closed, by what became of it",
    ),
    ("partyline_http_accept_failed_total", "Connections that the system could not give, by try"),
    (
        "partyline_http_cut_off_total",
        "Connections and bodies that were no longer waited for, by what for",
    ),
    (
        "partyline_invitations_total",
        "Members who were invited to write, so that their window opens",
    ),
    ("partyline_ledger_commits_total", "Commits of the ledger by outcome"),
    ("partyline_matrix_gaps_lost_total", "Stretches of Matrix rooms that could not be read back"),
    ("partyline_matrix_invites_total", "Invitations into Matrix rooms by outcome"),
    ("partyline_matrix_logins_total", "Logins with the password"),
    ("partyline_matrix_passed_by_total", "Matrix events of no consequence by type"),
    ("partyline_matrix_sync_failures_total", "Syncs with the homeserver that failed"),
    (
        "partyline_message_log_total",
        "Messages of the senders' logs that nobody told before, by outcome",
    ),
    ("partyline_messages_blocked_total", "What people wrote who are blocked"),
    (
        "partyline_messages_skipped_total",
        "Missed messages not relayed because they came too late, for each destination",
    ),
    (
        "partyline_moderated_total",
        "Members' messages that were stopped, or said in quiet hours without being asked about, by reason and by what noticed",
    ),
    ("partyline_optins_total", "People who wanted messages again"),
    ("partyline_optouts_total", "People who wanted no more messages, by how it is known"),
    ("partyline_read_back_failed_total", "Places that could not be read back, by network"),
    ("partyline_read_back_total", "Pieces read back after a gap or a start, by network"),
    ("partyline_schedules_given_total", "Scheduled commands whose time had come"),
    ("partyline_slack_calls_total", "Calls of Slack's Web API by method and outcome"),
    ("partyline_reading_panicked_total", "Pieces over which the bridge failed in reading them"),
    ("partyline_slack_events_total", "What came from Slack by name and way"),
    ("partyline_slack_forms_total", "Slack's forms by what became of them"),
    ("partyline_slack_odd_fields_total", "Fields in Slack's JSON that were not as expected"),
    ("partyline_slack_odd_frames_total", "WebSocket frames from Slack that were not text"),
    ("partyline_slack_rate_limited_total", "Hours' limits of events that Slack told of"),
    ("partyline_slack_rejects_total", "Calls from Slack that were refused, by why"),
    ("partyline_slack_retries_total", "Events that Slack sent again, by way"),
    ("partyline_slack_sockets_total", "Sockets to Slack by what became of them"),
    ("partyline_slack_unclear_total", "What came from Slack and was not understood, by way"),
    ("partyline_slack_unknown_errors_total", "Answers of Slack with an error that is not known"),
    ("partyline_slack_unstored_total", "Envelopes that were not stored, so not acknowledged"),
    ("partyline_ticks_total", "Ticks on messages by network, tick and outcome"),
    ("partyline_twilio_webhooks_total", "Twilio's webhooks by event and outcome"),
    ("partyline_unparsed_total", "What came and was kept unread, by network and way"),
    ("partyline_webhooks_not_stored_total", "Webhooks answered with 503: they were not stored"),
];

/// What goes up and down.
const GAUGES: &[Described] = &[
    ("partyline_alerts", "Alerts: 1 while something is wrong, by what"),
    ("partyline_commands_open", "Chat commands that are not done"),
    ("partyline_deliveries", "Deliveries that are not settled, by state"),
    ("partyline_disk_free_bytes", "Room on the disk with the store"),
    ("partyline_events_held", "Events held until a gap before them is filled"),
    ("partyline_http_connections", "Connections of callers that are open"),
    (
        "partyline_inbox_conversations",
        "Conversations of the inbox: open, unread, or waiting for their thread",
    ),
    ("partyline_lane_depth_max", "Deliveries waiting in the longest lane"),
    ("partyline_lane_oldest_seconds", "Age of the oldest delivery that waits"),
    ("partyline_lanes_waiting", "Lanes with deliveries that wait"),
    ("partyline_links", "Rooms linked to conversations"),
    ("partyline_matrix_rooms_behind", "Matrix rooms that are being read back"),
    ("partyline_places_with_holes", "Places that could not be read back, and are read again"),
    ("partyline_names_in_memory", "Contacts whose names are in memory"),
    ("partyline_unparsed", "Kept pieces that could not be read"),
];

/// How long things take.
const SECONDS: &[Described] = &[
    ("partyline_delivery_seconds", "From the event stored to the delivery sent, by network"),
    ("partyline_ledger_commit_seconds", "One commit of the ledger"),
    ("partyline_send_seconds", "One call that sends, by network"),
    ("partyline_slack_call_seconds", "One call of Slack's Web API by method"),
    ("partyline_twilio_request_seconds", "One request to Twilio by resource, method and outcome"),
];

/// How large things are.
const SIZES: &[Described] = &[(BATCH, "Changes that shared a commit of the ledger")];

/// The name of the one histogram that is no time.
pub(super) const BATCH: &str = "partyline_ledger_batch_jobs";

/// Tells the recorder what each metric says.
pub(super) fn describe() {
    for (name, what) in COUNTERS {
        describe_counter!(*name, *what);
    }
    for (name, what) in GAUGES {
        describe_gauge!(*name, *what);
    }
    for (name, what) in SECONDS {
        describe_histogram!(*name, Unit::Seconds, *what);
    }
    for (name, what) in SIZES {
        describe_histogram!(*name, *what);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn described() -> BTreeSet<String> {
        let all = [COUNTERS, GAUGES, SECONDS, SIZES].concat();
        all.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    /// Every name of ours in a text: `partyline_` and lower-case words.
    fn names(text: &str) -> impl Iterator<Item = String> {
        text.match_indices("partyline_").map(|(at, _)| {
            text[at..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
        })
    }

    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, texts);
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && !path.ends_with("telemetry/described.rs")
            {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_metric_in_the_source_is_described_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = Vec::new();
        let bridges =
            ["core", "twilio", "slack", "matrix"].map(|name| format!("bridges/{name}/src"));
        for folder in bridges.into_iter().chain(["src".to_owned()]) {
            sources(&root.join(folder), &mut texts);
        }
        let in_source: BTreeSet<String> = texts
            .iter()
            .flat_map(|text| text.split('"').skip(1))
            .filter(|literal| names(literal).next().is_some_and(|name| name == **literal))
            // The type of the metadata on the bridge's own Slack posts.
            .filter(|name| *name != "partyline_delivery")
            .map(str::to_owned)
            .collect();
        assert_eq!(in_source, described());
    }

    #[test]
    fn the_dashboard_shows_only_what_there_is() {
        let dashboard = include_str!("../../config/grafana-dashboard.json");
        let known = described();
        for name in names(dashboard) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| name.strip_suffix(part))
                .unwrap_or(&name);
            assert!(known.contains(base), "{name}");
        }
    }
}
