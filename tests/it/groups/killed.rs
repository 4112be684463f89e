//! Groups that are made and changed by a daemon that is killed at each step.

use super::*;

/// At each point on the way of an operation the daemon is killed once; what was begun is gone on
/// with, and done once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_an_operation_is_completed_once() {
    let mut world = World::new().await;
    let office = world.room("office");
    world.daemon.spawn();
    world.daemon.wait_until_ready().await;
    let admin = world.admin.clone();
    let points = [
        "command.begin=return",
        "group.made=return",
        "group.member=return",
        "group.member=1*off->return",
        "group.room=return",
        "command.finish=return",
        "command.finishing=return",
        "command.finished=return",
    ];
    for (at, points) in points.iter().enumerate() {
        let (a, b) = (100 + 2 * at, 101 + 2 * at);
        let line =
            format!("group create \"Team {at}\" --room new --member +1415555{a:04},+1415555{b:04}");
        let answer = killed(&mut world, &office, points, &line).await;
        assert!(answer.contains("2 of 2 members added."), "{points}: {answer}");
        let sid = conversation(&world, &format!("Team {at}")).sid.to_string();
        assert_eq!(members(&world, &sid).len(), 2, "{points}");
        let room = named_channel(&world, &format!("team-{at}")).expect(points);
        assert!(answer.contains(&room), "{points}: {answer}");
        world.wait_for_posts(&room, 1).await;
        // It works, and was greeted once.
        world.twilio.phone(&format!("whatsapp:+1415555{a:04}")).say(&sid, "hi").await.unwrap();
        world.wait_for_posts(&room, 2).await;
        assert_eq!(world.channel(&room).len(), 2, "{points}");
    }
    for (point, line, expected) in [
        (
            "group.member=1*off->return",
            "member add \"Team 0\" +14155550501 +14155550502 +14155550503",
            "3 of 3 members added.",
        ),
        (
            "group.member=return",
            "member remove \"Team 0\" +14155550501 +14155550502",
            "No longer in the group: +1 415-555-0501, +1 415-555-0502.",
        ),
        ("group.state=return", "group rename \"Team 1\" \"Crew 1\"", "is called \"Crew 1\" now."),
        ("group.told=return", "group archive \"Team 2\" --tell Thanks", "is archived."),
        ("group.state=return", "group archive \"Team 3\"", "is archived."),
        ("group.room=return", "group archive \"Team 4\"", "is archived."),
        ("group.state=return", "group unarchive \"Team 3\"", "is active again."),
        ("group.room=return", "group unarchive \"Team 4\"", "is active again."),
        ("group.state=return", "group delete \"Team 5\" \"Team 5\"", "is deleted"),
        ("command.finish=return", "group delete \"Team 6\" \"Team 6\"", "is deleted"),
        ("contact.flushed=return", "contact add +14155550599 Zoe", "+14155550599 is Zoe now."),
        ("contact.flushed=return", "contact remove zoe", "Zoe (+14155550599) is forgotten."),
    ] {
        let answer = killed(&mut world, &office, point, line).await;
        assert!(answer.contains(expected), "{point} {line}: {answer}\n{}", world.daemon.log());
    }
    assert_eq!(members(&world, conversation(&world, "Team 0").sid.as_str()).len(), 3);
    assert!(named_channel(&world, "crew-1").is_some());
    let thanked = world.twilio.phone("whatsapp:+14155550104");
    assert_eq!(inbox(&thanked).iter().filter(|text| *text == "Thanks").count(), 1);
    let left: Vec<_> = world.twilio.conversations();
    assert_eq!(left.len(), points.len() - 2);
    world.daemon.wait_until_settled().await;
    let listed = world.command(&office, &admin, "group list").await;
    assert_eq!(listed.lines().count(), points.len() - 2, "{listed}");
}

/// Gives a command to a daemon that ends at a point, starts it again, and waits for the answer.
async fn killed(world: &mut World, room: &str, points: &str, line: &str) -> String {
    world.daemon.stop().await;
    world.daemon.arm(points);
    world.daemon.start().await;
    let admin = world.admin.clone();
    let mut run = world.slack.command(room, &admin, "/wa", line).expect("the command is known");
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
    run.answer(PATIENCE)
        .await
        .unwrap_or_else(|error| panic!("no answer to {line}: {error}\n{}", world.daemon.log()))
        .text
}
