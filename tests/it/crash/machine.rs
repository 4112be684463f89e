//! Traffic both ways over many conversations, around a daemon that lives many lives.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use partyline::crash::Point;
use partyline_slack::simulator as slack;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;

use super::life::{End, Insists, Life};
use crate::matrix::hall::Hall;
use crate::support::synapse::{Person, Synapse};
use crate::support::{Group, PATIENCE, World, over_http};

/// Commands that are under way at once, at most.
const COMMANDS: usize = 4;

/// How long an acknowledged command may take through all the lives meanwhile.
const ANSWERED_WITHIN: Duration = Duration::from_secs(300);

/// What one command came to.
#[derive(Debug)]
pub(super) struct Told {
    /// The line.
    pub(super) line: String,
    /// Slack was told that it arrived.
    pub(super) acknowledged: bool,
    /// The answer that the person saw.
    pub(super) answer: Option<String>,
}

/// What a command under way is to change here once it is answered.
enum Wish {
    /// A name for a phone.
    Name {
        address: String,
        name: String,
    },
    /// A group that takes part from now on.
    Link(Box<Group>),
    Nothing,
}

/// A homeserver with a room for each of the first groups.
pub(super) struct Rooms {
    _synapse: Synapse,
    pub(super) bot: Person,
    /// Somebody who is in all of them, and talks.
    pub(super) ravi: Person,
    /// By conversation.
    pub(super) of: HashMap<String, String>,
}

/// The machine.
pub(super) struct Machine {
    pub(super) world: World,
    /// What takes part besides, in some runs.
    pub(super) rooms: Option<Rooms>,
    pub(super) groups: Vec<Group>,
    /// Users of the workspace who talk.
    pub(super) people: Vec<String>,
    /// A channel that is tied to nothing, for commands.
    pub(super) office: String,
    /// Every text that somebody's phone tried to say, by conversation.
    pub(super) tried: HashMap<String, Vec<String>>,
    /// The names that each address was given, and how many of them are known to have been taken.
    pub(super) names: HashMap<String, (Vec<String>, usize)>,
    /// Every command that came to an end.
    pub(super) told: Vec<Told>,
    pub(super) rng: StdRng,
    said: u64,
    made: u32,
    /// What each phone said last of all.
    pub(super) last: HashMap<String, String>,
    heads: HashMap<String, slack::Ts>,
    commands: Vec<(Wish, JoinHandle<Told>)>,
    seed: u64,
}

impl Machine {
    /// So many groups of two phones and a channel, with a daemon that is not running yet.
    pub(super) async fn new(groups: u32, seed: u64) -> Self {
        Self::around(World::with(options()).await, None, groups, seed).await
    }

    /// The same, with Slack calling the daemon instead of the daemon calling Slack.
    pub(super) async fn over_http(groups: u32, seed: u64) -> Self {
        let options = slack::Options { mode: over_http(), ..options() };
        Self::around(World::with(options).await, None, groups, seed).await
    }

    /// The same, with no address that Twilio could call.
    pub(super) async fn without_public_address(groups: u32, seed: u64) -> Self {
        let mut machine = Self::new(groups, seed).await;
        machine.world.twilio.set_webhook_url(None);
        machine.world.daemon.without_public_address();
        machine
    }

    /// The same, with a room on a homeserver for each group.
    pub(super) async fn with_rooms(groups: u32, seed: u64) -> Self {
        let world = World::with(options()).await;
        let Hall { world, synapse, bot, ravi } = Hall::around(Synapse::start().await, world).await;
        let rooms = Rooms { _synapse: synapse, bot, ravi, of: HashMap::new() };
        Self::around(world, Some(rooms), groups, seed).await
    }

    async fn around(mut world: World, rooms: Option<Rooms>, groups: u32, seed: u64) -> Self {
        let people = ["Ada Admin", "Ben Carter", "Chloé Dupont"];
        let mut ids = vec![world.admin.clone()];
        ids.extend(people[1..].iter().map(|name| world.slack.add_user(name, None)));
        let office = world.slack.add_channel("office", &[&world.admin]);
        world.daemon.configure(|config| {
            *config = config
                .replace("gap_wait = \"200ms\"", "gap_wait = \"50ms\"")
                .replace("compare_after = \"1h\"", "compare_after = \"300ms\"");
        });
        let mut machine = Self {
            world,
            rooms,
            groups: Vec::new(),
            people: ids,
            office,
            tried: HashMap::new(),
            names: HashMap::new(),
            told: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            said: 0,
            made: 0,
            last: HashMap::new(),
            heads: HashMap::new(),
            commands: Vec::new(),
            seed,
        };
        for _ in 0..groups {
            let group = machine.group().await;
            machine.world.daemon.link(&group.conversation, &format!("slack:{}", group.channel));
            if let Some(rooms) = &mut machine.rooms {
                let room = rooms.ravi.create_room(&[&rooms.bot.id]).await;
                rooms.bot.join(&room).await;
                machine.world.daemon.link(&group.conversation, &format!("matrix:{room}"));
                rooms.of.insert(group.conversation.clone(), room);
            }
            machine.groups.push(group);
        }
        machine
    }

    /// Has the daemon make its store, being ended in the middle of it, and come to know its rooms:
    /// what was said before a room was first read is not for the others.
    pub(super) async fn begin(&mut self) {
        self.world.daemon.arm(&Life::plain(End::At(Point::StartMigrate, 1)).armed());
        self.world.daemon.spawn();
        let began = Instant::now();
        while self.world.daemon.ended().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end\n{}", self.world.daemon.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.world.daemon.arm("");
        self.world.daemon.start().await;
        self.everybody_speaks();
        self.world.twilio.idle().await;
        for group in &self.groups {
            self.world.wait_for_posts(&group.channel, group.phones.len()).await;
        }
        self.world.daemon.wait_until_settled().await;
        self.wait_until_rooms_are_read().await;
        self.world.daemon.kill();
    }

    async fn wait_until_rooms_are_read(&self) {
        let Some(rooms) = &self.rooms else { return };
        let began = Instant::now();
        let read = "SELECT count(*) FROM places WHERE place LIKE 'matrix:%' AND last IS NOT NULL";
        while self.ledger().query_row(read, [], |row| row.get::<_, usize>(0)) != Ok(rooms.of.len())
        {
            assert!(began.elapsed() < PATIENCE, "rooms are not read\n{}", self.world.daemon.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A group of two phones and a channel, tied to nothing.
    async fn group(&mut self) -> Group {
        self.made += 1;
        let name = format!("group-{}", self.made);
        let phones: Vec<String> =
            (0..2).map(|phone| format!("+1415556{:04}", self.made * 2 + phone)).collect();
        let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
        let (conversation, phones) = self.world.conversation(&name, &phones).await;
        let people: Vec<&str> = self.people.iter().map(String::as_str).collect();
        let channel = self.world.slack.add_channel(&name, &people);
        self.world.slack.join(&channel, &self.world.slack.options().identity.user);
        Group { conversation, channel, phones }
    }

    /// How much was said.
    pub(super) const fn said(&self) -> u64 {
        self.said
    }

    /// One message, somewhere: of a phone, in a channel, in a thread, in a room. Its last word is its
    /// own.
    pub(super) async fn say(&mut self) {
        let group = self.groups.choose(&mut self.rng).expect("a group");
        self.said += 1;
        let mark = format!("m{}", self.said);
        let text = match self.rng.random_range(0..20) {
            0 => format!("<b>&amp; *stars* _lines_ `ticks`\nand a second line {mark}"),
            1 => format!("{} {mark}", "long ".repeat(200)),
            _ => mark.clone(),
        };
        let room = self.rooms.as_ref().and_then(|rooms| rooms.of.get(&group.conversation));
        match (self.rng.random_range(0..20), room, &self.rooms) {
            (14.., Some(room), Some(rooms)) => drop(rooms.ravi.say(room, &text).await),
            (0..10, ..) => {
                let phone = group.phones.choose(&mut self.rng).expect("a phone");
                phone.say_at_once(&group.conversation, text.as_str()).expect("a member");
                self.tried.entry(group.conversation.clone()).or_default().push(mark);
            }
            (10..12, ..) if self.heads.contains_key(&group.channel) => {
                let user = self.people.choose(&mut self.rng).expect("a user");
                let head = self.heads[&group.channel];
                self.world
                    .slack
                    .user_replies(&group.channel, user, head, &text, false)
                    .expect("it is there");
            }
            _ => {
                let user = self.people.choose(&mut self.rng).expect("a user");
                let ts =
                    self.world.slack.user_says(&group.channel, user, &text).expect("it is there");
                self.heads.insert(group.channel.clone(), ts);
            }
        }
    }

    /// Gives a command, unless too many are under way: mostly a new name for a phone, now and then one
    /// that ties a new group to its channel, or one that only asks.
    pub(super) async fn command(&mut self) {
        self.take_told().await;
        if self.commands.len() >= COMMANDS {
            return;
        }
        let kind = self.rng.random_range(0..10);
        self.command_of(kind).await;
    }

    async fn command_of(&mut self, kind: u32) {
        let (wish, channel, line) = match kind {
            0..6 => {
                let group = self.groups.choose(&mut self.rng).expect("a group");
                let phone = group.phones.choose(&mut self.rng).expect("a phone");
                let address = phone.address().to_owned();
                let names = &mut self.names.entry(address.clone()).or_default().0;
                let name = format!("Name {}", names.len() + 1);
                names.push(name.clone());
                let number = address.trim_start_matches("whatsapp:");
                let line = format!("contact add {number} \"{name}\"");
                (Wish::Name { address, name }, self.office.clone(), line)
            }
            6..8 => {
                let group = self.group().await;
                let line = format!("group link {}", group.conversation);
                (Wish::Link(group.clone().into()), group.channel, line)
            }
            _ => (Wish::Nothing, self.office.clone(), "status".to_owned()),
        };
        self.give(wish, &channel, line);
    }

    fn give(&mut self, wish: Wish, channel: &str, line: String) {
        let admin = &self.world.admin;
        let mut run = self.world.slack.command(channel, admin, "/wa", &line).expect("known");
        let waits = tokio::spawn(async move {
            let acknowledged = run.acknowledged().await.is_ok();
            // One that was not acknowledged may have arrived all the same; nobody is promised
            // anything then.
            let within = if acknowledged { ANSWERED_WITHIN } else { Duration::ZERO };
            let answer = run.answer(within).await.ok().map(|answer| answer.text);
            Told { line, acknowledged, answer }
        });
        self.commands.push((wish, waits));
    }

    /// Takes what commands came to that are answered or failed by now.
    async fn take_told(&mut self) {
        let ended = self.commands.extract_if(.., |(_, waits)| waits.is_finished());
        for (wish, waits) in ended.collect::<Vec<_>>() {
            let told = waits.await.expect("it waited");
            self.took(wish, told);
        }
    }

    fn took(&mut self, wish: Wish, told: Told) {
        match wish {
            // What the bridge itself gave up is answered otherwise.
            Wish::Name { address, name }
                if told.answer.as_ref().is_some_and(|answer| answer.contains(&name)) =>
            {
                let (names, taken) = self.names.get_mut(&address).expect("it was given");
                let place = names.iter().position(|one| *one == name).expect("it was given") + 1;
                *taken = place.max(*taken);
            }
            // Before the answer nobody knows which messages the link relays.
            Wish::Link(group) if told.answer.as_ref().is_some_and(|a| a.contains("ied to")) => {
                self.groups.push(*group);
            }
            _ => {}
        }
        self.told.push(told);
    }

    /// Waits for what the commands under way come to.
    pub(super) async fn finish_commands(&mut self) {
        for (wish, waits) in std::mem::take(&mut self.commands) {
            let told = waits.await.expect("it waited");
            self.took(wish, told);
        }
    }

    /// Every phone says something, so that its name shows.
    pub(super) fn everybody_speaks(&mut self) {
        for group in &self.groups {
            for phone in &group.phones {
                self.said += 1;
                let mark = format!("m{}", self.said);
                phone.say_at_once(&group.conversation, mark.as_str()).expect("a member");
                self.tried.entry(group.conversation.clone()).or_default().push(mark.clone());
                self.last.insert(phone.address().to_owned(), mark);
            }
        }
    }

    /// Starts the daemon, talks, and has it end as the life says. Answers whether it ended where
    /// it was to end; else its fail point was not reached.
    pub(super) async fn live(&mut self, life: &Life) -> bool {
        for _ in 0..life.missed {
            self.say().await;
        }
        life.break_platforms(&self.world);
        self.world.daemon.arm(&life.armed());
        self.world.daemon.spawn();
        let began = Instant::now();
        let longest = match life.end {
            End::Kill(after) | End::Stop(after) => after,
            End::At(..) => life.longest,
        };
        while began.elapsed() < longest {
            if let Some(status) = self.world.daemon.ended() {
                assert!(
                    matches!(life.end, End::At(..)) && aborted(status),
                    "it ended with {status}, seed {}, {life:?}\n{}",
                    self.seed,
                    self.world.daemon.log()
                );
                return true;
            }
            self.say().await;
            if let Some(kind) = life.insists {
                self.command_of(match kind {
                    Insists::Contacts => 0,
                    Insists::Links => 6,
                })
                .await;
            } else if self.rng.random_bool(0.3) {
                self.command().await;
            }
            // The pace of the talk; nothing is waited for.
            let pause = Duration::from_micros(self.rng.random_range(500..12_000));
            tokio::time::sleep(pause).await;
        }
        match life.end {
            End::Stop(_) => {
                // Before it listens to it, the signal ends it as any program.
                self.world.daemon.wait_until_live().await;
                self.world.daemon.stop().await;
            }
            End::Kill(_) | End::At(..) => self.world.daemon.kill(),
        }
        !matches!(life.end, End::At(..))
    }
}

/// Slack as the machine has it.
fn options() -> slack::Options {
    slack::Options {
        // What was not acknowledged comes again soon, so that repeats are among it.
        event_retries: [0, 1, 5].map(Duration::from_secs).to_vec(),
        half_open_for: Duration::from_secs(3),
        kept_messages: 1_000_000,
        ..slack::Options::default()
    }
}

fn aborted(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGABRT: i32 = 6;
    status.signal() == Some(SIGABRT)
}
