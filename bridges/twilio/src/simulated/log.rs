//! What was written to a sender, by the account's log.

use partyline_core::{Incoming, ManualClock, MessageLog};

use super::*;
use crate::simulator::{Attachment, Saying};

/// What a piece tells: its key, who wrote, what, and how many files.
fn told(piece: &Incoming) -> (String, String, String, usize) {
    let event = piece.events.first().expect("an event");
    let Happening::Wrote { address, content, sender, .. } = &event.happening else {
        panic!("{event:?}");
    };
    assert_eq!(sender.as_ref(), Some(&super::address(SENDER)));
    let key = event.key.as_str().to_owned();
    (key, address.to_string(), content.text.plain.clone(), content.files.len())
}

fn words(pieces: &[Incoming]) -> Vec<String> {
    pieces.iter().map(|piece| told(piece).2).collect()
}

/// A simulator whose time a test moves, without anybody who answers its hooks, and a bridge.
async fn alone() -> (Simulator, Twilio, Arc<ManualClock>) {
    let start = "2026-11-20T08:00:00.4Z".parse().expect("a time");
    let clock = Arc::new(ManualClock::new(start));
    let options = Options { clock: clock.clone(), ..Options::default() };
    let simulator = Simulator::start(options.clone()).await.expect("a simulator");
    let twilio = bridge(&options, simulator.base_url(), "http://127.0.0.1", Timeouts::default());
    (simulator, twilio, clock)
}

/// It is the same event as the webhook's, whoever tells it first.
#[tokio::test]
async fn the_log_tells_what_the_webhook_told_under_the_same_key() {
    let mut group = Group::start().await;
    let began = now();
    let stranger = group.simulator.phone("whatsapp:+14155550109");
    stranger.write_to(SENDER, "is anybody there").await.expect("written");
    let hooked = group
        .event(|event| {
            matches!(event.happening, Happening::Wrote { .. }).then(|| event.key.to_string())
        })
        .await;
    let written = group.twilio.written(&address(SENDER), began).await.expect("read");
    assert!(!written.more);
    let told: Vec<_> = written.pieces.iter().map(told).collect();
    let words = "is anybody there".to_owned();
    assert_eq!(told, [(hooked, "whatsapp:+14155550109".to_owned(), words, 0)]);
}

#[tokio::test]
async fn it_is_read_over_pages_oldest_first_and_since_a_second() {
    let (simulator, twilio, clock) = alone().await;
    let stranger = simulator.phone(MAYA);
    for number in 0..1203 {
        stranger.write_to(SENDER, format!("{number}")).await.expect("written");
        if number % 3 == 2 {
            clock.advance(jiff::SignedDuration::from_secs(1));
        }
    }
    // What goes out, and what was written to another sender, is none of it.
    stranger.write_to("whatsapp:+14155550005", "elsewhere").await.expect("written");
    twilio.client().send_direct(&psst()).await.expect("sent");
    let since = |at: &str| at.parse().expect("a time");
    let all = twilio.written(&address(SENDER), since("2026-11-20T07:00:00Z")).await.expect("read");
    assert_eq!(words(&all.pieces), (0..1203).map(|n| n.to_string()).collect::<Vec<_>>());
    let times: Vec<_> = all.pieces.iter().map(|piece| piece.events[0].at).collect();
    assert_eq!(times[3], since("2026-11-20T08:00:01Z"));
    // The last three were written at 08:06:40.4: the log knows whole seconds.
    let last =
        twilio.written(&address(SENDER), since("2026-11-20T08:06:40.9Z")).await.expect("read");
    assert_eq!(words(&last.pieces), ["1200", "1201", "1202"]);
}

/// A bounded number at once: the oldest, and that there is more.
#[tokio::test]
async fn what_is_too_much_at_once_is_read_in_portions() {
    let (simulator, twilio, clock) = alone().await;
    let stranger = simulator.phone(MAYA);
    for number in 0..2100 {
        stranger.write_to(SENDER, format!("{number}")).await.expect("written");
        clock.advance(jiff::SignedDuration::from_millis(100));
    }
    let begin = "2026-11-20T08:00:00Z".parse().expect("a time");
    let first = twilio.written(&address(SENDER), begin).await.expect("read");
    assert_eq!((first.pieces.len(), first.more), (2000, true));
    let newest = first.pieces.last().expect("a message").events[0].at;
    let rest = twilio.written(&address(SENDER), newest).await.expect("read");
    assert!(!rest.more);
    let mut all = words(&first.pieces);
    all.extend(
        words(&rest.pieces).into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>(),
    );
    assert_eq!(all, (0..2100).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// The files of an MMS stand in a list of their own; what has neither words nor files says so.
#[tokio::test]
async fn files_come_by_a_call_of_their_own() {
    let (simulator, twilio, _) = alone().await;
    let stranger = simulator.phone(MAYA);
    let file = |name: &str, content_type: &str| Attachment {
        filename: Some(name.to_owned()),
        content_type: content_type.to_owned(),
        bytes: Bytes::from_static(b"not really"),
    };
    let files = vec![file("cat.png", "image/png"), file("plan.pdf", "application/pdf")];
    stranger.write_to(SENDER, Saying { files, ..Saying::from("look") }).await.expect("written");
    let location = Some(("37.79".to_owned(), "-122.39".to_owned()));
    stranger.write_to(SENDER, Saying { location, ..Saying::default() }).await.expect("written");
    let begin = "2026-11-20T08:00:00Z".parse().expect("a time");
    let mut written = twilio.written(&address(SENDER), begin).await.expect("read").pieces;
    assert_eq!(told(&written[0]).3, 2);
    assert!(told(&written[1]).2.contains("does not show"), "{:?}", told(&written[1]));
    let whole = twilio.complete(written.remove(0)).await.expect("complete");
    let Happening::Wrote { content, .. } = &whole.events[0].happening else { panic!("it wrote") };
    let kinds: Vec<_> = content.files.iter().map(|file| file.media_type.as_deref()).collect();
    assert_eq!(kinds, [Some("image/png"), Some("application/pdf")]);
    let url = content.files[0].url.as_ref().expect("an address").path().to_owned();
    assert!(url.ends_with(&content.files[0].id) && url.contains("/Media/ME"), "{url}");
}

/// Whatever goes wrong, it can be asked again, and then all of it comes.
#[tokio::test]
async fn a_log_that_cannot_be_read_is_read_later() {
    let (simulator, twilio, _) = alone().await;
    simulator.phone(MAYA).write_to(SENDER, "is anybody there").await.expect("written");
    let begin = "2026-11-20T08:00:00Z".parse().expect("a time");
    for kind in [FaultKind::Error500, FaultKind::NotJson, FaultKind::RateLimited(30)] {
        simulator.fault(Fault::always(kind).method("GET").on("/Messages.json"));
        let failure = twilio.written(&address(SENDER), begin).await.expect_err("it fails");
        assert!(matches!(failure.verdict, Verdict::Later(_)), "{kind:?}: {failure}");
        simulator.clear_faults();
    }
    let written = fresh(&simulator).written(&address(SENDER), begin).await.expect("read");
    assert_eq!(words(&written.pieces), ["is anybody there"]);
}

/// A bridge that no limit of the platform's holds up yet.
fn fresh(simulator: &Simulator) -> Twilio {
    let options = Options::default();
    bridge(&options, simulator.base_url(), "http://127.0.0.1", Timeouts::default())
}
