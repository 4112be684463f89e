//! The Matrix bot's own store, garbled: the bridge does not start and says why; with that store moved away
//! the bot begins on a new device, without a loss.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::hall::{Hall, numbered};
use crate::support::inbox;

/// The databases of the bot's devices.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the bot's folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(databases(&path));
        } else if path.extension().is_some_and(|kind| kind == "sqlite3") {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_of_the_bot_is_refused_and_without_it_nothing_is_lost() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let phone = &group.phones[0];
    hall.world.daemon.start().await;
    hall.wait_until_read("matrix").await;
    hall.ravi.say(&room, "m0").await;
    hall.world.wait_for_inbox(phone, 1).await;
    phone.say(&group.conversation, "p0").await.expect("said");
    hall.said_by_the_bot(&room, 1).await;
    hall.world.daemon.wait_until_settled().await;
    hall.world.daemon.stop().await;

    let store = hall.world.daemon.store().join("matrix");
    let garbled = databases(&store);
    assert!(!garbled.is_empty(), "there are databases in {}", store.display());
    for path in &garbled {
        let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("a database");
        file.write_all(&[0xA5; 4096]).expect("garbled");
    }
    hall.world.daemon.spawn();
    hall.world.daemon.wait_for_end().await;
    let log = hall.world.daemon.log();
    let told = format!("The Matrix client's store in {} could not be opened", store.display());
    assert!(log.contains(&told) && log.contains("move it away"), "{log}");

    phone.say_at_once(&group.conversation, "p1").expect("said");
    hall.ravi.say(&room, "m1").await;
    std::fs::rename(&store, store.with_extension("damaged")).expect("moved away");
    hall.world.daemon.start().await;
    hall.ravi.say(&room, "m2").await;
    hall.world.wait_for_inbox(phone, 3).await;
    let there = hall.said_by_the_bot(&room, 2).await;
    hall.world.daemon.wait_until_settled().await;
    let words = there.iter().filter_map(|line| line.rsplit_once(": ")).map(|(_, text)| text);
    assert_eq!(words.collect::<Vec<_>>(), numbered('p', 2));
    let arrived = inbox(phone);
    let words = arrived.iter().filter_map(|line| line.rsplit_once(": ")).map(|(_, text)| text);
    assert_eq!(words.collect::<Vec<_>>(), numbered('m', 3));
}
