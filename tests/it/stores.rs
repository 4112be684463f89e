//! Stores of other versions: an older one goes on, a newer one is refused.

use std::path::Path;

use partyline::ledger::SCHEMA;
use rusqlite::Connection;

use crate::support::{World, inbox};

/// What each released program wrote, with the conversation and the room that stand in it.
const RELEASED: [&str; 1] = [include_str!("../fixtures/ledger-1.sql")];
const CONVERSATION: &str = "CH0123456789abcdef0123456789abcdef";
const ROOM: &str = "C0123ABC";

fn ledger(store: &Path) -> Connection {
    std::fs::create_dir_all(store).expect("a folder");
    Connection::open(store.join("ledger.db")).expect("a ledger")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_every_released_program_goes_on() {
    for released in RELEASED {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550100"]).await;
        // What the store holds is old, and is to be passed on all the same.
        world.daemon.configure(|config| {
            *config = config.replace("[relay]", "[relay]\ncatch_up_age = \"3660 days\"");
        });
        // As many as the cursor in the store says, and three that came while nothing ran.
        for index in 0..9 {
            let text = if index < 6 { "known".to_owned() } else { format!("missed {index}") };
            group.phones[0].say(&group.conversation, text.as_str()).await.unwrap();
        }
        let there =
            released.replace(CONVERSATION, &group.conversation).replace(ROOM, &group.channel);
        ledger(&world.daemon.store()).execute_batch(&there).unwrap();
        world.daemon.start().await;
        // What waited, what was held, and what was missed.
        world.wait_for_posts(&group.channel, 6).await;
        world.wait_for_inbox(&group.phones[0], 2).await;
        // What waited is late by now, and says when it was said.
        let said = |text: String| match text.split_once("] ") {
            Some((time, said)) if time.starts_with('[') => said.to_owned(),
            _ => text,
        };
        let posts = world.channel(&group.channel).into_iter().map(|(_, text)| said(text));
        // "overtook" is from the store's own history; of what went to Matrix, the room is told.
        let (told, posts): (Vec<_>, Vec<_>) = posts
            .filter(|text| text != "overtook")
            .partition(|text| text.contains("not delivered"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(posts, ["waits for both", "missed 6", "missed 7", "missed 8"]);
        let texts: Vec<_> = inbox(&group.phones[0])
            .into_iter()
            .map(|text| text.replace("[1 Nov 12:00 UTC] ", "").replace("[1 Nov 12:01 UTC] ", ""))
            .collect();
        assert_eq!(texts, ["*U0123RAVI*: still waiting", "*U0123RAVI*: held in the room"]);
        // And on.
        world.slack.user_says(&group.channel, &world.admin, "new").unwrap();
        world.wait_for_inbox(&group.phones[0], 3).await;
        world.daemon.stop().await;
        let after = ledger(&world.daemon.store());
        let schema: i64 = after.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(schema).unwrap(), SCHEMA);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_store_is_refused_and_left_as_it_is() {
    let world = World::new().await;
    let newer = i64::try_from(SCHEMA + 1).unwrap();
    let there = ledger(&world.daemon.store());
    there.pragma_update(None, "journal_mode", "wal").unwrap();
    there.pragma_update(None, "user_version", newer).unwrap();
    drop(there);
    let before = std::fs::read(world.daemon.store().join("ledger.db")).unwrap();
    let output = world.daemon.command(&["run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    let expected = format!(
        "the ledger was written by a newer partyline (version {newer}, this one knows {SCHEMA}): run the newer program"
    );
    assert!(told.contains(&expected), "{told}");
    let after = std::fs::read(world.daemon.store().join("ledger.db")).unwrap();
    assert!(before == after, "the file was changed");
}
