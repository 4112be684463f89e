//! What is kept of one person: told, and erased.

use std::path::Path;
use std::time::{Duration, Instant};

use partyline_twilio::simulator::{Fault, FaultKind, Phone};

use crate::support::{PATIENCE, SENDER, World};

/// Whether some file in a folder has this text in it.
fn stands_in(folder: &Path, text: &str) -> Option<String> {
    std::fs::read_dir(folder).expect("a folder").find_map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        // Sockets are no files.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found.then(|| path.display().to_string())
    })
}

/// A group in which Maya has said something, opted out of it, and come back.
async fn world() -> (World, crate::support::Group) {
    let mut world = World::new().await;
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    group.phones[0].set_profile_name("Quetzalita");
    world.daemon.start().await;
    let admin = world.admin.clone();
    for line in [
        "contact add +14155550101 \"Maya Quetzal\" --team Nightingales",
        "contact consent +14155550101 yes --how \"a signature on a napkin\"",
    ] {
        world.command(&group.channel, &admin, line).await;
    }
    group.phones[0].say(&group.conversation, "my heart is a kestrel").await.expect("said");
    group.phones[1].say(&group.conversation, "hers is not mine").await.expect("said");
    world.slack.user_says(&group.channel, &admin, "see you at ten").expect("said");
    world.wait_for_posts(&group.channel, 3).await;
    world.wait_for_inbox(&group.phones[0], 2).await;
    world.daemon.wait_until_settled().await;
    (world, group)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_person_is_told_and_erased() {
    let (mut world, group) = world().await;
    let admin = world.admin.clone();
    // What is held for her, and when she was heard, is known as well.
    group.phones[0].close_window();
    world.slack.user_says(&group.channel, &admin, "or at eleven").expect("said");
    let held = async || {
        let window = world.command(&group.channel, &admin, "window").await;
        window.contains("1 message held")
    };
    let began = Instant::now();
    while !held().await {
        assert!(began.elapsed() < PATIENCE, "nothing is held\n{}", world.daemon.log());
    }
    let shown = world.command(&group.channel, &admin, "contact show +14155550101").await;
    assert!(shown.contains("consent: yes") && shown.contains("napkin"), "{shown}");
    let output =
        world.daemon.command(&["contacts", "data", "+14155550101"]).output().expect("runs");
    let told = String::from_utf8(output.stdout).expect("text");
    for known in [
        "Maya Quetzal",
        "Quetzalita",
        "my heart is a kestrel",
        "\"own\":true",
        "member",
        "\"what\":\"window\"",
        "\"what\":\"held\"",
    ] {
        assert!(told.contains(known), "{known}: {told}");
    }
    assert!(!told.contains("hers is not mine"), "{told}");

    group.phones[0].say(&group.conversation, "stop").await.expect("said");
    let left = |sim: &partyline_twilio::simulator::Simulator| {
        sim.participants(&group.conversation).len() == 1
    };
    world.twilio.wait_until(PATIENCE, |_| left(&world.twilio)).await.expect("out");
    world.daemon.wait_until_settled().await;
    let question = world.command(&group.channel, &admin, "contact erase \"Maya Quetzal\"").await;
    assert!(question.contains("erases all that is kept"), "{question}");
    let line = "contact erase +14155550101 --confirm";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("Erased: the contact") && answer.contains("under a hash"), "{answer}");
    assert!(!answer.contains("Left:"), "{answer}");
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;

    let store = world.daemon.store();
    for trace in ["4155550101", "415-555-0101", "Quetzal", "ightingale", "kestrel", "napkin"] {
        assert_eq!(stands_in(&store, trace), None, "{trace}");
    }
    assert!(stands_in(&store, "hers is not mine").is_some(), "what is somebody else's stays");

    // Nobody writes to them all the same, and what they write themselves brings them back.
    world.daemon.start().await;
    let answer = world.command(&group.channel, &admin, "member add +14155550101").await;
    assert!(answer.contains("has asked for no more messages"), "{answer}");
    let list = world.command(&group.channel, &admin, "optout list").await;
    assert!(list.contains("somebody whose data was erased"), "{list}");
    group.phones[0].write_to(SENDER, "start").await.expect("written");
    world.wait_for_inbox(&group.phones[0], 4).await;
    let answer = world.command(&group.channel, &admin, "member add +14155550101").await;
    assert!(answer.contains("1 of 1 members added"), "{answer}");
}

/// Killed in the middle of it, it is gone on with after the start, and nothing is left all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_is_gone_on_with() {
    for point in [
        "contacts.copied",
        "contacts.moved",
        "contacts.replaced",
        "person.erased",
        "command.finished",
    ] {
        let (mut world, group) = world().await;
        world.daemon.stop().await;
        world.daemon.arm(&format!("{point}=return"));
        world.daemon.start().await;
        let line = "contact erase +14155550101 --confirm";
        let mut run = world
            .slack
            .command(&group.channel, &world.admin, "/wa", line)
            .expect("the command is known");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Erased:"), "{point}: {answer}");
        world.daemon.wait_until_settled().await;
        world.daemon.stop().await;
        for trace in ["4155550101", "Quetzal", "kestrel"] {
            assert_eq!(stands_in(&world.daemon.store(), trace), None, "{point}: {trace}");
        }
    }
}

/// What is on its way to somebody as they are erased is waited for: nothing comes to them afterwards, and
/// nothing of it is written down.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_to_a_person_is_waited_for() {
    let (mut world, group) = world().await;
    let admin = world.admin.clone();
    let (before, refused) = (group.phones[0].inbox_len(), world.twilio.counters().refused);
    let slow = Fault::next(FaultKind::Slow(Duration::from_secs(2)), 1);
    world.twilio.fault(slow.method("POST").on("/Messages.json"));
    let line = "broadcast Nightingales team_notice 1=Ada --yes";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("goes to 1 "), "{answer}");
    let begun = Instant::now();
    while world.twilio.counters().refused == refused {
        assert!(begun.elapsed() < PATIENCE, "it was not tried\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let line = "contact erase +14155550101 --confirm";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("Erased:") && !answer.contains("are not sent"), "{answer}");
    assert_eq!(group.phones[0].inbox_len(), before + 1, "it came before they were erased");
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    for trace in ["4155550101", "Quetzal"] {
        assert_eq!(stands_in(&world.daemon.store(), trace), None, "{trace}");
    }
}

/// What waits to be sent to somebody, broadcasts that have not come to them, and commands at a later time
/// that name them go with them; whoever else waits gets theirs.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_person_and_what_names_them_later_goes_with_them() {
    let (mut world, group) = world().await;
    let admin = world.admin.clone();
    for line in [
        "contact add +14155550102 Ben --team Nightingales",
        "schedule in 1 hour -- member remove \"Maya Quetzal\"",
        "schedule in 1 hour -- group show",
    ] {
        world.command(&group.channel, &admin, line).await;
    }
    let refused = world.twilio.counters().refused;
    let full = Fault::always(FaultKind::RateLimited(1));
    world.twilio.fault(full.method("POST").on("/Messages.json"));
    let before: Vec<usize> = group.phones.iter().map(Phone::inbox_len).collect();
    let line = "broadcast Nightingales team_notice 1=Ada --yes";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("goes to 2 people"), "{answer}");
    let begun = Instant::now();
    while world.twilio.counters().refused < refused + 2 {
        assert!(begun.elapsed() < PATIENCE, "neither was tried\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let line = "contact erase +14155550101 --confirm";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("1 messages that waited to be sent to them are not sent"), "{answer}");
    assert!(answer.contains("1 scheduled commands that named them are taken back"), "{answer}");
    world.twilio.clear_faults();
    world.wait_for_inbox(&group.phones[1], before[1] + 1).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(group.phones[0].inbox_len(), before[0]);
    let listed = world.command(&group.channel, &admin, "schedule list").await;
    assert!(listed.contains("group show") && !listed.contains("Quetzal"), "{listed}");
    world.daemon.stop().await;
    for trace in ["4155550101", "Quetzal"] {
        assert_eq!(stands_in(&world.daemon.store(), trace), None, "{trace}");
    }
}
