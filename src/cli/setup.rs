//! `partyline setup`: what a platform needs to know of the bridge.

use std::io::Write;

use url::Url;

use crate::config::{Config, Transport};

/// The manifest as it stands in the repository: for sockets, with the addresses of the HTTP
/// transport in comments.
const MANIFEST: &str = include_str!("../../config/slack-manifest.yaml");

/// The address that the manifest's comments have in place of the real one.
const EXAMPLE_URL: &str = "https://bridge.example.com/";

/// What `setup` prints.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The manifest that makes the Slack app: paste it at https://api.slack.com/apps
    SlackManifest(Manifest),
}

/// What `setup slack-manifest` takes. The app's tokens come from the app, so this must work before
/// there is a configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Manifest {
    /// The slash command; by the configuration, or /wa
    #[arg(long, value_name = "COMMAND")]
    slash: Option<String>,
    /// For slack.transport = "http": the daemon's address as Slack calls it (http.public_url)
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
}

pub(super) fn run(
    command: &Command,
    config: Option<&Config>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Command::SlackManifest(args) = command;
    let slack = config.and_then(|config| config.slack.as_ref());
    let slash = args.slash.as_deref().or(slack.map(|slack| slack.command.as_str()));
    let by_http = slack.is_some_and(|slack| slack.transport == Transport::Http);
    let configured = config.filter(|_| by_http).and_then(|config| config.http.public_url.as_ref());
    let manifest = manifest(slash.unwrap_or("/wa"), args.public_url.as_ref().or(configured));
    Ok(out.write_all(manifest.as_bytes())?)
}

/// The manifest with this slash command; with an address for the HTTP transport, else for sockets.
fn manifest(slash: &str, public_url: Option<&Url>) -> String {
    let mut text = String::with_capacity(MANIFEST.len());
    for line in MANIFEST.lines() {
        text.push_str(&adapted(line, slash, public_url));
        text.push('\n');
    }
    text
}

fn adapted(line: &str, slash: &str, public_url: Option<&Url>) -> String {
    if let Some(before) = line.strip_suffix("command: /wa") {
        return format!("{before}command: {slash}");
    }
    let Some(public_url) = public_url else { return line.to_owned() };
    if let Some(before) = line.strip_suffix("socket_mode_enabled: true") {
        return format!("{before}socket_mode_enabled: false");
    }
    let base = public_url.as_str().trim_end_matches('/');
    match line.split_once("# ") {
        Some((indent, key)) if key.contains(&format!("url: {EXAMPLE_URL}")) => {
            format!("{indent}{}", key.replace(EXAMPLE_URL, &format!("{base}/")))
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_sockets_it_is_as_in_the_repository() {
        assert_eq!(manifest("/wa", None), MANIFEST);
        let other = manifest("/phones", None);
        assert!(other.contains("    - command: /phones\n"), "{other}");
    }

    #[test]
    fn for_http_it_has_all_three_addresses() {
        for url in ["https://b.test", "https://b.test/"] {
            let text = manifest("/wa", Some(&url.parse().unwrap()));
            for line in [
                "      url: https://b.test/webhooks/slack/commands\n",
                "    request_url: https://b.test/webhooks/slack/events\n",
                "    request_url: https://b.test/webhooks/slack/interactivity\n",
                "  socket_mode_enabled: false\n",
            ] {
                assert!(text.contains(line), "{line} in {text}");
            }
            assert!(!text.contains("# request_url"), "{text}");
        }
    }
}
