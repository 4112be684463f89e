//! People who are blocked: nothing of theirs is shown, and nothing goes to them.

use super::*;

/// Of somebody who is blocked nothing is shown, nothing is sent to them, and they are taken out of all
/// groups, once; unblocked, they are heard where they were.
#[tokio::test(flavor = "multi_thread")]
async fn of_whom_is_blocked_nothing_is_shown_and_nothing_is_sent_to_them() {
    for point in ["", "group.member", "command.finishing", "command.finished"] {
        let (mut world, channel, maya) = world(true).await;
        let admin = world.admin.clone();
        maya.write_to(SENDER, "is anybody there").await.expect("written");
        let (card, _) = wait_for_thread(&world, &channel, 1).await;
        let (conversation, phones) = world.conversation("spring-launch", &["+14155550102"]).await;
        let member = NewMember::new(MAYA, SECOND_SENDER);
        world.twilio.add_phone(&conversation, member).await.expect("a member");
        world.daemon.wait_until_settled().await;
        if !point.is_empty() {
            world.daemon.stop().await;
            world.daemon.arm(&format!("{point}=return"));
            world.daemon.start().await;
        }
        let line = "inbox block +14155550101 --yes";
        let mut run = world.slack.command(&channel, &admin, "/wa", line).expect("a command");
        if !point.is_empty() {
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
            world.daemon.start().await;
        }
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("taken out of one group"), "{point}: {answer}");
        assert_eq!(world.twilio.participants(&conversation).len(), 1, "{point}");

        maya.write_to(SENDER, "you must listen").await.expect("written");
        world.slack.user_replies(&channel, &admin, card, "are you there", false).expect("said");
        let told = |slack: &slack::Simulator| {
            thread(slack, &channel)
                .filter(|(_, all)| all.iter().any(|one| one.contains("is blocked")))
        };
        let (_, replies) = world.slack.wait_for("a notice", PATIENCE, told).await.expect("told");
        assert!(!replies.contains(&"you must listen".to_owned()), "{point}: {replies:?}");
        let add = format!("member add {conversation} +14155550101");
        for (line, expected) in [
            ("dm +14155550101 hello", "is blocked"),
            ("inbox blocked", "+14155550101"),
            ("inbox list", "The inbox is empty."),
            (add.as_str(), "is blocked"),
            ("inbox block +14155550101", "blocked already"),
            ("queue drop all", "dropped"),
        ] {
            let answer = world.command(&channel, &admin, line).await;
            assert!(answer.contains(expected), "{point}: {line}: {answer}");
        }
        world.daemon.wait_until_settled().await;
        assert_eq!((maya.inbox_len(), phones[0].inbox_len()), (0, 0), "{point}");

        let answer = world.command(&channel, &admin, "inbox unblock +14155550101").await;
        assert!(answer.contains("not blocked any more"), "{point}: {answer}");
        assert!(answer.contains("They were taken out of \"spring-launch\""), "{point}: {answer}");
        let offer = world.slack.ephemerals(&channel).pop().expect("the offer");
        let (press, label) = offer.buttons()[0].clone();
        assert_eq!(label, "Put them back");
        world.slack.press_button(&channel, &admin, offer.ts, &press).expect("a button");
        wait_for_members(&world, &conversation, &["whatsapp:+14155550102", MAYA]).await;
        maya.write_to(SENDER, "thank you").await.expect("written");
        let there = |slack: &slack::Simulator| {
            thread(slack, &channel)
                .filter(|(_, all)| all.iter().any(|one| one.contains("thank you")))
        };
        world.slack.wait_for("their words", PATIENCE, there).await.expect("shown");
    }
}

/// Killed at each step, who is unblocked and put back is in each group once, whose rooms are told once; where
/// they cannot be put back, the answer says why.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_who_is_unblocked_is_put_back_once() {
    for point in ["group.member", "command.finish", "command.finishing", "command.finished"] {
        let mut world = World::new().await;
        let channel = configure(&mut world);
        let spring = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
        let (winter, phones) = world.conversation("winter-sale", &["+14155550103"]).await;
        let member = NewMember::new(MAYA, SECOND_SENDER);
        world.twilio.add_phone(&winter, member).await.expect("a member");
        let admin = world.admin.clone();
        world.daemon.start().await;
        world.daemon.wait_until_groups_are_read().await;
        let answer = world.command(&channel, &admin, "inbox block +14155550101 --yes").await;
        assert!(answer.contains("taken out of 2 groups"), "{answer}");
        // Meanwhile somebody has put them into another group behind the same sender.
        let (autumn, _) = world.conversation("autumn-fair", &[]).await;
        let member = NewMember::new(MAYA, SECOND_SENDER);
        world.twilio.add_phone(&autumn, member).await.expect("a member");
        world.daemon.stop().await;
        world.daemon.arm(&format!("{point}=return"));
        world.daemon.start().await;
        let line = "inbox unblock +14155550101 --groups";
        let mut run = world.slack.command(&channel, &admin, "/wa", line).expect("a command");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Back in \"spring-launch\"."), "{point}: {answer}");
        assert!(answer.contains("Not back in \"winter-sale\": "), "{point}: {answer}");
        wait_for_members(&world, &spring.conversation, &["whatsapp:+14155550102", MAYA]).await;
        wait_for_members(&world, &winter, &[phones[0].address()]).await;
        world.daemon.wait_until_settled().await;
        let told = world.channel(&spring.channel);
        let back = told.iter().filter(|(_, text)| text.contains("is back in this group")).count();
        assert_eq!(back, 1, "{point}: {told:?}");
        let again = world.command(&channel, &admin, line).await;
        assert!(again.contains("is not blocked"), "{point}: {again}");
    }
}

/// From a shell the same is done, and the list is for programs too.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_blocked_is_known_and_changed_from_a_shell() {
    let (world, _, _) = world(false).await;
    let said = |arguments: &[&str]| {
        let output = world.daemon.command(arguments).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(said(&["inbox", "block", "+14155550101"]).contains("is blocked"));
    let row = said(&["inbox", "blocked", "--json"]);
    let row: serde_json::Value = serde_json::from_str(row.trim()).expect("one row");
    assert_eq!(row["address"], MAYA);
    assert!(said(&["inbox", "blocked"]).contains("+14155550101"));
    assert!(said(&["inbox", "unblock", "+14155550101"]).contains("not blocked any more"));
    assert_eq!(said(&["inbox", "blocked", "--json"]), "");
}
