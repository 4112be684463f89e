//! All of it together: the platforms, the daemon between them, and what is done to them.

use std::collections::{HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Clock, SystemClock};
use partyline_slack::simulator::{Answer, Ts};
use partyline_twilio::simulator::Phone;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::cast::{COLLEAGUES, MEMBERS, OTHER_SENDER, SENDER, owner};
use super::keeper::{Keeper, Wiring};
use super::settings::{self, MatrixRoom};
use super::world::{self, Room, World};

/// How long the bridge has for the answer to a command.
const ANSWER: Duration = Duration::from_secs(20);
/// The folder of the daemon's stores, in the sandbox's own.
const STORE: &str = "store";
/// Command lines that are remembered, to be shown above their answers.
const TYPED: usize = 100;
/// What phones wrote outside of any conversation, of which as much is remembered.
const ALONE: usize = 100;

/// The sandbox, set up and running.
pub struct Stage {
    pub(super) world: Arc<World>,
    pub(super) keeper: Keeper,
    folder: TempDir,
    pub(super) matrix: Option<MatrixRoom>,
    state: Mutex<Remembered>,
    /// Told of what no platform tells: a window closed, a command typed.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Remembered {
    /// Phones (by number in the cast) whose 24-hour window was closed here.
    closed: HashSet<usize>,
    typed: VecDeque<Typed>,
    alone: VecDeque<Alone>,
}

/// Something that a phone wrote to a number while it was in no conversation behind it: Twilio tells of
/// it, and keeps no conversation.
#[derive(Clone, Debug)]
pub(super) struct Alone {
    /// Whose phone, by number in the cast.
    pub(super) phone: usize,
    /// To which number, as Twilio writes it.
    pub(super) to: String,
    /// When.
    pub(super) at: Timestamp,
    /// The words.
    pub(super) text: String,
}

/// A command that somebody typed.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// Who, by number in the cast.
    pub(super) by: usize,
    /// Where.
    pub(super) room: Room,
    /// When.
    pub(super) at: Timestamp,
    /// The whole line: `/wa status`.
    pub(super) line: String,
}

impl Stage {
    /// Starts the platforms and the daemon. The group is tied to its channel by command, the
    /// contacts are added by command; `pictures` is the address that people's pictures are under.
    ///
    /// # Errors
    /// Something does not start; what, and why.
    pub async fn start(
        metrics: PrometheusHandle,
        matrix: Option<MatrixRoom>,
        pictures: Option<&str>,
    ) -> anyhow::Result<Self> {
        let stage = Self::open(metrics, matrix, pictures).await?;
        stage.set(pictures).await?;
        Ok(stage)
    }

    /// The same with nothing in it: no link, no contact.
    pub(super) async fn open(
        metrics: PrometheusHandle,
        matrix: Option<MatrixRoom>,
        pictures: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("partyline-sandbox-").context(
            "there is no room for the sandbox's store in the folder for temporary files",
        )?;
        let world = Arc::new(World::start(pictures).await?);
        // What is wrong with the Matrix room is told before anything else.
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        settings::config(&world, anywhere, folder.path(), matrix.as_ref())?;
        let keeper = Keeper::new(Wiring {
            world: world.clone(),
            folder: folder.path().join(STORE),
            matrix: matrix.clone(),
            metrics,
        });
        keeper.switched(true).await.context("the daemon does not start")?;
        let (state, changed) = (Mutex::default(), Notify::new());
        Ok(Self { world, keeper, folder, matrix, state, changed })
    }

    /// Ties and names what is there from the start.
    pub(super) async fn set(&self, pictures: Option<&str>) -> anyhow::Result<()> {
        self.command(0, Room::Channel, &format!("group link {}", self.world.group)).await?;
        for member in MEMBERS.iter().filter(|member| member.is_contact) {
            self.command(0, Room::Channel, &contact_line(member.number, member.name, pictures))
                .await?;
        }
        match self.world.inbox {
            // What they write there would stand in the inbox.
            Some(_) => Ok(()),
            None => self.introduce().await,
        }
    }

    /// Those who are no contacts write to another number of the account: it is in no
    /// conversation, and all that the bridge learns of it is the name in their WhatsApp profile.
    async fn introduce(&self) -> anyhow::Result<()> {
        for (member, phone) in MEMBERS.iter().zip(&self.world.phones) {
            if !member.is_contact {
                phone.write_to(OTHER_SENDER, "Is this the right number?").await?;
            }
        }
        self.world.twilio.idle().await;
        Ok(())
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A member types in the group, having read what is on the phone.
    ///
    /// # Errors
    /// The phone is off, or there is no such phone.
    pub(super) fn say_on_phone(&self, phone: usize, text: &str) -> anyhow::Result<()> {
        self.in_hand(phone)?.say_at_once(&self.world.group, text)?;
        self.remembered().closed.remove(&phone);
        Ok(())
    }

    /// Somebody types on a phone, having read what is on it: to the number that wrote last, at first
    /// to the group's.
    ///
    /// # Errors
    /// The phone is off, there is no such phone, or the bridge did not let the message through.
    pub(super) async fn write_on_phone(&self, phone: usize, text: &str) -> anyhow::Result<()> {
        let device = self.in_hand(phone)?;
        let to = device.inbox().pop().map_or_else(|| SENDER.to_owned(), |item| item.from);
        self.remembered().closed.remove(&phone);
        let said = device.write_to(&to, text).await?;
        if said.message.is_none() {
            let alone = Alone { phone, to, at: SystemClock.now(), text: text.to_owned() };
            keep(&mut self.remembered().alone, alone, ALONE);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// A phone that somebody types on: they have read what is on it.
    fn in_hand(&self, phone: usize) -> anyhow::Result<&Phone> {
        let device = self.world.phones.get(phone).context("there is no such phone")?;
        if !device.is_on() {
            return Err(anyhow!("{}'s phone is off: switch it on first", owner(phone).short));
        }
        device.read_all();
        Ok(device)
    }

    /// Closes a phone's 24-hour window: nothing but templates reaches it until it writes again.
    ///
    /// # Errors
    /// There is no such phone.
    pub(super) fn close_window(&self, phone: usize) -> anyhow::Result<()> {
        self.world.phones.get(phone).context("there is no such phone")?.close_window();
        self.remembered().closed.insert(phone);
        self.changed.notify_one();
        Ok(())
    }

    /// Switches a phone on or off.
    ///
    /// # Errors
    /// There is no such phone.
    pub(super) fn switch_phone(&self, phone: usize, on: bool) -> anyhow::Result<()> {
        self.world.phones.get(phone).context("there is no such phone")?.switch(on);
        Ok(())
    }

    /// Where the daemon keeps its stores.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join(STORE)
    }

    /// Whether a phone's window was closed here and not opened since.
    pub(super) fn is_closed(&self, phone: usize) -> bool {
        self.remembered().closed.contains(&phone)
    }

    /// Somebody writes in a channel, or in a thread of it.
    ///
    /// # Errors
    /// There is no such person, channel or thread.
    pub(super) fn say_in(
        &self,
        by: usize,
        room: Room,
        thread: Option<Ts>,
        text: &str,
    ) -> anyhow::Result<()> {
        let (user, channel, slack) = (self.user(by)?, self.channel(room)?, &self.world.slack);
        match thread {
            None => slack.user_says(channel, user, text)?,
            Some(head) => slack.user_replies(channel, user, head, text, false)?,
        };
        Ok(())
    }

    fn user(&self, by: usize) -> anyhow::Result<&str> {
        let user = self.world.colleagues.get(by).context("there is no such person")?;
        Ok(user)
    }

    fn channel(&self, room: Room) -> anyhow::Result<&str> {
        self.world.room(room).context("there is no such channel here")
    }

    /// Somebody gives a `/wa` command in a channel; its answer.
    ///
    /// # Errors
    /// The bridge does not answer: it is off, most likely.
    pub(super) async fn command(
        &self,
        by: usize,
        room: Room,
        line: &str,
    ) -> anyhow::Result<Answer> {
        let (user, channel) = (self.user(by)?, self.channel(room)?);
        self.note_typed(by, room, line);
        let mut run = self.world.slack.command(channel, user, "/wa", line)?;
        let answer = run.answer(ANSWER).await;
        answer.with_context(|| format!("/wa {line} got no answer"))
    }

    /// The same of one that can open a form: either is waited for.
    ///
    /// # Errors
    /// Likewise.
    pub(super) async fn give(&self, by: usize, room: Room, line: &str) -> anyhow::Result<()> {
        let (slack, user) = (&self.world.slack, self.user(by)?);
        let before = slack.on_screen(user).map(|form| form.id);
        let opened = slack.wait_for("a form", ANSWER, |slack| {
            slack.on_screen(user).filter(|form| before.as_ref() != Some(&form.id))
        });
        tokio::select! {
            answered = self.command(by, room, line) => answered.map(drop),
            Ok(_) = opened => Ok(()),
        }
    }

    /// Somebody presses a button; how that ends is shown in its place, or to them.
    ///
    /// # Errors
    /// There is no such button, or the bridge does not answer.
    pub(super) async fn press(
        &self,
        by: usize,
        room: Room,
        ts: Ts,
        action: &str,
    ) -> anyhow::Result<()> {
        let (user, channel) = (self.user(by)?, self.channel(room)?);
        let mut run = self.world.slack.press_button(channel, user, ts, action)?;
        run.acknowledged().await.context("the bridge does not answer: is it off?")
    }

    fn note_typed(&self, by: usize, room: Room, line: &str) {
        let typed = Typed { by, room, at: SystemClock.now(), line: format!("/wa {line}") };
        keep(&mut self.remembered().typed, typed, TYPED);
        self.changed.notify_one();
    }

    /// What a phone wrote outside of any conversation, oldest first.
    pub(super) fn alone(&self, phone: usize) -> Vec<Alone> {
        self.remembered().alone.iter().filter(|one| one.phone == phone).cloned().collect()
    }

    /// The commands that were typed, oldest first.
    pub(super) fn typed(&self) -> Vec<Typed> {
        self.remembered().typed.iter().cloned().collect()
    }

    /// Stops everything.
    pub async fn end(self) {
        self.keeper.end().await;
    }
}

/// Remembers something more, and forgets the oldest of too much.
fn keep<T>(list: &mut VecDeque<T>, one: T, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(one);
}

/// The command that makes somebody a contact.
pub(super) fn contact_line(number: &str, name: &str, pictures: Option<&str>) -> String {
    let picture = pictures.map(|base| format!(" --picture {}", world::picture(base, name)));
    format!("contact add {number} \"{name}\"{}", picture.unwrap_or_default())
}

/// The number in the cast of a Slack user.
pub(super) fn colleague(world: &World, user: &str) -> Option<usize> {
    world.colleagues.iter().position(|id| id == user).filter(|at| *at < COLLEAGUES.len())
}
