//! Templates to many people: each of them once, whatever happens meanwhile.

use std::fmt::Write as _;
use std::time::Instant;

use partyline_slack::simulator as slack;

use crate::support::{PATIENCE, World, inbox};

/// A channel that the admin and the bridge are in.
fn channel(world: &World, name: &str) -> String {
    let channel = world.slack.add_channel(name, &[&world.admin]);
    world.slack.join(&channel, &world.slack.options().identity.user);
    channel
}

/// Has so many a second go out.
fn pace(world: &mut World, per_second: u32) {
    world.daemon.configure(|config| {
        let key = format!("[twilio]\nbroadcast_per_second = {per_second}");
        *config = config.replace("[twilio]", &key);
    });
}

/// Makes contacts of a team; their numbers.
fn team(world: &World, name: &str, count: usize) -> Vec<String> {
    let numbers: Vec<String> =
        (0..count).map(|number| format!("+1415{:07}", 5_560_000 + number)).collect();
    let mut file = String::from("number,name,team\n");
    for number in &numbers {
        let _ = writeln!(file, "{number},Person {},{name}", &number[5..]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.csv");
    std::fs::write(&path, file).expect("a file");
    let path = path.to_string_lossy();
    let mut import = world.daemon.command(&["contacts", "import", &path]);
    let output = import.output().expect("the import");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    numbers
}

/// Waits until the bridge has told the admin so directly.
async fn told(world: &World, text: &str) -> String {
    let direct = || {
        let channel = world.slack.direct(&world.admin);
        let texts = |channel: String| world.slack.messages(&channel);
        channel.map(texts).unwrap_or_default()
    };
    let look = |_: &slack::Simulator| {
        direct().iter().map(|one| one.text.clone()).find(|one| one.contains(text))
    };
    let found = world.slack.wait_for(text, 3 * PATIENCE, look).await;
    found.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()))
}

fn copies(world: &World, number: &str) -> usize {
    inbox(&world.twilio.phone(&format!("whatsapp:{number}"))).len()
}

/// The daemon is killed again and again while a thousand are written to: everybody gets one copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_get_one_copy_each_however_often_the_daemon_is_killed() {
    let mut world = World::new().await;
    pace(&mut world, 200);
    let room = channel(&world, "office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let numbers = team(&world, "Field sales", 1000);
    let line = "broadcast \"field sales\" team_notice 1=\"The field team\"";
    let answer = world.command(&room, &admin, line).await;
    assert!(answer.contains("goes to 1000 people, to each alone"), "{answer}");
    assert!(answer.contains("The field team has news for you"), "{answer}");
    for (life, point) in
        ["broadcast.owed=2*off->return", "lane.sent=150*off->return", ""].iter().enumerate()
    {
        let sent = |_: &partyline_twilio::simulator::Simulator| {
            numbers.iter().filter(|number| copies(&world, number) > 0).count() >= 100 * (life + 1)
        };
        world.twilio.wait_until(PATIENCE, sent).await.expect("it goes on");
        world.daemon.kill();
        world.daemon.arm(point);
        world.daemon.start().await;
        if !point.is_empty() {
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
            world.daemon.start().await;
        }
    }
    let account = told(&world, "\"team_notice\" has left: ").await;
    assert!(account.contains("1000 of 1000 sent."), "{account}");
    world.daemon.wait_until_settled().await;
    let wrong: Vec<_> = numbers
        .iter()
        .map(|number| (number, copies(&world, number)))
        .filter(|(_, copies)| *copies != 1)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{}", world.daemon.log());
}

/// Teams and groups together: whoever is in several gets one copy, by the sender that they know; the
/// group's room is shown what was sent; whom Twilio refuses is in the account.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_several_gets_one_and_the_account_says_who_got_none() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155560001", "+14155550101"]).await;
    let office = channel(&world, "office");
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    let numbers = team(&world, "Sales", 3);
    let line = "broadcast Sales, group:spring team_notice 1=\"The team\"";
    let answer = world.command(&office, &admin, line).await;
    assert!(answer.contains("goes to 4 people"), "{answer}");
    told(&world, "4 of 4 sent.").await;
    // Whoever wants no more messages gets none, and is in the account.
    let noted = world.command(&office, &admin, "optout add +14155560002").await;
    let again = "broadcast Sales team_notice 1=\"The team\"";
    world.command(&office, &admin, again).await;
    told(&world, "2 of 3 sent, 1 suppressed.").await;
    assert!(!noted.contains("Write: `/wa"), "{noted}");
    world.wait_for_posts(&group.channel, 1).await;
    let shown = world.channel(&group.channel).pop().expect("a post").1;
    assert!(shown.contains("to each member alone as the template \"team_notice\""), "{shown}");
    for (number, expected) in [(&*numbers[0], 2), (&*numbers[1], 2), ("+14155550101", 1)] {
        assert_eq!(copies(&world, number), expected, "{number}");
    }
    for (line, expected) in [
        ("broadcast", "Something is missing: TEAM|GROUP"),
        ("broadcast Sales", "Something is missing: TEMPLATE"),
        ("broadcast Nobody team_notice 1=x", "There is no team or group \"Nobody\""),
        ("broadcast Sales nosuch", "There is no template \"nosuch\""),
        ("broadcast Sales team_notice", "needs its variables"),
        ("broadcast Sales winter_sale", "has not approved"),
    ] {
        let answer = world.command(&office, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    assert_eq!(copies(&world, &numbers[0]), 2);
}

/// The plan for ten thousand is made and written in the time that a person waits without asking why.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_are_planned_at_once() {
    let mut world = World::new().await;
    pace(&mut world, 1);
    let room = channel(&world, "office");
    world.daemon.start().await;
    team(&world, "Everybody", 10_000);
    let begun = Instant::now();
    let line = "broadcast Everybody team_notice 1=\"The team\"";
    let answer = world.command(&room, &world.admin, line).await;
    let took = begun.elapsed();
    assert!(answer.contains("goes to 10000 people"), "{answer}");
    println!("planned and written in {took:?}");
    assert!(took.as_secs() < 10, "{took:?} in a build for tests");
}
