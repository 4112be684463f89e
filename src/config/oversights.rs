//! What is allowed in a configuration and still looks like an oversight.

use super::{Config, Transport};

impl Config {
    /// What is allowed and still looks like an oversight, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.read_warnings.clone();
        let mut warn = |when: bool, sentence: &str| {
            if when {
                warnings.push(sentence.to_owned());
            }
        };
        warn(
            self.slack.is_none() && self.matrix.is_none(),
            "Neither [slack] nor [matrix] is there: no room can be joined to a conversation.",
        );
        warn(
            self.access.admins.is_empty()
                && self.access.slack_admin_group.is_none()
                && self.access.matrix_admin_power.is_none(),
            "access.admins is empty: nobody can link rooms or change groups by command.",
        );
        warn(
            self.alerts.rooms.is_empty() && (self.slack.is_some() || self.matrix.is_some()),
            "alerts.rooms is empty: when something is wrong, only the log, the metrics and /ready say so.",
        );
        let example = |url: &url::Url| url.host_str().is_some_and(|host| host.contains("example."));
        warn(
            self.http.public_url.as_ref().is_some_and(example),
            "http.public_url is the example's: no platform can call it.",
        );
        warn(
            self.http.public_url.as_ref().is_some_and(|url| url.scheme() == "http"),
            "http.public_url is of this machine only: Twilio and Slack cannot call it, only simulators can.",
        );
        warn(
            self.slack.as_ref().is_some_and(|slack| {
                slack.transport == Transport::Socket && slack.signing_secret.is_some()
            }),
            "slack.signing_secret is not used: transport is \"socket\".",
        );
        warnings
    }
}
