//! What is measured, one function each.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::ensure;
use partyline_slack::simulator::{Dose, Fault};

use crate::figures::Figures;
use crate::hooks::{self, CONNECTIONS, Hook, Posted};
use crate::traffic;
use crate::world::World;

/// The pace of the phases at leisure: 50 messages a second.
const PACE: Duration = Duration::from_millis(20);
/// The pace of the phase with a stalled room: 500 messages a second in the others.
const STALL_PACE: Duration = Duration::from_millis(2);
/// How long Slack refuses the stalled room, in seconds.
const STALL: u32 = 25;
/// How long the daemon is watched doing nothing.
const IDLE: Duration = Duration::from_secs(5);
/// How long Slack tells the daemon to wait, in seconds: beyond the end of the bench.
const FOR_LONG: u32 = 3600;

/// The daemon starts, and does nothing.
pub(crate) async fn start(world: &mut World, figures: &mut Figures) -> anyhow::Result<()> {
    let ready = world.daemon.start().await?;
    figures.note("start until ready", ready.as_secs_f64() * 1000.0, "ms");
    tokio::time::sleep(IDLE).await;
    let before = world.daemon.cpu_seconds()?;
    tokio::time::sleep(IDLE).await;
    let busy = (world.daemon.cpu_seconds()? - before) / IDLE.as_secs_f64();
    figures.note("processor, idle", busy * 100.0, "% of a core");
    figures.note("memory, idle", world.daemon.mib()?, "MiB");
    Ok(())
}

/// Webhooks at 50 a second: how soon each is acknowledged, and how soon its message stands in the
/// channel.
pub(crate) async fn hooks_at_leisure(
    world: &mut World,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let count = count_at(PACE, seconds);
    let hooks = make(world, count);
    let watch = traffic::watch_channels(&world.slack, count);
    let posted = hooks::post(world.daemon.address(), hooks, Some(PACE)).await?;
    figures.times("50/s: webhook to its acknowledgement", answer_times(&posted));
    let starts = posted.into_iter().map(|posted| (posted.text, posted.at));
    let took = traffic::durations(starts, watch).await?;
    figures.times("50/s: webhook to the post in Slack", took);
    Ok(())
}

/// Somebody in Slack, at 50 messages a second: how soon each is on the phones.
pub(crate) async fn channels_at_leisure(
    world: &mut World,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let count = count_at(PACE, seconds);
    let watch = traffic::watch_phones(&world.twilio, count);
    let starts = traffic::say_in_channels(world, count, PACE).await?;
    let took = traffic::durations(starts, watch).await?;
    figures.times("50/s: message in Slack to the phones", took);
    Ok(())
}

/// Webhooks as fast as they are acknowledged, while what they bring is relayed to Slack.
pub(crate) async fn hooks_while_relaying(
    world: &mut World,
    count: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let hooks = make(world, count);
    let before = world.slack.counters().posts;
    let cpu = world.daemon.cpu_seconds()?;
    let started = Instant::now();
    let posted = hooks::post(world.daemon.address(), hooks, None).await?;
    figures.rate("acknowledged, while relaying", count, started.elapsed());
    figures.times("acknowledgement, while relaying", answer_times(&posted));
    traffic::posts(world, before + count as u64).await?;
    figures.rate("webhooks to Slack, relayed", count, started.elapsed());
    note_cpu(world, "webhooks to Slack, processor", cpu, count, figures)
}

/// Webhooks at so many a second, whether the daemon keeps up or not, while what they bring is
/// relayed to Slack.
pub(crate) async fn hooks_at_rate(
    world: &mut World,
    rate: u32,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let before = world.slack.counters().posts;
    let cpu = world.daemon.cpu_seconds()?;
    let started = Instant::now();
    let count = offer(world, rate, seconds, "while relaying", figures).await?;
    traffic::posts(world, before + count as u64).await?;
    figures.rate(&format!("{rate}/s offered: relayed to Slack"), count, started.elapsed());
    note_cpu(world, &format!("{rate}/s offered: processor"), cpu, count, figures)
}

/// Each webhook is timed from when its turn was: one that had to wait behind a late answer is late
/// itself. The load generator's timer has a resolution of a millisecond, which counts too.
async fn offer(
    world: &mut World,
    rate: u32,
    seconds: u64,
    when: &str,
    figures: &mut Figures,
) -> anyhow::Result<usize> {
    let pace = Duration::from_secs(1) / rate;
    let count = count_at(pace, seconds);
    let hooks = make(world, count);
    let started = Instant::now();
    let posted = hooks::post(world.daemon.address(), hooks, Some(pace)).await?;
    figures.rate(&format!("{rate}/s offered, {when}: acknowledged"), count, started.elapsed());
    let times = posted.iter().map(|posted| posted.answered - posted.due).collect();
    figures.times(&format!("{rate}/s offered, {when}: its turn to the acknowledgement"), times);
    Ok(count)
}

/// One room is dead with ten thousand messages waiting for it, then they all go out: how the
/// others fare meanwhile.
pub(crate) async fn one_room_stalled(
    world: &mut World,
    waiting: usize,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    world.daemon.settle().await?;
    others(world, "no room stalled", seconds, figures).await?;
    // Slack refuses one post, and with it the channel: of the others it says nothing.
    world.slack.fault(Fault::RateLimited(STALL), "chat.postMessage", Dose::Next(1));
    let stalled = Instant::now();
    let before = world.slack.counters().posts;
    let hooks = make_in(world, 0..1, waiting);
    hooks::post(world.daemon.address(), hooks, None).await?;
    others(world, "one room dead", seconds, figures).await?;
    ensure!(stalled.elapsed() < Duration::from_secs(STALL.into()), "it was not dead for so long");
    tokio::time::sleep_until((stalled + Duration::from_secs(STALL.into())).into()).await;
    let posted = world.slack.counters().posts;
    others(world, "one room's backlog going out", seconds, figures).await?;
    let sent = world.slack.counters().posts - posted;
    let count = count_at(STALL_PACE, seconds) as u64;
    ensure!(sent > count, "the backlog did not go out meanwhile");
    let all = before + waiting as u64 + count * 2;
    ensure!(world.slack.counters().posts < all, "the backlog had gone out before the end");
    traffic::posts(world, all).await
}

async fn others(
    world: &mut World,
    when: &str,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let count = count_at(STALL_PACE, seconds);
    let hooks = make_in(world, 1..CONNECTIONS, count);
    let wanted = hooks.iter().flatten().map(|hook| hook.text.clone()).collect();
    let watch = traffic::watch_texts(&world.slack, wanted);
    let posted = hooks::post(world.daemon.address(), hooks, Some(STALL_PACE)).await?;
    figures.times(&format!("500/s, {when}: acknowledgement"), answer_times(&posted));
    let starts = posted.into_iter().map(|posted| (posted.text, posted.at));
    let took = traffic::durations(starts, watch).await?;
    figures.times(&format!("500/s, {when}: webhook to the post in Slack"), took);
    Ok(())
}

/// Webhooks as fast as they are acknowledged, while Slack takes nothing.
pub(crate) async fn hooks_while_slack_refuses(
    world: &mut World,
    count: usize,
    rate: u32,
    seconds: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    world.daemon.settle().await?;
    let always = Dose::Chance { probability: 1.0, seed: 1 };
    world.slack.fault(Fault::RateLimited(FOR_LONG), "chat.postMessage", always);
    let hooks = make(world, count);
    let started = Instant::now();
    let posted = hooks::post(world.daemon.address(), hooks, None).await?;
    figures.rate("acknowledged, Slack refusing", count, started.elapsed());
    figures.times("acknowledgement, Slack refusing", answer_times(&posted));
    offer(world, rate, seconds, "Slack refusing", figures).await.map(drop)
}

/// The daemon is killed with what Slack refused still in its ledger, and started again.
pub(crate) async fn killed_with_a_backlog(
    world: &mut World,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    world.daemon.kill()?;
    world.slack.clear_faults();
    let before = world.slack.counters().posts;
    let all: usize = world.by_hand.iter().chain(&world.live).map(|group| group.posts.len()).sum();
    let owed = all - usize::try_from(before)?;
    let started = Instant::now();
    let ready = world.daemon.start().await?;
    figures.note("start after kill -9 until ready", ready.as_secs_f64() * 1000.0, "ms");
    traffic::posts(world, all as u64).await?;
    figures.rate("backlog to Slack, after kill -9", owed, started.elapsed());
    world.daemon.settle().await
}

/// Simulated phones speak as fast as Twilio takes it: both hooks of each message go to the daemon.
pub(crate) async fn phones_saturated(
    world: &mut World,
    count: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let cpu = world.daemon.cpu_seconds()?;
    let started = Instant::now();
    traffic::flood_from_phones(world, count).await?;
    figures.rate("phones to Slack, relayed", count, started.elapsed());
    note_cpu(world, "phones to Slack, processor", cpu, count, figures)
}

/// Somebody in Slack speaks as fast as it reaches the phones.
pub(crate) async fn channels_saturated(
    world: &mut World,
    count: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let cpu = world.daemon.cpu_seconds()?;
    let started = Instant::now();
    traffic::flood_from_channels(world, count).await?;
    figures.rate("Slack to phones, relayed", count, started.elapsed());
    note_cpu(world, "Slack to phones, processor", cpu, count, figures)
}

fn count_at(pace: Duration, seconds: u64) -> usize {
    usize::try_from(Duration::from_secs(seconds).as_nanos() / pace.as_nanos()).unwrap_or(usize::MAX)
}

/// So many webhooks, the groups in turn, each on a connection of its own.
fn make(world: &mut World, count: usize) -> Vec<Vec<Hook>> {
    make_in(world, 0..CONNECTIONS, count)
}

/// The same in some of the groups.
fn make_in(world: &mut World, groups: Range<usize>, count: usize) -> Vec<Vec<Hook>> {
    let daemon = world.daemon.address();
    let mut hooks: Vec<Vec<Hook>> = groups.clone().map(|_| Vec::new()).collect();
    for number in 0..count {
        let text = world.text();
        let turn = number % groups.len();
        hooks[turn].push(Hook::next(&mut world.by_hand[groups.start + turn], text, daemon));
    }
    hooks
}

fn answer_times(posted: &[Posted]) -> Vec<Duration> {
    posted.iter().map(|posted| posted.answered - posted.at).collect()
}

fn note_cpu(
    world: &World,
    what: &str,
    before: f64,
    count: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let seconds = world.daemon.cpu_seconds()? - before;
    figures.note(what, seconds * 1000.0 / count as f64, "s a thousand messages");
    Ok(())
}
