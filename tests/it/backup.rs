//! Backups: taken under load, restored after everything was lost, refused where they are not whole.

#![allow(clippy::print_stdout)] // a measurement says what it found

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use partyline::ledger::SCHEMA;
use tempfile::TempDir;

use crate::matrix::hall::{Hall, numbered};
use crate::support::{Group, PATIENCE, World, inbox};

const GROUPS: usize = 5;
const EACH: usize = 40;

/// Runs the program to its end, without holding up the simulators.
async fn run(world: &World, arguments: &[&str]) -> Output {
    ended(world.daemon.command(arguments)).await
}

async fn ended(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("joined")
        .expect("the binary")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

/// A folder for a backup, and the place of one in it.
fn backups() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().join("backup");
    (folder, backup)
}

fn says(world: &World, groups: &[Group], round: usize) {
    for group in groups {
        group.phones[0]
            .say_at_once(&group.conversation, format!("p{round}").as_str())
            .expect("said");
        world.slack.user_says(&group.channel, &world.admin, &format!("s{round}")).expect("said");
    }
}

fn check(world: &World, group: &Group) {
    let posts = world.channel(&group.channel).into_iter();
    let posts: Vec<_> =
        posts.filter(|(name, _)| *name != world.admin).map(|(_, text)| text).collect();
    let expected: Vec<String> = (0..EACH).map(|n| format!("p{n}")).collect();
    assert_eq!(posts, expected, "in {}\n{}", group.channel, world.daemon.log());
    let expected: Vec<String> = (0..EACH).map(|n| format!("*Ada Admin*: s{n}")).collect();
    assert_eq!(inbox(&group.phones[0]), expected, "on a phone\n{}", world.daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_restores_and_what_came_after_it_is_there_once() {
    let mut world = World::new().await;
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        let phone = format!("+1415555{:04}", 100 + number);
        groups.push(world.group(&format!("group-{number}"), &[&phone]).await);
    }
    world.daemon.start().await;
    let added =
        world.command(&groups[0].channel, &world.admin, "contact add +14155550100 Zoe").await;
    assert!(added.contains("Zoe"), "{added}");

    let (_folder, backup) = backups();
    let mut taking = None;
    for round in 0..EACH / 2 {
        says(&world, &groups, round);
        if round == EACH / 4 {
            world.wait_for_posts(&groups[0].channel, EACH / 4).await;
            taking = Some(tokio::spawn(ended(world.daemon.command(&["backup", text(&backup)]))));
        }
    }
    let taken = taking.expect("begun").await.unwrap();
    assert!(taken.status.success(), "{}", stderr(&taken));
    assert!(stdout(&taken).contains("1 contacts"), "{}", stdout(&taken));
    // More is said, and all of it arrives before everything is lost but the backup.
    for round in EACH / 2..EACH - 10 {
        says(&world, &groups, round);
    }
    for group in &groups {
        world.wait_for_inbox(&group.phones[0], EACH - 10).await;
        world.wait_for_posts(&group.channel, 2 * (EACH - 10)).await;
    }
    for round in EACH - 10..EACH - 5 {
        says(&world, &groups, round);
    }
    world.daemon.kill();
    std::fs::remove_dir_all(world.daemon.store()).unwrap();
    for round in EACH - 5..EACH {
        says(&world, &groups, round);
    }
    world.twilio.idle().await;

    let restored = run(&world, &["restore", text(&backup)]).await;
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert!(stdout(&restored).contains("start the daemon"), "{}", stdout(&restored));
    world.daemon.start().await;
    for group in &groups {
        world.wait_for_inbox(&group.phones[0], EACH).await;
        world.wait_for_posts(&group.channel, 2 * EACH).await;
    }
    world.daemon.wait_until_settled().await;
    for group in &groups {
        check(&world, group);
    }
    let found =
        world.daemon.metric("partyline_deliveries_total{network=\"slack\",outcome=\"found\"}");
    assert!(found.await.unwrap_or_default() > 0.0, "what was sent before was found");
    // The contact is there too: what was said last stands under its name.
    let last = world.channel(&groups[0].channel);
    let last = last.iter().rfind(|(name, _)| *name != world.admin).expect("a post");
    assert_eq!(last.0, "Zoe");
}

/// A store with a few messages in it, whose daemon has stopped, and a backup of it.
async fn stopped(world: &mut World, backup: &Path) -> Group {
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "hello").await.expect("said");
    world.wait_for_posts(&group.channel, 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    let taken = run(world, &["backup", text(backup)]).await;
    assert!(taken.status.success(), "{}", stderr(&taken));
    group
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_there_is_moved_aside_and_never_while_a_daemon_has_it() {
    let mut world = World::new().await;
    let (_folder, backup) = backups();
    let group = stopped(&mut world, &backup).await;

    let again = run(&world, &["backup", text(&backup)]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("is not empty"), "{}", stderr(&again));

    let refused = run(&world, &["restore", text(&backup)]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));

    world.daemon.start().await;
    let refused = run(&world, &["restore", "--force", text(&backup)]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("in use by another partyline"), "{}", stderr(&refused));
    group.phones[0].say(&group.conversation, "after the backup").await.unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    world.daemon.stop().await;

    let restored = run(&world, &["restore", "--force", text(&backup)]).await;
    assert!(restored.status.success(), "{}", stderr(&restored));
    let aside = std::fs::read_dir(world.daemon.store())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| text(path).contains("before-restore-"))
        .expect("the store of before");
    assert!(aside.join("ledger.db").exists() && aside.join("contacts").exists());
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "and on").await.unwrap();
    world.wait_for_posts(&group.channel, 3).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel).into_iter().map(|(_, text)| text);
    assert_eq!(posts.collect::<Vec<_>>(), ["hello", "after the backup", "and on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused() {
    let mut world = World::new().await;
    let (folder, backup) = backups();
    stopped(&mut world, &backup).await;
    std::fs::remove_dir_all(world.daemon.store()).unwrap();
    let manifest = std::fs::read_to_string(backup.join("manifest.json")).unwrap();
    let refused = async |change: &dyn Fn(&Path)| {
        let copy = tempfile::tempdir_in(folder.path()).unwrap();
        for name in ["manifest.json", "ledger.db", "contacts.ndjson"] {
            std::fs::copy(backup.join(name), copy.path().join(name)).unwrap();
        }
        change(copy.path());
        let output = run(&world, &["restore", text(copy.path())]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(!world.daemon.store().join("ledger.db").exists(), "nothing was restored");
        stderr(&output)
    };
    let cut = |copy: &Path| {
        let file = std::fs::OpenOptions::new().write(true).open(copy.join("ledger.db")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    };
    let told = refused(&cut).await;
    assert!(told.contains("ledger.db is not as it was"), "{told}");
    let told = refused(&|copy| std::fs::remove_file(copy.join("manifest.json")).unwrap()).await;
    assert!(told.contains("no whole backup"), "{told}");
    let told = refused(&|copy| std::fs::remove_file(copy.join("contacts.ndjson")).unwrap()).await;
    assert!(told.contains("contacts.ndjson of the backup cannot be read"), "{told}");
    let newer = |copy: &Path| {
        let newer = manifest.replace(&format!("\"schema\": {SCHEMA}"), "\"schema\": 99");
        assert_ne!(newer, manifest);
        std::fs::write(copy.join("manifest.json"), newer).unwrap();
    };
    let told = refused(&newer).await;
    assert!(told.contains("that or a newer program"), "{told}");
    let outside = |copy: &Path| {
        let outside = manifest.replace("contacts.ndjson", "../contacts.ndjson");
        std::fs::write(copy.join("manifest.json"), outside).unwrap();
    };
    let told = refused(&outside).await;
    assert!(told.contains("outside of it"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_that_was_cut_short_no_daemon_starts_until_it_is_done_again() {
    let mut world = World::new().await;
    let (_folder, backup) = backups();
    stopped(&mut world, &backup).await;
    // As a kill between its steps leaves it: what was there is aside, the rest not yet in place.
    let store = world.daemon.store();
    std::fs::create_dir(store.join("restoring")).unwrap();
    std::fs::rename(store.join("ledger.db"), store.join("restoring/ledger.db")).unwrap();
    let refused = run(&world, &["run"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("was cut short"), "{}", stderr(&refused));
    let restored = run(&world, &["restore", "--force", text(&backup)]).await;
    assert!(restored.status.success(), "{}", stderr(&restored));
    world.daemon.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_nothing_under_its_name() {
    let mut world = World::new().await;
    let (folder, backup) = backups();
    let group = stopped(&mut world, &backup).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "more").await.unwrap();
    let another = folder.path().join("another");
    let mut child = world.daemon.command(&["backup", text(&another)]).spawn().unwrap();
    let begun = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .any(|entry| text(&entry.unwrap().path()).contains(".another.partial-"))
    };
    let started = Instant::now();
    while !begun() && !another.exists() {
        assert!(started.elapsed() < PATIENCE, "no backup was begun");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if another.exists() {
        // It was quicker than the kill: then it is whole.
        let store = tempfile::tempdir().unwrap();
        let mut command = world.daemon.command(&["restore", text(&another)]);
        command.env("PARTYLINE_STORE__URL", format!("sled:{}", store.path().display()));
        assert!(ended(command).await.status.success());
    }
    world.wait_for_posts(&group.channel, 2).await;
}

/// The Matrix bot logs in anew after a restore: its transaction ids are others, so what was sent before
/// is found by the delivery's id in the room.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_room_had_before_a_restore_is_there_once() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    hall.world.daemon.start().await;
    hall.wait_until_read("matrix").await;
    let (_folder, backup) = backups();
    let says = async |from: usize| {
        for number in from..from + 5 {
            let text = format!("p{number}");
            group.phones[0].say_at_once(&group.conversation, text.as_str()).expect("said");
            hall.ravi.say(&room, &format!("m{number}")).await;
        }
    };
    says(0).await;
    hall.said_by_the_bot(&room, 5).await;
    hall.world.wait_for_inbox(&group.phones[0], 5).await;
    let taken = run(&hall.world, &["backup", text(&backup)]).await;
    assert!(taken.status.success(), "{}", stderr(&taken));
    says(5).await;
    hall.said_by_the_bot(&room, 10).await;
    hall.world.wait_for_inbox(&group.phones[0], 10).await;
    hall.world.daemon.kill();
    std::fs::remove_dir_all(hall.world.daemon.store()).unwrap();
    says(10).await;
    hall.world.twilio.idle().await;

    let restored = run(&hall.world, &["restore", text(&backup)]).await;
    assert!(restored.status.success(), "{}", stderr(&restored));
    hall.world.daemon.start().await;
    hall.said_by_the_bot(&room, 15).await;
    hall.world.wait_for_inbox(&group.phones[0], 15).await;
    hall.world.daemon.wait_until_settled().await;
    // What is late shows its time in front.
    let there = hall.said_by_the_bot(&room, 15).await;
    let words = there.iter().filter_map(|line| line.rsplit_once(": ")).map(|(_, text)| text);
    assert_eq!(words.collect::<Vec<_>>(), numbered('p', 15));
    let arrived = inbox(&group.phones[0]);
    let words = arrived.iter().filter_map(|line| line.rsplit_once(": ")).map(|(_, text)| text);
    assert_eq!(words.collect::<Vec<_>>(), numbered('m', 15));
}

/// Bytes in the store, so that a backup takes a while.
const LARGE: usize = 128 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backup_is_taken_webhooks_are_answered_in_time() {
    let mut world = World::new().await;
    let (_folder, backup) = backups();
    let group = stopped(&mut world, &backup).await;
    let ledger = rusqlite::Connection::open(world.daemon.store().join("ledger.db")).unwrap();
    let fill = "WITH RECURSIVE row (number) AS
                    (SELECT 1 UNION ALL SELECT number + 1 FROM row WHERE number < ?1)
                INSERT INTO unparsed (network, via, received, raw)
                SELECT 'slack', 'socket', unixepoch() * 1000, randomblob(65536) FROM row";
    ledger.execute(fill, [LARGE / 65536]).unwrap();
    drop(ledger);
    world.daemon.start().await;
    let answered = async |count: usize| {
        let began = Instant::now();
        group.phones[0].say(&group.conversation, format!("p{count}").as_str()).await.expect("said");
        began.elapsed()
    };
    let mut before = Vec::new();
    for number in 0..20 {
        before.push(answered(number).await);
    }
    let another = backup.with_extension("another");
    let taking = tokio::spawn(ended(world.daemon.command(&["backup", text(&another)])));
    let mut meanwhile = Vec::new();
    while !taking.is_finished() {
        meanwhile.push(answered(20 + meanwhile.len()).await);
    }
    let taken = taking.await.expect("joined");
    assert!(taken.status.success(), "{}", stderr(&taken));
    let told = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        (times.len(), times[times.len() / 2], *times.last().expect("one"))
    };
    let (before, meanwhile) = (told(&mut before), told(&mut meanwhile));
    println!("messages, median and longest wait: before {before:?}, meanwhile {meanwhile:?}");
    assert!(meanwhile.0 >= 5, "the backup was too quick to tell anything");
    // Slack waits for three seconds, Twilio for fifteen. Both hooks of a message are in it.
    assert!(meanwhile.2 < Duration::from_secs(2), "{meanwhile:?}");
}
