//! The bridge watches itself: what is wrong is told to the administrators' room once, and once
//! when it is over.

use std::time::{Duration, Instant};

use partyline_twilio::simulator::{Fault, FaultKind};
use serde_json::Value;

use crate::matrix::hall::Hall;
use crate::support::{PATIENCE, World, inbox};

/// A world with an administrators' room, in which everything is noticed soon.
struct Watched {
    world: World,
    office: String,
}

/// The section `[alerts]` for these rooms.
fn section(rooms: &[String]) -> String {
    format!(
        "[alerts]\nrooms = {rooms:?}\ncanary_interval = \"1s\"\ngrace = \"300ms\"\ncalm = \"600ms\"\n"
    )
}

impl Watched {
    async fn new(more: &str) -> Self {
        let mut world = World::new().await;
        let office = world.room("office");
        let section = section(&[format!("slack:{office}")]);
        world.daemon.configure(|config| config.push_str(&format!("{section}{more}\n")));
        Self { world, office }
    }

    /// What was told, once it is so much.
    async fn told(&self, count: usize) -> Vec<String> {
        self.world.wait_for_posts(&self.office, count).await;
        self.world.channel(&self.office).into_iter().map(|(_, text)| text).collect()
    }

    /// The alerts that `/ready` names.
    async fn open(&self) -> Vec<(String, String)> {
        let answer = reqwest::get(self.world.daemon.url("/ready")).await.expect("an answer");
        let ready: Value = answer.json().await.expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let alerts = ready["alerts"].as_array().expect("a list");
        alerts.iter().map(|one| (text(&one["alert"]), text(&one["what"]))).collect()
    }

    async fn gauge(&self, alert: &str) -> Option<f64> {
        self.world.daemon.metric(&format!("partyline_alerts{{alert=\"{alert}\"}}")).await
    }

    /// Waits until an alert is as open as this.
    async fn wait_for(&self, alert: &str, value: f64) {
        let began = Instant::now();
        while self.gauge(alert).await != Some(value) {
            assert!(began.elapsed() < PATIENCE, "{alert}\n{}", self.world.daemon.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_down_is_told_once_and_its_return_over_a_kill() {
    let mut it = Watched::new("").await;
    it.world.daemon.start().await;
    assert_eq!(it.open().await, []);
    it.world.twilio.fault(Fault::always(FaultKind::Error500));
    let told = it.told(1).await;
    assert!(told[0].starts_with("Alert: Twilio does not work."), "{told:?}");
    let open = it.open().await;
    assert!(matches!(&open[..], [(alert, _)] if alert == "twilio"), "{open:?}");
    let status = it.world.command(&it.office, &it.world.admin, "status").await;
    assert!(status.contains("Alert, since") && status.contains("Twilio does not work"), "{status}");

    // Known over a kill: neither told again nor forgotten.
    it.world.daemon.kill();
    it.world.daemon.spawn();
    it.wait_for("twilio", 1.0).await;
    it.world.twilio.clear_faults();
    it.world.daemon.wait_until_ready().await;
    let told = it.told(2).await;
    assert!(told[1].starts_with("Over, after") && told[1].ends_with("Twilio works again."));
    assert_eq!(it.open().await, []);
    assert_eq!(it.gauge("twilio").await, Some(0.0));
    it.world.daemon.wait_until_settled().await;
    assert_eq!(it.told(2).await.len(), 2, "once each");
}

/// Slack gives each event to one of an app's sockets, whoever has it.
#[tokio::test(flavor = "multi_thread")]
async fn another_program_on_the_same_app_is_told_once_and_when_it_is_gone() {
    let mut it = Watched::new("").await;
    it.world.daemon.configure(|config| {
        *config = config.replace("[slack]\n", "[slack]\ncompany_every = \"1s\"\n");
    });
    let other = it.world.slack.other_program();
    it.world.daemon.start().await;
    let told = it.told(1).await;
    assert!(told[0].contains("a socket that is not ours: another program"), "{told:?}");
    let open = it.open().await;
    assert!(matches!(&open[..], [(alert, _)] if alert == "company"), "{open:?}");
    drop(other);
    // A lost socket is a look, too.
    it.world.slack.drop_sockets();
    let told = it.told(2).await;
    assert!(told[1].ends_with("Slack gives its events to nobody else any more."), "{told:?}");
    assert_eq!(it.told(2).await.len(), 2, "once each: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_before_it_is_full() {
    let mut it = Watched::new("disk_free_mib = 1000000000").await;
    it.world.daemon.start().await;
    let told = it.told(1).await;
    assert!(told[0].contains("MiB left, less than alerts.disk_free_mib"), "{told:?}");
    // Room was made, so to speak, while the daemon was down.
    it.world.daemon.stop().await;
    it.world.daemon.configure(|config| *config = config.replace("1000000000", "1"));
    it.world.daemon.start().await;
    let told = it.told(2).await;
    assert!(told[1].ends_with("The disk has room again."), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_and_what_was_parked_is_told() {
    let mut it = Watched::new("queue_age = \"1s\"").await;
    let group = it.world.group("spring-launch", &["+14155550101"]).await;
    let closed = it.world.group("over", &["+14155550102"]).await;
    it.world.daemon.start().await;
    let posts = Fault::always(FaultKind::Error500).method("POST").on("/Messages");
    it.world.twilio.fault(posts);
    it.world.slack.user_says(&group.channel, &it.world.admin, "are you there?").unwrap();
    let told = it.told(1).await;
    let lane = format!("What is to go to twilio:{} has waited for", group.conversation);
    assert!(told[0].contains(&lane) && !told[0].contains("are you there"), "{told:?}");
    it.world.twilio.clear_faults();
    it.world.wait_for_inbox(&group.phones[0], 1).await;
    assert!(it.told(2).await[1].ends_with("Nothing waits too long any more."));
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: are you there?"]);

    let state = partyline_twilio::simulator::State::Closed;
    it.world.twilio.set_state(&closed.conversation, state).await.unwrap();
    it.world.slack.user_says(&closed.channel, &it.world.admin, "too late").unwrap();
    let told = it.told(3).await;
    assert!(told[2].starts_with("Alert: 1 message was not delivered"), "{told:?}");
    // Dropped by somebody, it is over at once.
    let dropped = it.world.command(&it.office, &it.world.admin, "queue drop all").await;
    assert!(!dropped.contains("Nothing"), "{dropped}");
    it.wait_for("parked", 0.0).await;
    it.told(4).await;
    it.world.daemon.wait_until_settled().await;
    assert_eq!(it.told(4).await.len(), 4, "nothing else");
}

/// Told by the platforms' clocks; and no start, and no network that is down, makes it right.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_told_once_and_once_it_is_right() {
    for (ahead, words) in [(7500, "2 h ahead of"), (-7500, "2 h behind")] {
        let mut it = Watched::new("").await;
        it.world.daemon.arm(&format!("clock=return({ahead})"));
        it.world.daemon.start().await;
        let told = it.told(1).await;
        let alert = format!("Alert: This machine's clock is {words} the platforms'. Set it by NTP");
        assert!(told[0].starts_with(&alert), "{told:?}");
        it.world.daemon.kill();
        it.world.daemon.start().await;
        it.wait_for("clock", 1.0).await;
        it.world.daemon.wait_until_settled().await;
        assert_eq!(it.told(1).await, told, "once");
        it.world.daemon.stop().await;
        it.world.daemon.arm("");
        it.world.daemon.start().await;
        it.wait_for("clock", 0.0).await;
        let told = it.told(2).await;
        assert!(told[1].starts_with("Over, after"), "{told:?}");
        it.world.daemon.wait_until_settled().await;
        assert_eq!(it.told(2).await.len(), 2, "once each");
    }
}

/// A slash command is in no history: whoever looks after the bridge hears that some may be lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_lost_at_its_end_is_told_once() {
    let mut it = Watched::new("").await;
    let group = it.world.group("spring-launch", &["+14155550101"]).await;
    it.world.daemon.start().await;
    it.world.slack.user_says(&group.channel, &it.world.admin, "s0").expect("said");
    it.world.wait_for_inbox(&group.phones[0], 1).await;
    let log = it.world.daemon.store().join("ledger.db-wal");
    let length = std::fs::metadata(&log).expect("the log").len();
    it.world.command(&group.channel, &it.world.admin, "contact add +14155550101 Maya").await;
    // An ordinary kill loses nothing, and nothing is told of it.
    it.world.daemon.kill();
    it.world.daemon.start().await;
    it.world.daemon.wait_until_settled().await;
    assert_eq!(it.open().await, []);

    it.world.daemon.kill();
    let file = std::fs::OpenOptions::new().write(true).open(&log).expect("the log");
    file.set_len(length).expect("cut");
    it.world.daemon.start().await;
    let told = it.told(1).await;
    assert!(
        told[0].starts_with("Alert: The ledger has lost what it wrote down between"),
        "{told:?}"
    );
    assert!(told[0].contains("Commands may not have been done"), "{told:?}");
    // Neither the next start nor the next kill makes more of it.
    it.world.daemon.stop().await;
    it.world.daemon.start().await;
    it.world.daemon.kill();
    it.world.daemon.start().await;
    it.wait_for("lost_end", 1.0).await;
    it.world.slack.user_says(&group.channel, &it.world.admin, "s1").expect("said");
    it.world.wait_for_inbox(&group.phones[0], 2).await;
    it.world.daemon.wait_until_settled().await;
    assert_eq!(it.told(1).await.len(), 1, "once");
    assert_eq!(inbox(&group.phones[0]), ["*Ada Admin*: s0", "*Ada Admin*: s1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_address_that_leads_elsewhere_is_told() {
    let mut it = Watched::new("").await;
    // Somebody who says yes to everything.
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap();
    let yes = axum::Router::new().fallback(async || "yes");
    tokio::spawn(async move { axum::serve(elsewhere, yes).await });
    let own = it.world.daemon.url("/").to_string();
    let own = own.trim_end_matches('/').to_owned();
    let (right, wrong) =
        (format!("public_url = \"{own}\""), format!("public_url = \"http://{address}\""));
    it.world.daemon.configure(|config| *config = config.replace(&right, &wrong));
    // Ready all the same: nobody shuts out a daemon because of what its address looks like from here.
    it.world.daemon.start().await;
    let told = it.told(1).await;
    assert!(told[0].contains("did not arrive here as it was sent"), "{told:?}");
    assert!(told[0].contains(&format!("http://{address}/webhooks/twilio")), "{told:?}");

    it.world.daemon.stop().await;
    it.world.daemon.configure(|config| *config = config.replace(&wrong, &right));
    it.world.daemon.start().await;
    assert!(it.told(2).await[1].ends_with("Twilio works again."));
    // A call that arrived is no event and nothing to store.
    it.world.daemon.wait_until_settled().await;
    let checks = "partyline_twilio_webhooks_total{event=\"self_check\"";
    assert!(it.world.daemon.metric(checks).await >= Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_slack_revoked_is_told_when_it_is_back() {
    let mut it = Watched::new("").await;
    it.world.daemon.start().await;
    it.world.slack.revoke_token();
    it.wait_for("slack", 1.0).await;
    let open = it.open().await;
    assert!(open[0].1.contains("Slack does not work"), "{open:?}");
    it.world.slack.restore_token();
    let told = it.told(2).await;
    assert!(told[0].starts_with("Alert: Slack does not work."), "{told:?}");
    assert!(told[1].ends_with("Slack works again."), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_slack_is_told_in_matrix_meanwhile() {
    let mut hall = Hall::new().await;
    let office = hall.world.room("office");
    let room = hall.ravi.create_room(&[&hall.bot.id]).await;
    hall.bot.join(&room).await;
    let section = section(&[format!("slack:{office}"), format!("matrix:{room}")]);
    hall.world.daemon.configure(|config| config.push_str(&section));
    hall.world.daemon.start().await;
    hall.world.slack.revoke_token();
    let told = about_slack(&hall, &room, 1).await;
    assert!(told[0].starts_with("Alert: Slack does not work."), "{told:?}");
    let told_there =
        |words| hall.world.channel(&office).iter().any(|(_, text)| text.contains(words));
    assert!(!told_there("Slack does not work"), "there it cannot be told yet");
    hall.world.slack.restore_token();
    let told = about_slack(&hall, &room, 2).await;
    assert!(told[1].ends_with("Slack works again."), "{told:?}");
    hall.world.wait_for_posts(&office, 2).await;
    hall.world.daemon.wait_until_settled().await;
    assert!(told_there("Slack does not work") && told_there("Slack works again"));
    assert_eq!(about_slack(&hall, &room, 2).await.len(), 2, "once each");
}

/// What the bot said of Slack in a room, once it is so much. (On a busy machine a start can take longer
/// than the grace, and then it says so of Matrix too.)
async fn about_slack(hall: &Hall, room: &str, count: usize) -> Vec<String> {
    let mut all = 0;
    loop {
        let mut told = hall.said_by_the_bot(room, all).await;
        all = told.len() + 1;
        told.retain(|text| text.contains("Slack"));
        if told.len() >= count {
            return told;
        }
    }
}
