//! `partyline setup`: prints or applies what a platform needs to know of the bridge.

use std::io::Write;

use url::Url;

use super::Failed;
use crate::config::{Config, Faults, Transport};

/// The manifest as it stands in the repository: for sockets, with the addresses of the HTTP
/// transport in comments.
const MANIFEST: &str = include_str!("../../config/slack-manifest.yaml");

/// The address that the manifest's comments have in place of the real one.
const EXAMPLE_URL: &str = "https://bridge.example.com/";

/// What `setup` prints or applies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The manifest that makes the Slack app: paste it at https://api.slack.com/apps
    SlackManifest(Manifest),
    /// Have the webhooks of the Twilio service lead to http.public_url, and say what that changed.
    /// Safe to repeat
    TwilioWebhooks(TwilioWebhooks),
}

/// What `setup twilio-webhooks` takes.
#[derive(Debug, clap::Args)]
pub(super) struct TwilioWebhooks {
    /// Only say what would be changed
    #[arg(long)]
    dry_run: bool,
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

pub(super) async fn run(
    command: &Command,
    config: impl FnOnce() -> Result<Config, Faults>,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let text = match command {
        Command::SlackManifest(args) => slack_manifest(args, config().ok().as_ref()),
        Command::TwilioWebhooks(args) => twilio_webhooks(args, &config()?).await?,
    };
    out.write_all(text.as_bytes()).map_err(|error| Failed::Other(error.into()))
}

async fn twilio_webhooks(args: &TwilioWebhooks, config: &Config) -> anyhow::Result<String> {
    let twilio = crate::app::twilio(config)?;
    let changes = twilio.set_up_webhooks(!args.dry_run).await?;
    let service = &config.twilio.service_sid;
    if changes.is_empty() {
        return Ok(format!("The webhooks of service {service} are right already.\n"));
    }
    let done = if args.dry_run { "would be changed" } else { "were changed" };
    let mut text = format!("The webhooks of service {service} {done}:\n");
    for change in changes {
        text.push_str(&format!("  {change}\n"));
    }
    Ok(text)
}

fn slack_manifest(args: &Manifest, config: Option<&Config>) -> String {
    let slack = config.and_then(|config| config.slack.as_ref());
    let slash = args.slash.as_deref().or(slack.map(|slack| slack.command.as_str()));
    let by_http = slack.is_some_and(|slack| slack.transport == Transport::Http);
    let configured = config.filter(|_| by_http).and_then(|config| config.http.public_url.as_ref());
    manifest(slash.unwrap_or("/wa"), args.public_url.as_ref().or(configured))
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
    fn for_http_it_has_all_its_addresses() {
        for url in ["https://b.test", "https://b.test/"] {
            let text = manifest("/wa", Some(&url.parse().unwrap()));
            for line in [
                "      url: https://b.test/webhooks/slack/commands\n",
                "    request_url: https://b.test/webhooks/slack/events\n",
                "    request_url: https://b.test/webhooks/slack/interactivity\n",
                "    message_menu_options_url: https://b.test/webhooks/slack/interactivity\n",
                "  socket_mode_enabled: false\n",
            ] {
                assert!(text.contains(line), "{line} in {text}");
            }
            assert!(!text.contains("_url: https://bridge.example.com"), "{text}");
        }
    }
}
