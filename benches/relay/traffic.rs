//! Messages through the simulators: what they are counted by, and when they arrived.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::world::{World, said};

/// How long anything under way may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages from channels that may be under way at a time: so many that the daemon never waits
/// for the next, so few that Slack's three seconds for an acknowledgement are kept.
const UNDER_WAY: u64 = 512;

/// When each text arrived.
pub(crate) type Arrivals = HashMap<String, Instant>;

/// Notes when the next `count` posts of the app stand in their channels.
pub(crate) fn watch_channels(slack: &slack::Simulator, count: usize) -> JoinHandle<Arrivals> {
    let mut happenings = slack.subscribe();
    tokio::spawn(async move {
        let mut arrivals = Arrivals::new();
        while arrivals.len() < count {
            match happenings.recv().await {
                Ok(slack::Happening::Posted(message)) => {
                    if matches!(message.author, slack::Author::App { .. }) {
                        arrivals.insert(message.text.clone(), Instant::now());
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_) | RecvError::Closed) => break,
            }
        }
        arrivals
    })
}

/// Notes when these posts of the app stand in their channels, whatever else is posted.
pub(crate) fn watch_texts(
    slack: &slack::Simulator,
    mut wanted: HashSet<String>,
) -> JoinHandle<Arrivals> {
    let mut happenings = slack.subscribe();
    tokio::spawn(async move {
        let mut arrivals = Arrivals::new();
        while !wanted.is_empty() {
            match happenings.recv().await {
                Ok(slack::Happening::Posted(message)) => {
                    if let Some(text) = wanted.take(&message.text) {
                        arrivals.insert(text, Instant::now());
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_) | RecvError::Closed) => break,
            }
        }
        arrivals
    })
}

/// Notes when the next `count` messages are on the last of the phones that they go to.
pub(crate) fn watch_phones(twilio: &twilio::Simulator, count: usize) -> JoinHandle<Arrivals> {
    let mut happenings = twilio.subscribe();
    tokio::spawn(async move {
        let mut arrivals = Arrivals::new();
        let mut left = count * 2;
        while left > 0 {
            match happenings.recv().await {
                Ok(twilio::Happening::PhoneReceived { item, .. }) => {
                    arrivals.insert(said(&item.body).to_owned(), Instant::now());
                    left -= 1;
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_) | RecvError::Closed) => break,
            }
        }
        arrivals
    })
}

/// How long each took from its start to its arrival.
pub(crate) async fn durations(
    starts: impl IntoIterator<Item = (String, Instant)>,
    arrivals: JoinHandle<Arrivals>,
) -> anyhow::Result<Vec<Duration>> {
    let arrivals = tokio::time::timeout(PATIENCE, arrivals).await.context("not all arrived")??;
    starts
        .into_iter()
        .map(|(text, start)| {
            let arrival = arrivals.get(&text).with_context(|| format!("{text} did not arrive"))?;
            Ok(arrival.duration_since(start))
        })
        .collect()
}

/// Waits until the app has posted so often, all in all.
pub(crate) async fn posts(world: &World, count: u64) -> anyhow::Result<()> {
    let arrived = |slack: &slack::Simulator| (slack.counters().posts >= count).then_some(());
    let waited = world.slack.wait_for("the posts", PATIENCE, arrived).await;
    waited.with_context(|| format!("{} of {count}", world.slack.counters().posts))
}

/// The person says something in every channel in turn, one message every `pace`.
pub(crate) async fn say_in_channels(
    world: &mut World,
    count: usize,
    pace: Duration,
) -> anyhow::Result<Vec<(String, Instant)>> {
    let mut ticks = tokio::time::interval(pace);
    let mut starts = Vec::with_capacity(count);
    for number in 0..count {
        ticks.tick().await;
        let start = Instant::now();
        starts.push((say_in_channel(world, number)?, start));
    }
    Ok(starts)
}

fn say_in_channel(world: &mut World, number: usize) -> anyhow::Result<String> {
    let text = world.text();
    let groups = world.live.len();
    let group = &mut world.live[number % groups];
    group.inbox.push(text.clone());
    world.slack.user_says(&group.channel, &world.person, &text)?;
    Ok(text)
}

/// The person says `count` things, in every channel in turn, as fast as they reach the phones.
pub(crate) async fn flood_from_channels(world: &mut World, count: usize) -> anyhow::Result<()> {
    let before = world.twilio.counters().messages_created;
    let reached = async |world: &World, count: u64| {
        let arrived =
            |twilio: &twilio::Simulator| twilio.counters().messages_created >= before + count;
        let waited = world.twilio.wait_until(PATIENCE, arrived).await;
        waited
            .with_context(|| format!("{} came", world.twilio.counters().messages_created - before))
    };
    for number in 0..count {
        reached(world, (number as u64).saturating_sub(UNDER_WAY)).await?;
        say_in_channel(world, number)?;
    }
    reached(world, count as u64).await
}

/// The first phone of every group says its share of `count` things, each when Twilio has told of
/// the one before; returns when all stand in their channels.
pub(crate) async fn flood_from_phones(world: &mut World, count: usize) -> anyhow::Result<()> {
    let before = world.slack.counters().posts;
    let mut sayings = vec![Vec::new(); world.live.len()];
    for number in 0..count {
        let text = world.text();
        let turn = number % world.live.len();
        world.live[turn].posts.push(text.clone());
        sayings[turn].push(text);
    }
    let mut speaking = Vec::new();
    for (group, texts) in world.live.iter().zip(sayings) {
        let (phone, conversation) = (group.phones[0].clone(), group.conversation.clone());
        speaking.push(tokio::spawn(async move {
            for text in texts {
                phone.say(&conversation, text).await?;
            }
            Ok::<(), twilio::SayError>(())
        }));
    }
    for speaks in speaking {
        speaks.await??;
    }
    posts(world, before + count as u64).await
}
