//! The demo: a scripted group chat, both ways, printed as it arrives and checked at the end.

mod script;
mod tally;
mod transcript;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, anyhow};
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Clock, SystemClock};
use tokio::sync::mpsc;

use super::settings::MatrixRoom;
use super::stage::Stage;
use super::trail::Reader;
use script::Script;
use tally::Tally;
use transcript::Transcript;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Plays the demo and prints it.
///
/// # Errors
/// Something does not start, does not arrive, arrives twice, under another name or out of order;
/// each of it is named.
pub async fn play(
    metrics: PrometheusHandle,
    matrix: Option<MatrixRoom>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let began = SystemClock.now();
    let stage = Stage::open(metrics, matrix, None).await?;
    let mut tally = Tally::default();
    let (notes, noted) = mpsc::channel(64);
    let transcript = Transcript::new(&stage, began, noted);
    let playing = async {
        let script = Script { stage: &stage, tally: &mut tally, notes };
        tokio::time::timeout(LIMIT, script.play()).await
    };
    let (played, printed) = tokio::join!(playing, transcript.print(out));
    printed.context("the transcript could not be printed")?;
    let why = match played {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some(format!("it was not over within {} s", LIMIT.as_secs())),
    };
    // Nothing can arrive any more once the daemon is stopped: what is there now is all.
    let stopped = stage.keeper.switched(false).await;
    let mut wrong = tally.faults(&stage.world);
    let open = Reader::new(&stage.store()).read().unsettled();
    if open > 0 {
        wrong.push(format!("{open} deliveries are not settled in the ledger"));
    }
    wrong.extend(why);
    wrong.extend(stopped.err().map(|error| format!("the daemon did not stop softly: {error:#}")));
    let (said, arrived) = (tally.said(), tally.owed());
    stage.end().await;
    if !wrong.is_empty() {
        return Err(anyhow!("The demo failed:\n- {}", wrong.join("\n- ")));
    }
    let took = SystemClock.now().duration_since(began).as_secs_f32();
    writeln!(
        out,
        "\nEverything arrived: {said} messages at {arrived} destinations, each once and in order, in {took:.1} s."
    )?;
    Ok(())
}
