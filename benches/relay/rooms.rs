//! The daemon beside a real homeserver: Synapse takes some hundred messages a second from anybody,
//! and the question is how much of that is left with the daemon between.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use partyline_twilio::simulator as twilio;

use crate::daemon::Daemon;
use crate::figures::Figures;
use crate::hooks::{self, Hook};
use crate::synapse::{PASSWORD, Person, Synapse};
use crate::world::{Group, SENDER, phone, said, same, without_rooms};

/// Rooms, each tied to a conversation; people speak in all of them at once.
const ROOMS: usize = 16;
/// How long anything under way may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the daemon is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

/// A homeserver, Twilio, and the daemon between.
pub(crate) struct Rooms {
    twilio: twilio::Simulator,
    ravi: Person,
    bot: Person,
    daemon: Daemon,
    groups: Vec<Group>,
    texts: usize,
    /// It ends with this.
    _synapse: Synapse,
}

impl Rooms {
    /// Starts all of them.
    pub(crate) async fn new(binary: Option<&Path>) -> anyhow::Result<Self> {
        let synapse = Synapse::start().await;
        let bot = synapse.person("partyline").await;
        let ravi = synapse.person("ravi").await;
        let twilio = twilio::Simulator::start(twilio::Options {
            senders: vec![SENDER.to_owned()],
            keep_messages: 1 << 20,
            ..twilio::Options::default()
        })
        .await?;
        let daemon = Daemon::new(binary)?;
        twilio.set_webhook_url(Some(&daemon.url("/webhooks/twilio")));
        let mut groups = Vec::new();
        for number in 0..ROOMS {
            let conversation = twilio.create_conversation(&format!("room-{number}")).await?;
            let conversation = conversation.to_string();
            let add = async |member| {
                let member = twilio::NewMember::new(&phone(number * 2 + member), SENDER);
                twilio.add_phone(&conversation, member).await
            };
            let phones = [add(0).await?, add(1).await?];
            let channel = ravi.create_room(&[&bot.id]).await;
            bot.join(&channel).await;
            let (posts, inbox) = (Vec::new(), Vec::new());
            groups.push(Group { conversation, channel, phones, posts, inbox });
        }
        let matrix = format!(
            "\n[matrix]\nhomeserver_url = \"{}\"\nuser_id = \"{}\"\npassword = \"{PASSWORD}\"\n",
            synapse.url(),
            bot.id
        );
        let links = groups.iter().map(|group| (&group.conversation[..], &group.channel[..]));
        daemon.configure(without_rooms(&daemon, &twilio) + matrix.as_str(), "matrix", links)?;
        Ok(Self { twilio, ravi, bot, daemon, groups, texts: 0, _synapse: synapse })
    }

    /// What Synapse takes from a client that does nothing else; to it through the daemon; and from
    /// it. Each with `count` messages.
    pub(crate) async fn measure(
        &mut self,
        count: usize,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let bare = self.say(count, false).await?;
        figures.note("Synapse: messages from a bare client", bare, "a second");
        let ready = self.daemon.start().await?;
        figures.note("Matrix bot: start until ready", ready.as_secs_f64() * 1000.0, "ms");
        tokio::time::sleep(IDLE).await;
        let before = self.daemon.cpu_seconds()?;
        tokio::time::sleep(IDLE).await;
        let busy = (self.daemon.cpu_seconds()? - before) / IDLE.as_secs_f64();
        figures.note("Matrix bot: processor, idle", busy * 100.0, "% of a core");
        figures.note("Matrix bot: memory, idle", self.daemon.mib()?, "MiB");
        let to = self.speak_to_rooms(count, figures).await?;
        figures.note("phones to Synapse, relayed", to, "a second");
        figures.note("the same, of what a bare client does", to / bare, "");
        let from = self.speak_in_rooms(count).await?;
        figures.note("Synapse to phones, relayed", from, "a second");
        figures.note("the same, of what a bare client does", from / bare, "");
        figures.note("Matrix bot: memory, most", self.daemon.most_mib()?, "MiB");
        Ok(())
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("message-{}", self.texts)
    }

    /// Ravi says `count` things, in all rooms at once, each when Synapse has taken the one before;
    /// how many a second.
    async fn say(&mut self, count: usize, heard: bool) -> anyhow::Result<f64> {
        let mut sayings = vec![Vec::new(); ROOMS];
        for number in 0..count {
            let text = self.text();
            if heard {
                self.groups[number % ROOMS].inbox.push(text.clone());
            }
            sayings[number % ROOMS].push(text);
        }
        let (ravi, started) = (&self.ravi, Instant::now());
        let speaking = self.groups.iter().zip(&sayings).map(|(group, texts)| async move {
            for text in texts {
                ravi.say(&group.channel, text).await;
            }
            anyhow::Ok(())
        });
        try_join_all(speaking).await?;
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }

    /// Webhooks for all rooms at once, as fast as they are acknowledged; how many stand in their
    /// rooms a second.
    async fn speak_to_rooms(&mut self, count: usize, figures: &mut Figures) -> anyhow::Result<f64> {
        let mut hooks: Vec<Vec<Hook>> = (0..ROOMS).map(|_| Vec::new()).collect();
        for number in 0..count {
            let text = self.text();
            let turn = number % ROOMS;
            hooks[turn].push(Hook::next(&mut self.groups[turn], text, self.daemon.address()));
        }
        let cpu = self.daemon.cpu_seconds()?;
        let started = Instant::now();
        hooks::post(self.daemon.address(), hooks, None).await?;
        self.daemon.settle().await?;
        let took = started.elapsed();
        let cpu = self.daemon.cpu_seconds()? - cpu;
        figures.note("phones to Synapse, processor", cpu * 1000.0 / count as f64, "s a thousand");
        let mut events = 0;
        for group in &self.groups {
            let history = self.ravi.history(&group.channel).await;
            let own = history.iter().filter(|event| event["sender"] == self.bot.id.as_str());
            let bodies: Vec<&str> =
                own.filter_map(|event| event["content"]["body"].as_str()).collect();
            events += bodies.len();
            let lines: Vec<String> = bodies
                .iter()
                .flat_map(|body| body.split('\n'))
                .map(|line| said(line).to_owned())
                .collect();
            same(&group.posts, &lines).with_context(|| format!("in {}", group.channel))?;
        }
        let each = events as f64 / count as f64;
        figures.note("phones to Synapse, requests a message", each, "");
        Ok(count as f64 / took.as_secs_f64())
    }

    /// Ravi speaks in all rooms at once; how much is on the phones a second.
    async fn speak_in_rooms(&mut self, count: usize) -> anyhow::Result<f64> {
        let started = Instant::now();
        self.say(count, true).await?;
        let groups = &self.groups;
        let arrived = |_: &twilio::Simulator| {
            groups.iter().all(|group| {
                group.phones.iter().all(|phone| phone.inbox_len() >= group.inbox.len())
            })
        };
        ensure!(self.twilio.wait_until(PATIENCE, arrived).await.is_ok(), "not all arrived");
        let took = started.elapsed();
        for group in groups {
            let inbox = group.phones[0].inbox().into_iter();
            let inbox: Vec<String> = inbox.map(|item| said(&item.body).to_owned()).collect();
            same(&group.inbox, &inbox).with_context(|| format!("in {}", group.conversation))?;
        }
        Ok(count as f64 / took.as_secs_f64())
    }
}
