//! Commands that are given at a later time.

use crate::support::{World, inbox};

/// The id in the answer that something was scheduled.
fn id(answer: &str) -> String {
    let (_, rest) = answer.split_once("Scheduled as ").unwrap_or_else(|| panic!("{answer}"));
    rest.split(':').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_given_at_its_time_once_wherever_the_daemon_is_killed() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let admin = world.admin.clone();
    let points = [
        "intake.written=return",
        "intake.stored=return",
        "schedule.given=return",
        "command.begin=return",
        "command.finishing=return",
        "command.finished=return",
    ];
    for (number, point) in points.iter().enumerate() {
        world.daemon.arm("");
        world.daemon.start().await;
        let line = "schedule in 2s -- notify team_notice 1=\"The launch team\"";
        let answer = world.command(&group.channel, &admin, line).await;
        let id = id(&answer);
        assert!(answer.contains(&format!("`/wa schedule cancel {id}` takes it back")), "{answer}");
        world.daemon.wait_until_settled().await;
        world.daemon.stop().await;
        world.daemon.arm(point);
        world.daemon.start().await;
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        world.told(&format!("scheduled as {id}: \"team_notice\" goes to 1 members")).await;
        world.wait_for_inbox(&group.phones[0], number + 1).await;
        world.daemon.wait_until_settled().await;
        let listed = world.command(&group.channel, &admin, "schedule list").await;
        assert_eq!(listed, "Nothing is scheduled.", "{point}");
        assert_eq!(inbox(&group.phones[0]).len(), number + 1, "{point}\n{}", world.daemon.log());
        let answers: Vec<_> = world.direct().into_iter().filter(|one| one.contains(&id)).collect();
        assert!(!answers.is_empty(), "{point}");
        world.daemon.stop().await;
    }
}

/// What was missed while the bridge was down is done once, late; what was missed by more than a day is
/// told, and not done.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_done_late_once_or_told() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    let line = "schedule \"* * * * *\" UTC -- notify team_notice 1=Minutely";
    let minutely = id(&world.command(&group.channel, &admin, line).await);
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    // Two hours later, as the daemon sees it: 120 times were missed.
    world.daemon.arm("clock=return(7200)");
    world.daemon.start().await;
    world.told(&format!("scheduled as {minutely}")).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    let answer =
        world.command(&group.channel, &admin, &format!("schedule cancel {minutely}")).await;
    assert!(answer.starts_with("Taken back: `/wa notify team_notice"), "{answer}");
    let after = inbox(&group.phones[0]).len();
    assert!(after <= 2, "missed ones came {after} times");

    let line = "schedule in 1 hour -- notify team_notice 1=Old";
    let old = id(&world.command(&group.channel, &admin, line).await);
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.daemon.arm("clock=return(180000)");
    world.daemon.start().await;
    let told = world.told(&format!("scheduled as {old}")).await;
    assert!(told.contains("more than a day ago") && told.contains("it was not done"), "{told}");
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]).len(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_right_meanwhile_is_told_at_its_time() {
    let (mut world, group, ben) = World::with_ben().await;
    let admin = world.admin.clone();
    let grant = format!("role grant slack:{ben} manager");
    world.command(&group.channel, &admin, &grant).await;
    let line = "schedule in 1 hour -- notify team_notice 1=Ben";
    let scheduled = id(&world.command(&group.channel, &ben, line).await);
    let revoke = format!("role revoke slack:{ben} manager");
    world.command(&group.channel, &admin, &revoke).await;
    world.daemon.wait_until_settled().await;
    world.daemon.stop().await;
    world.move_time(std::time::Duration::from_secs(3700));
    world.daemon.start().await;
    let told = world.told_to(&ben, &format!("scheduled as {scheduled}: You may not use")).await;
    assert!(
        told.contains("it is for the group's managers") && told.contains("takes it back"),
        "{told}"
    );
    world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scheduled_is_one_sentence() {
    let (world, group, ben) = World::with_ben().await;
    let admin = world.admin.clone();
    let line = "group create Winter --room none --member +14155550109";
    world.command(&group.channel, &admin, line).await;
    for (line, expected) in [
        ("schedule", "Something is missing: WHEN"),
        ("schedule in 1 hour", "Something is missing: -- COMMAND"),
        ("schedule -- status", "Something is missing: WHEN"),
        ("schedule in 1 hour --", "Behind -- stands the command"),
        ("schedule soon -- status", "no time that I understand"),
        ("schedule today 0:00 -- status", "That is over"),
        ("schedule 2099-01-01 9:00 -- status", "more than 5 years away"),
        ("schedule tomorrow 9:00 Mars/Base -- status", "is no time zone that I know"),
        ("schedule \"99 * * * *\" -- status", "is no cron that I understand"),
        ("schedule in 1 hour -- make coffee", "Nothing was scheduled. There is no command"),
        ("schedule in 1 hour -- notify", "Nothing was scheduled. Something is missing"),
        ("schedule in 1 hour -- schedule in 1 hour -- status", "cannot be one that schedules"),
        ("schedule in 1 hour -- group delete Winter", "asks first whether it is to be done"),
        ("schedule cancel nosuch", "Nothing of yours is scheduled under this ID"),
        ("schedule list --page many", "--page takes a number"),
    ] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    // Whoever may not give it may not schedule it; and nobody takes back what others have set.
    let denied = world.command(&group.channel, &ben, "schedule in 1 hour -- contact list").await;
    assert!(denied.contains("There is no command"), "{denied}");
    let line = "schedule in 1 hour -- contact add +14155550101 Eve";
    let denied = world.command(&group.channel, &ben, line).await;
    assert!(denied.contains("it is for administrators"), "{denied}");
    let id = id(&world.command(&group.channel, &admin, "schedule in 1 hour -- status").await);
    let others = world.command(&group.channel, &ben, &format!("schedule cancel {id}")).await;
    assert!(others.contains("Nothing of yours"), "{others}");
    let listed = world.command(&group.channel, &ben, "schedule list").await;
    assert_eq!(listed, "Nothing is scheduled.");
    let listed = world.command(&group.channel, &admin, "schedule list").await;
    assert!(listed.contains(&format!("• {id}: `/wa status`, ")), "{listed}");
    // Words that belong together stay together.
    let line = "schedule tomorrow at 9am UTC — group rename “Summer’s launch”";
    let answer = world.command(&group.channel, &admin, line).await;
    assert!(answer.contains("`/wa group rename “Summer’s launch”`"), "{answer}");
    assert!(answer.contains("09:00 UTC"), "{answer}");
}
