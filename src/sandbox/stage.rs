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
use tempfile::TempDir;
use tokio::sync::Notify;

use super::cast::{COLLEAGUES, MEMBERS, OTHER_SENDER};
use super::keeper::{Keeper, Wiring};
use super::settings::{self, MatrixRoom};
use super::world::{self, World};

/// How long the bridge has for the answer to a command.
const ANSWER: Duration = Duration::from_secs(20);
/// The folder of the daemon's stores, in the sandbox's own.
const STORE: &str = "store";
/// Command lines that are remembered, to be shown above their answers.
const TYPED: usize = 100;

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
}

/// A command that somebody typed in the channel.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// Who, by number in the cast.
    pub(super) by: usize,
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
        self.command(0, &format!("group link {}", self.world.group)).await?;
        for member in MEMBERS.iter().filter(|member| member.is_contact) {
            self.command(0, &contact_line(member.number, member.name, pictures)).await?;
        }
        self.introduce().await
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

    /// Somebody types on a phone, having read what is on it.
    ///
    /// # Errors
    /// The phone is off, or there is no such phone.
    pub(super) fn say_on_phone(&self, phone: usize, text: &str) -> anyhow::Result<()> {
        let device = self.world.phones.get(phone).context("there is no such phone")?;
        if !device.is_on() {
            return Err(anyhow!("{}'s phone is off: switch it on first", MEMBERS[phone].short));
        }
        device.read_all();
        device.say_at_once(&self.world.group, text)?;
        self.remembered().closed.remove(&phone);
        Ok(())
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

    /// Somebody writes in the channel.
    ///
    /// # Errors
    /// There is no such person.
    pub(super) fn say_in_channel(&self, by: usize, text: &str) -> anyhow::Result<()> {
        let user = self.world.colleagues.get(by).context("there is no such person")?;
        self.world.slack.user_says(&self.world.channel, user, text)?;
        Ok(())
    }

    /// Somebody gives a `/wa` command in the channel; its answer.
    ///
    /// # Errors
    /// The bridge does not answer: it is off, most likely.
    pub(super) async fn command(&self, by: usize, line: &str) -> anyhow::Result<Answer> {
        let user = self.world.colleagues.get(by).context("there is no such person")?;
        self.note_typed(by, line);
        let mut run = self.world.slack.command(&self.world.channel, user, "/wa", line)?;
        let answer = run.answer(ANSWER).await;
        answer.with_context(|| format!("/wa {line} got no answer"))
    }

    /// The same of one that can open a form: either is waited for.
    ///
    /// # Errors
    /// Likewise.
    pub(super) async fn give(&self, by: usize, line: &str) -> anyhow::Result<()> {
        let slack = &self.world.slack;
        let user = self.world.colleagues.get(by).context("there is no such person")?;
        let before = slack.on_screen(user).map(|form| form.id);
        let opened = slack.wait_for("a form", ANSWER, |slack| {
            slack.on_screen(user).filter(|form| before.as_ref() != Some(&form.id))
        });
        tokio::select! {
            answered = self.command(by, line) => answered.map(drop),
            Ok(_) = opened => Ok(()),
        }
    }

    /// Somebody presses a button under what only they see; how that ends stands in its place.
    ///
    /// # Errors
    /// There is no such button, or the bridge does not answer.
    pub(super) async fn press(&self, by: usize, ts: Ts, action: &str) -> anyhow::Result<()> {
        let user = self.world.colleagues.get(by).context("there is no such person")?;
        let (slack, channel) = (&self.world.slack, &self.world.channel);
        let mut run = slack.press_whispered(channel, user, ts, action)?;
        run.acknowledged().await.context("the bridge does not answer: is it off?")
    }

    fn note_typed(&self, by: usize, line: &str) {
        let typed = Typed { by, at: SystemClock.now(), line: format!("/wa {line}") };
        let mut remembered = self.remembered();
        if remembered.typed.len() == TYPED {
            remembered.typed.pop_front();
        }
        remembered.typed.push_back(typed);
        drop(remembered);
        self.changed.notify_one();
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

/// The command that makes somebody a contact.
pub(super) fn contact_line(number: &str, name: &str, pictures: Option<&str>) -> String {
    let picture = pictures.map(|base| format!(" --picture {}", world::picture(base, name)));
    format!("contact add {number} \"{name}\"{}", picture.unwrap_or_default())
}

/// The number in the cast of a Slack user.
pub(super) fn colleague(world: &World, user: &str) -> Option<usize> {
    world.colleagues.iter().position(|id| id == user).filter(|at| *at < COLLEAGUES.len())
}
