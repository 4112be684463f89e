//! The daemon is killed around a form that is sent off.

use super::{PATIENCE, World, audited, open};

/// Killed at each point on the way, what was acknowledged is done once; what was not, Slack tells
/// the person, who sends it off once more, and that is done once too.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_sent_off_is_done_once() {
    let mut world = World::new().await;
    let room = world.room("office");
    let admin = world.admin.clone();
    let points = [
        "intake.begin=return",
        "intake.written=return",
        "intake.stored=return",
        "intake.woken=return",
        "command.begin=return",
        "group.made=return",
        "command.finishing=return",
        "command.finished=return",
        "lane.sent=return",
    ];
    for (number, point) in points.iter().enumerate() {
        // A form before somebody, and then a life that ends at the point.
        world.daemon.arm("");
        world.daemon.start().await;
        let (mut run, form) = open(&world, &room, &admin).await;
        world.slack.type_in(&form, "name", &format!("Team {number}")).expect("Slack takes it");
        world
            .slack
            .type_in(&form, "numbers", &format!("+1415555{:04}", number + 100))
            .expect("Slack takes it");
        world.slack.choose(&form, "room", &["none"]).expect("Slack takes it");
        world.daemon.wait_until_settled().await;
        world.daemon.stop().await;
        world.daemon.arm(point);
        world.daemon.start().await;
        let mut sent = world.slack.send_off(&form).expect("Slack takes it");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        if sent.acknowledged().await.is_err() {
            let again = world.slack.send_off(&form).expect("Slack takes it").acknowledged().await;
            again.unwrap_or_else(|error| panic!("{point}: {error}\n{}", world.daemon.log()));
        }
        let answer = run.answer(PATIENCE).await;
        let answer = answer.unwrap_or_else(|error| panic!("{point}: {error}")).text;
        assert!(answer.contains("1 of 1 members added."), "{point}: {answer}");
        world.daemon.wait_until_settled().await;
        assert_eq!(world.twilio.conversations().len(), number + 1, "{point}");
        world.daemon.stop().await;
    }
    assert_eq!(audited(&world, "group create"), vec!["done"; points.len()]);
}

/// A button is a command like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_was_pressed_is_done_once() {
    let mut world = World::new().await;
    let room = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    for point in ["intake.stored=return", "command.begin=return", "group.state=return"] {
        world.command(&room, &admin, "group create Spring --room none").await;
        world.command(&room, &admin, "group delete Spring").await;
        world.daemon.wait_until_settled().await;
        let question = world.slack.ephemerals(&room).pop().expect("the question");
        let yes = question.buttons()[0].0.clone();
        world.daemon.stop().await;
        world.daemon.arm(point);
        world.daemon.start().await;
        let mut pressed =
            world.slack.press_button(&room, &admin, question.ts, &yes).expect("a button");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let unacknowledged = pressed.acknowledged().await.is_err();
        // If it was stored, the answer may stand there already, in place of the button.
        if unacknowledged
            && let Ok(mut again) = world.slack.press_button(&room, &admin, question.ts, &yes)
        {
            again.acknowledged().await.expect("in time");
        }
        let gone =
            |_: &partyline_twilio::simulator::Simulator| world.twilio.conversations().is_empty();
        let done = world.twilio.wait_until(PATIENCE, gone).await;
        assert!(done.is_ok(), "{point}\n{}", world.daemon.log());
        let told = |slack: &partyline_slack::simulator::Simulator| {
            let told = slack.ephemerals(&room);
            told.into_iter().find(|one| one.ts == question.ts && one.text.contains("is deleted"))
        };
        let told = world.slack.wait_for("the answer in its place", PATIENCE, told).await;
        told.unwrap_or_else(|error| panic!("{point}: {error}\n{}", world.daemon.log()));
    }
    assert_eq!(audited(&world, "group delete"), ["refused", "done"].repeat(3));
}
