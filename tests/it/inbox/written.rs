//! People to whom somebody writes first: they have a thread in the inbox too.

use super::*;

/// She has not written: WhatsApp takes a template.
const DM: &str =
    "dm +14155550101 --template appointment_reminder --set 1=Maya --set 2=\"Monday at nine\" --yes";

/// `dm` opens a thread in the inbox, or finds the one that is there.
#[tokio::test(flavor = "multi_thread")]
async fn whom_somebody_writes_to_has_a_thread_in_the_inbox() {
    let (world, channel, maya) = world(false).await;
    let (admin, office) = (world.admin.clone(), world.slack.add_channel("office", &[&world.admin]));
    let answer = world.command(&office, &admin, DM).await;
    assert!(answer.contains("thread in the inbox"), "{answer}");
    let (card, replies) = wait_for_thread(&world, &channel, 1).await;
    assert!(replies[0].contains("Hello Maya, we meet on Monday"), "{replies:?}");
    world.wait_for_inbox(&maya, 1).await;
    maya.write_to(SENDER, "nine is fine").await.expect("written");
    let (_, replies) = wait_for_thread(&world, &channel, 2).await;
    assert_eq!(replies[1], format!("<@{admin}> nine is fine"));
    let list = world.command(&channel, &admin, "inbox list").await;
    assert!(list.contains("1 unread"), "{list}");

    // Now free words are taken, in the same thread, and they are an answer.
    let answer = world.command(&office, &admin, "dm +14155550101 \"good, until then\"").await;
    assert!(answer.contains("Sent to"), "{answer}");
    world.wait_for_inbox(&maya, 2).await;
    assert_eq!(inbox(&maya)[1], "*Ada Admin*: good, until then");
    let (_, replies) = wait_for_thread(&world, &channel, 3).await;
    assert_eq!(replies[2], "good, until then");
    let list = world.command(&channel, &admin, "inbox list").await;
    assert!(list.contains("answered"), "{list}");
    world.slack.user_replies(&channel, &admin, card, "and bring Ravi", false).expect("said");
    world.wait_for_inbox(&maya, 3).await;
    world.daemon.wait_until_settled().await;
    assert_eq!(world.twilio.conversations().len(), 1);
}

/// Whoever wrote first is written to in the same conversation and thread.
#[tokio::test(flavor = "multi_thread")]
async fn whom_somebody_writes_to_who_wrote_first_has_one_thread() {
    for autocreation in [false, true] {
        let (world, channel, maya) = world(autocreation).await;
        maya.write_to(SENDER, "is anybody there").await.expect("written");
        wait_for_thread(&world, &channel, 1).await;
        let office = world.slack.add_channel("office", &[&world.admin]);
        let answer = world.command(&office, &world.admin, "dm +14155550101 \"we are\"").await;
        assert!(answer.contains("Sent to"), "{autocreation}: {answer}");
        let (_, replies) = wait_for_thread(&world, &channel, 2).await;
        assert_eq!(replies, ["is anybody there", "we are"], "{autocreation}");
        world.wait_for_inbox(&maya, 1).await;
        world.daemon.wait_until_settled().await;
        assert_eq!(world.twilio.conversations().len(), 1, "{autocreation}");
    }
}

/// At whatever step it is killed, who is written to gets it once, and has one thread with it.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_whom_somebody_writes_to_has_one_thread() {
    for point in [
        "group.made",
        "group.member",
        "command.finish",
        "command.finishing",
        "command.finished",
        "inbox.begun",
        "inbox.tied",
        "inbox.released",
    ] {
        let (mut world, channel, maya) = world(false).await;
        let office = world.slack.add_channel("office", &[&world.admin]);
        world.daemon.stop().await;
        world.daemon.arm(&format!("{point}=return"));
        world.daemon.start().await;
        let mut run = world.slack.command(&office, &world.admin, "/wa", DM).expect("a command");
        world.daemon.wait_for_end().await;
        world.daemon.arm("");
        world.daemon.start().await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("Sent to"), "{point}: {answer}");
        let (_, replies) = wait_for_thread(&world, &channel, 1).await;
        world.wait_for_inbox(&maya, 1).await;
        world.daemon.wait_until_settled().await;
        assert_eq!((replies.len(), maya.inbox_len()), (1, 1), "{point}: {replies:?}");
        assert_eq!(cards(&world, &channel), 1, "{point}");
        assert_eq!(world.twilio.conversations().len(), 1, "{point}");
    }
}
