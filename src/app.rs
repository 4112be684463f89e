//! Composition: the only file that names concrete bridges and stores.

mod bridges;
mod offline;
mod upkeep;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use partyline_core::{Clock, Forms, Intake, Link, Network};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::alerts::{self, Board, Signs};
use crate::backup;
use crate::blocks::Blocks;
use crate::broadcast;
use crate::catchup::{self, CatchUp, Pace, Polls};
use crate::commands::Desk;
use crate::config::{self, Config};
use crate::contacts::{Contacts, SledContacts};
use crate::control;
use crate::crash::{Point, point};
use crate::directory::Directory;
use crate::fates::Inquiries;
use crate::forms::CommandForms;
use crate::http::api::{self, Api};
use crate::http::server::{self, Bounds, Waits};
use crate::http::{self, Bodies, Rooms, SlackSide};
use crate::inbox::Inbox;
use crate::intake::{self, Door, Wakers};
use crate::invitations::Invitations;
use crate::lanes::{self, Lanes};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::links::Links;
use crate::members;
use crate::message_log::{self, LogReader};
use crate::moderation::{Moderation, Moderator};
use crate::naming::Naming;
use crate::networks::Networks;
use crate::operations::Operations;
use crate::operator::Operator;
use crate::optouts::Optouts;
use crate::poison::{CALM, Guard};
use crate::process;
use crate::schedule;
use crate::store::Folder;
use crate::strays::Strays;
use crate::templates::Templates;
use crate::ticks::Ticker;
use crate::windows::Windows;

use bridges::{Bridges, receive, slack_calls};
pub use bridges::{bases, probes, twilio};
pub use offline::{Offline, offline};

/// Connections at a time of the operator's listener, where it has one.
const OPERATORS: usize = 256;

/// How long a Slack room in which nothing is said may go without being compared with its history,
/// where the rate allows for more.
const QUIET_ROOM: Duration = Duration::from_secs(600);

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
    let mut ledger = Ledger::open(&store.ledger(), clock.clone())?;
    let inquiries = inquiries(config);
    if let Some(inquiries) = &inquiries {
        ledger = ledger.inquiring(inquiries.first());
    }
    point(Point::StartLedger);
    let contacts = open_contacts(config, &store).await?;
    point(Point::StartContacts);
    let links = Arc::new(links(config, &ledger).await?);
    let bridges = Bridges::build(config, &clock).await?;
    if let Some(slack) = &bridges.slack {
        let known = ledger.lively_threads().await?.into_iter();
        slack
            .recall_threads(known.map(|one| (one.channel.id().to_owned(), one.thread, one.newest)));
    }
    let networks = bridges.networks(config);
    let (stop, tasks) = (&lifecycle.stop, &lifecycle.tasks);
    let guard = Guard::begin(ledger.clone(), CALM).await?;
    tasks.spawn(until(stop.clone(), upkeep::survive(guard.clone())));
    let wakers = Wakers {
        polls: polls(config),
        inquiries,
        comparisons: comparisons(config),
        ..Wakers::new(tasks)
    };
    let signs = Arc::new(Signs::default());
    let moderation = moderation(config, &ledger).await?;
    let blocks = Arc::new(Blocks::read(&ledger).await?);
    let door = Door::new(
        ledger.clone(),
        links.clone(),
        contacts.names().clone(),
        networks.limits(),
        wakers.clone(),
        signs.clone(),
        rules(config, moderation.clone(), blocks.clone()),
    );
    let recalling =
        members::recall(&ledger, contacts.names(), &links, &networks, stop.clone()).await?;
    tasks.spawn(recalling);
    Optouts::start(
        ledger.clone(),
        links.clone(),
        contacts.names().clone(),
        networks.clone(),
        wakers.clone(),
        stop.clone(),
    )
    .await?;
    Strays::start(
        ledger.clone(),
        contacts.names().clone(),
        networks.clone(),
        wakers.clone(),
        stop.clone(),
    )
    .await?;
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
            blocks: blocks.clone(),
        },
    )
    .start()
    .await?;
    point(Point::StartLanes);
    let log = LogReader::new(
        (door.clone(), ledger.clone()),
        (bridges.twilio.clone(), bridges.twilio.clone()),
        config.twilio.senders.clone(),
        log_pace(config),
    );
    if let Some(room) = config.inbox.room.clone() {
        let inbox = Inbox::new(
            ledger.clone(),
            links.clone(),
            contacts.names().clone(),
            networks.clone(),
            wakers.clone(),
            (room, config.inbox.mention.clone(), config.relay.lateness.clone()),
            stop.clone(),
        );
        inbox.start().await?;
        tasks.spawn(inbox.admit(log.caught_up()));
    }
    let alerts = Arc::new(Board::default());
    let known = (&links, &moderation, &blocks);
    let desk = Arc::new(desk(config, &ledger, known, &contacts, &networks, &alerts, &clock));
    let ticker = Ticker::new(
        ledger.clone(),
        links.clone(),
        networks.clone(),
        contacts.names().clone(),
        desk.invitations.clone(),
        wakers.clone(),
        config.relay.ticks,
    );
    tasks.spawn(ticker.run(stop.clone()));
    let windows = windows(config, &desk, &wakers);
    windows.clone().start(stop.clone()).await?;
    tasks.spawn(until(stop.clone(), windows.clone().make_up()));
    tasks.spawn(until(stop.clone(), windows.clone().inquire()));
    tasks.spawn(until(stop.clone(), windows.expire()));
    Operations::start(desk.clone(), wakers.clone(), stop.clone(), guard.clone()).await?;
    point(Point::StartCommands);
    Naming::start(ledger.clone(), links.clone(), networks.clone(), &wakers, stop.clone()).await?;
    let catch_up = CatchUp::new(
        door.clone(),
        ledger.clone(),
        links.clone(),
        networks.clone(),
        wakers.clone(),
        stop.clone(),
        catchup::Rules {
            guard: guard.clone(),
            gap_wait: config.relay.gap_wait,
            inbox: config.inbox.room.clone(),
        },
    );
    catch_up.start().await?;
    point(Point::StartCatchUp);
    tasks.spawn(catch_up.tend());
    tasks.spawn(until(stop.clone(), log.keep()));
    let making_up = door.make_up();
    let forgetting = (links.clone(), wakers.clone());
    let inbox = config.inbox.room.as_ref().map(|_| wakers.clone());
    let directory =
        Directory::new(ledger.clone(), links.clone(), door.clone(), bridges.twilio.clone(), inbox);
    tasks.spawn(until(stop.clone(), directory.keep(config.twilio.groups_interval)));
    let intake: Arc<dyn Intake> = Arc::new(door);
    let forms: Arc<dyn Forms> = Arc::new(CommandForms::new(desk.clone()));
    receive(&bridges, slack_calls(config), &intake, &forms, &lifecycle).await?;
    point(Point::StartReceive);
    let caller = alerts::client().context("no HTTP client could be made")?;
    watch::probe(config, &caller, &bridges, &networks, &lifecycle);
    let watched = (&ledger, &networks, &wakers);
    watch::keep_watch(config, caller, watched, (signs, alerts.clone()), &clock, &lifecycle).await?;
    let pace = config.twilio.broadcast_per_second;
    tasks.spawn(broadcast::keep(desk.clone(), wakers.clone(), pace, stop.clone()));
    tasks.spawn(until(stop.clone(), broadcast::recount(desk.clone(), wakers.clone())));
    tasks.spawn(schedule::keep(desk.clone(), intake.clone(), stop.clone()));
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
        slack: bridges
            .slack
            .clone()
            .filter(|_| slack_calls(config))
            .map(|bridge| SlackSide { bridge, forms }),
        intake,
        names: contacts.names().clone(),
        moderator: Moderator {
            moderation,
            ledger: ledger.clone(),
            links: links.clone(),
            names: contacts.names().clone(),
            wakers: wakers.clone(),
        },
        links,
        networks,
        ledger: ledger.clone(),
        alerts,
        metrics: metrics.clone(),
        turns: Semaphore::new(config.limits.requests),
        bodies: bodies(&config.limits),
    };
    tasks.spawn(until(stop.clone(), making_up));
    tasks.spawn(until(stop.clone(), upkeep::forget(ledger, forgetting, config)));
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

/// When conversations are asked, where Twilio does not call.
fn polls(config: &Config) -> Option<Arc<Polls>> {
    let twilio = &config.twilio;
    (twilio.ingest == config::Ingest::Poll).then(|| {
        Polls::new(Pace {
            network: Network::Twilio,
            every: twilio.poll_interval,
            between: between_questions(config),
            part: 10,
            quiet: Duration::ZERO,
        })
    })
}

/// When it is asked what became of messages, where Twilio does not call.
fn inquiries(config: &Config) -> Option<Arc<Inquiries>> {
    let twilio = &config.twilio;
    (twilio.ingest == config::Ingest::Poll)
        .then(|| Inquiries::new(twilio.poll_interval, between_questions(config)))
}

/// When the logs of messages are read: as often as conversations, where Twilio does not call.
fn log_pace(config: &Config) -> message_log::Pace {
    let twilio = &config.twilio;
    let every = match twilio.ingest {
        config::Ingest::Poll => twilio.poll_interval,
        config::Ingest::Webhook => twilio.groups_interval,
    };
    // A tenth of the calls that an account may make.
    let between = Duration::from_secs(1) / (twilio.actions_per_second / 10).max(1);
    message_log::Pace { every, between }
}

/// The pause between two questions of a kind: a third of the calls that an account may make is for
/// what was said, and a third for what became of it.
fn between_questions(config: &Config) -> Duration {
    Duration::from_secs(1) / (config.twilio.actions_per_second / 3).max(1)
}

/// When Slack's rooms are compared with their histories.
fn comparisons(config: &Config) -> Option<Arc<Polls>> {
    let slack = config.slack.as_ref()?;
    Some(Polls::new(Pace {
        network: Network::Slack,
        every: slack.compare_after,
        between: Duration::from_secs(60) / slack.compare_per_minute,
        part: 1,
        quiet: QUIET_ROOM,
    }))
}

/// What intake does with what comes.
fn rules(config: &Config, moderation: Arc<Moderation>, blocks: Arc<Blocks>) -> intake::Rules {
    let relay = &config.relay;
    intake::Rules {
        late: intake::Late { limit: relay.catch_up(), lateness: relay.lateness.clone() },
        optout: config.optout.clone(),
        inbox: config.inbox.clone(),
        moderation,
        blocks,
    }
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

/// The rules of the configuration, and whoever is muted.
async fn moderation(config: &Config, ledger: &Ledger) -> anyhow::Result<Arc<Moderation>> {
    let (rules, pleas) = (config.moderation.clone(), config.optout.words.clone());
    let lateness = config.relay.lateness.clone();
    Ok(Arc::new(Moderation::new(rules, pleas, lateness, ledger.mutes().await?)))
}

fn desk(
    config: &Config,
    ledger: &Ledger,
    (links, moderation, blocks): (&Arc<Links>, &Arc<Moderation>, &Arc<Blocks>),
    contacts: &Contacts,
    networks: &Networks,
    alerts: &Arc<Board>,
    clock: &Arc<dyn Clock>,
) -> Desk {
    let slack = config.slack.as_ref().map(|slack| (Network::Slack, slack.command.clone()));
    let matrix =
        config.matrix.as_ref().map(|matrix| (Network::Matrix, matrix.command_prefix.clone()));
    let manage = networks.get(Network::Twilio).and_then(|powers| powers.manage.clone());
    let templates = Templates::new(manage, &config.whatsapp.templates);
    Desk {
        invitations: Invitations::new(
            ledger.clone(),
            contacts.clone(),
            templates.clone(),
            &config.whatsapp,
        ),
        templates,
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
        lateness: config.relay.lateness.clone(),
        alerts: alerts.clone(),
        moderation: moderation.clone(),
        inbox: config.inbox.clone(),
        blocks: blocks.clone(),
        clock: clock.clone(),
        ended: Arc::default(),
        broadcast: Arc::default(),
        scheduled: Arc::default(),
        zone: config.relay.lateness.zone.clone(),
    }
}

/// Sees to what is held for members whose window is closed.
fn windows(config: &Config, desk: &Desk, wakers: &Wakers) -> Arc<Windows> {
    Arc::new(Windows {
        ledger: desk.ledger.clone(),
        links: desk.links.clone(),
        networks: desk.networks.clone(),
        contacts: desk.contacts.clone(),
        invitations: desk.invitations.clone(),
        wakers: wakers.clone(),
        hold_for: config.whatsapp.hold_for,
        digest_after: config.whatsapp.digest_after,
        lateness: config.relay.lateness.clone(),
    })
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

async fn until(
    stop: tokio_util::sync::CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    stop.run_until_cancelled(work).await;
}
