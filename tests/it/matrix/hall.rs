//! A world with a homeserver in it.

use std::time::Instant;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Duration, sleep};

use crate::support::synapse::{PASSWORD, Person, Synapse};
use crate::support::{Group, PATIENCE, World};

/// A world with a homeserver, on which the bot has an account, and Ravi, who may do everything.
pub(crate) struct Hall {
    pub(crate) world: World,
    pub(crate) synapse: Synapse,
    pub(crate) bot: Person,
    pub(crate) ravi: Person,
}

impl Hall {
    pub(crate) async fn new() -> Self {
        Self::with(Synapse::start().await).await
    }

    pub(crate) async fn with(synapse: Synapse) -> Self {
        Self::around(synapse, World::new().await).await
    }

    pub(crate) async fn around(synapse: Synapse, mut world: World) -> Self {
        let bot = synapse.person("partyline").await;
        let ravi = synapse.person("ravi").await;
        ravi.set_name("Ravi Rao").await;
        world.daemon.configure(|config| {
            let matrix = format!(
                "[matrix]\nhomeserver_url = \"{}\"\nuser_id = \"{}\"\npassword = \"{PASSWORD}\"\n\n\
                 [access]\nadmins = [\"matrix:{}\", ",
                synapse.url(),
                bot.id,
                ravi.id,
            );
            *config = config.replace("[access]\nadmins = [", &matrix);
        });
        Self { world, synapse, bot, ravi }
    }

    /// A conversation tied to a channel and to a room, by the configuration.
    pub(crate) async fn group(&mut self, name: &str, phones: &[&str]) -> (Group, String) {
        let group = self.world.group(name, phones).await;
        let room = self.ravi.create_room(&[&self.bot.id]).await;
        self.bot.join(&room).await;
        self.world.daemon.link(&group.conversation, &format!("matrix:{room}"));
        (group, room)
    }

    /// What the bot said in a room, once it is so much. What piled up goes as one message, a line
    /// each.
    pub(crate) async fn said_by_the_bot(&self, room: &str, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let history = self.ravi.history(room).await;
            let own = history.iter().filter(|event| event["sender"] == self.bot.id.as_str());
            let bodies: Vec<String> = own
                .filter_map(|event| {
                    let body = event["content"]["body"].as_str()?;
                    let many = event["content"]["org.partyline.deliveries"].as_array();
                    let lines =
                        if many.is_some() { body.split('\n').collect() } else { vec![body] };
                    assert_eq!(lines.len(), many.map_or(1, Vec::len), "{event}");
                    Some(lines.into_iter().map(str::to_owned).collect::<Vec<_>>())
                })
                .flatten()
                .collect();
            if bodies.len() >= count {
                return bodies;
            }
            let log = || self.world.daemon.log();
            assert!(began.elapsed() < PATIENCE, "{} of {count} in {room}\n{}", bodies.len(), log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until something of a network was read back, be it empty.
    pub(crate) async fn wait_until_read(&self, network: &str) {
        let began = Instant::now();
        let line = format!("partyline_read_back_total{{network=\"{network}\"}}");
        while self.world.daemon.metric(&line).await.is_none() {
            assert!(began.elapsed() < PATIENCE, "nothing is read\n{}", self.world.daemon.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the bot has followed an invitation.
    pub(crate) async fn wait_until_joined(&self, room: &str) {
        let began = Instant::now();
        let path = format!("rooms/{room}/joined_members");
        while self.ravi.call(Method::GET, &path, None).await["joined"][&self.bot.id].is_null() {
            assert!(began.elapsed() < PATIENCE, "it does not come\n{}", self.world.daemon.log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Gives a command in a room, and waits for its answer: a notice that replies to it.
    pub(crate) async fn command(&self, room: &str, by: &Person, line: &str) -> String {
        let command = by.say(room, &format!("!wa {line}")).await;
        self.answer(room, by, &command).await
    }

    /// Waits for the answer to a command.
    pub(super) async fn answer(&self, room: &str, by: &Person, command: &str) -> String {
        let began = Instant::now();
        loop {
            let history = by.history(room).await;
            let replies = |event: &&Value| {
                event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == command
            };
            if let Some(answer) = history.iter().find(replies) {
                assert_eq!(answer["sender"], self.bot.id.as_str());
                assert_eq!(answer["content"]["msgtype"], "m.notice");
                return answer["content"]["body"].as_str().expect("words").to_owned();
            }
            let log = || self.world.daemon.log();
            assert!(began.elapsed() < PATIENCE, "no answer to {command}\n{}", log());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The body of `/ready`, once it says that something is not.
pub(crate) async fn unready(url: &url::Url) -> Value {
    let began = Instant::now();
    loop {
        let answer = reqwest::get(url.clone()).await.expect("an answer");
        if answer.status() == 503 {
            return answer.json().await.expect("JSON");
        }
        assert!(began.elapsed() < PATIENCE, "everything is ready");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What was said under a name, in order.
pub(crate) fn under(texts: &[String], name: &str) -> Vec<String> {
    texts.iter().filter_map(|text| text.strip_prefix(name)).map(str::to_owned).collect()
}

/// `p0`, `p1`, …
pub(crate) fn numbered(letter: char, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{letter}{number}")).collect()
}
