//! Members, at the limits: what Twilio refuses late, what it takes at most, and one person alone over
//! a kill.

use partyline_twilio::simulator::{Fault, FaultKind};

use crate::support::{PATIENCE, SECOND_SENDER, SENDER, World, inbox, wait_for_members};

/// Between the plan and the adding somebody else adds the member elsewhere: Twilio's late refusal
/// (50416) names the group that is in the way, and the others are added.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_added_elsewhere_meanwhile_is_told_with_that_group() {
    let mut world = World::new().await;
    let (other, _) = world.conversation("Winter sale", &[]).await;
    let room = world.room("launch");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let made = world.command(&room, &admin, "group create Spring --member +14155550100").await;
    assert!(made.contains("1 of 1 members added."), "{made}");

    let refused = world.twilio.counters().refused;
    // Both are under way at once: whichever comes first, neither is added.
    let slowly = Fault::next(FaultKind::RateLimited(3), 2);
    world.twilio.fault(slowly.method("POST").on("/Participants"));
    let line = "member add +14155550101 +14155550102";
    let mut run = world.slack.command(&room, &admin, "/wa", line).expect("the command is known");
    let told_to_wait = async {
        while world.twilio.counters().refused == refused {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told_to_wait).await.expect("it was told to come later");
    let member = partyline_twilio::simulator::NewMember::new("whatsapp:+14155550101", SENDER);
    world.twilio.add_phone(&other, member).await.expect("a member");
    let waits = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(waits.contains("I am at it"), "{waits}");
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(
        answer.contains(
            "1 of 2 members added, 1 refused: +1 415-555-0101 is in \"Winter sale\" behind this sender"
        ),
        "{answer}\n{}",
        world.daemon.log()
    );
}

/// Whoever no sender is free for is moved by a press of a button, or by the words that it stands for: out of
/// the group that is in the way, into this one.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_another_group_is_moved_by_a_button() {
    let mut world = World::new().await;
    let (winter, _) = world.conversation("Winter sale", &["+14155550101", "+14155550103"]).await;
    let room = world.room("launch");
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&room, &admin, "group create Spring --member +14155550102").await;
    let answer = world.command(&room, &admin, "member add +14155550101").await;
    assert!(answer.contains("is in \"Winter sale\" behind this sender; 2 senders"), "{answer}");
    assert!(answer.contains("+14155550101 --move`"), "{answer}");
    let offer = world.slack.ephemerals(&room).pop().expect("the offer");
    let (press, label) = offer.buttons()[0].clone();
    assert_eq!(label, "Move them here");
    world.slack.press_button(&room, &admin, offer.ts, &press).expect("a button");
    let all = world.twilio.conversations();
    let spring = all.iter().find(|one| one.sid.as_str() != winter).expect("made").sid.to_string();
    let [maya, ben, nora] = ["101", "102", "103"].map(|end| format!("whatsapp:+14155550{end}"));
    wait_for_members(&world, &spring, &[&maya, &ben]).await;
    wait_for_members(&world, &winter, &[&nora]).await;
    // Somebody who does not manage the other group moves nobody out of it.
    let eve = world.slack.add_user("Eve", None);
    world.slack.join(&room, &eve);
    world.command(&room, &admin, &format!("role grant slack:{eve} manager")).await;
    let refused = world.command(&room, &eve, "member add +14155550103 --move").await;
    assert!(refused.contains("is in \"Winter sale\" behind this sender"), "{refused}");
    // Whom this group cannot take stays where they are.
    let many: Vec<String> = (4..54).map(|number| format!("+141555501{number:02}")).collect();
    let line = format!("member add {} +14155550103 --move", many.join(" "));
    let refused = world.command(&room, &admin, &line).await;
    assert!(refused.contains("Twilio takes 50 in a group"), "{refused}");
    assert_eq!(world.twilio.participants(&winter).len(), 1, "{refused}");
    let moved = world.command(&room, &admin, "member add +14155550103 --move").await;
    assert!(moved.contains("1 of 1 members added."), "{moved}");
    wait_for_members(&world, &winter, &[]).await;
}

/// Killed at each step, somebody who is moved is in the new group alone, and the rooms of the old one are told
/// once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_who_is_moved_is_moved_once_and_the_old_group_is_told() {
    for point in [
        "command.begin=return",
        "group.member=return",
        "group.member=1*off->return",
        "command.finish=return",
        "command.finishing=return",
        "command.finished=return",
    ] {
        let mut world = World::new().await;
        let winter = world.group("Winter sale", &["+14155550101", "+14155550103"]).await;
        let spring = world.group("Spring launch", &["+14155550102"]).await;
        let admin = world.admin.clone();
        world.daemon.start().await;
        world.wait_until_listed(&spring.channel, "Spring launch").await;
        world.daemon.stop().await;
        world.daemon.arm(point);
        world.daemon.start().await;
        let line = "member add +14155550101 --move";
        let mut run = world.slack.command(&spring.channel, &admin, "/wa", line).expect("known");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let answer = run.answer(PATIENCE).await;
        let answer = answer.unwrap_or_else(|e| panic!("{point}: {e}\n{}", world.daemon.log())).text;
        assert!(answer.contains("New in the group"), "{point}: {answer}");
        world.daemon.wait_until_settled().await;
        let [maya, ben, nora] = ["101", "102", "103"].map(|end| format!("whatsapp:+14155550{end}"));
        wait_for_members(&world, &spring.conversation, &[&maya, &ben]).await;
        wait_for_members(&world, &winter.conversation, &[&nora]).await;
        let told = world.channel(&winter.channel);
        let told: Vec<_> =
            told.iter().filter(|(_, text)| text.contains("was moved from here")).collect();
        assert_eq!(told.len(), 1, "{point}: {told:?}");
        assert!(told[0].1.contains("to \"Spring launch\"."), "{point}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_members_are_taken_and_one_more_is_told_beforehand() {
    let mut world = World::new().await;
    let room = world.room("launch");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let clients = |count: usize| {
        (0..count).map(|number| format!("client:c{number}")).collect::<Vec<_>>().join(",")
    };
    let line = format!("group create Big --room none --member {}", clients(1001));
    let answer = world.command(&room, &admin, &line).await;
    assert!(answer.contains("1001 members, and Twilio takes 1000"), "{answer}");
    assert!(world.twilio.conversations().is_empty());
}

/// Killed at each step, one person is written to once, in one conversation of their own.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_one_person_is_written_to_once() {
    let mut world = World::new().await;
    world.pool(&[SENDER, SECOND_SENDER]);
    let admin = world.admin.clone();
    let points = [
        "command.begin=return",
        "group.made=return",
        "group.member=return",
        "command.finish=return",
        "command.finishing=return",
        "command.finished=return",
        "lane.send=return",
        "lane.sent=return",
    ];
    for (number, point) in points.iter().enumerate() {
        let room = world.room(&format!("desk-{number}"));
        let phone = format!("+1415555{:04}", 300 + number);
        world.daemon.arm(point);
        world.daemon.start().await;
        let line = format!("dm {phone} --template team_notice --set 1=Team --yes");
        let mut run = world.slack.command(&room, &admin, "/wa", &line).expect("it is known");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let answer = run.answer(PATIENCE).await;
        let answer = answer.unwrap_or_else(|e| panic!("{point}: {e}\n{}", world.daemon.log())).text;
        assert!(answer.contains("alone. Answers come to"), "{point}: {answer}");
        world.daemon.wait_until_settled().await;
        let got = inbox(&world.twilio.phone(&format!("whatsapp:{phone}")));
        assert_eq!(got.len(), 1, "{point}: {got:?}\n{}", world.daemon.log());
        assert_eq!(world.twilio.conversations().len(), number + 1, "{point}");
        world.daemon.stop().await;
    }
}
