//! `partyline sandbox`: the whole bridge on one machine, with no account anywhere.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::Failed;
use crate::config::{Faults, Logging};
use crate::lifecycle::Lifecycle;
use crate::sandbox::{MatrixRoom, Stage, demo, page};
use crate::telemetry;

/// The arguments of `partyline sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the page listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
    /// Play a scripted chat instead of serving the page, print what arrives where, and exit 0 only
    /// if everything arrived, once and in order
    #[arg(long)]
    demo: bool,
    /// What the daemon logs to the standard error stream: error, warn, info, partyline=debug
    #[arg(long, value_name = "FILTER", default_value = "error", value_parser = filter)]
    log: String,
    #[command(flatten)]
    matrix: MatrixArgs,
}

/// A room of a real homeserver, tied to the group as well.
#[derive(Debug, clap::Args)]
struct MatrixArgs {
    /// A homeserver, with whose room the group is tied as well: http://127.0.0.1:8008
    #[arg(
        long = "matrix",
        value_name = "URL",
        requires_all = ["matrix_user", "matrix_password", "matrix_room"]
    )]
    matrix_url: Option<String>,
    /// The bot's account there: @partyline:hs.test
    #[arg(long, value_name = "USER", requires = "matrix_url")]
    matrix_user: Option<String>,
    /// The account's password
    #[arg(
        long,
        value_name = "PASSWORD",
        requires = "matrix_url",
        env = "PARTYLINE_SANDBOX_MATRIX_PASSWORD",
        hide_env_values = true
    )]
    matrix_password: Option<SecretString>,
    /// The room's id, of a room that the bot is in or invited to: !abc:hs.test
    #[arg(long, value_name = "ROOM", requires = "matrix_url")]
    matrix_room: Option<String>,
}

impl MatrixArgs {
    fn room(self) -> Option<MatrixRoom> {
        Some(MatrixRoom {
            homeserver_url: self.matrix_url?,
            user_id: self.matrix_user?,
            password: self.matrix_password?,
            room: self.matrix_room?,
        })
    }
}

/// A filter that logging will take.
fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Serves the page until it is told to stop, or plays the demo.
pub(super) async fn run(args: Args, out: &mut impl Write) -> Result<(), Failed> {
    telemetry::log(&Logging { filter: args.log.clone(), ..Logging::default() });
    let done = if args.demo { play(args, out).await } else { serve(args, out).await };
    // Only the Matrix room comes from outside: what is wrong with it is a matter of arguments.
    done.map_err(|error| match error.downcast::<Faults>() {
        Ok(faults) => Failed::Configuration(faults),
        Err(error) => Failed::Other(error),
    })
}

async fn play(args: Args, out: &mut impl Write) -> anyhow::Result<()> {
    let metrics = telemetry::metrics().context("metrics could not be started")?;
    let lifecycle = Lifecycle::default();
    lifecycle.listen().context("signals cannot be listened to")?;
    tokio::select! {
        played = demo::play(metrics, args.matrix.room(), out) => played,
        () = lifecycle.stop.cancelled() => Err(anyhow!("The demo was stopped before its end.")),
    }
}

async fn serve(args: Args, out: &mut impl Write) -> anyhow::Result<()> {
    let metrics = telemetry::metrics().context("metrics could not be started")?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("{} cannot be listened on: choose another address with --listen", args.listen)
    })?;
    let address = listener.local_addr().context("the page has no address")?;
    let lifecycle = Lifecycle::default();
    lifecycle.listen().context("signals cannot be listened to")?;
    let page = format!("http://{address}");
    let started = Stage::start(metrics, args.matrix.room(), Some(&page));
    let stage = tokio::select! {
        stage = started => Arc::new(stage?),
        () = lifecycle.stop.cancelled() => return Ok(()),
    };
    writeln!(out, "{page}")?;
    writeln!(out, "Open it in a browser: three phones, a Slack channel, and the bridge between.")?;
    writeln!(out, "Ctrl-C ends it, and nothing of it stays.")?;
    out.flush()?;
    page::serve(&stage, listener, lifecycle.stop.clone()).await?;
    if let Some(stage) = Arc::into_inner(stage) {
        stage.end().await;
    }
    Ok(())
}
