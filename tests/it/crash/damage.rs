//! A store whose files were cut short or garbled.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::machine::Machine;
use super::seed;

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

/// What SQLite can recover, it does; what was lost with the end of the log is read back.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_or_garbled_loses_and_doubles_nothing() {
    for (share, garbled) in [(0.6, false), (0.8, true)] {
        let mut machine = Machine::new(4, seed()).await;
        machine.begin().await;
        machine.world.daemon.start().await;
        for _ in 0..150 {
            machine.say();
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
