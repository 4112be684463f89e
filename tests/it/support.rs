//! A world to test in: simulated Twilio and Slack, and the real binary between them.

pub(crate) mod daemon;
pub(crate) mod proxy;
#[allow(dead_code, unreachable_pub)] // shared with the Matrix bridge's own tests
pub(crate) mod synapse;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use partyline_core::{Clock, SystemClock};
use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;

pub(crate) use daemon::Daemon;

/// How long anything may take before a test gives up: far more than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A sender that Twilio has and the pool has not, unless a test puts it in.
pub(crate) const SECOND_SENDER: &str = "whatsapp:+14155550001";

/// A sender of SMS that Twilio has and the pool has not.
pub(crate) const SMS: &str = "+14155550009";

/// A page on Facebook that people write to by Messenger, and the pool has not.
pub(crate) const PAGE: &str = "messenger:1122334455";

/// The pool's sender.
pub(crate) const SENDER: &str = "whatsapp:+14155550000";

/// Simulated platforms, and a daemon that is not running yet.
pub(crate) struct World {
    pub(crate) twilio: twilio::Simulator,
    pub(crate) slack: slack::Simulator,
    pub(crate) daemon: Daemon,
    /// Somebody in the Slack workspace, who may do everything.
    pub(crate) admin: String,
    clock: Arc<MovedClock>,
}

/// The machine's clock, moved forward.
#[derive(Debug, Default)]
struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> jiff::Timestamp {
        let ahead = jiff::SignedDuration::from_secs(self.0.load(Ordering::Relaxed));
        SystemClock.now() + ahead
    }
}

/// Slack calls the daemon: for [`World::with`], which fills in where.
pub(crate) fn over_http() -> slack::Mode {
    let nowhere: url::Url = "http://127.0.0.1:9/".parse().expect("an address");
    slack::Mode::Http {
        events_url: nowhere.clone(),
        commands_url: nowhere.clone(),
        interactivity_url: nowhere,
    }
}

/// A conversation tied to a Slack channel by the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) conversation: String,
    pub(crate) channel: String,
    pub(crate) phones: Vec<twilio::Phone>,
}

impl World {
    /// Platforms without faults or limits.
    pub(crate) async fn new() -> Self {
        Self::with(slack::Options::default()).await
    }

    pub(crate) async fn with(options: slack::Options) -> Self {
        let clock = Arc::<MovedClock>::default();
        let options = slack::Options { clock: clock.clone(), ..options };
        let twilio = twilio::Simulator::start(twilio::Options {
            senders: [SENDER, SECOND_SENDER, SMS, PAGE].map(str::to_owned).to_vec(),
            clock: clock.clone(),
            ..twilio::Options::default()
        })
        .await
        .expect("Twilio");
        let slack = slack::Simulator::start(options).await.expect("Slack");
        let admin = slack.add_user("Ada Admin", Some("https://pictures.test/ada.png"));
        let daemon = Daemon::new(&twilio, &slack, &admin);
        if slack.options().mode != slack::Mode::Socket {
            slack.set_mode(slack::Mode::Http {
                events_url: daemon.url("/webhooks/slack/events"),
                commands_url: daemon.url("/webhooks/slack/commands"),
                interactivity_url: daemon.url("/webhooks/slack/interactivity"),
            });
        }
        twilio.set_webhook_url(Some(&daemon.url("/webhooks/twilio")));
        Self { twilio, slack, daemon, admin, clock }
    }

    /// A world that runs, with a group of one phone; in its room is somebody without any rights.
    pub(crate) async fn with_ben() -> (Self, Group, String) {
        let mut world = Self::new().await;
        let group = world.group("spring-launch", &["+14155550101"]).await;
        let ben = world.slack.add_user("Ben Carter", None);
        world.slack.join(&group.channel, &ben);
        world.daemon.start().await;
        (world, group, ben)
    }

    /// Moves the time of the platforms forward, and the daemon's from its next start on.
    pub(crate) fn move_time(&mut self, by: Duration) {
        let by = i64::try_from(by.as_secs()).expect("not that long");
        let ahead = self.clock.0.fetch_add(by, Ordering::Relaxed) + by;
        self.daemon.arm(&format!("clock=return({ahead})"));
    }

    /// A conversation with so many phones, tied to a new channel that the admin is in.
    pub(crate) async fn group(&mut self, name: &str, phones: &[&str]) -> Group {
        let (conversation, phones) = self.conversation(name, phones).await;
        let channel = self.room(name);
        self.daemon.link(&conversation, &format!("slack:{channel}"));
        Group { conversation, channel, phones }
    }

    /// Has these senders in the pool, from the daemon's next start on.
    pub(crate) fn pool(&mut self, senders: &[&str]) {
        self.daemon.configure(|config| {
            let one = format!("senders = [\"{SENDER}\"]");
            *config = config.replace(&one, &format!("senders = {senders:?}"));
        });
    }

    /// A channel that the admin and the bridge are in, tied to nothing.
    pub(crate) fn room(&self, name: &str) -> String {
        let channel = self.slack.add_channel(name, &[&self.admin]);
        self.slack.join(&channel, &self.slack.options().identity.user);
        channel
    }

    /// The texts that the bridge has sent the admin directly.
    pub(crate) fn direct(&self) -> Vec<String> {
        self.direct_to(&self.admin)
    }

    fn direct_to(&self, user: &str) -> Vec<String> {
        let Some(channel) = self.slack.direct(user) else { return Vec::new() };
        self.slack.messages(&channel).iter().map(|one| one.text.clone()).collect()
    }

    /// Waits until the bridge has told the admin directly something with this text in it.
    pub(crate) async fn told(&self, text: &str) -> String {
        self.told_to(&self.admin, text).await
    }

    /// The same of anybody.
    pub(crate) async fn told_to(&self, user: &str, text: &str) -> String {
        let all = || self.direct_to(user);
        let look = |_: &slack::Simulator| all().into_iter().find(|one| one.contains(text));
        let found = self.slack.wait_for(text, 3 * PATIENCE, look).await;
        found.unwrap_or_else(|e| panic!("{e}: {:?}\n{}", all(), self.daemon.log()))
    }

    /// A conversation with phones, tied to nothing.
    pub(crate) async fn conversation(
        &self,
        name: &str,
        phones: &[&str],
    ) -> (String, Vec<twilio::Phone>) {
        let conversation =
            self.twilio.create_conversation(name).await.expect("a conversation").to_string();
        let mut members = Vec::new();
        for number in phones {
            let member = twilio::NewMember::new(&format!("whatsapp:{number}"), SENDER);
            members.push(self.twilio.add_phone(&conversation, member).await.expect("a member"));
        }
        (conversation, members)
    }

    /// The texts of a channel, in order, each with the name that it stands under.
    pub(crate) fn channel(&self, channel: &str) -> Vec<(String, String)> {
        self.slack
            .messages(channel)
            .iter()
            .filter(|message| !is_join(message))
            .map(|message| {
                let name = match &message.author {
                    slack::Author::User(id) => id.clone(),
                    slack::Author::App { username, .. } => username.clone().unwrap_or_default(),
                };
                (name, message.text.clone())
            })
            .collect()
    }

    fn said(&self, slack: &slack::Simulator, channel: &str) -> usize {
        let joined = |message: &&Arc<slack::Message>| is_join(message);
        let messages = slack.messages(channel);
        messages.len() - messages.iter().filter(joined).count()
    }

    /// Waits until a channel holds so many messages.
    pub(crate) async fn wait_for_posts(&self, channel: &str, count: usize) {
        self.slack
            .wait_for("posts in the channel", PATIENCE, |slack| {
                (self.said(slack, channel) >= count).then_some(())
            })
            .await
            .unwrap_or_else(|error| {
                let posts = self.channel(channel);
                panic!("{error}: {} of {count}: {posts:?}\n{}", posts.len(), self.daemon.log())
            });
    }

    /// Waits until so much has arrived on a phone.
    pub(crate) async fn wait_for_inbox(&self, phone: &twilio::Phone, count: usize) {
        let arrived = self.twilio.wait_until(PATIENCE, |_| phone.inbox_len() >= count).await;
        assert!(
            arrived.is_ok(),
            "{} of {count} on {}: {:?}\n{}",
            phone.inbox_len(),
            phone.address(),
            inbox(phone),
            self.daemon.log()
        );
    }

    /// Waits until the bridge has listed the group with this name that a channel is tied to: what it
    /// never knew otherwise was not changed.
    pub(crate) async fn wait_until_listed(&self, channel: &str, name: &str) {
        let began = std::time::Instant::now();
        while !self.command(channel, &self.admin, "group show").await.contains(name) {
            assert!(began.elapsed() < PATIENCE, "it is not listed\n{}", self.daemon.log());
        }
    }

    /// Presses the button with this label under a message of a channel, the newest that has one, once it is
    /// there.
    pub(crate) async fn press(&self, channel: &str, user: &str, label: &str) -> slack::Run {
        let there = |slack: &slack::Simulator| {
            slack.messages(channel).iter().rev().find_map(|message| {
                let button = message.buttons().into_iter().find(|(_, one)| one == label);
                button.map(|(action, _)| (message.ts, action))
            })
        };
        let found = self.slack.wait_for(label, PATIENCE, there).await;
        let (ts, action) = found.unwrap_or_else(|e| panic!("{e}\n{}", self.daemon.log()));
        self.slack.press_button(channel, user, ts, &action).expect("a button")
    }

    /// Gives a command in a channel, and waits for its answer. That it is worked on is none.
    pub(crate) async fn command(&self, channel: &str, user: &str, line: &str) -> String {
        let mut run = self.slack.command(channel, user, "/wa", line).expect("the command is known");
        loop {
            let answer = run.answer(PATIENCE).await.unwrap_or_else(|error| {
                panic!("no answer to {line}: {error}\n{}", self.daemon.log())
            });
            if !answer.text.starts_with("I am at it.") {
                return answer.text;
            }
        }
    }
}

/// Whatever a test did: what was said in it is in no log, nor is anything else that must not be.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let phones = self.twilio.conversations().into_iter().flat_map(|conversation| {
            let said = self.twilio.messages(conversation.sid.as_str());
            said.into_iter()
                .filter(|one| one.author.starts_with("whatsapp:"))
                .filter_map(|one| one.body)
        });
        let channels = self.daemon.rooms("slack:").into_iter().flat_map(|channel| {
            let said = self.slack.messages(&channel);
            let people =
                said.into_iter().filter(|one| matches!(one.author, slack::Author::User(_)));
            people.map(|one| one.text.clone()).collect::<Vec<_>>()
        });
        // A short one can stand in a log by chance.
        let said: Vec<String> =
            phones.chain(channels).filter(|text| text.contains(' ') && text.len() >= 10).collect();
        self.daemon.assert_discreet(&self.daemon.log(), &said);
    }
}

/// Whether it only says that somebody came into the channel.
fn is_join(message: &slack::Message) -> bool {
    matches!(message.subtype, Some("channel_join" | "group_join"))
}

/// The addresses of who is in a conversation.
pub(crate) fn members(world: &World, conversation: &str) -> Vec<String> {
    let bindings = world.twilio.participants(conversation).into_iter();
    bindings.filter_map(|one| Some(one.binding?.address)).collect()
}

/// Waits until these are in a conversation and nobody else.
pub(crate) async fn wait_for_members(world: &World, conversation: &str, expected: &[&str]) {
    let there = world
        .twilio
        .wait_until(PATIENCE, |_| {
            let (mut is, mut wanted) = (members(world, conversation), expected.to_vec());
            is.sort();
            wanted.sort_unstable();
            is == wanted
        })
        .await;
    assert!(there.is_ok(), "{:?}\n{}", members(world, conversation), world.daemon.log());
}

/// The texts on a phone, in order.
pub(crate) fn inbox(phone: &twilio::Phone) -> Vec<String> {
    phone.inbox().into_iter().map(|item| item.body).collect()
}
