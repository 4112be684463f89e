//! Callers that are slow, many, or up to no good, by raw sockets: each is cut off or refused, an
//! honest message passes meanwhile, and the daemon is afterwards as it was before.

mod raw;

use std::io::Write as _;
use std::time::Duration;

use partyline_twilio::signature;
use partyline_twilio::wire::Form;

use crate::support::{Group, PATIENCE, World, inbox};
use raw::Raw;

/// A world with one group, and what the daemon had open when all was quiet.
struct Siege {
    world: World,
    group: Group,
    descriptors: usize,
    said: usize,
}

impl Siege {
    /// With these lines in `[limits]`.
    async fn with(limits: &str) -> Self {
        let mut world = World::new().await;
        let group = world.group("spring-launch", &["+14155550101"]).await;
        world.daemon.configure(|config| config.push_str(&format!("\n[limits]\n{limits}\n")));
        world.daemon.start().await;
        let mut siege = Self { world, group, descriptors: 0, said: 0 };
        siege.an_honest_message_passes().await;
        siege.descriptors = siege.world.daemon.descriptors();
        siege
    }

    async fn raw(&self) -> Raw {
        Raw::open(&self.world.daemon).await
    }

    /// A message from the phone and one from the channel.
    async fn an_honest_message_passes(&mut self) {
        let (text, answer) = (format!("phone {}", self.said), format!("slack {}", self.said));
        self.said += 1;
        self.group.phones[0].say(&self.group.conversation, text.as_str()).await.expect("said");
        self.world.wait_for_posts(&self.group.channel, self.said * 2 - 1).await;
        self.world.slack.user_says(&self.group.channel, &self.world.admin, &answer).expect("said");
        self.world.wait_for_inbox(&self.group.phones[0], self.said).await;
        let last = inbox(&self.group.phones[0]).pop();
        assert_eq!(last, Some(format!("*Ada Admin*: {answer}")));
    }

    async fn cut_off(&self, waiting_for: &str) -> f64 {
        let line = format!("partyline_http_cut_off_total{{waiting_for=\"{waiting_for}\"}}");
        self.world.daemon.metric(&line).await.unwrap_or(0.0)
    }

    /// It works, nothing stays open, and it ends well.
    async fn over(mut self) {
        self.an_honest_message_passes().await;
        let started = std::time::Instant::now();
        // A few more than at first: connections to the platforms come and go.
        while self.world.daemon.descriptors() > self.descriptors + 8 {
            assert!(started.elapsed() < PATIENCE, "{} stay open", self.world.daemon.descriptors());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.world.daemon.wait_until_settled().await;
        self.world.daemon.stop().await;
    }
}

/// A request of Twilio's as it would sign it.
fn signed(siege: &Siege, path: &str, form: &Form<'_>) -> String {
    let token = partyline_twilio::simulator::Options::default().auth_token;
    signature::sign(&token.into(), siege.world.daemon.url(path).as_str(), form)
}

fn form() -> Form<'static> {
    Form::default().with("EventType", "onConversationStateUpdated").with("ConversationSid", "CH1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_byte_by_byte_is_cut_off_and_holds_up_nobody() {
    let mut siege = Siege::with("head_wait = \"1s\"\nidle_wait = \"30s\"").await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut raw = siege.raw().await;
        raw.send("POST /webhooks/twilio HTTP/1.1\r\nHost: bridge\r\nX-Slow: ").await;
        slow.push(tokio::spawn(raw.trickle(Duration::from_millis(50))));
    }
    siege.an_honest_message_passes().await;
    for raw in slow {
        let got = raw.await.expect("cut off");
        assert_eq!(got, "", "nothing is answered to what is no request");
    }
    assert_eq!(siege.cut_off("head").await, 200.0);
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_is_cut_off_and_holds_up_nobody() {
    let mut siege = Siege::with("body_wait = \"1s\"\nbodies_mib = 1").await;
    let mut slow = Vec::new();
    // Together they say that they bring two hundred times the room that there is for bodies.
    for length in (0..200).map(|number| if number % 2 == 0 { 10_000 } else { 1_000_000 }) {
        let mut raw = siege.raw().await;
        raw.send(&format!(
            "POST /webhooks/twilio/messaging HTTP/1.1\r\nHost: bridge\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
        slow.push(tokio::spawn(raw.trickle(Duration::from_millis(50))));
    }
    siege.an_honest_message_passes().await;
    for raw in slow {
        let got = raw.await.expect("cut off");
        assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
        assert!(got.contains("the body did not come within 1s"), "{got}");
    }
    assert_eq!(siege.cut_off("body").await, 200.0);
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_read_is_not_waited_for() {
    let mut siege = Siege::with("head_wait = \"1s\"").await;
    let mut raw = siege.raw().await;
    // Pipelined until the answers fill every buffer on the way.
    raw.ask_without_reading(&"GET /live HTTP/1.1\r\nHost: bridge\r\n\r\n".repeat(500)).await;
    siege.an_honest_message_passes().await;
    let started = std::time::Instant::now();
    while siege.cut_off("answer").await < 1.0 {
        assert!(started.elapsed() < PATIENCE, "the caller is waited for");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(raw.until_closed().await.starts_with("HTTP/1.1 200 OK"));
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_a_place_for_nothing_loses_it_to_who_waits() {
    let siege = Siege::with("connections = 40\nidle_wait = \"2s\"").await;
    let mut idle = Vec::new();
    // More than there are places: the last of them are not even taken.
    for _ in 0..100 {
        idle.push(siege.raw().await);
    }
    let mut honest = siege.raw().await;
    honest.send("GET /live HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n").await;
    let got = honest.until_closed().await;
    assert!(got.starts_with("HTTP/1.1 200 OK"), "{got}");
    for mut raw in idle {
        assert_eq!(raw.until_closed().await, "");
    }
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_little_and_hold_up_nobody() {
    let mut siege = Siege::with("connections = 12000\nidle_wait = \"10 minutes\"").await;
    let many = raw::descriptors_for_tests().min(10_000);
    let mut idle = Vec::with_capacity(many);
    // The first half has never asked anything, the other half has once.
    for asks in [false, true] {
        let before = siege.world.daemon.memory();
        for _ in 0..many / 2 {
            let mut raw = siege.raw().await;
            if asks {
                raw.send("GET /live HTTP/1.1\r\nHost: bridge\r\n\r\n").await;
                assert!(raw.answer().await.starts_with("HTTP/1.1 200 OK"));
            }
            idle.push(raw);
        }
        let started = std::time::Instant::now();
        let open = "partyline_http_connections";
        while siege.world.daemon.metric(open).await.unwrap_or(0.0) < idle.len() as f64 {
            assert!(started.elapsed() < PATIENCE, "not all are taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let each = siege.world.daemon.memory().saturating_sub(before) / (many / 2);
        println!("{} idle connections, {each} bytes each", many / 2);
        assert!(each < 32 * 1024, "{each} bytes for a connection");
    }
    siege.an_honest_message_passes().await;
    drop(idle);
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_large_are_refused() {
    let siege = Siege::with("").await;
    let many: String = (0..200).map(|number| format!("X-{number}: x\r\n")).collect();
    for (head, status) in [
        (format!("GET /live HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000)), "431"),
        (format!("GET /live HTTP/1.1\r\n{many}\r\n"), "431"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)), "431"),
    ] {
        let mut raw = siege.raw().await;
        raw.send(&head).await;
        let got = raw.until_closed().await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
    }
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_unread() {
    let mut siege = Siege::with("").await;
    let before = siege.world.daemon.memory();
    // A bomb: 200 MiB when it is unpacked.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..200 {
        packer.write_all(&[b'a'; 1 << 20]).expect("packed");
    }
    let bomb = packer.finish().expect("packed");
    let codings = [("gzip", &bomb[..]), ("deflate, gzip", b"x"), ("br", b"x")];
    for ((coding, body), (path, status)) in
        codings.into_iter().flat_map(|coding| ADDRESSES.map(|address| (coding, address)))
    {
        let mut raw = siege.raw().await;
        raw.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: bridge\r\n{CLAIM}Content-Encoding: {coding}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        ))
        .await;
        raw.send_bytes(body).await;
        let got = raw.answer().await;
        let (status, said) = status.unwrap_or(("415", "a compressed body is not taken"));
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {got}");
        assert!(got.contains(said), "{path}: {got}");
    }
    let grown = siege.world.daemon.memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for bombs that were not unpacked");
    siege.an_honest_message_passes().await;
    siege.over().await;
}

/// Where Conversations calls and where Messaging does, with the answer to a body that is not read:
/// what Conversations sends may be the hook before a message, which any answer but an empty 200
/// would stop.
const ADDRESSES: [(&str, Option<(&str, &str)>); 2] =
    [("/webhooks/twilio", Some(("200", ""))), ("/webhooks/twilio/messaging", None)];

/// Without it, a request is none of Twilio's.
const CLAIM: &str = "X-Twilio-Signature: c2lnbmVk\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_its_body_the_hook_before_a_message_stops_none() {
    let mut siege = Siege::with("body_bytes = 65536\nbody_wait = \"500ms\"").await;
    let long = "x".repeat(70_000);
    let chunks = format!("Transfer-Encoding: chunked\r\n\r\n11170\r\n{long}\r\n0\r\n\r\n");
    for (what, rest, status) in [
        ("announced too long", "Content-Length: 99999\r\n\r\n", "413"),
        ("too long", chunks.as_str(), "413"),
        ("too slow", "Content-Length: 100\r\n\r\nEventType=onMess", "408"),
        ("malformed", "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", "400"),
    ] {
        for (path, answer) in ADDRESSES {
            let mut raw = siege.raw().await;
            raw.send(&format!("POST {path} HTTP/1.1\r\nHost: bridge\r\n{CLAIM}{rest}")).await;
            let got = raw.answer().await;
            let status = answer.map_or(status, |(status, _)| status);
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{what}, {path}: {got}");
            let body = got.split_once("\r\n\r\n").map(|(_, body)| body);
            assert_eq!(body.is_some_and(str::is_empty), answer.is_some(), "{what}, {path}: {got}");
        }
    }
    let doubts = siege.world.daemon.metric("partyline_hook_in_doubt_total").await;
    assert!(doubts >= Some(4.0), "{doubts:?}");
    siege.an_honest_message_passes().await;
    siege.over().await;
}

/// What cannot be the hook before a message is told what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_the_hook_before_a_message_gets_the_right_status() {
    let mut siege = Siege::with("body_bytes = 65536\nbody_wait = \"500ms\"").await;
    let long = "x".repeat(70_000);
    let announced = "Content-Length: 99999\r\n\r\n";
    for (what, rest, status) in [
        ("unsigned, announced too long", announced.to_owned(), "413"),
        (
            "unsigned, too long",
            format!("Transfer-Encoding: chunked\r\n\r\n11170\r\n{long}\r\n0\r\n\r\n"),
            "413",
        ),
        ("unsigned, too slow", "Content-Length: 9\r\n\r\nEvent".to_owned(), "408"),
        (
            "unsigned, packed",
            "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_owned(),
            "415",
        ),
        (
            "another event, too long",
            format!("{CLAIM}{announced}EventType=onMessageAdded&Body="),
            "413",
        ),
        ("the hook, too long", format!("{CLAIM}{announced}EventType=onMessageAdd&Body="), "200"),
    ] {
        let mut raw = siege.raw().await;
        raw.send(&format!("POST /webhooks/twilio HTTP/1.1\r\nHost: bridge\r\n{rest}")).await;
        let got = raw.answer().await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {got}");
    }
    // Signed right, and no webhook of Twilio's: 400, and its bytes are kept.
    let form = Form::default().with("Body", "x");
    let (body, signature) = (form.encode(), signed(&siege, "/webhooks/twilio", &form));
    let nameless = reqwest::Client::new()
        .post(siege.world.daemon.url("/webhooks/twilio"))
        .header("x-twilio-signature", signature)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(nameless.status(), 400);
    assert_eq!(siege.world.daemon.metric("partyline_unparsed").await, Some(1.0));
    siege.an_honest_message_passes().await;
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_request_and_is_none_is_refused() {
    let siege = Siege::with("").await;
    let mut raw = siege.raw().await;
    raw.send("GET /live HTTP/1.1\r\nHost: bridge\r\n\r\n\u{1}\u{2}garbage\r\n\r\nGET /live").await;
    let got = raw.until_closed().await;
    assert!(got.starts_with("HTTP/1.1 200 OK"), "{got}");
    assert_eq!(got.matches("HTTP/1.1 ").count(), 2, "{got}");
    assert!(got.contains("HTTP/1.1 400 "), "{got}");
    // TLS, and HTTP/2 without it, spoken to the wrong port.
    for garbage in ["\u{16}\u{3}\u{1}\0\u{1}\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n\r\n\0"] {
        let mut raw = siege.raw().await;
        raw.send(garbage).await;
        raw.finish().await;
        let got = raw.until_closed().await;
        assert!(got.is_empty() || got.starts_with("HTTP/1.1 400 "), "{got}");
    }
    siege.over().await;
}

/// What two servers could read differently is read by none.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_lengths_is_refused_and_what_is_behind_it_is_not_read() {
    let siege = Siege::with("").await;
    let smuggled = "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: bridge\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
    ] {
        let mut raw = siege.raw().await;
        raw.send(&format!(
            "POST /webhooks/twilio HTTP/1.1\r\nHost: bridge\r\n{lengths}\r\n\r\n{smuggled}"
        ))
        .await;
        let got = raw.until_closed().await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{lengths}: {got}");
        assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{lengths}: {got}");
    }
    // Chunks go before a length, and the connection is closed whatever follows (RFC 9112, 6.3).
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let mut raw = siege.raw().await;
        raw.send(&format!(
            "POST /webhooks/twilio HTTP/1.1\r\nHost: bridge\r\n{lengths}\r\n\r\n{smuggled}"
        ))
        .await;
        let got = raw.until_closed().await;
        assert!(got.starts_with("HTTP/1.1 403 "), "{lengths}: {got}");
        assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{lengths}: {got}");
    }
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_sends_no_more_still_gets_its_answer() {
    let siege = Siege::with("").await;
    let form = form();
    let (body, signature) = (form.encode(), signed(&siege, "/webhooks/twilio", &form));
    let mut raw = siege.raw().await;
    raw.send(&format!(
        "POST /webhooks/twilio HTTP/1.1\r\nHost: bridge\r\nX-Twilio-Signature: {signature}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    raw.finish().await;
    let got = raw.until_closed().await;
    assert!(got.starts_with("HTTP/1.1 200 OK"), "{got}");
    // One that goes away in the middle of a body is nobody's trouble.
    let mut raw = siege.raw().await;
    raw.send("POST /webhooks/twilio HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nabc").await;
    raw.finish().await;
    let got = raw.until_closed().await;
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    siege.over().await;
}

/// What is unusual and allowed is answered as it should be.
#[tokio::test(flavor = "multi_thread")]
async fn unusual_requests_get_the_right_answers() {
    let siege = Siege::with("").await;
    let form = form();
    let (body, signature) = (form.encode(), signed(&siege, "/webhooks/twilio", &form));
    let post = format!(
        "X-Twilio-Signature: {signature}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    let length = body.len();
    let chunked = format!(
        "POST /webhooks/twilio HTTP/1.1\r\nHost: b\r\n{post}Transfer-Encoding: chunked\r\n\
         Trailer: X-After\r\nConnection: close\r\n\r\n{length:x};ext=1\r\n{body}\r\n0\r\nX-After: 1\r\n\r\n"
    );
    let absolute = format!(
        "POST http://bridge.test/webhooks/twilio HTTP/1.1\r\nHost: b\r\n{post}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let large = "POST /webhooks/twilio HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\n\
                 Content-Length: 99999999\r\n\r\n";
    for (request, status) in [
        (chunked.as_str(), "1.1 200"),
        (absolute.as_str(), "1.1 200"),
        ("GET /live HTTP/1.0\r\n\r\n", "1.0 200"),
        ("GET /webhooks/twilio HTTP/1.0\r\n\r\n", "1.0 405"),
        ("PURGE /live HTTP/1.0\r\n\r\n", "1.0 405"),
        ("TRACE /live HTTP/1.0\r\n\r\n", "1.0 405"),
        ("OPTIONS * HTTP/1.0\r\n\r\n", "1.0 404"),
        ("GET /../../etc/passwd HTTP/1.0\r\n\r\n", "1.0 404"),
        ("GET /live%00 HTTP/1.0\r\n\r\n", "1.0 404"),
        ("GET  /live HTTP/1.0\r\n\r\n", "1.1 400"),
        ("GET /live HTTP/9.9\r\n\r\n", "1.1 400"),
        (large, "1.1 413"),
    ] {
        let mut raw = siege.raw().await;
        raw.send(request).await;
        let got = raw.answer().await;
        assert!(got.starts_with(&format!("HTTP/{status} ")), "{request:?}: {got}");
    }
    let mut raw = siege.raw().await;
    raw.send(&format!(
        "POST /webhooks/twilio HTTP/1.1\r\nHost: b\r\n{post}Expect: 100-continue\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ))
    .await;
    raw.wait_for("HTTP/1.1 100 Continue\r\n\r\n").await;
    raw.send(&body).await;
    let got = raw.until_closed().await;
    assert!(got.contains("HTTP/1.1 200 OK"), "{got}");
    siege.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_for_the_operator_leaves_the_other_one_the_webhooks_alone() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.daemon.configure(|config| {
        let keys = format!("[http]\nadmin_listen = \"{free}\"\nadmin_token = \"of-the-operator\"");
        *config = config.replace("[http]", &keys);
    });
    world.daemon.operators_at(free);
    world.daemon.start().await;
    let client = reqwest::Client::new();
    let status = async |url: String| client.get(url).send().await.unwrap().status().as_u16();
    for (path, outside, inside) in [
        ("/live", 200, 200),
        ("/ready", 404, 200),
        ("/metrics", 404, 200),
        ("/webhooks/twilio", 405, 404),
        ("/webhooks/twilio/messaging", 405, 404),
        ("/api/v1/contacts", 404, 401),
        ("/api/v1/nowhere", 404, 401),
        ("/nowhere", 404, 404),
    ] {
        assert_eq!(status(world.daemon.url(path).into()).await, outside, "{path} outside");
        assert_eq!(status(format!("http://{free}{path}")).await, inside, "{path} inside");
    }
    group.phones[0].say(&group.conversation, "hello").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
}

/// Whoever has no key cannot make the daemon work much, nor write much.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forged_webhooks_is_refused_counted_and_a_line_in_the_log() {
    let mut siege = Siege::with("").await;
    let many = "a=1&".repeat(200_000);
    let mut flood = Vec::new();
    for number in 0..8 {
        let mut raw = siege.raw().await;
        // Every other one with as much to sort as the limit allows.
        let body = if number % 2 == 0 { many.clone() } else { "EventType=x".to_owned() };
        let request = format!(
            "POST /webhooks/twilio HTTP/1.1\r\nHost: b\r\nX-Twilio-Signature: Zm9yZ2Vk\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        flood.push(tokio::spawn(async move {
            for _ in 0..50 {
                raw.send(&request).await;
                let got = raw.answer().await;
                assert!(got.starts_with("HTTP/1.1 403 "), "{got}");
            }
        }));
    }
    siege.an_honest_message_passes().await;
    for one in flood {
        one.await.expect("refused");
    }
    let line = "partyline_twilio_webhooks_total{event=\"unsigned\",outcome=\"signature\"}";
    assert_eq!(siege.world.daemon.metric(line).await, Some(400.0));
    let lines = siege.world.daemon.log().matches("a webhook was refused").count();
    assert!((1..=2).contains(&lines), "{lines} lines");
    siege.over().await;
}

/// Twilio signs no time: whoever recorded a webhook can send it again, and nothing comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_played_again_changes_nothing() {
    let mut siege = Siege::with("").await;
    let sid = "IM0123456789abcdef0123456789abcdef";
    let form = Form::default()
        .with("EventType", "onMessageAdded")
        .with("ConversationSid", siege.group.conversation.clone())
        .with("MessageSid", sid)
        .with("Index", "0")
        .with("Author", "whatsapp:+14155550101")
        .with("Body", "said long ago");
    let (body, signature) = (form.encode(), signed(&siege, "/webhooks/twilio", &form));
    let client = reqwest::Client::new();
    let post = || {
        client
            .post(siege.world.daemon.url("/webhooks/twilio"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", signature.clone())
    };
    for _ in 0..5 {
        assert_eq!(post().body(body.clone()).send().await.expect("sent").status(), 200);
    }
    // Elsewhere, or with a word changed, it is a forgery.
    let changed = post().body(body.replace("ago", "now")).send().await.expect("sent");
    assert_eq!(changed.status(), 403);
    siege.an_honest_message_passes().await;
    let posts = siege.world.channel(&siege.group.channel);
    let again = posts.iter().filter(|(_, text)| text == "said long ago").count();
    assert!(again <= 1, "{posts:?}");
    siege.over().await;
}
