//! Networks that break between the daemon and the platforms, with traffic both ways: everything
//! arrives, once, in order, and what is dead is found in seconds.

use std::time::{Duration, Instant};

use crate::inbox::{MAYA, configure, wait_for_thread};
use crate::matrix::hall::{Hall, numbered, under};
use crate::support::proxy::{Mode, Proxy};
use crate::support::{Group, PATIENCE, SENDER, World, inbox};

/// A world in which every network can break.
struct Nets {
    /// Daemon to Slack.
    slack: Proxy,
    /// Daemon to Twilio.
    twilio: Proxy,
    /// Twilio to daemon.
    hooks: Proxy,
}

impl Nets {
    async fn between(world: &mut World) -> Self {
        let base: url::Url = world.twilio.base_url().parse().expect("an address");
        let upstream = base.socket_addrs(|| None).expect("an address")[0];
        let daemon = world.daemon.url("/").socket_addrs(|| None).expect("an address")[0];
        let nets = Self {
            slack: Proxy::to(world.slack.address()).await,
            twilio: Proxy::to(upstream).await,
            hooks: Proxy::to(daemon).await,
        };
        world.slack.reached_by(nets.slack.address());
        let public = format!("http://{}", nets.hooks.address());
        let hooks = format!("{public}/webhooks/twilio").parse().expect("an address");
        world.twilio.set_webhook_url(Some(&hooks));
        let changes = [
            (format!("public_url = \"http://{daemon}\""), format!("public_url = \"{public}\"")),
            (format!("http://{upstream}"), format!("http://{}", nets.twilio.address())),
            (
                format!("http://{}", world.slack.address()),
                format!("http://{}", nets.slack.address()),
            ),
        ];
        world.daemon.configure(|config| {
            for (from, to) in &changes {
                assert!(config.contains(from), "{from} in {config}");
                *config = config.replace(from, to);
            }
        });
        nets
    }
}

/// A group in such a world, and the daemon at work.
async fn stage() -> (World, Group, Nets) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let nets = Nets::between(&mut world).await;
    world.daemon.start().await;
    (world, group, nets)
}

/// Says something on both sides, `from` to `to`.
fn talk(world: &World, group: &Group, numbers: std::ops::Range<usize>) {
    for number in numbers {
        group.phones[0].say_at_once(&group.conversation, format!("p{number}")).expect("said");
        let text = format!("s{number}");
        world.slack.user_says(&group.channel, &world.admin, &text).expect("said");
    }
}

/// Checks that so much arrived on each side, once, in order.
async fn check(world: &World, group: &Group, count: usize) {
    world.wait_for_inbox(&group.phones[0], count).await;
    world.wait_for_posts(&group.channel, 2 * count).await;
    world.daemon.wait_until_settled().await;
    let log = || world.daemon.log();
    let on_phone = inbox(&group.phones[0]);
    assert_eq!(under(&on_phone, "*Ada Admin*: "), numbered('s', count), "{}", log());
    assert_eq!(on_phone.len(), count, "nothing else: {on_phone:?}");
    let channel = world.channel(&group.channel);
    let posts = channel.iter().map(|(_, text)| text.clone());
    let from_phone: Vec<String> = posts.filter(|text| text.starts_with('p')).collect();
    assert_eq!(from_phone, numbered('p', count), "{}", log());
    assert_eq!(channel.len(), 2 * count, "nothing else: {channel:?}");
}

/// Waits for a metric to be at least so much. How long that took.
async fn counted(world: &World, line: &str, least: f64) -> Duration {
    let began = Instant::now();
    while world.daemon.metric(line).await.unwrap_or_default() < least {
        assert!(began.elapsed() < 2 * PATIENCE, "{line}\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

const LOST: &str = "partyline_slack_sockets_total{outcome=\"lost\"}";

/// Waits until the daemon says in its log that the way is lost.
async fn noticed(world: &World, words: &str) {
    let began = Instant::now();
    while !world.daemon.log().contains(words) {
        assert!(began.elapsed() < PATIENCE, "nobody noticed\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_way_to_slack_is_found_in_seconds_and_nothing_is_lost() {
    let (world, group, nets) = stage().await;
    talk(&world, &group, 0..5);
    world.wait_for_inbox(&group.phones[0], 2).await;
    nets.slack.set(Mode::BlackHole);
    talk(&world, &group, 5..15);
    let found = counted(&world, LOST, 1.0).await;
    assert!(found < Duration::from_secs(20), "it took {found:?}");
    nets.slack.set(Mode::Pass);
    let began = Instant::now();
    talk(&world, &group, 15..20);
    check(&world, &group, 20).await;
    let recovered = began.elapsed();
    println!("slack, black hole: found after {found:?}, all there {recovered:?} after its end");
    assert!(recovered < Duration::from_secs(45), "it took {recovered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_which_slacks_network_breaks_ends_with_everything_once_and_in_order() {
    let (world, group, nets) = stage().await;
    let mut said = 0;
    for mode in [Mode::Refuse, Mode::Reset, Mode::Cut(300), Mode::Slow(Duration::from_millis(200))]
    {
        let retried = "partyline_deliveries_total{network=\"slack\",outcome=\"retried\"}";
        let before = world.daemon.metric(retried).await.unwrap_or_default();
        talk(&world, &group, said..said + 3);
        nets.slack.set(mode);
        talk(&world, &group, said + 3..said + 6);
        match mode {
            Mode::Slow(_) => world.wait_for_posts(&group.channel, 2 * said + 6 + 1).await,
            _ => drop(counted(&world, retried, before + 1.0).await),
        }
        nets.slack.set(Mode::Pass);
        said += 6;
        check(&world, &group, said).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_slack_that_are_lost_double_nothing() {
    let (world, group, nets) = stage().await;
    talk(&world, &group, 0..3);
    check(&world, &group, 3).await;
    nets.slack.set(Mode::AnswersLost);
    talk(&world, &group, 3..6);
    // It is posted, and nobody hears of it.
    world.wait_for_posts(&group.channel, 2 * 3 + 3 + 1).await;
    counted(&world, LOST, 1.0).await;
    nets.slack.set(Mode::Pass);
    check(&world, &group, 6).await;
    let looked_up = "partyline_deliveries_total{network=\"slack\",outcome=\"found\"}";
    assert_eq!(world.daemon.metric(looked_up).await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_behind_a_black_hole_gets_everything_once() {
    let (world, group, nets) = stage().await;
    talk(&world, &group, 0..3);
    check(&world, &group, 3).await;
    // Processed or not, no answer comes, and the hooks do not arrive either.
    nets.twilio.set(Mode::AnswersLost);
    nets.hooks.set(Mode::BlackHole);
    talk(&world, &group, 3..6);
    world.wait_for_inbox(&group.phones[0], 4).await;
    nets.twilio.set(Mode::BlackHole);
    let retried = "partyline_deliveries_total{network=\"twilio\",outcome=\"retried\"}";
    let found = counted(&world, retried, 1.0).await;
    assert!(found < Duration::from_secs(25), "it took {found:?}");
    let began = Instant::now();
    nets.twilio.set(Mode::Pass);
    nets.hooks.set(Mode::Pass);
    talk(&world, &group, 6..9);
    check(&world, &group, 9).await;
    let recovered = began.elapsed();
    println!("twilio, black hole: found after {found:?}, all there {recovered:?} after its end");
    let looked_up = "partyline_deliveries_total{network=\"twilio\",outcome=\"found\"}";
    assert_eq!(world.daemon.metric(looked_up).await, Some(1.0));
}

/// Where nobody calls, the lists are read: what they could not tell for a while is told once they can.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_every_break_of_twilios_network_ends_with_everything_once() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let nets = Nets::between(&mut world).await;
    world.twilio.set_webhook_url(None);
    world.daemon.without_public_address();
    world.daemon.start().await;
    talk(&world, &group, 0..2);
    check(&world, &group, 2).await;
    let retried = "partyline_deliveries_total{network=\"twilio\",outcome=\"retried\"}";
    for (round, mode) in [Mode::Refuse, Mode::BlackHole].into_iter().enumerate() {
        let (from, before) =
            (2 + 4 * round, world.daemon.metric(retried).await.unwrap_or_default());
        nets.twilio.set(mode);
        talk(&world, &group, from..from + 2);
        counted(&world, retried, before + 1.0).await;
        nets.twilio.set(Mode::Pass);
        talk(&world, &group, from + 2..from + 4);
        check(&world, &group, from + 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_in_that_is_a_black_hole_is_told() {
    let mut world = World::new().await;
    let office = world.room("office");
    let nets = Nets::between(&mut world).await;
    world.daemon.configure(|config| {
        config.push_str(&format!(
            "[alerts]\nrooms = [\"slack:{office}\"]\ncanary_interval = \"1s\"\ngrace = \"300ms\"\n\
             calm = \"300ms\"\n"
        ));
    });
    world.daemon.start().await;
    counted(&world, "partyline_twilio_webhooks_total{event=\"self_check\"", 1.0).await;
    nets.hooks.set(Mode::BlackHole);
    let began = Instant::now();
    world.wait_for_posts(&office, 1).await;
    println!("canary, black hole: told after {:?}", began.elapsed());
    assert!(world.channel(&office)[0].1.contains("cannot be called from here"));
    nets.hooks.set(Mode::Pass);
    world.wait_for_posts(&office, 2).await;
    assert!(world.channel(&office)[1].1.ends_with("Twilio works again."));
}

/// Twilio does not call twice: what strangers wrote while it could not call is found once it can, and not
/// only when it is its turn (ten minutes).
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_wrote_while_the_way_in_was_lost_is_found_once_it_is_back() {
    let mut world = World::new().await;
    let channel = configure(&mut world);
    let nets = Nets::between(&mut world).await;
    let messaging = format!("http://{}/webhooks/twilio/messaging", nets.hooks.address());
    world.twilio.set_messaging_webhook_url(Some(&messaging.parse().expect("an address")));
    world.daemon.configure(|config| config.push_str("[alerts]\ncanary_interval = \"1s\"\n"));
    world.daemon.start().await;
    counted(&world, "partyline_twilio_webhooks_total{event=\"self_check\"", 1.0).await;
    let maya = world.twilio.phone(MAYA);
    maya.write_to(SENDER, "is anybody there").await.expect("written");
    wait_for_thread(&world, &channel, 1).await;

    nets.hooks.set(Mode::Refuse);
    noticed(&world, "do not reach each other").await;
    let zoe = world.twilio.phone("whatsapp:+14155550103");
    zoe.write_to(SENDER, "nobody hears me").await.expect("written");
    maya.write_to(SENDER, "nor me").await.expect("written");
    zoe.write_to(SENDER, "stop").await.expect("written");
    world.twilio.idle().await;
    nets.hooks.set(Mode::Pass);
    world.wait_for_inbox(&zoe, 1).await;
    let said = |one: &partyline_slack::simulator::Message| one.text == "nobody hears me";
    world.slack.wait_for_message(&channel, PATIENCE, said).await.expect("it is shown");
    let (_, replies) = wait_for_thread(&world, &channel, 2).await;
    assert_eq!(replies, ["is anybody there", "nor me"]);
    world.daemon.wait_until_settled().await;
    assert_eq!(zoe.inbox_len(), 1, "{:?}", inbox(&zoe));
}

/// The same of members: no next message has to show by its number that one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_members_said_while_the_way_in_was_lost_is_read_once_it_is_back() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let nets = Nets::between(&mut world).await;
    world.daemon.configure(|config| config.push_str("[alerts]\ncanary_interval = \"1s\"\n"));
    world.daemon.start().await;
    counted(&world, "partyline_twilio_webhooks_total{event=\"self_check\"", 1.0).await;
    group.phones[0].say(&group.conversation, "heard").await.expect("said");
    world.wait_for_posts(&group.channel, 1).await;
    nets.hooks.set(Mode::Refuse);
    noticed(&world, "is read once it does").await;
    for text in ["nobody hears me", "nor this"] {
        group.phones[0].say(&group.conversation, text).await.expect("said");
    }
    world.twilio.idle().await;
    nets.hooks.set(Mode::Pass);
    world.wait_for_posts(&group.channel, 3).await;
    world.daemon.wait_until_settled().await;
    let texts: Vec<String> =
        world.channel(&group.channel).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["heard", "nobody hears me", "nor this"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_sync_comes_out_of_every_break_with_everything_once_and_in_order() {
    let mut hall = Hall::new().await;
    let upstream: url::Url = hall.synapse.url().parse().expect("an address");
    let net = Proxy::to(upstream.socket_addrs(|| None).expect("an address")[0]).await;
    let proxied = format!("http://{}/", net.address());
    hall.world.daemon.configure(|config| {
        assert!(config.contains(upstream.as_str()));
        *config = config.replace(upstream.as_str(), &proxied);
    });
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    let failed = "partyline_matrix_sync_failures_total";
    let mut said = 0;
    for mode in [Mode::BlackHole, Mode::Refuse, Mode::Cut(300)] {
        let until = said + 8;
        let failures = hall.world.daemon.metric(failed).await.unwrap_or_default();
        for number in said..until {
            if number == said + 3 {
                hall.said_by_the_bot(&room, said + 1).await;
                net.set(mode);
            }
            group.phones[0].say_at_once(&group.conversation, format!("p{number}")).expect("said");
            hall.ravi.say(&room, &format!("m{number}")).await;
        }
        let found = counted(&hall.world, failed, failures + 1.0).await;
        net.set(Mode::Pass);
        let began = Instant::now();
        hall.world.wait_for_inbox(&group.phones[0], until).await;
        let posts = hall.said_by_the_bot(&room, until).await;
        println!(
            "matrix, {mode:?}: found after {found:?}, all there {:?} after its end",
            began.elapsed()
        );
        assert!(found < Duration::from_secs(45), "{mode:?} took {found:?}");
        hall.world.daemon.wait_until_settled().await;
        let on_phone = inbox(&group.phones[0]);
        let log = || hall.world.daemon.log();
        assert_eq!(under(&on_phone, "*Ravi Rao*: "), numbered('m', until), "{}", log());
        assert_eq!(under(&posts, "+1 415-555-0101: "), numbered('p', until), "{}", log());
        assert_eq!((on_phone.len(), posts.len()), (until, until), "nothing else");
        said = until;
    }
}
