//! How long what is kept: bodies, the audit, and what goes only when somebody says so.

use std::time::{Duration, Instant};

use crate::support::{PATIENCE, World};

const DAY: Duration = Duration::from_secs(86_400);

/// All that is kept of somebody, as the operator gets it.
fn data(world: &World) -> String {
    let mut data = world.daemon.command(&["contacts", "data", "+14155550101"]);
    let output = data.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Waits until something is kept of them no longer.
async fn wait_until_gone(world: &World, text: &str) {
    let begun = Instant::now();
    while data(world).contains(text) {
        assert!(begun.elapsed() < PATIENCE, "{text} is kept\n{}", world.daemon.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_first_then_the_audit_and_consent_stays_until_it_is_taken_back() {
    let mut world = World::new().await;
    world.daemon.configure(|config| {
        *config = config.replace("[relay]", "[relay]\nretention = \"30 days\"");
        config.push_str("\n[audit]\nretention = \"90 days\"\n");
    });
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    for line in ["contact add +14155550101 Maya", "contact consent +14155550101 yes --how fair"] {
        world.command(&group.channel, &admin, line).await;
    }
    group.phones[0].say(&group.conversation, "my heart is a kestrel").await.expect("said");
    world.wait_for_posts(&group.channel, 1).await;
    world.daemon.wait_until_settled().await;
    let kept = data(&world);
    for text in ["my heart is a kestrel", "contact consent", "\"consent\":\"yes\""] {
        assert!(kept.contains(text), "{text}: {kept}");
    }

    world.daemon.stop().await;
    world.move_time(31 * DAY);
    world.daemon.start().await;
    wait_until_gone(&world, "my heart is a kestrel").await;
    assert!(data(&world).contains("contact consent"), "the audit is kept for longer");

    world.daemon.stop().await;
    world.move_time(60 * DAY);
    world.daemon.start().await;
    wait_until_gone(&world, "contact consent").await;
    let shown = world.command(&group.channel, &admin, "contact show +14155550101").await;
    assert!(shown.contains("consent: yes"), "what somebody agreed to is known: {shown}");
}
