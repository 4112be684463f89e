//! The bridge against a real homeserver.

#[path = "../../../tests/it/support/synapse.rs"]
#[allow(dead_code, unreachable_pub)]
mod synapse;

mod memory;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use memory::Memory;
use partyline_core::{
    Action, AnswerTo, Clock, Content, Cursor, Deliver, DeliveryId, Event, Happening, ManualClock,
    MessageId, Network, Outgoing, PersonId, Place, Profiles, Proof, ReadBack, Reason, RoomChange,
    SystemClock, Text, Verdict, Watch,
};
use partyline_matrix::{Config, Credentials, Matrix};
use serde_json::Value;
use synapse::{PASSWORD, Person, Synapse};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The bot at work.
struct Bot {
    matrix: Arc<Matrix>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bot {
    async fn start(config: Config, intake: &Arc<Memory>) -> Self {
        Self::start_with(config, intake, Arc::new(SystemClock)).await
    }

    async fn start_with(config: Config, intake: &Arc<Memory>, clock: Arc<dyn Clock>) -> Self {
        let matrix = Matrix::connect(config, clock).await.expect("a bot");
        let matrix = Arc::new(matrix);
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (matrix, intake, stop) = (Arc::clone(&matrix), Arc::clone(intake), stop.clone());
            async move { matrix.run(intake, stop).await }
        });
        Self { matrix, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("a clean end");
    }

    /// Waits until both directions work.
    async fn ready(&self) {
        self.wait_for("ready", |inbound, outbound| {
            *inbound == Proof::Proved && *outbound == Proof::Proved
        })
        .await;
    }

    async fn wait_for(&self, what: &str, wanted: impl Fn(&Proof, &Proof) -> bool) {
        let began = Instant::now();
        loop {
            let state = self.matrix.state();
            if wanted(&state.inbound, &state.outbound) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "not {what}: {state:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends until it is taken, as a lane would.
    async fn post(&self, outgoing: &Outgoing) -> MessageId {
        let began = Instant::now();
        loop {
            match self.matrix.send(outgoing).await {
                Ok(sent) => return sent.id.expect("an id"),
                Err(failure) => {
                    assert!(matches!(failure.verdict, Verdict::Later(_)), "{failure:?}");
                    assert!(began.elapsed() < Duration::from_secs(60), "{failure:?}");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

fn config(synapse: &Synapse, store: &Path) -> Config {
    let password = Credentials::Password(PASSWORD.into());
    let mut config =
        Config::new(synapse.url().parse().expect("an address"), "@bot:hs.test", password, store);
    // Few enough that a short absence is more than one sync brings.
    config.timeline_limit = 10;
    config.sync_timeout = Duration::from_secs(2);
    config
}

fn place(room: &str) -> Place {
    Place::new(Network::Matrix, room)
}

fn outgoing(id: &str, room: &str, action: Action) -> Outgoing {
    let now = SystemClock.now();
    Outgoing {
        id: DeliveryId::new(id),
        to: place(room),
        at: now,
        since: now,
        late: None,
        known: Vec::new(),
        action,
    }
}

fn post(id: &str, room: &str, text: &str) -> Outgoing {
    let action = Action::Post {
        origin: Network::Twilio,
        name: "Maya".into(),
        picture: None,
        content: Content::plain(text),
        part: None,
    };
    outgoing(id, room, action)
}

fn said(event: &Event) -> Option<&str> {
    match &event.happening {
        Happening::Message { content, .. } => Some(&content.text.plain),
        _ => None,
    }
}

fn saved_session(store: &Path) -> Value {
    let bytes = std::fs::read(store.join("session.json")).expect("a kept session");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A homeserver with the bot's account and Ravi's, and a store for the bot.
async fn stage() -> (Synapse, Person, Person, TempDir) {
    let synapse = Synapse::start().await;
    let account = synapse.person("bot").await;
    let ravi = synapse.person("ravi").await;
    ravi.set_name("Ravi").await;
    (synapse, account, ravi, TempDir::new().expect("a store"))
}

#[tokio::test]
async fn what_is_said_goes_both_ways_under_names() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    bot.ready().await;

    // Ravi says something before the bot comes: that is not the bot's affair.
    let room = ravi.create_room(&[]).await;
    ravi.say(&room, "before").await;
    ravi.invite(&room, "@bot:hs.test").await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    ravi.say(&room, "hello phones").await;
    let event = intake.wait_for(|event| said(event) == Some("hello phones")).await;
    let Happening::Message { speaker, .. } = &event.happening else { unreachable!() };
    assert_eq!(speaker.id, PersonId::new(Network::Matrix, "@ravi:hs.test"));
    assert_eq!(speaker.name.as_deref(), Some("Ravi"));
    assert_eq!(intake.said(), ["hello phones"]);

    // The other way, twice under one id: one event.
    let delivery = post("L-1", &room, "hi <b>@room</b>");
    let first = bot.post(&delivery).await;
    assert_eq!(bot.post(&delivery).await, first);
    let echo = intake.wait_for(|event| matches!(event.happening, Happening::Echo { .. })).await;
    assert_eq!(
        echo.happening,
        Happening::Echo { id: first, delivery: Some(DeliveryId::new("L-1")) }
    );
    assert_eq!(ravi.bodies(&room).await, ["before", "hello phones", "Maya: hi <b>@room</b>"]);

    // A command and its answer, which replies to it.
    let command = ravi.say(&room, "!wa status").await;
    let event = intake.wait_for(|event| matches!(event.happening, Happening::Command(_))).await;
    let Happening::Command(line) = &event.happening else { unreachable!() };
    assert_eq!((line.line.as_str(), line.name.as_deref()), ("status", Some("Ravi")));
    let to = AnswerTo { place: place(&room), handle: line.answer.handle.clone() };
    bot.post(&outgoing(
        "L-2",
        &room,
        Action::Answer { to, text: Text::plain("fine"), replaces: None, buttons: Vec::new() },
    ))
    .await;
    let history = ravi.history(&room).await;
    let answer = history.last().expect("an answer");
    assert_eq!(answer["content"]["m.relates_to"]["m.in_reply_to"]["event_id"], command.as_str());

    // A new name is known from then on, and somebody who is elsewhere has one too.
    ravi.set_name_in(&room, "Ravi Rao").await;
    ravi.say(&room, "renamed").await;
    let event = intake.wait_for(|event| said(event) == Some("renamed")).await;
    let Happening::Message { speaker, .. } = &event.happening else { unreachable!() };
    assert_eq!(speaker.name.as_deref(), Some("Ravi Rao"));
    let profile = bot.matrix.profile(&speaker.id, &place("!elsewhere:hs.test")).await;
    assert_eq!(profile.expect("a profile").name.as_deref(), Some("Ravi Rao"));

    // Put out of the room, the bot says so, and a send has an end.
    ravi.kick(&room, "@bot:hs.test").await;
    intake.wait_for(|event| event.happening == Happening::Room { change: RoomChange::Left }).await;
    let failure = bot.matrix.send(&post("L-3", &room, "late")).await.expect_err("no room");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::NoSuchPlace));
    bot.stop().await;
}

fn is_joined(event: &Event, room: &str) -> bool {
    event.place == place(room) && event.happening == Happening::Room { change: RoomChange::Joined }
}

#[tokio::test]
async fn an_invitation_is_accepted_only_from_whom_the_settings_name() {
    let (synapse, _, ravi, store) = stage().await;
    let eve = synapse.person("eve").await;
    let intake = Memory::new();
    let mut config = config(&synapse, store.path());
    config.inviters = vec!["@ravi:hs.test".into()];
    let bot = Bot::start(config, &intake).await;
    bot.ready().await;
    let eves = eve.create_room(&["@bot:hs.test"]).await;
    let ravis = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &ravis)).await;
    assert!(!intake.events().iter().any(|event| event.place == place(&eves)));
    let path = format!("rooms/{eves}/state/m.room.member/@bot:hs.test");
    let member = eve.call(reqwest::Method::GET, &path, None).await;
    assert_eq!(member["membership"], "invite");
    bot.stop().await;
}

#[tokio::test]
async fn what_was_missed_arrives_once_and_in_order() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    ravi.say(&room, "0").await;
    intake.wait_for(|event| said(event) == Some("0")).await;
    bot.stop().await;

    // More than one sync brings, and more than one page of history.
    for number in 1..=120 {
        ravi.say(&room, &number.to_string()).await;
    }
    // The disk is full when they come: the sync token is ahead of what is stored.
    intake.refuse_after(40);
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    intake.wait_until_refused().await;
    bot.stop().await;
    intake.take_all();
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    intake.wait_for(|event| said(event) == Some("120")).await;
    ravi.say(&room, "121").await;
    intake.wait_for(|event| said(event) == Some("121")).await;
    let wanted: Vec<String> = (0..=121).map(|number| number.to_string()).collect();
    assert_eq!(intake.said(), wanted);

    // By hand: after a cursor everything, without one the newest message.
    let after = Cursor { ordinal: None, last: intake.message("119") };
    let texts = |pieces: Vec<partyline_core::Incoming>| -> Vec<String> {
        let events = pieces.iter().flat_map(|piece| &piece.events);
        events.filter_map(said).map(str::to_owned).collect()
    };
    let read = bot.matrix.read_back(&place(&room), Some(&after)).await.expect("history");
    assert_eq!(texts(read), ["120", "121"]);
    let read = bot.matrix.read_back(&place(&room), None).await.expect("history");
    assert_eq!(texts(read), ["121"]);
    // Where nothing was said yet when it was first read, everything since the bot came is new.
    let room = ravi.create_room(&[]).await;
    ravi.say(&room, "before the bot").await;
    ravi.invite(&room, "@bot:hs.test").await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    for text in ["first", "second"] {
        ravi.say(&room, text).await;
    }
    let read = bot.matrix.read_back(&place(&room), Some(&Cursor::default())).await;
    assert_eq!(texts(read.expect("history")), ["first", "second"]);
    bot.stop().await;
}

#[tokio::test]
async fn an_outage_of_the_homeserver_passes() {
    let (mut synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    // The daemon starts while the homeserver is down.
    synapse.stop().await;
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    bot.wait_for("failed", |inbound, _| matches!(inbound, Proof::Failed(_))).await;
    let failure = bot.matrix.send(&post("L-0", "!none:hs.test", "x")).await.expect_err("down");
    assert!(matches!(failure.verdict, Verdict::Later(_)), "{failure:?}");
    synapse.start_again().await;
    bot.ready().await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    ravi.say(&room, "one").await;
    intake.wait_for(|event| said(event) == Some("one")).await;

    synapse.stop().await;
    let delivery = post("L-1", &room, "through");
    let failure = bot.matrix.send(&delivery).await.expect_err("down");
    assert_eq!(failure.reason, Reason::Unavailable);
    assert!(matches!(failure.verdict, Verdict::Later(_)), "{failure:?}");
    bot.wait_for("failed", |inbound, _| matches!(inbound, Proof::Failed(_))).await;

    synapse.start_again().await;
    bot.post(&delivery).await;
    for number in 2..=30 {
        ravi.say(&room, &number.to_string()).await;
    }
    intake.wait_for(|event| said(event) == Some("30")).await;
    bot.ready().await;
    assert_eq!(intake.said().len(), 30);
    assert_eq!(intake.said().last().map(String::as_str), Some("30"));
    bot.stop().await;
}

#[tokio::test]
async fn a_revoked_token_is_told_of_and_a_password_logs_in_again_on_its_device() {
    let (synapse, account, ravi, store) = stage().await;
    let intake = Memory::new();
    let mut by_token = config(&synapse, store.path());
    by_token.credentials = Credentials::AccessToken(account.token.clone().into());
    let bot = Bot::start(by_token, &intake).await;
    bot.ready().await;
    account.log_out_everywhere().await;
    bot.wait_for("failed", |inbound, outbound| {
        let told = |proof: &Proof| {
            matches!(proof, Proof::Failed(why) if why.contains("matrix.access_token"))
        };
        told(inbound) && told(outbound)
    })
    .await;
    assert!(bot.matrix.probe().await.is_err_and(|failure| failure.reason == Reason::Credentials));
    bot.stop().await;

    let store = TempDir::new().expect("a store");
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    let before = saved_session(store.path());
    synapse.log_in("bot").await.log_out_everywhere().await;
    // Whoever finds out first, a send or the sync: the bot comes back by itself.
    bot.post(&post("L-1", &room, "again")).await;
    ravi.say(&room, "still there?").await;
    intake.wait_for(|event| said(event) == Some("still there?")).await;
    bot.ready().await;
    let after = saved_session(store.path());
    assert_eq!(after["device_id"], before["device_id"]);
    assert_ne!(after["access_token"], before["access_token"]);
    bot.stop().await;

    // The next start needs no login: the session was kept, for its owner only.
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    bot.ready().await;
    assert_eq!(saved_session(store.path()), after);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(store.path().join("session.json")).expect("a kept session");
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    bot.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_of() {
    let (synapse, _, _, store) = stage().await;
    let mut config = config(&synapse, store.path());
    config.credentials = Credentials::Password("wrong".into());
    let matrix = Matrix::connect(config, Arc::new(SystemClock)).await.expect("a bot");
    let failure = matrix.probe().await.expect_err("a wrong password");
    assert_eq!(failure.reason, Reason::Credentials);
    assert!(failure.sentence.contains("matrix.password"), "{}", failure.sentence);
    assert_eq!(matrix.state().outbound, Proof::Failed(failure.sentence));
}

#[tokio::test]
async fn an_old_delivery_is_looked_up_in_the_history() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let bot = Bot::start_with(config(&synapse, store.path()), &intake, clock.clone()).await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    let delivery = post("L-1", &room, "there");
    let id = bot.post(&delivery).await;
    for number in 0..150 {
        ravi.say(&room, &number.to_string()).await;
    }
    // Young, it can be repeated without harm, and nobody is asked. (It was made by the system's
    // clock, which the bot's must not be behind.)
    clock.advance(SignedDuration::from_mins(1));
    assert_eq!(bot.matrix.find(&delivery).await, Ok(None));
    clock.advance(SignedDuration::from_mins(30));
    let found = bot.matrix.find(&delivery).await.expect("history");
    assert_eq!(found.and_then(|sent| sent.id), Some(id));
    assert_eq!(bot.matrix.find(&post("L-2", &room, "never sent")).await, Ok(None));
    let early = Outgoing { since: Timestamp::UNIX_EPOCH, ..post("L-2", &room, "never sent") };
    assert_eq!(bot.matrix.find(&early).await, Ok(None));
    bot.stop().await;
}

#[tokio::test]
async fn after_a_kill_it_is_read_which_deliveries_went_together() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let bot = Bot::start_with(config(&synapse, store.path()), &intake, clock.clone()).await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    let texts: Vec<String> = (0..12).map(|number| format!("line {number}")).collect();
    let posts: Vec<Outgoing> =
        (0..12).map(|number| post(&format!("L-{number}"), &room, &texts[number])).collect();
    let (first, count) = bot.matrix.send_first(&posts[..9], false).await.expect("sent");
    assert_eq!(count, 9);
    // The daemon was killed before it wrote that down, and more waits by now.
    let again = bot.matrix.send_first(&posts, true).await.expect("sent");
    assert_eq!(again, (first.clone(), 9), "the same message, and what it holds");
    let (_, alone) = bot.matrix.send_first(&posts[9..], true).await.expect("sent");
    assert_eq!(alone, 1, "three are not many");
    clock.advance(SignedDuration::from_mins(30));
    assert_eq!(bot.matrix.find_first(&posts).await, Ok(Some((first, 9))));
    assert_eq!(bot.matrix.find_first(&posts[10..]).await, Ok(None));
    let said: Vec<String> = ravi.bodies(&room).await;
    let together: Vec<String> = texts[..9].iter().map(|text| format!("Maya: {text}")).collect();
    assert_eq!(said, [together.join("\n"), format!("Maya: {}", texts[9])]);
    bot.stop().await;
}

#[tokio::test]
async fn an_encrypted_room_is_written_to_as_such() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let bot = Bot::start_with(config(&synapse, store.path()), &intake, clock.clone()).await;
    let room = ravi.create_room(&["@bot:hs.test"]).await;
    intake.wait_for(|event| is_joined(event, &room)).await;
    let path = format!("rooms/{room}/state/m.room.encryption/");
    let encryption = serde_json::json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    ravi.call(reqwest::Method::PUT, &path, Some(encryption)).await;
    // What nobody can decrypt is passed by, and what comes after it is not held up.
    let content = serde_json::json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "?" });
    ravi.send(&room, "m.room.encrypted", content).await;
    ravi.say(&room, "in the clear").await;
    intake.wait_for(|event| said(event) == Some("in the clear")).await;

    let delivery = post("L-1", &room, "secret");
    let id = bot.post(&delivery).await;
    let echo = intake.wait_for(|event| matches!(event.happening, Happening::Echo { .. })).await;
    let delivered = Some(delivery.id.clone());
    assert_eq!(echo.happening, Happening::Echo { id: id.clone(), delivery: delivered });
    let history = ravi.history(&room).await;
    assert_eq!(history.last().expect("an event")["type"], "m.room.encrypted");
    assert_eq!(ravi.bodies(&room).await, ["in the clear"]);
    clock.advance(SignedDuration::from_mins(30));
    let found = bot.matrix.find(&delivery).await.expect("history");
    assert_eq!(found.and_then(|sent| sent.id), Some(id));
    bot.stop().await;
}

#[tokio::test]
async fn many_rooms_do_not_wait_on_one_another() {
    let (synapse, _, ravi, store) = stage().await;
    let intake = Memory::new();
    let bot = Bot::start(config(&synapse, store.path()), &intake).await;
    let mut rooms = Vec::new();
    for _ in 0..8 {
        let room = ravi.create_room(&["@bot:hs.test"]).await;
        intake.wait_for(|event| is_joined(event, &room)).await;
        rooms.push(room);
    }
    let posts = rooms.iter().enumerate().flat_map(|(number, room)| {
        (0..5).map(move |turn| post(&format!("L-{number}-{turn}"), room, &turn.to_string()))
    });
    let posts: Vec<Outgoing> = posts.collect();
    let sent = futures_util::future::join_all(posts.iter().map(|post| bot.matrix.send(post))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    for room in &rooms {
        assert_eq!(ravi.wait_for_messages(room, 5).await.len(), 5);
    }
    bot.stop().await;
}
