//! What was missed in a room comes late, with its time; what is too much is summed up.

use super::hall::Hall;
use crate::support::inbox;

/// More is missed than one sync shows (`limited`), and more than is passed on.
#[tokio::test(flavor = "multi_thread")]
async fn too_much_for_a_room_is_summed_up_and_the_newest_follow() {
    const MISSED: usize = 30;
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.configure(|config| {
        *config = config.replace("[relay]", "[relay]\ncatch_up_messages = 3");
    });
    hall.world.daemon.start().await;
    hall.ravi.say(&room, "before").await;
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    hall.world.daemon.wait_until_settled().await;
    hall.world.daemon.stop().await;
    for number in 0..MISSED {
        hall.ravi.say(&room, &format!("m{number}")).await;
    }
    group.phones[0].say(&group.conversation, "from a phone").await.unwrap();
    hall.world.daemon.arm("clock=return(10800)");
    hall.world.daemon.start().await;
    hall.world.wait_for_inbox(&group.phones[0], 1 + 1 + 3).await;
    // What is said from then on comes as ever.
    hall.ravi.say(&room, "after").await;
    hall.world.wait_for_inbox(&group.phones[0], 1 + 1 + 3 + 1).await;
    let said = hall.said_by_the_bot(&room, 1).await;
    hall.world.daemon.wait_until_settled().await;

    let on_phone = inbox(&group.phones[0]);
    let summary = format!("{} messages from 1 person in Matrix", MISSED - 3);
    assert!(on_phone[1].starts_with(&summary), "{on_phone:?}");
    for (text, number) in on_phone[2..].iter().zip(MISSED - 3..MISSED) {
        let late = text.starts_with("*Ravi Rao*: [") && text.ends_with(&format!("] m{number}"));
        assert!(late, "{on_phone:?}");
    }
    assert!(on_phone[5].ends_with("after"), "{on_phone:?}");
    let late = said[0].starts_with("+1 415-555-0101: [") && said[0].ends_with("] from a phone");
    assert!(late, "{said:?}");
}
