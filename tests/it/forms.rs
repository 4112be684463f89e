//! Forms, shortcuts, buttons and the Home tab in Slack, before the real binary.

mod home;
mod kills;
mod private;
mod slow;

use std::io::Write;
use std::process::{Command, Stdio};

use partyline_slack::simulator::{Options, Run, Simulator, View};
use serde_json::Value;

use crate::support::{PATIENCE, SECOND_SENDER, SENDER, World, inbox, over_http};

/// A world in which Slack calls the daemon.
async fn by_http() -> World {
    World::with(Options { mode: over_http(), ..Options::default() }).await
}

/// Sends a form off, and waits until the daemon has acknowledged it.
pub(crate) async fn send_off(slack: &Simulator, form: &str) {
    let sent = slack.send_off(form).expect("Slack takes it").acknowledged().await;
    sent.expect("Slack takes it");
}

/// The newest view of somebody's that is open and has this in it.
pub(crate) async fn view(world: &World, user: &str, holds: &str) -> View {
    let look = |slack: &Simulator| {
        let mut views = slack.views();
        views.retain(|one| one.user == user && one.open && one.view["type"] == "modal");
        views.pop().filter(|one| one.view.to_string().contains(holds))
    };
    world
        .slack
        .wait_for(&format!("a view with {holds}"), PATIENCE, look)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}\n{}", shown(world, user), world.daemon.log()))
}

/// What somebody's views show, for the account of a test that failed.
fn shown(world: &World, user: &str) -> Vec<String> {
    let views = world.slack.views().into_iter().filter(|one| one.user == user);
    views.map(|one| one.view.to_string()).collect()
}

/// Asks for the form of `group create`, and waits until it is loaded.
async fn open(world: &World, room: &str, user: &str) -> (Run, String) {
    let mut run = world.slack.command(room, user, "/wa", "group create").expect("known");
    run.acknowledged().await.expect("in time");
    let view = view(world, user, "\"block_id\":\"name\"").await;
    (run, view.id)
}

/// Slack's own models of views take all that was shown.
fn slack_sdk_takes_them(world: &World) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/slack_views.py");
    let mut checker = Command::new(crate::support::synapse::python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = checker.stdin.take().expect("piped");
    let views = world.slack.views();
    assert!(!views.is_empty());
    for view in views {
        writeln!(input, "{}", view.view).expect("it reads");
    }
    drop(input);
    let output = checker.wait_with_output().expect("it ends");
    let faults = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && faults.is_empty(), "{faults}");
}

/// The audit's rows of these words: how each ended.
fn audited(world: &World, what: &str) -> Vec<String> {
    let path = world.daemon.store().join("ledger.db");
    let read = || -> Result<Vec<String>, rusqlite::Error> {
        rusqlite::Connection::open(path)?
            .prepare("SELECT ended FROM audit WHERE what = ?1 ORDER BY id")?
            .query_map([what], |row| row.get(0))?
            .collect()
    };
    read().expect("the audit")
}

async fn a_group_is_made(mut world: World) {
    world.pool(&[SENDER, SECOND_SENDER]);
    let room = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    for line in [
        "contact add +14155550101 \"Maya Lopez\" --team Sales",
        "contact add +14155550102 \"Ben Carter\"",
    ] {
        world.command(&room, &admin, line).await;
    }
    let (mut run, form) = open(&world, &room, &admin).await;
    let slack = &world.slack;
    slack.type_in(&form, "name", "Spring launch").expect("Slack takes it");
    slack.type_in(&form, "description", "All about May").expect("Slack takes it");
    // By name, by team, and a number that is no contact's.
    let found = slack.search(&form, "people", "sal").await.expect("Slack takes it");
    assert_eq!(found, [("+14155550101".into(), "Maya Lopez, Sales · +14155550101".to_owned())]);
    slack.choose(&form, "people", &["+14155550101"]).expect("Slack takes it");
    let found = slack.search(&form, "people", "+14155550109").await.expect("Slack takes it");
    assert_eq!(found[0].0, "+14155550109");
    slack.type_in(&form, "numbers", "(415) 555-0103, ben\n+14155550104").expect("Slack takes it");
    slack.choose(&form, "sender", &[SECOND_SENDER]).expect("Slack takes it");
    // Choosing a template brings its variables; what stands in the other fields stays.
    let templates = slack.search(&form, "template", "").await.expect("Slack takes it");
    let notice = templates.iter().find(|(_, name)| name.starts_with("team_notice"));
    let (notice, _) = notice.unwrap_or_else(|| panic!("{templates:?}"));
    assert!(!templates.iter().any(|(_, name)| name.starts_with("winter_sale")), "{templates:?}");
    slack.choose(&form, "template", &[notice]).expect("Slack takes it");
    view(&world, &admin, "\"block_id\":\"set.1\"").await;
    slack.type_in(&form, "set.1", "The launch team").expect("Slack takes it");
    slack.choose(&form, "room", &["new"]).expect("Slack takes it");
    let mut sent = slack.send_off(&form).expect("Slack takes it");
    sent.acknowledged().await.expect("it is stored in time");
    assert!(
        !slack.view(&form).expect("Slack takes it").open,
        "{:?}",
        slack.view(&form).expect("Slack takes it").errors
    );

    let answer = run.answer(PATIENCE).await.expect("an answer where it was asked").text;
    assert!(answer.contains("\"Spring launch\" is made (CH"), "{answer}\n{}", world.daemon.log());
    assert!(answer.contains("4 of 4 members added."), "{answer}");
    let made = world.twilio.conversations();
    assert_eq!(made.len(), 1);
    let attributes: Value = serde_json::from_str(&made[0].attributes).expect("Slack takes it");
    assert_eq!(attributes["description"], "All about May");
    let members = world.twilio.participants(made[0].sid.as_str());
    let senders = members.iter().filter_map(|one| one.binding.as_ref());
    assert!(senders.into_iter().all(|one| one.proxy_address == SECOND_SENDER));
    let maya = world.twilio.phone("whatsapp:+14155550101");
    world.wait_for_inbox(&maya, 1).await;
    assert!(inbox(&maya)[0].starts_with("The launch team has news for you"));
    assert_eq!(audited(&world, "group create"), ["done"]);
    world.daemon.wait_until_settled().await;
    slack_sdk_takes_them(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_by_a_form() {
    a_group_is_made(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_by_a_form_over_http() {
    a_group_is_made(by_http().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_there_becomes_the_groups() {
    let mut world = World::new().await;
    let (office, launch) = (world.room("office"), world.room("launch"));
    let stranger = world.slack.add_channel("strangers", &[&world.admin]);
    world.slack.remove_bot(&stranger);
    world.daemon.start().await;
    let admin = world.admin.clone();
    let make = async |name: &str, room: &str| {
        let (mut run, form) = open(&world, &office, &admin).await;
        world.slack.type_in(&form, "name", name).expect("Slack takes it");
        world.slack.type_in(&form, "numbers", "+14155550101").expect("Slack takes it");
        world.slack.choose(&form, "channel", &[room]).expect("Slack takes it");
        send_off(&world.slack, &form).await;
        run.answer(PATIENCE).await.expect("an answer").text
    };
    // The bridge is not in it: nothing is made, and it says why.
    let answer = make("Nowhere", &stranger).await;
    assert!(answer.contains("No group was made") && answer.contains("invite"), "{answer}");
    assert!(world.twilio.conversations().is_empty());
    let answer = make("Spring", &launch).await;
    assert!(answer.contains(&format!("It is tied to slack:{launch}.")), "{answer}");
    world.wait_for_posts(&launch, 1).await;
    // The same, typed.
    let typed = format!("group create Summer --room slack:{launch}");
    let answer = world.command(&office, &admin, &typed).await;
    assert!(answer.contains("That room is tied to CH"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stands_under_its_field_and_nothing_is_done() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let room = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let (mut run, form) = open(&world, &room, &admin).await;
    let slack = &world.slack;
    // Slack itself does not send a form off without what it must have.
    assert!(slack.send_off(&form).is_err());
    let long = "x".repeat(2000);
    for (name, numbers, field, expected) in [
        ("Spring", "12", "numbers", "not a phone number"),
        ("Spring", "nobody, +14155550102", "numbers", "There is no contact \"nobody\""),
        ("Spring", long.as_str(), "numbers", "There is no contact"),
        ("Spring\u{7}", "+14155550102", "name", "control characters"),
        ("   \u{a0}", "+14155550102", "name", "A group needs a name."),
    ] {
        slack.type_in(&form, "name", name).expect("Slack takes it");
        slack.type_in(&form, "numbers", numbers).expect("Slack takes it");
        send_off(slack, &form).await;
        let view = slack.view(&form).expect("Slack takes it");
        assert!(view.open, "{name} {numbers}");
        let errors = view.errors;
        let error = errors.get(field).map(String::as_str).unwrap_or_default();
        assert!(error.contains(expected), "{numbers}: {errors:?}");
    }
    slack.type_in(&form, "name", "Spring").expect("Slack takes it");
    slack.type_in(&form, "numbers", "+14155550102").expect("Slack takes it");
    slack.choose(&form, "channel", &[&group.channel]).expect("Slack takes it");
    send_off(slack, &form).await;
    let errors = slack.view(&form).expect("Slack takes it").errors;
    assert!(errors["room"].contains("is tied to CH"), "{errors:?}");
    // And once it is right, it is done.
    let other = world.room("launch");
    slack.choose(&form, "channel", &[&other]).expect("Slack takes it");
    send_off(slack, &form).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("\"Spring\" is made"), "{answer}");
    assert_eq!(world.twilio.conversations().len(), 2);
    assert_eq!(audited(&world, "group create"), ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_learns_only_that() {
    let (world, group, ben) = World::with_ben().await;
    let admin = world.admin.clone();
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    world.slack.command(&group.channel, &ben, "/wa", "group create").expect("Slack takes it");
    let denied = view(&world, &ben, "it is for administrators").await;
    assert!(denied.view["submit"].is_null());
    assert_eq!(denied.view["blocks"].as_array().map(Vec::len), Some(1), "{}", denied.view);
    assert_eq!(audited(&world, "group create"), ["denied"]);

    // A form that somebody had before them while a right was taken away finds and does nothing.
    world.command(&group.channel, &admin, &format!("role grant slack:{ben} admin")).await;
    let (mut run, form) = open(&world, &group.channel, &ben).await;
    assert_eq!(world.slack.search(&form, "people", "maya").await.expect("Slack takes it").len(), 1);
    world.command(&group.channel, &admin, &format!("role revoke slack:{ben} admin")).await;
    assert!(world.slack.search(&form, "people", "maya").await.expect("Slack takes it").is_empty());
    world.slack.type_in(&form, "name", "Spring").expect("Slack takes it");
    send_off(&world.slack, &form).await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert_eq!(answer, "You may not use `/wa group create`: it is for administrators.");
    assert_eq!(audited(&world, "group create"), ["denied", "denied"]);
    assert_eq!(world.twilio.conversations().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_by_a_button_once() {
    for mut world in [World::new().await, by_http().await] {
        let room = world.room("launch");
        world.daemon.start().await;
        let admin = world.admin.clone();
        let line = "group create \"A \\\"quoted\\\" <name> & more\" --member +14155550101";
        let made = world.command(&room, &admin, line).await;
        assert!(made.contains("is made"), "{made}");
        let asked = world.command(&room, &admin, "group delete").await;
        assert!(asked.contains("repeat its name"), "{asked}");
        let whisper = world.slack.ephemerals(&room).pop().expect("the question");
        let labels: Vec<String> = whisper.buttons().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["Delete it", "Keep it"]);

        // No: the question goes, the group stays.
        let (yes, no) = (whisper.buttons()[0].0.clone(), whisper.buttons()[1].0.clone());
        let mut kept =
            world.slack.press_button(&room, &admin, whisper.ts, &no).expect("Slack takes it");
        let answer = kept.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Nothing was deleted."), "{answer}");
        assert!(world.slack.ephemerals(&room).pop().expect("Slack takes it").buttons().is_empty());

        // Yes, twice in a row: it is deleted once, and the answer stands in the question's place.
        world.command(&room, &admin, "group delete").await;
        let whisper = world.slack.ephemerals(&room).pop().expect("the question");
        let press = || world.slack.press_button(&room, &admin, whisper.ts, &yes);
        let pressed = [press(), press()].map(|run| run.expect("Slack takes it"));
        let deleted = |slack: &Simulator| {
            let mut told = slack.ephemerals(&room).into_iter().filter(|one| one.ts == whisper.ts);
            told.find(|one| one.text.contains("is deleted"))
        };
        let told = world.slack.wait_for("the answer in its place", PATIENCE, deleted).await;
        told.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
        drop(pressed);
        world.daemon.wait_until_settled().await;
        assert!(world.twilio.conversations().is_empty());
        let whispers = world.slack.ephemerals(&room);
        let last = whispers.iter().find(|one| one.ts == whisper.ts).expect("in its place");
        assert!(last.text.contains("is deleted") && last.buttons().is_empty(), "{}", last.text);
        // Asked twice, which is refused until it is repeated, and done once.
        assert_eq!(audited(&world, "group delete"), ["refused", "refused", "done"]);
    }
}
