//! Composition: the only file that names concrete bridges and stores.

mod offline;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use futures_util::FutureExt;
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Clock, Intake, Link, Network, SystemClock, Watch};
use partyline_matrix::Matrix;
use partyline_slack::Slack;
use partyline_twilio::Twilio;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use url::Url;

use crate::alerts::{self, Board, Keeper, Look, Signs, Skew};
use crate::backup;
use crate::catchup::{self, CatchUp, Polls};
use crate::commands::Desk;
use crate::config::{self, Config};
use crate::contacts::{Contacts, SledContacts};
use crate::control;
use crate::crash::{Point, point};
use crate::directory::Directory;
use crate::http::api::{self, Api};
use crate::http::server::{self, Bounds, Waits};
use crate::http::{self, Bodies, Rooms};
use crate::intake::{self, Door, Wakers};
use crate::keyed::Keyed;
use crate::lanes::{self, Lanes};
use crate::ledger::{Ledger, LedgerError};
use crate::lifecycle::Lifecycle;
use crate::links::Links;
use crate::members;
use crate::networks::{Networks, Powers};
use crate::operations::Operations;
use crate::operator::Operator;
use crate::poison::{GOOD_RUN, Guard};
use crate::process;
use crate::store::Folder;

pub use offline::{Offline, offline};

/// How soon a network that does not work is asked again, at the latest.
const PROBE_AGAIN: Duration = Duration::from_secs(5);
/// How often old bodies are looked for.
const FORGET: Duration = Duration::from_secs(60);
/// Connections at a time of the operator's listener, where it has one.
const OPERATORS: usize = 256;
/// How long the answers to the operator's commands are kept; a key to repeat one is known as
/// long.
const ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// The bridges that a configuration asks for.
struct Bridges {
    twilio: Arc<Twilio>,
    slack: Option<Arc<Slack>>,
    matrix: Option<Arc<Matrix>>,
}

impl Bridges {
    async fn build(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let twilio = Twilio::new(twilio_settings(config)?, Arc::clone(clock))?;
        let slack = match &config.slack {
            Some(section) => Some(Slack::new(slack_settings(section, config), Arc::clone(clock))?),
            None => None,
        };
        let matrix = match &config.matrix {
            Some(section) => {
                let settings = matrix_settings(section, config);
                Some(Matrix::connect(settings, Arc::clone(clock)).await?)
            }
            None => None,
        };
        Ok(Self {
            twilio: Arc::new(twilio),
            slack: slack.map(Arc::new),
            matrix: matrix.map(Arc::new),
        })
    }

    fn networks(&self, config: &Config) -> Networks {
        let twilio = self.twilio.clone();
        let mut networks = vec![(
            Network::Twilio,
            Powers {
                deliver: twilio.clone(),
                read_back: twilio.clone(),
                profiles: None,
                groups: Some(twilio.clone()),
                manage: Some(twilio.clone()),
                rooms: None,
                revise: None,
                ranks: None,
                watch: twilio,
                called: config.twilio.ingest == config::Ingest::Webhook,
                canary: config.twilio.ingest == config::Ingest::Webhook,
            },
        )];
        if let Some(slack) = &self.slack {
            let called = config
                .slack
                .as_ref()
                .is_some_and(|section| section.transport == config::Transport::Http);
            networks.push((
                Network::Slack,
                Powers {
                    deliver: slack.clone(),
                    read_back: slack.clone(),
                    profiles: Some(slack.clone()),
                    groups: None,
                    manage: None,
                    rooms: Some(slack.clone()),
                    revise: Some(slack.clone()),
                    ranks: config.access.slack_admin_group.as_ref().map(|_| slack.clone() as _),
                    watch: slack.clone(),
                    called,
                    canary: false,
                },
            ));
        }
        if let Some(matrix) = &self.matrix {
            networks.push((
                Network::Matrix,
                Powers {
                    deliver: matrix.clone(),
                    read_back: matrix.clone(),
                    profiles: Some(matrix.clone()),
                    groups: None,
                    manage: None,
                    rooms: Some(matrix.clone()),
                    revise: Some(matrix.clone()),
                    ranks: config.access.matrix_admin_power.map(|_| matrix.clone() as _),
                    watch: matrix.clone(),
                    called: false,
                    canary: false,
                },
            ));
        }
        Networks::new(networks)
    }
}

/// The probes of `check --online`, one a network.
///
/// # Errors
/// A bridge could not be made.
pub async fn probes(config: &Config) -> anyhow::Result<Vec<(Network, Arc<dyn Watch>)>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bridges = Bridges::build(config, &clock).await?;
    Ok(bridges
        .networks(config)
        .iter()
        .map(|(network, powers)| (network, powers.watch.clone()))
        .collect())
}

/// The bridge to Twilio alone, for `check --online` and `setup twilio-webhooks`.
///
/// # Errors
/// It could not be made.
pub fn twilio(config: &Config) -> anyhow::Result<Twilio> {
    Ok(Twilio::new(twilio_settings(config)?, Arc::new(SystemClock))?)
}

/// Where the daemon listens.
#[derive(Debug)]
pub struct Listeners {
    /// What the platforms call; and the operator, where there is no other.
    pub public: TcpListener,
    /// What the operator alone calls.
    pub operator: Option<TcpListener>,
}

/// Runs the daemon on these listeners until it is told to stop, and drains it.
///
/// # Errors
/// A store or a bridge could not be opened.
pub async fn run(
    config: &Config,
    listeners: Listeners,
    metrics: PrometheusHandle,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    process::private_folder(&config.store.folder).with_context(|| {
        format!("the folder {} (store.url) cannot be made", config.store.folder.display())
    })?;
    let store = Folder::new(&config.store.folder);
    backup::finished(&store)?;
    let ledger = Ledger::open(&store.ledger(), clock.clone())?;
    point(Point::StartLedger);
    let contacts = open_contacts(config, &store).await?;
    point(Point::StartContacts);
    let links = Arc::new(links(config, &ledger).await?);
    let bridges = Bridges::build(config, &clock).await?;
    let networks = bridges.networks(config);
    let (stop, tasks) = (&lifecycle.stop, &lifecycle.tasks);
    let guard = Guard::begin(ledger.clone()).await?;
    tasks.spawn(until(stop.clone(), survive(guard.clone())));
    let wakers = Wakers {
        lanes: Keyed::new(tasks.clone()),
        commands: Keyed::new(tasks.clone()),
        reads: Keyed::new(tasks.clone()),
        polls: polls(config),
    };
    let signs = Arc::new(Signs::default());
    let door = Door::new(
        ledger.clone(),
        links.clone(),
        contacts.names().clone(),
        networks.limits(),
        wakers.clone(),
        signs.clone(),
        intake::Late { limit: config.relay.catch_up(), lateness: config.relay.lateness.clone() },
    );
    let recalling =
        members::recall(&ledger, contacts.names(), &links, &networks, stop.clone()).await?;
    tasks.spawn(recalling);
    Lanes::new(
        ledger.clone(),
        networks.clone(),
        contacts.names().clone(),
        wakers.clone(),
        clock.clone(),
        stop.clone(),
        lanes::Care {
            guard: guard.clone(),
            give_up_after: config.relay.give_up_after,
            lateness: config.relay.lateness.clone(),
        },
    )
    .start()
    .await?;
    point(Point::StartLanes);
    let alerts = Arc::new(Board::default());
    let desk = Arc::new(desk(config, &ledger, &links, &contacts, &networks, &alerts, &clock));
    Operations::start(desk.clone(), wakers.clone(), stop.clone(), guard.clone()).await?;
    point(Point::StartCommands);
    let catch_up = CatchUp::new(
        door.clone(),
        ledger.clone(),
        links.clone(),
        networks.clone(),
        wakers.clone(),
        stop.clone(),
        catchup::Rules { guard: guard.clone(), gap_wait: config.relay.gap_wait },
    );
    catch_up.start().await?;
    point(Point::StartCatchUp);
    tasks.spawn(catch_up.tend());
    let making_up = door.make_up();
    let directory =
        Directory::new(ledger.clone(), links.clone(), door.clone(), bridges.twilio.clone());
    tasks.spawn(until(stop.clone(), directory.keep(config.twilio.groups_interval)));
    let intake: Arc<dyn Intake> = Arc::new(door);
    receive(&bridges, slack_calls(config), &intake, &lifecycle).await?;
    point(Point::StartReceive);
    let caller = alerts::client().context("no HTTP client could be made")?;
    probe(config, &caller, &bridges, &networks, &lifecycle);
    let watched = (&ledger, &networks, &wakers);
    keep_watch(config, caller, watched, (signs, alerts.clone()), &clock, &lifecycle).await?;
    let operator = Operator::new(desk, intake.clone());
    // Over the socket, whoever may use the store may do everything; elsewhere, whoever shows the
    // token.
    let admin = |token| {
        api::router(Api {
            operator: operator.clone(),
            twilio: bridges.twilio.clone(),
            token,
            origins: config.http.cors_origins.clone(),
            body_bytes: config.limits.body_bytes,
        })
    };
    let api = config.http.admin_token.clone().map(|token| admin(Some(token))).unwrap_or_default();
    answer_the_command_line(&store, &contacts, admin(None), &lifecycle);
    let rooms = Rooms {
        twilio: bridges.twilio.clone(),
        slack: bridges.slack.clone().filter(|_| slack_calls(config)),
        intake,
        names: contacts.names().clone(),
        links,
        networks,
        ledger: ledger.clone(),
        alerts,
        metrics: metrics.clone(),
        turns: Semaphore::new(config.limits.requests),
        bodies: bodies(&config.limits),
    };
    tasks.spawn(until(stop.clone(), forget_audit(ledger.clone(), config.audit.retention)));
    tasks.spawn(until(stop.clone(), making_up));
    tasks.spawn(until(stop.clone(), forget(ledger, config.relay.clone())));
    tasks.spawn(until(stop.clone(), crate::telemetry::upkeep(metrics)));
    serve(listeners, rooms, api, &config.limits, &lifecycle).await?;
    if !lifecycle.drain().await {
        tracing::warn!("not everything under way ended in time; the next start looks it up");
    }
    guard.ended_well().await;
    Ok(())
}

/// Answers requests until the soft stop.
async fn serve(
    listeners: Listeners,
    rooms: Rooms,
    api: Router,
    limits: &config::Limits,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let bounds = Bounds {
        connections: process::connections(limits.connections),
        head_bytes: limits.head_bytes,
        waits: Waits { head: limits.head_wait, idle: limits.idle_wait },
    };
    let (rooms, listen) = (Arc::new(rooms), listeners.public.local_addr()?);
    match listeners.operator {
        None => {
            tracing::info!(%listen, "partyline is running");
            let all = http::all(rooms).merge(api);
            server::serve(listeners.public, all, bounds, lifecycle).await;
        }
        Some(operator) => {
            tracing::info!(%listen, admin_listen = %operator.local_addr()?, "partyline is running");
            // A number of its own, so that a crowd outside does not keep the operator out.
            let few = Bounds { connections: OPERATORS, ..bounds };
            let inside = http::operator(rooms.clone()).merge(api);
            let inside = server::serve(operator, inside, few, lifecycle);
            let outside = server::serve(listeners.public, http::webhooks(rooms), bounds, lifecycle);
            tokio::join!(outside, inside);
        }
    }
    Ok(())
}

fn bodies(limits: &config::Limits) -> Bodies {
    Bodies::new(limits.body_bytes, limits.body_wait, limits.bodies_mib * 1024 * 1024)
}

async fn open_contacts(config: &Config, store: &Folder) -> anyhow::Result<Contacts> {
    let store = SledContacts::open(&store.contacts(), config.contacts.cache_mib * 1024 * 1024)?;
    Ok(Contacts::open(Arc::new(store), config.contacts.names_in_memory).await?)
}

/// When conversations are asked, where Twilio does not call. A third of the calls that an account
/// may make is for that.
fn polls(config: &Config) -> Option<Arc<Polls>> {
    let twilio = &config.twilio;
    (twilio.ingest == config::Ingest::Poll)
        .then(|| Polls::new(twilio.poll_interval, twilio.actions_per_second / 3))
}

/// The links of the configuration, and of those made by command all that do not contradict it.
async fn links(config: &Config, ledger: &Ledger) -> anyhow::Result<Links> {
    let links = Links::new();
    let stored = ledger.links().await?.into_iter().map(|stored| stored.link);
    for Link { conversation, room } in config.links.iter().cloned().chain(stored) {
        let link = Link { conversation: conversation.clone(), room: room.clone() };
        if let Err(taken) = links.tie(link) {
            tracing::warn!(%room, %conversation, instead = %taken.0,
                "this link, made by command, is passed by: the configuration ties the room to another conversation");
        }
    }
    Ok(links)
}

fn desk(
    config: &Config,
    ledger: &Ledger,
    links: &Arc<Links>,
    contacts: &Contacts,
    networks: &Networks,
    alerts: &Arc<Board>,
    clock: &Arc<dyn Clock>,
) -> Desk {
    let slack = config.slack.as_ref().map(|slack| (Network::Slack, slack.command.clone()));
    let matrix =
        config.matrix.as_ref().map(|matrix| (Network::Matrix, matrix.command_prefix.clone()));
    Desk {
        ledger: ledger.clone(),
        links: links.clone(),
        fixed: config.links.iter().map(|link| link.room.clone()).collect(),
        contacts: contacts.clone(),
        networks: networks.clone(),
        senders: config.twilio.senders.clone(),
        admins: config.access.admins.clone(),
        region: config.twilio.region(),
        prefixes: slack
            .into_iter()
            .chain(matrix)
            .chain([(Network::Operator, "partyline".to_owned())])
            .collect(),
        alerts: alerts.clone(),
        clock: clock.clone(),
        ended: Arc::default(),
    }
}

fn slack_calls(config: &Config) -> bool {
    config.slack.as_ref().is_some_and(|slack| slack.transport == config::Transport::Http)
}

/// Has the bridges that receive by themselves do so.
async fn receive(
    bridges: &Bridges,
    called: bool,
    intake: &Arc<dyn Intake>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    if let Some(slack) = bridges.slack.clone() {
        if called {
            // A socket says itself when it was not there. By HTTP nobody does, but a stopped
            // daemon may have missed something.
            intake.reconnected(Network::Slack, None).await?;
        }
        let (intake, stop) = (intake.clone(), lifecycle.stop.clone());
        lifecycle.tasks.spawn(always("Slack", stop.clone(), move || {
            let (slack, intake, stop) = (slack.clone(), intake.clone(), stop.clone());
            async move { slack.run(intake, stop).await }
        }));
    }
    if let Some(matrix) = bridges.matrix.clone() {
        let (intake, stop) = (intake.clone(), lifecycle.stop.clone());
        lifecycle.tasks.spawn(always("Matrix", stop.clone(), move || {
            let (matrix, intake, stop) = (matrix.clone(), intake.clone(), stop.clone());
            async move { matrix.run(intake, stop).await }
        }));
    }
    Ok(())
}

/// Receives until the stop. What panics on the way (a mistake of ours) begins again, with what was
/// missed read back: a bridge must not be connected and deaf.
async fn always<F: Future<Output = ()>>(
    network: &'static str,
    stop: tokio_util::sync::CancellationToken,
    receive: impl Fn() -> F,
) {
    while AssertUnwindSafe(receive()).catch_unwind().await.is_err() && !stop.is_cancelled() {
        tracing::error!(network, "receiving panicked; beginning again");
        tokio::time::sleep(PROBE_AGAIN).await;
    }
}

/// Notes, once it has, that this run lasted as long as a good one does.
async fn survive(guard: Arc<Guard>) {
    tokio::time::sleep(GOOD_RUN).await;
    guard.ended_well().await;
}

/// Has the command line answered, for what it needs of a running daemon.
fn answer_the_command_line(
    store: &Folder,
    contacts: &Contacts,
    api: Router,
    lifecycle: &Lifecycle,
) {
    match control::listen(store) {
        Ok(listener) => {
            let served = control::serve(listener, contacts.store().clone(), api);
            lifecycle.tasks.spawn(until(lifecycle.stop.clone(), served));
        }
        Err(error) => tracing::warn!(socket = %store.control().display(), %error,
            "the command line cannot ask this daemon: it has to be stopped first"),
    }
}

/// Has every network asked, now and then, whether it works, and the own public address called.
fn probe(
    config: &Config,
    caller: &reqwest::Client,
    bridges: &Bridges,
    networks: &Networks,
    lifecycle: &Lifecycle,
) {
    let every = config.alerts.canary_interval;
    for (network, powers) in networks.iter() {
        let watch = powers.watch.clone();
        lifecycle.tasks.spawn(until(lifecycle.stop.clone(), async move {
            loop {
                let pause = match watch.probe().await {
                    Ok(()) => every,
                    Err(failure) => {
                        tracing::warn!(%network, "the network does not work: {failure}");
                        every.min(PROBE_AGAIN)
                    }
                };
                tokio::time::sleep(pause).await;
            }
        }));
    }
    if config.twilio.ingest == config::Ingest::Webhook {
        let (caller, twilio) = (caller.clone(), bridges.twilio.clone());
        let calls = alerts::canary(caller, twilio, partyline_twilio::setup::ROUTE, every);
        lifecycle.tasks.spawn(until(lifecycle.stop.clone(), calls));
    }
}

/// Has the bridge watch itself. What is open is shown on the board.
async fn keep_watch(
    config: &Config,
    caller: reqwest::Client,
    (ledger, networks, wakers): (&Ledger, &Networks, &Wakers),
    (signs, board): (Arc<Signs>, Arc<Board>),
    clock: &Arc<dyn Clock>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<()> {
    let settings = config.alerts.clone();
    let skew = Arc::new(Skew::default());
    let folder = config.store.folder.clone();
    let (ledger, networks) = (ledger.clone(), networks.clone());
    let look = Look::new(ledger.clone(), networks, folder, signs, skew.clone(), settings.clone());
    let (wakers, clock) = (wakers.clone(), clock.clone());
    let keeper = Keeper::new(ledger, look, board, wakers, clock.clone(), settings.clone()).await?;
    lifecycle.tasks.spawn(until(lifecycle.stop.clone(), keeper.run()));
    let bases = bases(config);
    lifecycle.tasks.spawn(until(lifecycle.stop.clone(), async move {
        let allowed = SignedDuration::try_from(settings.clock_off).unwrap_or(SignedDuration::MAX);
        skew.watch(&caller, clock.as_ref(), &bases, settings.canary_interval, allowed).await;
    }));
    Ok(())
}

/// The addresses whose answers tell each platform's time.
pub fn bases(config: &Config) -> Vec<(Network, Url)> {
    let slack = config.slack.as_ref().map(|slack| (Network::Slack, slack.api_url.clone()));
    let matrix =
        config.matrix.as_ref().map(|matrix| (Network::Matrix, matrix.homeserver_url.clone()));
    std::iter::once((Network::Twilio, config.twilio.conversations_url.clone()))
        .chain(slack)
        .chain(matrix)
        .collect()
}

async fn forget(ledger: Ledger, relay: config::Relay) {
    let span = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    let (retention, remember) = (span(relay.retention), span(relay.remember));
    let round = async || {
        let bodies = ledger.forget(retention).await?;
        Ok::<_, LedgerError>(ledger.forget_keys(remember).await? || bodies)
    };
    loop {
        match round().await {
            Ok(true) => tokio::time::sleep(Duration::from_millis(100)).await,
            Ok(false) => tokio::time::sleep(FORGET).await,
            Err(error) => {
                tracing::error!(%error, "what is old could not be deleted");
                tokio::time::sleep(FORGET).await;
            }
        }
    }
}

/// Deletes what is too old in the audit, and answers that nobody fetched.
async fn forget_audit(ledger: Ledger, retention: Duration) {
    let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
    loop {
        let more = async {
            let rows = ledger.forget_audit(retention).await?;
            Ok::<_, LedgerError>(ledger.forget_answers(ANSWERS).await? || rows)
        };
        match more.await {
            Ok(true) => tokio::time::sleep(Duration::from_millis(100)).await,
            Ok(false) => tokio::time::sleep(FORGET).await,
            Err(error) => {
                tracing::error!(%error, "old rows of the audit could not be deleted");
                tokio::time::sleep(FORGET).await;
            }
        }
    }
}

async fn until(
    stop: tokio_util::sync::CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    stop.run_until_cancelled(work).await;
}

fn twilio_settings(config: &Config) -> anyhow::Result<partyline_twilio::Config> {
    let section = &config.twilio;
    Ok(partyline_twilio::Config {
        account_sid: section.account_sid.clone(),
        api_key_sid: section.api_key_sid.clone(),
        api_key_secret: section.api_key_secret.clone(),
        auth_token: section.auth_token.clone(),
        service_sid: section.service_sid.clone(),
        messaging_service_sid: section.messaging_service_sid.clone(),
        conversations_url: section.conversations_url.clone(),
        messaging_url: section.messaging_url.clone(),
        content_url: section.content_url.clone(),
        media_url: section.media_url.clone(),
        public_url: config.http.public_url.clone(),
        ingest: match section.ingest {
            config::Ingest::Webhook => partyline_twilio::Ingest::Webhook,
            config::Ingest::Poll => partyline_twilio::Ingest::Poll,
        },
        attribution: config.relay.attribution.parse()?,
        actions_per_second: section.actions_per_second,
        concurrency: section.concurrency,
        timeouts: partyline_twilio::Timeouts::default(),
    })
}

fn slack_settings(section: &config::Slack, config: &Config) -> partyline_slack::Config {
    let workspace = f64::from(section.workspace_posts_per_second);
    partyline_slack::Config {
        app_token: section.app_token.clone(),
        signing_secret: section.signing_secret.clone(),
        transport: match section.transport {
            config::Transport::Socket => partyline_slack::Transport::Socket,
            config::Transport::Http => partyline_slack::Transport::Http,
        },
        api_url: section.api_url.clone(),
        command: section.command.clone(),
        admin_group: config.access.slack_admin_group.clone(),
        rates: partyline_slack::Rates {
            channel_per_second: f64::from(section.posts_per_second),
            channel_burst: section.posts_per_second.max(3),
            workspace_per_second: workspace,
            workspace_burst: section.workspace_posts_per_second.max(16),
        },
        ..partyline_slack::Config::new(section.bot_token.clone())
    }
}

fn matrix_settings(section: &config::Matrix, config: &Config) -> partyline_matrix::Config {
    let credentials = match &section.login {
        config::Login::Password(password) => {
            partyline_matrix::Credentials::Password(password.clone())
        }
        config::Login::AccessToken(token) => {
            partyline_matrix::Credentials::AccessToken(token.clone())
        }
    };
    let mut settings = partyline_matrix::Config::new(
        section.homeserver_url.clone(),
        section.user_id.clone(),
        credentials,
        Folder::new(&config.store.folder).matrix(),
    );
    settings.command_prefix.clone_from(&section.command_prefix);
    settings.inviters.clone_from(&section.inviters);
    settings.admin_power = config.access.matrix_admin_power;
    settings
}
