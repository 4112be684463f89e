//! The command line: arguments in, exit status out. One file a subcommand.
//!
//! | exit status | |
//! |---|---|
//! | 0 | done |
//! | 1 | it failed |
//! | 2 | the command line or the configuration is wrong |

mod backup;
mod check;
mod completions;
mod doctor;
mod health;
mod operate;
mod restore;
mod run;
mod sandbox;
mod setup;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

pub use check::{Finding, online};

use crate::config::{Config, Faults};
use operate::Noun;

/// Where the configuration is, when nobody says.
const DEFAULT_CONFIG: &str = "config/partyline.toml";

/// partyline joins WhatsApp and SMS groups with Slack channels and Matrix rooms.
#[derive(Debug, Parser)]
#[command(name = "partyline", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration file; without it $PARTYLINE_CONFIG, then config/partyline.toml. Where that is
    /// not there, the environment alone is the configuration
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Run,
    /// Run the whole bridge on this machine with simulated platforms and a page to play with: no
    /// account needed
    Sandbox(sandbox::Args),
    /// Say everything that is wrong with the configuration, each with a remedy
    Check(check::Args),
    /// Print or apply what a platform needs to know of the bridge
    #[command(subcommand)]
    Setup(setup::Command),
    /// Copy the whole store into a folder, while the daemon runs or not
    Backup(backup::Args),
    /// Make a backup the store again; the daemon must be stopped
    Restore(restore::Args),
    /// Look for what is wrong in the store
    Doctor(doctor::Args),
    /// Ask a running daemon on this machine whether it is alive
    Health(health::Args),
    /// The groups, as /wa group: list, show, create, rename, archive …
    #[command(visible_alias = "group")]
    Groups(operate::Args),
    /// Who is in a group, as /wa member: list, add, remove
    #[command(visible_alias = "member")]
    Members(operate::Args),
    /// Who is behind a number, as /wa contact: list, find, show, add, change, remove, import FILE,
    /// export FILE
    #[command(visible_alias = "contact")]
    Contacts(operate::Args),
    /// Which room is tied to which group: list, add GROUP ROOM, remove ROOM
    #[command(visible_alias = "link")]
    Links(operate::Args),
    /// What was given up, as /wa queue: list, retry, drop
    Queue(operate::Args),
    /// Who did what, newest first; with --json as JSON lines
    Audit(operate::Args),
    /// Who may do what, as /wa role: list, grant, revoke
    #[command(visible_alias = "role")]
    Roles(operate::Args),
    /// Who wants no more messages, as /wa optout: list, add, clear; export as a file
    #[command(visible_alias = "optout")]
    Optouts(operate::Args),
    /// Who wrote without being in a group, and who is blocked, as /wa inbox: list, open, close, assign,
    /// block, unblock, blocked
    Inbox(operate::Args),
    /// Templates on their way to many people, as /wa broadcast: send, list, show, stop
    #[command(visible_alias = "broadcast")]
    Broadcasts(operate::Args),
    /// Commands that are given later, as /wa schedule: list, cancel
    #[command(visible_alias = "schedule")]
    Schedules(operate::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
}

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(#[from] Faults),
    /// The command line is wrong; how it is written.
    #[error("{0}")]
    Usage(String),
    /// It failed; what happened, and what to do.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failed {
    /// The exit status.
    #[must_use]
    pub fn status(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

/// Reads the arguments, does what they say, and gives the exit status. Prints to the standard
/// output what was asked for, and to the standard error stream what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    crate::crash::arm();
    // Wrong arguments, --help and --version end the process here, with 2, 0 and 0.
    let cli = Cli::parse();
    // Two providers of cryptography are linked in (ours and slack-morphism's): without a choice,
    // rustls panics at the first connection. Fails only where a choice was made already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Nothing can be done about a closed stream.
            let _ = writeln!(std::io::stderr(), "{failed}");
            failed.status()
        }
    }
}

impl Cli {
    fn run(self) -> Result<(), Failed> {
        let mut out = std::io::stdout();
        let config = || read(self.config.as_deref());
        match self.command {
            Command::Run => block_on(run::run(&config()?)),
            Command::Sandbox(args) => block_on(sandbox::run(args, &mut out)),
            Command::Check(args) => block_on(check::run(&args, &config()?, &mut out)),
            Command::Setup(command) => block_on(setup::run(&command, config, &mut out)),
            Command::Backup(args) => block_on(backup::run(&args, &config()?, &mut out)),
            Command::Restore(args) => block_on(restore::run(&args, &config()?, &mut out)),
            Command::Doctor(args) => doctor::run(&args, &config()?, &mut out),
            Command::Health(args) => block_on(health::run(&args, config)),
            Command::Completions(args) => Ok(completions::run(&args, &mut out)?),
            Command::Groups(args) => operate(Noun::Groups, args, self.config, &mut out),
            Command::Members(args) => operate(Noun::Members, args, self.config, &mut out),
            Command::Contacts(args) => operate(Noun::Contacts, args, self.config, &mut out),
            Command::Links(args) => operate(Noun::Links, args, self.config, &mut out),
            Command::Queue(args) => operate(Noun::Queue, args, self.config, &mut out),
            Command::Audit(args) => operate(Noun::Audit, args, self.config, &mut out),
            Command::Roles(args) => operate(Noun::Roles, args, self.config, &mut out),
            Command::Optouts(args) => operate(Noun::Optouts, args, self.config, &mut out),
            Command::Inbox(args) => operate(Noun::Inbox, args, self.config, &mut out),
            Command::Broadcasts(args) => operate(Noun::Broadcasts, args, self.config, &mut out),
            Command::Schedules(args) => operate(Noun::Schedules, args, self.config, &mut out),
        }
    }
}

/// A command of the operator's. `--config` can stand among its words.
fn operate(
    noun: Noun,
    args: operate::Args,
    config: Option<PathBuf>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failed> {
    let mut words = args.words;
    if let Some(help) = operate::help(noun, &words) {
        return Ok(out.write_all(help.as_bytes()).context("the output cannot be written to")?);
    }
    let given = operate::take_value(&mut words, "--config").map(PathBuf::from);
    let config = read(given.or(config).as_deref())?;
    block_on(operate::run(noun, words, &config, out))
}

/// Reads the configuration from this file, else from the one that the environment names, else from
/// the default one; where that is not there and the environment has keys, from the environment alone.
fn read(given: Option<&Path>) -> Result<Config, Faults> {
    // Container tools pass what is not set as empty.
    let named = std::env::var_os("PARTYLINE_CONFIG").filter(|name| !name.is_empty());
    let named = named.map(PathBuf::from);
    let given = given.or(named.as_deref());
    // What is not Unicode cannot be a key's value; names of ours that are not are not ours.
    let environment = || {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    };
    let default = Path::new(DEFAULT_CONFIG);
    let in_environment =
        || environment().any(|(name, _)| name.starts_with("PARTYLINE_") && name.contains("__"));
    match given {
        Some(path) => Config::load(Some(path), environment()),
        None if !default.exists() && in_environment() => Config::load(None, environment()),
        None => Config::load(Some(default), environment()),
    }
}

/// Runs a command that waits for the network.
fn block_on<T>(command: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| anyhow::anyhow!("No threads for the network: {error}."))?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Everybody on a machine sees the arguments of its processes.
    #[test]
    fn no_secret_is_taken_as_an_argument() {
        fn look(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let telling = ["secret", "password", "token"];
                // The sandbox tries a homeserver of tests, with an account of tests.
                let is_secret = telling.iter().any(|word| name.contains(word));
                assert!(!is_secret || name == "matrix_password", "{name}");
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn config_stands_before_and_after_the_subcommand() {
        for line in [
            ["partyline", "--config", "a.toml", "check"],
            ["partyline", "check", "--config", "a.toml"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.config.as_deref(), Some(Path::new("a.toml")));
        }
    }

    #[test]
    fn what_is_wrong_with_the_configuration_has_a_status_of_its_own() {
        let faults = Config::parse("", std::iter::empty()).unwrap_err();
        assert_eq!(Failed::from(faults).status(), ExitCode::from(2));
        assert_eq!(Failed::from(anyhow::anyhow!("no")).status(), ExitCode::FAILURE);
    }
}
