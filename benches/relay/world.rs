//! Simulated platforms, groups on them, and the daemon between.

use std::path::Path;

use anyhow::{Context, ensure};
use partyline::contacts::{ContactStore, SledContacts};
use partyline_core::{Clock, Contact, SystemClock};
use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use secrecy::ExposeSecret;

use crate::daemon::Daemon;
use crate::hooks::CONNECTIONS;

/// The pool's sender.
pub(crate) const SENDER: &str = "whatsapp:+14155550000";
/// Groups in which simulated phones speak.
const SPOKEN_IN: usize = 100;
/// Messages that a simulated channel, conversation or phone keeps: more than any gets here.
const KEPT: usize = 1 << 20;
/// Contacts that are put into the store at once.
const STEP: usize = 10_000;

/// Everything, with what ought to stand where at the end.
pub(crate) struct World {
    pub(crate) twilio: twilio::Simulator,
    pub(crate) slack: slack::Simulator,
    pub(crate) daemon: Daemon,
    /// Somebody in the Slack workspace.
    pub(crate) person: String,
    /// Groups whose webhooks are posted by hand, one for each connection.
    pub(crate) by_hand: Vec<Group>,
    /// Groups in which simulated phones and the person speak.
    pub(crate) live: Vec<Group>,
    texts: usize,
}

/// A conversation tied to a channel.
pub(crate) struct Group {
    pub(crate) conversation: String,
    pub(crate) channel: String,
    /// Two members.
    pub(crate) phones: [twilio::Phone; 2],
    /// What the app ought to have posted in the channel.
    pub(crate) posts: Vec<String>,
    /// What ought to have arrived on the first phone.
    pub(crate) inbox: Vec<String>,
}

impl World {
    /// So many groups, at least those that are spoken in, and so many contacts beside their
    /// members.
    pub(crate) async fn new(
        binary: Option<&Path>,
        groups: usize,
        contacts: usize,
    ) -> anyhow::Result<Self> {
        let twilio = twilio::Simulator::start(twilio::Options {
            senders: vec![SENDER.to_owned()],
            keep_messages: KEPT,
            ..twilio::Options::default()
        })
        .await?;
        let slack = slack::Simulator::start(slack::Options {
            kept_messages: KEPT,
            ..slack::Options::default()
        })
        .await?;
        let person = slack.add_user("Ada Bell", None);
        let daemon = Daemon::new(binary)?;
        twilio.set_webhook_url(Some(&daemon.url("/webhooks/twilio")));
        let (by_hand, live) = (Vec::new(), Vec::new());
        let mut world = Self { twilio, slack, daemon, person, by_hand, live, texts: 0 };
        for number in 0..groups.max(CONNECTIONS + SPOKEN_IN) {
            let group = world.group(number).await?;
            match number {
                0..CONNECTIONS => world.by_hand.push(group),
                _ => world.live.push(group),
            }
        }
        world.fill(contacts).await?;
        let links = world.by_hand.iter().chain(&world.live);
        let links = links.map(|group| (group.conversation.as_str(), group.channel.as_str()));
        world.daemon.configure(world.configuration(), "slack", links)?;
        world.live.truncate(SPOKEN_IN);
        Ok(world)
    }

    async fn group(&self, number: usize) -> anyhow::Result<Group> {
        let name = format!("group-{number}");
        let conversation = self.twilio.create_conversation(&name).await?.to_string();
        let add = async |member| {
            let member = twilio::NewMember::new(&phone(number * 2 + member), SENDER);
            self.twilio.add_phone(&conversation, member).await
        };
        let phones = [add(0).await?, add(1).await?];
        let channel = self.slack.add_channel(&name, &[&self.person]);
        Ok(Group { conversation, channel, phones, posts: Vec::new(), inbox: Vec::new() })
    }

    /// Fills the contact store: the members of the groups that are spoken in, then strangers.
    async fn fill(&self, strangers: usize) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.daemon.store())?;
        let store = SledContacts::open(&self.daemon.store().join("contacts"), 64 << 20)?;
        let members = (CONNECTIONS + SPOKEN_IN) * 2;
        let mut numbers = (0..members).map(phone).chain((0..strangers).map(stranger)).enumerate();
        loop {
            let step: Vec<Contact> = numbers
                .by_ref()
                .take(STEP)
                .map(|(at, address)| Contact {
                    key: address,
                    name: format!("Person Number {at}"),
                    team: Some(format!("team {}", at % 100)),
                    picture: None,
                    meta: [("badge".to_owned(), format!("{at:012}"))].into(),
                    updated: SystemClock.now(),
                })
                .collect();
            if step.is_empty() {
                return Ok(());
            }
            store.put(step).await?;
        }
    }

    /// Everything that limits the daemon for a platform's sake is set far above what comes.
    fn configuration(&self) -> String {
        let app = self.slack.options();
        let slack = format!(
            r#"
[slack]
bot_token = "{bot}"
app_token = "{app_token}"
api_url = "{api}"
posts_per_second = 1000
workspace_posts_per_second = 10000
"#,
            bot = app.bot_token.expose_secret(),
            app_token = app.app_token.expose_secret(),
            api = self.slack.api_url(),
        );
        without_rooms(&self.daemon, &self.twilio) + slack.as_str()
    }

    /// A text that nobody has said yet.
    pub(crate) fn text(&mut self) -> String {
        self.texts += 1;
        format!("message-{}", self.texts)
    }

    /// Checks that everything that was said arrived once, in order; how much that was.
    pub(crate) fn check(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for group in self.by_hand.iter().chain(&self.live) {
            let posts = self.slack.messages(&group.channel).into_iter();
            let posts: Vec<String> = posts
                .filter(|message| matches!(message.author, slack::Author::App { .. }))
                .map(|message| message.text.clone())
                .collect();
            same(&group.posts, &posts).with_context(|| format!("in {}", group.channel))?;
            let inbox = group.phones[0].inbox().into_iter();
            let inbox: Vec<String> = inbox.map(|item| said(&item.body).to_owned()).collect();
            same(&group.inbox, &inbox).with_context(|| format!("in {}", group.conversation))?;
            count += posts.len() + inbox.len();
        }
        Ok(count)
    }
}

/// The configuration of a daemon beside this Twilio, but for the rooms.
pub(crate) fn without_rooms(daemon: &Daemon, twilio: &twilio::Simulator) -> String {
    let account = twilio::Options::default();
    format!(
        r#"
[http]
listen = "{address}"
public_url = "http://{address}"

[store]
url = "sled:{store}"

[twilio]
account_sid = "{account_sid}"
api_key_sid = "{key}"
api_key_secret = "{secret}"
auth_token = "{token}"
service_sid = "{service}"
senders = ["{SENDER}"]
actions_per_second = 100000
concurrency = 64
conversations_url = "{base}"
messaging_url = "{base}"
content_url = "{base}"
media_url = "{base}"
"#,
        address = daemon.address(),
        store = daemon.store().display(),
        account_sid = account.account_sid,
        key = account.api_key_sid,
        secret = account.api_key_secret,
        token = account.auth_token,
        service = account.service_sid,
        base = twilio.base_url(),
    )
}

/// What is behind the speaker's name.
pub(crate) fn said(body: &str) -> &str {
    body.rsplit(' ').next().unwrap_or(body)
}

pub(crate) fn same(expected: &[String], found: &[String]) -> anyhow::Result<()> {
    let differs = expected.iter().zip(found).position(|(expected, found)| expected != found);
    ensure!(
        expected.len() == found.len() && differs.is_none(),
        "{} messages instead of {}; the first that differs is number {:?}",
        found.len(),
        expected.len(),
        differs
    );
    Ok(())
}

pub(crate) fn phone(number: usize) -> String {
    format!("whatsapp:+1415{:07}", 2_000_000 + number)
}

fn stranger(number: usize) -> String {
    format!("+1628{:07}", 2_000_000 + number)
}
