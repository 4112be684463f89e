//! A store whose files were cut short or garbled.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::seed;
use crate::support::{Group, World, inbox};

/// A world with a store in which something stands, and a daemon that was stopped in order.
async fn used() -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.command(&group.channel, &world.admin, "contact add +14155550101 Maya").await;
    for number in 0..20 {
        let text = format!("s{number}");
        world.slack.user_says(&group.channel, &world.admin, &text).expect("said");
    }
    world.wait_for_inbox(&group.phones[0], 20).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    // Everything is in the one file, whoever folded the log into it.
    let ledger = rusqlite::Connection::open(world.daemon.store().join("ledger.db")).expect("it");
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("folded");
    drop(ledger);
    (world, group)
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}

/// Overwrites a part of a file, from a share of its length on.
fn garble(file: &Path, from: f64, bytes: usize) {
    let mut file = OpenOptions::new().write(true).open(file).expect("the file");
    let length = file.metadata().expect("its length").len();
    file.seek(SeekFrom::Start((length as f64 * from) as u64)).expect("a place in it");
    file.write_all(&vec![0xA5; bytes]).expect("written");
}

/// Cuts a file to a share of its length.
fn cut(file: &Path, share: f64) {
    let file = OpenOptions::new().write(true).open(file).expect("the file");
    let length = file.metadata().expect("its length").len();
    file.set_len((length as f64 * share) as u64).expect("cut");
}

/// The daemon does not run on this store, and says so in words that name it.
fn refuses(world: &World, what: &str, words: &[&str]) {
    let log = world.daemon.store().with_extension("refusal");
    let file = std::fs::File::create(&log).expect("a file");
    let mut daemon = world.daemon.command(&["run"]).stderr(file).spawn().expect("the binary");
    let began = Instant::now();
    let status = loop {
        match daemon.try_wait().expect("a status") {
            Some(status) => break Some(status),
            None if began.elapsed() > Duration::from_secs(30) => break None,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let _ = daemon.kill();
    let said = std::fs::read_to_string(&log).expect("what it said");
    let code = status.and_then(|status| status.code());
    assert_eq!(code, Some(1), "{what}: it runs on, or ended otherwise: {said}");
    for word in words {
        assert!(said.contains(word), "{what}: \"{word}\" is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_damaged_is_refused_by_name_and_works_again_once_it_is_whole() {
    let (mut world, group) = used().await;
    let store = world.daemon.store();
    let whole = store.with_extension("whole");
    copy(&store, &whole);
    let ledger = store.join("ledger.db");
    let contacts = store.join("contacts").join("db");
    let of_ledger = ["the ledger is damaged", "ledger.db", "restore a backup"];
    let of_contacts = ["contact store", "contacts", "restore a backup"];
    type Damage<'a> = (&'a str, &'a [&'a str], &'a dyn Fn());
    let damages: [Damage<'_>; 6] = [
        ("pages in the middle", &of_ledger, &|| garble(&ledger, 0.3, 40_000)),
        ("the head", &of_ledger, &|| garble(&ledger, 0.0, 100)),
        ("half of it", &of_ledger, &|| cut(&ledger, 0.5)),
        ("all of it", &of_ledger, &|| cut(&ledger, 0.0)),
        ("contacts, garbled", &of_contacts, &|| garble(&contacts, 0.0, 100_000)),
        ("contacts, cut to nothing", &of_contacts, &|| cut(&contacts, 0.0)),
    ];
    for (what, words, damage) in damages {
        std::fs::remove_dir_all(&store).expect("removed");
        copy(&whole, &store);
        damage();
        refuses(&world, what, words);
        // It stays so: the refusal has not made a new one of it.
        refuses(&world, what, words);
    }
    std::fs::remove_dir_all(&store).expect("removed");
    copy(&whole, &store);
    world.daemon.start().await;
    world.slack.user_says(&group.channel, &world.admin, "s20").expect("said");
    world.wait_for_inbox(&group.phones[0], 21).await;
    let expected: Vec<String> = (0..21).map(|number| format!("*Ada Admin*: s{number}")).collect();
    assert_eq!(inbox(&group.phones[0]), expected);
}

/// What SQLite can recover, it does; what was lost with the end of the log is read back.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_or_garbled_loses_and_doubles_nothing() {
    for (share, garbled) in [(0.6, false), (0.8, true)] {
        let mut machine = Machine::new(4, seed()).await;
        machine.begin().await;
        machine.world.daemon.start().await;
        for _ in 0..150 {
            machine.say().await;
            // The pace of the talk; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        machine.world.daemon.kill();
        let log = machine.world.daemon.store().join("ledger.db-wal");
        if garbled {
            garble(&log, share, 5000);
        } else {
            cut(&log, share);
        }
        println!("the log from {share} on, garbled {garbled}: {}", machine.verdict().await);
    }
}
