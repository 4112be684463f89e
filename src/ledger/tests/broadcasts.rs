//! Broadcasts to many.

use super::*;

/// Who is to get a broadcast is written down in many commits, so that whoever else writes waits for none of them
/// for long; and another try takes the place of the one before.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_hundred_thousand_are_planned_others_write() {
    const MANY: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    let phone = |number: usize| -> Place {
        format!("twilio:whatsapp:+14155550000/whatsapp:+1415{:07}", 5_560_000 + number)
            .parse()
            .unwrap()
    };
    let phones: Vec<_> = (0..MANY).map(|number| (phone(number), "HX1".to_owned())).collect();
    ledger.plan_broadcast(7, &phones[..1500], "HX2").await.unwrap();
    let planning = ledger.plan_broadcast(7, &phones, "HX1");
    let mut others = 0;
    let counted = async {
        loop {
            ledger.touch().await.unwrap();
            others += 1;
        }
    };
    tokio::select! {
        planned = planning => planned.unwrap(),
        () = counted => {}
    }
    // One at least in every few pieces of a thousand.
    assert!(others >= 20, "only {others} others wrote");
    let planned: (i64, i64) = ledger
        .threads
        .read(|connection| {
            connection.query_row(
                "SELECT count(*), count(template) FROM recipients WHERE event = 7",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
        .await
        .unwrap();
    assert_eq!(planned, (100_000, 0));
}
