//! The whole bridge against the simulator: what stands in Slack after a send, with each way in
//! which a call can break, and what comes back from there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use partyline_core::{
    Action, AnswerTo, CommandLine, Content, Deliver, DeliveryId, Event, Happening, ManualClock,
    MessageId, Network, NotStored, Outgoing, Revise, Rooms, Sent, Stored, SystemClock, Verdict,
};
use secrecy::ExposeSecret;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::no_forms::NoForms;
use crate::simulator::{Author, Dose, Fault, Message, Options, Run, Simulator};

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// An intake that keeps what it is given.
#[derive(Default)]
struct Kept {
    events: Mutex<Vec<Event>>,
    came: Notify,
}

impl Kept {
    fn all(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first event, come or to come, that is what is looked for.
    async fn event(&self, is_it: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            loop {
                let came = self.came.notified();
                if let Some(event) = self.all().into_iter().find(&is_it) {
                    return event;
                }
                came.await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("in time")
    }
}

#[async_trait]
impl Intake for Kept {
    async fn accept(&self, incoming: Incoming) -> Result<Stored, NotStored> {
        let fresh = incoming.events.len();
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend(incoming.events);
        self.came.notify_waiters();
        Ok(Stored { fresh, repeats: 0 })
    }

    async fn cursor(&self, _place: &Place) -> Result<Option<Cursor>, NotStored> {
        Ok(None)
    }

    async fn reconnected(
        &self,
        _network: Network,
        _: Option<jiff::Timestamp>,
    ) -> Result<(), NotStored> {
        Ok(())
    }
}

/// A workspace with a channel and somebody in it, and a bridge to it that receives.
struct Scene {
    workspace: Simulator,
    channel: String,
    maya: String,
    slack: Arc<Slack>,
    intake: Arc<Kept>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let workspace = Simulator::start(options).await.expect("a free port");
        let maya = workspace.add_user("Maya", Some("https://pictures.example/maya.png"));
        let channel = workspace.add_channel("crew", &[&maya]);
        let options = workspace.options();
        let mut config = Config::new(options.bot_token.expose_secret().into());
        config.app_token = Some(options.app_token.expose_secret().into());
        config.signing_secret = Some(options.signing_secret.expose_secret().into());
        config.api_url = workspace.api_url();
        config.rates.channel_burst = 100;
        config.rates.workspace_burst = 100;
        config.timeouts.request = Duration::from_secs(2);
        config.timeouts.turn = Duration::from_secs(1);
        let slack = Arc::new(Slack::new(config, Arc::new(SystemClock)).expect("a bridge"));
        let intake = Arc::new(Kept::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (slack, intake, stop) = (slack.clone(), intake.clone(), stop.clone());
            async move { slack.run(intake, Arc::new(NoForms), stop).await }
        });
        let scene = Self { workspace, channel, maya, slack, intake, stop, running };
        let open = |workspace: &Simulator| (workspace.sockets() > 0).then_some(());
        scene.workspace.wait_for("a socket", PATIENCE, open).await.expect("a socket");
        scene
    }

    fn place(&self) -> Place {
        ts::channel(&self.channel).expect("a channel")
    }

    fn outgoing(&self, id: &str, to: Place, text: &str) -> Outgoing {
        let now = self.slack.clock.now();
        let picture = Some("https://pictures.example/noor.png".parse().expect("an address"));
        let content = Content::plain(text);
        let (origin, name) = (Network::Twilio, "Noor".into());
        let action = Action::Post { origin, name, picture, content, part: None };
        Outgoing {
            id: DeliveryId::new(id),
            to,
            at: now,
            since: now,
            late: None,
            known: Vec::new(),
            action,
        }
    }

    async fn send(&self, id: &str, text: &str) -> Result<Sent, Failure> {
        self.slack.send(&self.outgoing(id, self.place(), text)).await
    }

    fn messages(&self) -> Vec<Arc<Message>> {
        self.workspace.messages(&self.channel)
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.expect("in time").expect("no panic");
    }
}

fn id_of(event: &Event) -> Option<&MessageId> {
    match &event.happening {
        Happening::Message { id, .. } | Happening::Echo { id, .. } => Some(id),
        _ => None,
    }
}

#[tokio::test]
async fn a_post_stands_under_the_members_name_and_comes_back_as_an_echo() {
    let scene = Scene::new().await;
    let sent = scene.send("a-1", "<!channel> fish & chips").await.expect("sent");
    let message = scene.messages().pop().expect("a message");
    assert_eq!(message.text, "&lt;!channel&gt; fish &amp; chips");
    let Author::App { username, icon_url, .. } = &message.author else { panic!("the app") };
    assert_eq!(username.as_deref(), Some("Noor"));
    assert_eq!(icon_url.as_deref(), Some("https://pictures.example/noor.png"));
    assert_eq!(sent.id, Some(MessageId::new(message.ts.to_string())));
    let echo = scene.intake.event(|event| id_of(event) == sent.id.as_ref()).await;
    assert_eq!(echo.ordinal, sent.ordinal);
    let delivery = Some(DeliveryId::new("a-1"));
    assert!(matches!(echo.happening, Happening::Echo { delivery: d, .. } if d == delivery));
    scene.stop().await;
}

#[tokio::test]
async fn an_uncertain_send_is_found_where_it_was_done_and_only_there() {
    let scene = Scene::new().await;
    for (number, fault, done) in [
        (1, Fault::Error500After, true),
        (2, Fault::ResetAfter, true),
        (3, Fault::Truncated, true),
        (4, Fault::NotJson, true),
        (5, Fault::Error500, false),
        (6, Fault::ResetBefore, false),
        (7, Fault::Hang, false),
    ] {
        scene.workspace.fault(fault, "chat.postMessage", Dose::Next(1));
        let id = format!("a-{number}");
        let failure = scene.send(&id, &id).await.expect_err("no answer");
        assert_eq!(failure.verdict, Verdict::Unknown, "{fault:?}: {failure}");
        let mut outgoing = scene.outgoing(&id, scene.place(), &id);
        // As if it was written down by a clock that was ahead.
        outgoing.since += jiff::SignedDuration::from_hours(2);
        let found = scene.slack.find(&outgoing).await.expect("looked up");
        let there = scene.messages().into_iter().find(|message| message.text == id);
        assert_eq!(there.is_some(), done, "{fault:?}");
        assert_eq!(found.and_then(|sent| sent.id), there.map(|m| MessageId::new(m.ts.to_string())));
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_send_that_never_went_out_is_tried_later() {
    let mut config = Config::new("xoxb-1".into());
    config.app_token = Some("xapp-1".into());
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address");
    drop(port);
    config.api_url = format!("http://{address}/api/").parse().expect("an address");
    let slack = Slack::new(config, Arc::new(SystemClock)).expect("a bridge");
    let failure = slack.probe().await.expect_err("nobody there");
    assert_eq!(failure.verdict, Verdict::Later(None));
    assert!(matches!(slack.state().outbound, Proof::Failed(_)));
    let action = Action::Notice { text: "hello".into() };
    let now = slack.clock.now();
    let to: Place = "slack:C1".parse().expect("place");
    let outgoing = Outgoing {
        id: DeliveryId::new("a-1"),
        to,
        at: now,
        since: now,
        late: None,
        known: Vec::new(),
        action,
    };
    let failure = slack.send(&outgoing).await.expect_err("nobody there");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Later(None), Reason::Unavailable));
}

#[tokio::test]
async fn a_channel_that_must_wait_holds_up_no_other() {
    let scene = Scene::new().await;
    let other = scene.workspace.add_channel("dock", &[&scene.maya]);
    scene.workspace.fault(Fault::RateLimited(30), "chat.postMessage", Dose::Next(1));
    let failure = scene.send("a-1", "one").await.expect_err("limited");
    assert_eq!(failure.verdict, Verdict::Later(Some(Duration::from_secs(30))));
    // Slack is not asked again before that, and the other channel is served.
    let again = scene.send("a-1", "one").await.expect_err("still limited");
    assert!(matches!(again.verdict, Verdict::Later(Some(wait)) if wait.as_secs() > 20));
    let to = ts::channel(&other).expect("a channel");
    scene.slack.send(&scene.outgoing("a-2", to, "two")).await.expect("sent");
    assert!(scene.messages().iter().all(|message| message.text != "one"));
    scene.stop().await;
}

#[tokio::test]
async fn what_is_read_back_has_the_keys_of_what_came_live() {
    let scene = Scene::new().await;
    let (workspace, channel, maya) = (&scene.workspace, &scene.channel, &scene.maya);
    let first = workspace.user_says(channel, maya, "first").expect("said");
    let first_id = MessageId::new(first.to_string());
    let start = scene.intake.event(|event| id_of(event) == Some(&first_id)).await;
    let cursor = Cursor { ordinal: start.ordinal, last: None };
    workspace.user_says(channel, maya, "second").expect("said");
    scene.send("a-1", "third").await.expect("sent");
    workspace.user_emotes(channel, maya, "waves").expect("said");
    workspace.user_replies(channel, maya, first, "in the thread", false).expect("said");
    workspace.user_replies(channel, maya, first, "to all", true).expect("said");
    let last = workspace.user_says(channel, maya, "last").expect("said");
    let last = MessageId::new(last.to_string());
    scene.intake.event(|event| id_of(event) == Some(&last)).await;
    let live: Vec<Event> =
        scene.intake.all().into_iter().filter(|e| e.ordinal > start.ordinal).collect();
    let read = scene.slack.read_back(&scene.place(), Some(&cursor)).await.expect("read");
    let read: Vec<Event> = read.into_iter().flat_map(|incoming| incoming.events).collect();
    assert_eq!(read.len(), 6);
    assert_eq!(read, live);
    scene.stop().await;
}

#[tokio::test]
async fn a_thread_is_read_back_alone_and_without_its_head() {
    let scene = Scene::new().await;
    let (workspace, channel, maya) = (&scene.workspace, &scene.channel, &scene.maya);
    let head = workspace.user_says(channel, maya, "head").expect("said");
    let thread: Place = format!("slack:{channel}/{head}").parse().expect("a place");
    workspace.user_replies(channel, maya, head, "one", false).expect("said");
    let sent = scene.slack.send(&scene.outgoing("a-1", thread.clone(), "two")).await.expect("sent");
    workspace.user_says(channel, maya, "beside it").expect("said");
    let cursor = Cursor { ordinal: None, last: Some(MessageId::new(head.to_string())) };
    let read = scene.slack.read_back(&thread, Some(&cursor)).await.expect("read");
    assert_eq!(read.len(), 2);
    assert_eq!(id_of(&read[1].events[0]), sent.id.as_ref());
    let found = scene.slack.find(&scene.outgoing("a-1", thread.clone(), "two")).await;
    assert_eq!(found.expect("looked up"), Some(sent.clone()));
    // Without a cursor: the newest alone.
    let newest = scene.slack.read_back(&thread, None).await.expect("read");
    assert_eq!(newest.len(), 1);
    assert_eq!(id_of(&newest[0].events[0]), sent.id.as_ref());
    let newest = scene.slack.read_back(&scene.place(), None).await.expect("read");
    assert_eq!(newest.len(), 1);
    // Empty when it was first read: everything is new. ("two" stands in the thread.)
    let all = scene.slack.read_back(&scene.place(), Some(&Cursor::default())).await.expect("read");
    let first = all.first().and_then(|piece| id_of(&piece.events[0]));
    assert_eq!(first, Some(&MessageId::new(head.to_string())));
    assert!(all.len() > 2);
    scene.stop().await;
}

#[tokio::test]
async fn a_long_gap_is_read_over_many_pages_in_order() {
    let scene = Scene::new().await;
    let (workspace, channel, maya) = (&scene.workspace, &scene.channel, &scene.maya);
    let first = workspace.user_says(channel, maya, "first").expect("said");
    for number in 0..450 {
        workspace.user_says(channel, maya, &number.to_string()).expect("said");
    }
    let cursor = Cursor { ordinal: ts::ordinal(&first.to_string()), last: None };
    let read = scene.slack.read_back(&scene.place(), Some(&cursor)).await.expect("read");
    let words: Vec<String> = read
        .into_iter()
        .flat_map(|incoming| incoming.events)
        .filter_map(|event| match event.happening {
            Happening::Message { content, .. } => Some(content.text.plain),
            _ => None,
        })
        .collect();
    assert_eq!(words, (0..450).map(|number| number.to_string()).collect::<Vec<_>>());
    scene.stop().await;
}

#[tokio::test]
async fn reading_back_waits_as_long_as_slack_asks() {
    let scene = Scene::new().await;
    scene.workspace.user_says(&scene.channel, &scene.maya, "hello").expect("said");
    scene.workspace.fault(Fault::RateLimited(1), "conversations.history", Dose::Next(2));
    let cursor = Cursor { ordinal: Some(1), last: None };
    let place = scene.place();
    let (one, other) = tokio::join!(
        scene.slack.read_back(&place, Some(&cursor)),
        scene.slack.read_back(&place, Some(&cursor)),
    );
    assert_eq!(one.expect("read").len(), other.expect("read").len());
    scene.stop().await;
}

#[tokio::test]
async fn a_command_is_answered_to_whoever_gave_it() {
    let scene = Scene::new().await;
    let mut run = scene
        .workspace
        .command(&scene.channel, &scene.maya, "/wa", "contact add +14155550100 \"A & B\"")
        .expect("given");
    run.acknowledged().await.expect("acknowledged");
    let event = scene.intake.event(|event| matches!(event.happening, Happening::Command(_))).await;
    let Happening::Command(line) = event.happening else { panic!("a command") };
    assert_eq!(line.line, "contact add +14155550100 \"A & B\"");
    assert_eq!(line.by.id, scene.maya);
    let action = Action::Answer {
        to: line.answer,
        text: "Noted: A & B".into(),
        replaces: None,
        buttons: Vec::new(),
    };
    let outgoing = Outgoing { action, ..scene.outgoing("a-1", scene.place(), "") };
    let sent = scene.slack.send(&outgoing).await.expect("answered");
    assert_eq!(sent.id, None);
    let answer = run.answer(PATIENCE).await.expect("an answer");
    assert!(!answer.in_channel && !answer.direct);
    assert_eq!(answer.text, "Noted: A &amp; B");
    // Five uses, no more.
    for _ in 0..4 {
        scene.slack.send(&outgoing).await.expect("answered");
    }
    // Then the bot tells the person itself, in the same place.
    let told = scene.slack.send(&outgoing).await.expect("told");
    assert_eq!(told, Sent { id: None, ordinal: None });
    assert!(scene.slack.find(&outgoing).await.is_err());
    scene.stop().await;
}

/// The line of a command that somebody gives, and its run.
async fn given(scene: &Scene, line: &str) -> (CommandLine, Run) {
    let mut run = scene.workspace.command(&scene.channel, &scene.maya, "/wa", line).expect("given");
    run.acknowledged().await.expect("acknowledged");
    let event = scene.intake.event(|event| matches!(event.happening, Happening::Command(_))).await;
    let Happening::Command(line) = event.happening else { panic!("a command") };
    (line, run)
}

#[tokio::test]
async fn an_answer_that_comes_too_late_for_its_address_is_shown_by_the_bot() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let scene = Scene::with(Options { clock: clock.clone(), ..Options::default() }).await;
    let (line, _run) = given(&scene, "status").await;
    clock.advance(jiff::SignedDuration::from_mins(31));
    let action = Action::Answer {
        to: line.answer,
        text: "late".into(),
        replaces: None,
        buttons: Vec::new(),
    };
    let outgoing = Outgoing { action, ..scene.outgoing("a-1", scene.place(), "") };
    scene.slack.send(&outgoing).await.expect("shown");
    let told = scene.workspace.ephemerals(&scene.channel);
    assert_eq!(told.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["late"]);
    assert_eq!(told[0].user, scene.maya);
    scene.stop().await;
}

#[tokio::test]
async fn progress_is_changed_in_place_and_the_answer_comes_where_it_was_asked() {
    let scene = Scene::new().await;
    let (line, mut run) = given(&scene, "member add +14155550100").await;
    let shown = scene.slack.show(&line.answer, "1 of 3", None).await.expect("shown");
    let told = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(told.contains("in your direct messages"), "{told}");
    let again = scene.slack.show(&line.answer, "2 of 3", Some(&shown)).await.expect("changed");
    assert_eq!(again, shown);
    let action = Action::Answer {
        to: line.answer,
        text: "3 of 3 & done".into(),
        replaces: Some(shown.clone()),
        buttons: Vec::new(),
    };
    let outgoing = Outgoing { action, ..scene.outgoing("a-1", scene.place(), "") };
    scene.slack.send(&outgoing).await.expect("answered");
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert_eq!(answer, "3 of 3 &amp; done");
    let (direct, _) = shown.as_str().split_once('/').expect("channel and time stamp");
    let messages = scene.workspace.messages(direct);
    let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, [format!("<#{}>: 3 of 3 &amp; done", scene.channel)]);
    // Where the message is gone, the answer is there all the same.
    let gone = MessageId::new(format!("{direct}/1.000001"));
    scene
        .slack
        .show(&AnswerTo { place: scene.place(), handle: String::new() }, "x", Some(&gone))
        .await
        .expect_err("there is no such message");
    scene.stop().await;
}

#[tokio::test]
async fn a_bot_opens_no_archived_channel_and_says_who_does() {
    let scene = Scene::new().await;
    scene.slack.archive(&scene.place(), "crew").await.expect("archived");
    let refused = scene.slack.unarchive(&scene.place(), "crew").await.expect_err("refused");
    assert_eq!(refused.verdict, Verdict::Never);
    assert!(refused.sentence.contains("Slack lets no bot open an archived channel"), "{refused}");
    scene.workspace.archive(&scene.channel, false);
    scene.slack.unarchive(&scene.place(), "crew").await.expect("it is open");
    scene.stop().await;
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let scene = Scene::new().await;
    scene.workspace.archive(&scene.channel, true);
    let failure = scene.send("a-1", "one").await.expect_err("archived");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::PlaceClosed));
    scene.workspace.archive(&scene.channel, false);
    let nowhere: Place = "slack:C0NOWHERE".parse().expect("a place");
    let failure =
        scene.slack.send(&scene.outgoing("a-2", nowhere, "two")).await.expect_err("no channel");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::NoSuchPlace));
    scene.workspace.revoke_token();
    let failure = scene.send("a-3", "three").await.expect_err("revoked");
    assert_eq!(failure.reason, Reason::Credentials);
    assert!(matches!(scene.slack.state().outbound, Proof::Failed(_)));
    scene.workspace.restore_token();
    scene.slack.probe().await.expect("well again");
    assert_eq!(scene.slack.state().outbound, Proof::Proved);
    scene.stop().await;
}

#[tokio::test]
async fn people_are_known_by_the_name_they_show() {
    let scene = Scene::new().await;
    let maya = PersonId::new(Network::Slack, scene.maya.clone());
    let profile = scene.slack.profile(&maya, &scene.place()).await.expect("a profile");
    assert_eq!(profile.name.as_deref(), Some("Maya"));
    let nobody = PersonId::new(Network::Slack, "U0NOBODY");
    let unknown = scene.slack.profile(&nobody, &scene.place()).await.expect("asked");
    assert_eq!(unknown, Profile::default());
    // A change comes by itself; what comes after it on the socket is a sign that it did.
    scene.workspace.change_user(&scene.maya, "May", None).expect("changed");
    let ts = scene.workspace.user_says(&scene.channel, &scene.maya, "hello").expect("said");
    let id = MessageId::new(ts.to_string());
    scene.intake.event(|event| id_of(event) == Some(&id)).await;
    scene.workspace.fault(Fault::Error500, "users.info", Dose::Next(100));
    let profile = scene.slack.profile(&maya, &scene.place()).await.expect("a profile");
    assert_eq!(profile.name.as_deref(), Some("May"));
    scene.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_while_sockets_come_and_go() {
    let scene = Scene::new().await;
    let mut said = Vec::new();
    for number in 0..12 {
        match number % 4 {
            1 => scene.workspace.refresh_sockets(true),
            3 => scene.workspace.drop_sockets(),
            _ => {}
        }
        let ts = scene.workspace.user_says(&scene.channel, &scene.maya, &number.to_string());
        said.push(MessageId::new(ts.expect("said").to_string()));
    }
    // Slack repeats what was not acknowledged; what it gave up is read back.
    let open = |workspace: &Simulator| (workspace.sockets() > 0).then_some(());
    scene.workspace.wait_for("a socket", PATIENCE, open).await.expect("a socket");
    let cursor = Cursor { ordinal: Some(1), last: None };
    let read = scene.slack.read_back(&scene.place(), Some(&cursor)).await.expect("read");
    let mut seen: Vec<Event> = scene.intake.all();
    seen.extend(read.into_iter().flat_map(|incoming| incoming.events));
    for id in said {
        let keys: std::collections::BTreeSet<_> =
            seen.iter().filter(|e| id_of(e) == Some(&id)).map(|e| e.key.clone()).collect();
        assert_eq!(keys.len(), 1, "{id}");
    }
    scene.stop().await;
}
