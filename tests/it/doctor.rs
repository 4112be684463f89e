//! The doctor, over stores with every kind of damage planted in them.

use std::path::Path;
use std::process::Output;

use partyline_twilio::signature;
use partyline_twilio::wire::Form;
use rusqlite::Connection;

use crate::support::{SENDER, World};

const RELEASED: &str = include_str!("../fixtures/ledger-1.sql");

fn ledger(store: &Path) -> Connection {
    std::fs::create_dir_all(store).expect("a folder");
    let connection = Connection::open(store.join("ledger.db")).expect("a ledger");
    connection.pragma_update(None, "foreign_keys", false).expect("no keys are checked");
    connection
}

/// A store with rows in every table and every state, in which nothing is wrong.
fn store(world: &World) -> Connection {
    let there = ledger(&world.daemon.store());
    there.execute_batch(RELEASED).expect("the fixture");
    there.pragma_update(None, "foreign_keys", false).expect("no keys are checked");
    there
}

fn doctor(world: &World, arguments: &[&str]) -> (Output, String) {
    let arguments = [&["doctor"], arguments].concat();
    let output = world.daemon.command(&arguments).output().expect("the binary");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, said)
}

/// Each kind of damage: what plants it, and what is said of it.
const DAMAGES: [(&str, &str); 11] = [
    ("UPDATE events SET place = 999 WHERE id = 7", "1 events are in no place"),
    ("DELETE FROM events WHERE id = 8", "2 deliveries are of no event"),
    ("UPDATE deliveries SET position = NULL WHERE id = 7", "without a position in their lane"),
    ("UPDATE deliveries SET position = 3 WHERE id = 10", "though their event is held"),
    ("UPDATE messages SET event = 999 WHERE event = 1", "2 message ids are of no event"),
    ("UPDATE places SET ordinal = 9000000000000000 WHERE id = 3", "a time that has not come"),
    ("UPDATE deliveries SET owed = '{\"to\":' WHERE id = 8", "1 waiting deliveries cannot be read"),
    ("UPDATE deliveries SET lane = 'carrier:pigeon' WHERE id = 9", "on no network that is known"),
    ("UPDATE events SET event = 'group' WHERE id = 14", "1 commands that are to be carried out"),
    ("UPDATE links SET conversation = 'slack:C1'", "2 links tie what is no room"),
    (
        // The index is not told of a row.
        "PRAGMA writable_schema = ON;
         CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'deliveries_parked';
         DELETE FROM sqlite_schema WHERE name = 'deliveries_parked';
         PRAGMA writable_schema = RESET;
         UPDATE deliveries SET state = 2 WHERE id = 7;
         PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM kept;
         PRAGMA writable_schema = RESET;",
        "The ledger's file is damaged",
    ),
];

/// The same in tables that the first release had not.
const LATER_DAMAGES: [(&str, &str); 26] = [
    (
        "INSERT INTO profiles (key, name, at) VALUES ('', 'Maya', 0)",
        "1 WhatsApp names are of nobody",
    ),
    ("INSERT INTO operations VALUES (1, 'made', '{}')", "1 steps of operations are of no command"),
    (
        "INSERT INTO answers VALUES (999, 0, 'done', '', NULL)",
        "1 answers to the operator are of no",
    ),
    (
        "INSERT INTO alerts VALUES ('disk', 9000000000000000, NULL, 0, 0, 'full')",
        "1 alerts are of a time that has not come",
    ),
    (
        "INSERT INTO receipts VALUES (999, 'IM1', 'MB1', 1, NULL, 0, 0)",
        "1 receipts are of no message",
    ),
    ("INSERT INTO ticks (event, news, due) VALUES (999, 1, 0)", "1 ticks are of no message"),
    ("INSERT INTO threads VALUES (999, '1.0', 1)", "1 threads are in no place"),
    ("UPDATE places SET deadly = '0.1.0' WHERE id = 1", "1 places are not read back"),
    ("INSERT INTO meta VALUES ('restored', 'yesterday')", "1 note of a restore cannot be read"),
    (
        "UPDATE places SET place = 'pigeon:1' WHERE id = 2",
        "1 places are on no network that is known",
    ),
    (
        "UPDATE participants SET conversation = 'slack:C1' WHERE sid LIKE '%1'",
        "1 members are in no conversation",
    ),
    (
        "INSERT INTO groups (conversation, folded, state, updated) VALUES ('slack:C1', '', 'active', 0)",
        "1 groups cannot be read",
    ),
    (
        "INSERT INTO groups (conversation, folded, state, updated, rooms)
         VALUES ('twilio:CH0123456789abcdef0123456789abcdef', '', 'inactive', 0, '[1]')",
        "1 archived groups have rooms that cannot be read",
    ),
    ("INSERT INTO roles VALUES ('slack:U1', 'king', '', 'somebody', 0)", "1 roles are of nobody"),
    ("INSERT INTO mutes VALUES ('slack:C1', '+1', 0, NULL, '')", "1 members are muted in no"),
    (
        "INSERT INTO removals VALUES ('1', 'twilio:CH0123456789abcdef0123456789abcdef', '+1415', NULL, 0)",
        "1 members are to be taken out of groups, though",
    ),
    (
        "INSERT INTO held (address, sender, event, conversation, state, at)
         VALUES ('whatsapp:+14155550101', 'whatsapp:+14155550000', 999,
             'twilio:CH0123456789abcdef0123456789abcdef', 1, 0)",
        "1 messages are held for somebody, and are no messages",
    ),
    (
        "INSERT INTO windows (address, sender, heard)
         VALUES ('whatsapp:+14155550101', 'whatsapp:+14155550000', 9000000000000000)",
        "1 members are said to have been heard",
    ),
    (
        "UPDATE deliveries SET state = 5 WHERE id = (SELECT min(id) FROM deliveries)",
        "1 deliveries wait for a window",
    ),
    (
        "INSERT INTO suppressions VALUES ('1', 'a pigeon', 0, 'said', '', NULL, 0)",
        "1 people who opted out have an address that cannot be read",
    ),
    (
        "INSERT INTO suppressions VALUES ('1', NULL, 0, 'said', '', NULL, 0);
         INSERT INTO removals VALUES ('1', 'slack:C1', 'whatsapp:+14155550101', NULL, 0)",
        "1 members who opted out are in no group",
    ),
    (
        "INSERT INTO windows (address, sender) VALUES ('a pigeon', '+14155550000')",
        "1 windows are of nobody",
    ),
    (
        "INSERT INTO held (address, sender, event, conversation, state, at)
         VALUES ('whatsapp:+14155550101', 'whatsapp:+14155550000', 1, 'slack:C1', 1, 0)",
        "1 messages are held for nobody",
    ),
    (
        "INSERT INTO invitations VALUES ('twilio:CH0123456789abcdef0123456789abcdef', '{')",
        "1 invitations of groups cannot be read",
    ),
    (
        "INSERT INTO strays (conversation, participant, message, at) VALUES ('slack:C1', 'MB1', 'IM1', 0)",
        "1 receipts of people whom nobody knows",
    ),
    ("INSERT INTO begun (entry) VALUES ('{')", "1 entries for the audit cannot be read"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_found_and_mended_and_nothing_else() {
    let first = DAMAGES.iter().map(|damage| (damage, false));
    for ((plant, expected), later) in first.chain(LATER_DAMAGES.iter().map(|one| (one, true))) {
        let world = World::new().await;
        let there = store(&world);
        if later {
            // Brings it up to date.
            assert!(doctor(&world, &["--mend"]).0.status.success());
        }
        let (output, said) = doctor(&world, &[]);
        assert!(output.status.success(), "nothing is wrong yet: {said}");
        assert!(said.contains("Nothing is wrong"), "{said}");
        there.execute_batch(plant).unwrap();
        drop(there);

        let (output, said) = doctor(&world, &[]);
        assert_eq!(output.status.code(), Some(1), "{plant}: {said}");
        assert!(said.contains(expected), "{plant}: {said}");
        assert!(said.contains("--mend "), "{said}");
        let (output, said) = doctor(&world, &["--mend"]);
        assert!(output.status.success(), "{plant}: {said}");
        assert!(said.contains(expected) && said.contains("Mended: "), "{said}");
        let (output, said) = doctor(&world, &[]);
        assert!(output.status.success(), "{plant}: {said}");
        assert!(said.contains("Nothing is wrong"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_never_lost_by_a_mend() {
    let world = World::new().await;
    let there = store(&world);
    let open = "SELECT count(*) FROM deliveries WHERE state IN (0, 2)";
    let count = |there: &Connection| there.query_row(open, [], |row| row.get::<_, i64>(0)).unwrap();
    let before = count(&there);
    for (plant, _) in &DAMAGES[..DAMAGES.len() - 1] {
        there.execute_batch(plant).unwrap();
    }
    drop(there);
    let (output, said) = doctor(&world, &["--mend"]);
    assert!(output.status.success(), "{said}");
    let there = ledger(&world.daemon.store());
    // One that cannot be read is parked or, where not even its origin can be, forgotten.
    assert!(count(&there) >= before - 1, "{} of {before}", count(&there));
    let dangling: i64 = there
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(dangling, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_daemon_it_looks_and_does_not_mend() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    group.phones[0].say(&group.conversation, "hello").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    let (output, said) = doctor(&world, &[]);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Nothing is wrong") && said.contains("not looked at"), "{said}");
    let (output, _) = doctor(&world, &["--mend"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("in use by another partyline"), "{told}");
    world.daemon.stop().await;
    let (output, said) = doctor(&world, &["--mend"]);
    assert!(output.status.success() && !said.contains("not looked at"), "{said}");
}

/// What everyday life leaves in a store is no damage: messages and commands from everywhere, a stranger
/// who wrote to a sender, an event of a user, a person who opted out and was erased.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_store_that_was_lived_in_nothing_is_wrong() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    group.phones[0].say(&group.conversation, "hello").await.unwrap();
    world.slack.user_says(&group.channel, &world.admin, "good day").unwrap();
    world.wait_for_inbox(&group.phones[0], 1).await;
    let stranger = world.twilio.phone("whatsapp:+14155550199");
    stranger.write_to(SENDER, "is anybody there").await.unwrap();
    group.phones[1].write_to(SENDER, "stop").await.unwrap();
    let form = Form::default().with("EventType", "onUserAdded").with("UserSid", "US1");
    let url = world.daemon.url("/webhooks/twilio");
    let token = partyline_twilio::simulator::Options::default().auth_token;
    let signed = signature::sign(&token.into(), url.as_str(), &form);
    let told = reqwest::Client::new().post(url).header("x-twilio-signature", signed);
    let told = told.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(told.body(form.encode()).send().await.unwrap().status(), 200);
    for line in [
        &["contacts", "add", "+14155550102", "Ben"][..],
        &["roles", "grant", "slack:U0123ABC", "manager", "spring-launch"],
        &["members", "mute", "spring-launch", "+14155550101"],
        &["schedules", "in", "1", "hour", "--", "status"],
        &["contacts", "erase", "+14155550102", "--confirm"],
    ] {
        let output = world.daemon.command(line).output().unwrap();
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    let (output, said) = doctor(&world, &[]);
    assert!(output.status.success() && said.contains("Nothing is wrong"), "{said}");
}
