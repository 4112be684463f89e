//! What must stand where at the end, and what differs.
//!
//! The platforms are the witnesses. What a phone said, in the order of its conversation, must
//! stand in the channel and in the room, if there is one; what was said in the channel, in its order,
//! must stand in the conversation and in the room; and so on: each once. Of a message that Slack announced late or not at all, the order is
//! excused. Two more things excuse a message, and both are to be seen by a person:
//!
//! - it was parked because the platform refused it for good. It is listed with a reason, its room
//!   is told, and once it is sent again it stands there once, behind the others;
//! - it was parked as uncertain: nobody could find out whether it was sent. It is listed, its room
//!   is told that it may not have arrived, and it stands there once or not at all.
//!
//! A command that was acknowledged is answered, and has taken effect once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use partyline_slack::simulator as slack;
use rusqlite::{Connection, OpenFlags};

use super::machine::Machine;
use crate::support::{Group, PATIENCE};

/// A delivery that is parked.
#[derive(Debug)]
struct Parked {
    number: i64,
    reason: String,
    owed: String,
}

/// Somewhere where people talk.
struct Heard {
    name: String,
    /// What its own people said, in its order.
    said: Vec<String>,
    /// What the bridge said there.
    arrived: Vec<String>,
}

/// What is excused of its place in the order, or of being there.
#[derive(Default)]
struct Excused {
    retried: HashSet<String>,
    uncertain: HashSet<String>,
    belated: HashSet<String>,
}

impl Machine {
    /// Heals the platforms, starts the daemon once more, has it finish, and holds everything
    /// against what the platforms have.
    ///
    /// # Panics
    /// Something is lost, doubled or out of order: with what, where, and what the ledger has of it.
    pub(super) async fn verdict(&mut self) -> String {
        self.world.twilio.clear_faults();
        self.world.slack.clear_faults();
        self.world.slack.drop_sockets();
        self.world.daemon.arm("");
        self.world.daemon.start().await;
        self.world.twilio.idle().await;
        self.finish_commands().await;
        self.everybody_speaks();
        let mut excused = self.settle_parked().await;
        excused.belated = self.belated();
        self.wait_until_right(&excused).await;
        self.check_commands();
        format!(
            "{} messages, of which {} were refused and sent again, {} uncertain, {} announced late \
             or never; {} commands",
            self.said(),
            excused.retried.len(),
            excused.uncertain.len(),
            excused.belated.len(),
            self.told.iter().filter(|told| told.acknowledged).count(),
        )
    }

    /// Sends again what was refused, and drops what nobody can find out about, as an operator
    /// would.
    async fn settle_parked(&mut self) -> Excused {
        let mut excused = Excused::default();
        self.world.daemon.wait_until_nothing_is_open().await;
        for parked in self.parked() {
            let uncertain = parked.reason == "uncertain";
            let word = if uncertain { "drop" } else { "retry" };
            let line = format!("queue {word} {}", parked.number);
            self.insist(&line).await;
            let list = if uncertain { &mut excused.uncertain } else { &mut excused.retried };
            list.extend(marks(&parked.owed));
        }
        self.world.daemon.wait_until_settled().await;
        excused
    }

    /// Gives a command, again where Slack says that it was not acknowledged in time.
    async fn insist(&self, line: &str) {
        let began = std::time::Instant::now();
        loop {
            let run = self.world.slack.command(&self.office, &self.world.admin, "/wa", line);
            if run.expect("known").answer(PATIENCE).await.is_ok() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no answer to {line}\n{}", self.heading());
        }
    }

    pub(super) fn ledger(&self) -> Connection {
        let path = self.world.daemon.store().join("ledger.db");
        let ledger = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        ledger.expect("the ledger")
    }

    fn parked(&self) -> Vec<Parked> {
        let ledger = self.ledger();
        let mut rows = ledger
            .prepare("SELECT id, reason, owed FROM deliveries WHERE state = 2 ORDER BY id")
            .expect("the table");
        let rows = rows.query_map([], |row| {
            Ok(Parked { number: row.get(0)?, reason: row.get(1)?, owed: row.get(2)? })
        });
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    /// What is read back may still be on its way when nothing is open: looks until all is right,
    /// or for so long.
    async fn wait_until_right(&self, excused: &Excused) {
        let began = std::time::Instant::now();
        loop {
            let wrong = self.what_is_wrong(excused).await;
            if wrong.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{}\n{wrong}", self.heading());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    fn heading(&self) -> String {
        let log = self.world.daemon.log();
        let tail: Vec<&str> = log.lines().rev().take(60).collect();
        let tail: String = tail.into_iter().rev().flat_map(|line| [line, "\n"]).collect();
        format!("the end of the log:\n{tail}")
    }

    /// Everything that is not as it must be, in words; empty if all is.
    async fn what_is_wrong(&self, excused: &Excused) -> String {
        let mut wrong = String::new();
        for group in &self.groups {
            let mut places = vec![self.conversation(group), self.channel(group)];
            places.extend(self.room(group).await);
            let tried = self.tried.get(&group.conversation).cloned().unwrap_or_default();
            let dropped: Vec<_> =
                tried.iter().filter(|one| !places[0].said.contains(one)).collect();
            if !dropped.is_empty() {
                let _ = writeln!(wrong, "{}: the hook dropped {dropped:?}", group.conversation);
            }
            for (to, from) in pairs(places.len()) {
                let elsewhere: HashSet<&String> = (0..places.len())
                    .filter(|other| *other != from)
                    .flat_map(|other| &places[other].said)
                    .collect();
                let arrived = places[to].arrived.iter().filter(|one| !elsewhere.contains(one));
                let arrived: Vec<String> = arrived.cloned().collect();
                for (mark, what) in difference(&places[from].said, &arrived, excused) {
                    let _ = writeln!(
                        wrong,
                        "{}: {mark} {what}{}",
                        places[to].name,
                        self.rows_of(&mark)
                    );
                }
            }
        }
        wrong
    }

    fn conversation(&self, group: &Group) -> Heard {
        let mut heard = Heard::at(&group.conversation);
        for message in self.world.twilio.messages(&group.conversation) {
            let of_phone = message.author.starts_with("whatsapp:");
            let list = if of_phone { &mut heard.said } else { &mut heard.arrived };
            list.extend(mark(message.body.as_deref().unwrap_or_default()));
        }
        heard
    }

    fn channel(&self, group: &Group) -> Heard {
        let mut heard = Heard::at(&group.channel);
        for message in self.world.slack.messages(&group.channel) {
            let list = match &message.author {
                slack::Author::User(_) => &mut heard.said,
                slack::Author::App { .. } => &mut heard.arrived,
            };
            list.extend(mark(&message.text));
        }
        heard
    }

    async fn room(&self, group: &Group) -> Option<Heard> {
        let rooms = self.rooms.as_ref()?;
        let room = rooms.of.get(&group.conversation)?;
        let mut heard = Heard::at(room);
        for event in rooms.ravi.history(room).await {
            let body = event["content"]["body"].as_str().unwrap_or_default();
            if event["sender"] == rooms.bot.id.as_str() {
                // What piled up goes as one message, a line each.
                heard.arrived.extend(body.lines().filter_map(mark));
            } else {
                heard.said.extend(mark(body));
            }
        }
        Some(heard)
    }

    /// What Slack announced late, or not at all.
    fn belated(&self) -> HashSet<String> {
        let slack = &self.world.slack;
        let channels = self.groups.iter().map(|group| &group.channel);
        channels
            .flat_map(|channel| {
                let said = slack.messages(channel).into_iter();
                said.filter(|one| slack.is_belated(channel, one.ts))
            })
            .filter_map(|one| mark(&one.text))
            .collect()
    }

    /// What the ledger has of a message.
    fn rows_of(&self, mark: &str) -> String {
        let ledger = self.ledger();
        let mut rows = ledger
            .prepare(
                "SELECT e.id, e.via, e.key, e.ordinal, e.state, d.id, d.lane, d.position, d.state,
                        d.reason, p.ordinal, p.holding
                 FROM events e JOIN places p ON p.id = e.place
                 LEFT JOIN deliveries d ON d.event = e.id
                 WHERE e.event LIKE '%' || ?1 || '\"%'",
            )
            .expect("the tables");
        let columns = rows.column_names().join(" ");
        let rows = rows.query_map([mark], |row| {
            (0..12).map(|at| Ok(format!("{:?}", row.get_ref(at)?))).collect::<Result<Vec<_>, _>>()
        });
        let rows: Vec<Vec<String>> = rows.expect("rows").filter_map(Result::ok).collect();
        if rows.is_empty() {
            return "\n    the ledger has nothing of it".to_owned();
        }
        let rows: String = rows.iter().map(|row| format!("\n    {}", row.join(" "))).collect();
        format!("\n    {columns}{rows}")
    }

    /// Each acknowledged command was answered, and the last name that each phone was given shows.
    fn check_commands(&self) {
        for told in self.told.iter().filter(|told| told.acknowledged) {
            assert!(told.answer.is_some(), "no answer to {}\n{}", told.line, self.heading());
        }
        let phones =
            self.groups.iter().flat_map(|group| group.phones.iter().map(move |p| (group, p)));
        for (group, phone) in phones {
            let Some((names, taken)) = self.names.get(phone.address()) else { continue };
            let last = self.last.get(phone.address());
            let posts = self.world.channel(&group.channel);
            let post = posts.iter().find(|(_, text)| mark(text).as_ref() == last);
            let (shown, _) = post.expect("it was looked up");
            // Later ones, which were not acknowledged, may have come in too.
            let right = *taken == 0 || names[taken - 1..].contains(shown);
            assert!(right, "{} was named {:?}, and shows as {shown}", phone.address(), names);
        }
    }
}

impl Heard {
    fn at(name: &str) -> Self {
        Self { name: name.to_owned(), said: Vec::new(), arrived: Vec::new() }
    }
}

/// Each place with each other one.
fn pairs(places: usize) -> impl Iterator<Item = (usize, usize)> {
    let all = (0..places).flat_map(move |to| (0..places).map(move |from| (to, from)));
    all.filter(|(to, from)| to != from)
}

/// The words by which messages are known: the last of each text.
fn mark(text: &str) -> Option<String> {
    let last = text.split_whitespace().next_back()?;
    let is_mark = last.strip_prefix('m').is_some_and(|n| n.parse::<u64>().is_ok());
    is_mark.then(|| last.to_owned())
}

/// The marks in what is owed.
fn marks(owed: &str) -> Vec<String> {
    owed.split(|c: char| !c.is_alphanumeric()).filter_map(mark).collect()
}

/// How what arrived differs from what was said, by message.
fn difference(said: &[String], arrived: &[String], excused: &Excused) -> BTreeMap<String, String> {
    let mut wrong = BTreeMap::new();
    let mut count: HashMap<&String, usize> = HashMap::new();
    for mark in arrived {
        *count.entry(mark).or_default() += 1;
    }
    for mark in said {
        match count.remove(mark).unwrap_or_default() {
            1 => {}
            0 if excused.uncertain.contains(mark) => {}
            0 => drop(wrong.insert(mark.clone(), "did not arrive".to_owned())),
            many => drop(wrong.insert(mark.clone(), format!("arrived {many} times"))),
        }
    }
    for stranger in count.into_keys() {
        wrong.insert(stranger.clone(), "was not said there".to_owned());
    }
    let in_order = |list: &[String]| -> Vec<String> {
        let free = |mark: &&String| {
            !excused.retried.contains(*mark)
                && !excused.uncertain.contains(*mark)
                && !excused.belated.contains(*mark)
                && !wrong.contains_key(*mark)
        };
        list.iter().filter(free).cloned().collect()
    };
    let (said, arrived) = (in_order(said), in_order(arrived));
    for (said, arrived) in said.iter().zip(&arrived) {
        if said != arrived {
            wrong.insert(said.clone(), format!("is out of order: {arrived} is in its place"));
            wrong.insert(arrived.clone(), format!("is out of order: it is in the place of {said}"));
            break;
        }
    }
    wrong
}
