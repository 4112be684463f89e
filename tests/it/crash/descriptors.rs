//! No file descriptor left: somebody holds all connections that the daemon can have.

use tokio::net::TcpStream;

use partyline_twilio::simulator::Happening;

use crate::support::{PATIENCE, World, inbox};

/// So many files it may have open: enough to start, and for a few connections.
const FEW: &str = r#"ulimit -n 64 && exec "$0" "$@""#;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_descriptor_left_it_goes_on_and_nothing_is_lost() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.run_under(&["sh", "-c", FEW]);
    world.daemon.start().await;
    let address = world.daemon.url("/");
    let address = address.socket_addrs(|| None).expect("an address")[0];
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(address).await.expect("the system takes the connection"));
    }
    // Webhooks come over new connections, and the daemon's own calls need descriptors too.
    let mut happenings = world.twilio.subscribe();
    for number in 0..5 {
        let text = format!("p{number}");
        group.phones[0].say_at_once(&group.conversation, text.as_str()).expect("said");
        world.slack.user_says(&group.channel, &world.admin, &format!("s{number}")).expect("said");
    }
    let unanswered = async {
        while !matches!(happenings.recv().await, Ok(Happening::Hook { status: None, .. })) {}
    };
    tokio::time::timeout(PATIENCE, unanswered).await.expect("the daemon has descriptors left");
    drop(held);
    world.daemon.wait_until_ready().await;
    group.phones[0].say(&group.conversation, "p5").await.expect("said");
    world.wait_for_posts(&group.channel, 11).await;
    world.wait_for_inbox(&group.phones[0], 5).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel).into_iter().map(|(_, text)| text);
    let posts: Vec<String> = posts.filter(|text| text.starts_with('p')).collect();
    assert_eq!(posts, ["p0", "p1", "p2", "p3", "p4", "p5"]);
    let expected: Vec<String> = (0..5).map(|number| format!("*Ada Admin*: s{number}")).collect();
    assert_eq!(inbox(&group.phones[0]), expected);
}
