//! More than can be stored: the socket is not read, and what waits, waits at Slack's end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// One of many envelopes that are too large for the buffers of a connection together: 64 MiB.
const LONG: usize = 64 * 1024;
const MANY: usize = 1024;

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_stored_the_socket_is_not_read() {
    let mut fake = Fake::quiet().await;
    let (mut sink, mut source) = fake.greeted().await.0.split();
    fake.intake.shut.send_replace(true);
    let sent = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let sent = sent.clone();
        async move {
            for number in 0..MANY {
                let frame = envelope(number, &"x".repeat(LONG));
                sink.send(Message::text(frame.to_string())).await.expect("sent");
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    // Until nothing more goes out.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        if now == std::mem::replace(&mut before, now) && now > 0 {
            break;
        }
    }
    assert!(before < MANY, "everything is read, though nothing is stored");
    assert_eq!(fake.intake.calls(), ["reconnected"]);

    fake.intake.shut.send_replace(false);
    for number in 0..MANY {
        let acknowledged = tokio::time::timeout(PATIENCE, source.next()).await.expect("in time");
        let frame = acknowledged.expect("open").expect("a frame").to_string();
        assert!(frame.contains(&format!("\"e{number}\"")), "{frame}");
    }
    sending.await.expect("everything is sent");
    assert_eq!(fake.intake.calls().len(), 1 + MANY);
    fake.stop().await;
}
