//! Groups, run from a Matrix room.

use partyline_slack::simulator as slack;
use reqwest::Method;
use serde_json::{Value, json};

use super::hall::Hall;
use crate::support::{PATIENCE, inbox};

/// A room that the bot is in, to give commands in.
async fn office(hall: &Hall) -> String {
    let office = hall.ravi.create_room(&[&hall.bot.id]).await;
    hall.wait_until_joined(&office).await;
    office
}

/// The room in an answer that says `It is tied to matrix:!….`
fn room_in(answer: &str) -> String {
    let (_, room) = answer.split_once("tied to matrix:").unwrap_or_else(|| panic!("{answer}"));
    room.trim_end_matches('.').to_owned()
}

async fn name_of(hall: &Hall, room: &str) -> Value {
    let path = format!("rooms/{room}/state/m.room.name");
    hall.ravi.call(Method::GET, &path, None).await["name"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_has_a_room_of_its_own_and_is_put_away() {
    let mut hall = Hall::new().await;
    hall.world.daemon.start().await;
    let office = office(&hall).await;
    hall.command(&office, &hall.ravi, "contact add +14155550101 Maya").await;
    let made = hall
        .command(
            &office,
            &hall.ravi,
            "group create “Spring launch” --room new --member Maya, --description \"About May\"",
        )
        .await;
    assert!(made.contains("1 of 1 members added."), "{made}");
    let room = room_in(&made);
    hall.ravi.join(&room).await;
    assert_eq!(name_of(&hall, &room).await, "Spring launch");
    let greeting = hall.said_by_the_bot(&room, 1).await;
    assert!(
        greeting[0].contains("\"Spring launch\"") && greeting[0].contains("Maya"),
        "{greeting:?}"
    );

    let world = &hall.world;
    let group = world.twilio.conversations().remove(0).sid;
    let phone = world.twilio.phone("whatsapp:+14155550101");
    phone.say(&group, "hello").await.unwrap();
    assert_eq!(hall.said_by_the_bot(&room, 2).await[1], "Maya: hello");
    hall.ravi.say(&room, "welcome").await;
    world.wait_for_inbox(&phone, 1).await;
    assert_eq!(inbox(&phone), ["*Ravi Rao*: welcome"]);

    let listed = hall.command(&room, &hall.ravi, "member list").await;
    assert!(listed.contains("Maya: +14155550101, WhatsApp"), "{listed}");
    hall.command(&room, &hall.ravi, "group rename “Summer launch”").await;
    assert_eq!(name_of(&hall, &room).await, "Summer launch");
    let archived = hall.command(&room, &hall.ravi, "group archive").await;
    assert!(archived.contains("is archived"), "{archived}");
    assert_eq!(name_of(&hall, &room).await, "Summer launch (archived)");
    let back = hall.command(&office, &hall.ravi, "group unarchive summer").await;
    assert!(back.contains(&format!("tied to matrix:{room} as before")), "{back}");
    assert_eq!(name_of(&hall, &room).await, "Summer launch");
    hall.ravi.say(&room, "we are back").await;
    hall.world.wait_for_inbox(&phone, 2).await;
    hall.world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_room_is_made_there_is_one_room() {
    let mut hall = Hall::new().await;
    hall.world.daemon.start().await;
    let office = office(&hall).await;
    hall.world.daemon.stop().await;
    hall.world.daemon.arm("group.room=return");
    hall.world.daemon.start().await;
    let line = "!wa group create Spring --room new --member +14155550101";
    let command = hall.ravi.say(&office, line).await;
    hall.world.daemon.wait_for_end().await;
    hall.world.daemon.arm("");
    hall.world.daemon.start().await;
    let answer = hall.answer(&office, &hall.ravi, &command).await;
    assert!(answer.contains("1 of 1 members added."), "{answer}");
    let rooms = hall.bot.call(Method::GET, "joined_rooms", None).await;
    assert_eq!(rooms["joined_rooms"].as_array().map(Vec::len), Some(2), "{rooms}");
    assert_eq!(hall.world.twilio.conversations().len(), 1);
    hall.ravi.join(&room_in(&answer)).await;
    assert_eq!(hall.said_by_the_bot(&room_in(&answer), 1).await.len(), 1);
}

/// Somebody who is in a group's room and was never seen to do anything there sees the group; whoever is
/// not, does not.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_a_room_sees_its_group_though_they_never_spoke() {
    let mut hall = Hall::new().await;
    let sam = hall.synapse.person("sam").await;
    let eve = hall.synapse.person("eve").await;
    let (conversation, _) = hall.world.conversation("Spring launch", &["+14155550101"]).await;
    // Before the bot came.
    let room = hall.ravi.create_room(&[&sam.id]).await;
    sam.join(&room).await;
    hall.ravi.invite(&room, &hall.bot.id).await;
    hall.world.daemon.start().await;
    hall.wait_until_joined(&room).await;
    let office = hall.ravi.create_room(&[&hall.bot.id, &sam.id, &eve.id]).await;
    sam.join(&office).await;
    eve.join(&office).await;
    hall.wait_until_joined(&office).await;
    let tied = hall.command(&room, &hall.ravi, &format!("group link {conversation}")).await;
    assert!(tied.contains("Tied to"), "{tied}");
    let listed = hall.command(&office, &sam, "group list").await;
    assert!(listed.contains("Spring launch"), "{listed}\n{}", hall.world.daemon.log());
    let listed = hall.command(&office, &eve, "group list").await;
    assert!(!listed.contains("Spring launch"), "{listed}");
}

/// What goes to the members as a template stands in the group's rooms, on both networks.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_was_sent_stands_in_the_room() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    hall.world.wait_until_listed(&group.channel, "spring-launch").await;
    let answer = hall.command(&room, &hall.ravi, "notify team_notice 1=\"The team\" --yes").await;
    assert!(!answer.contains("cannot"), "{answer}");
    let said = "The team has news for you. Answer this message to join in.";
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    assert_eq!(inbox(&group.phones[0]), [said]);
    hall.world.daemon.wait_until_settled().await;
    let shown = hall.said_by_the_bot(&room, 2).await;
    let mirrored = shown.iter().filter(|text| text.contains(said) && text.contains("template"));
    assert!(mirrored.count() >= 1, "{shown:?}");
    let posts = hall.world.channel(&group.channel);
    assert_eq!(posts.iter().filter(|(_, text)| text.contains(said)).count(), 1, "{posts:?}");
}

/// A room that was upgraded: the group's other rooms hear of it, and the new one takes its place and gets what
/// the old one refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_upgraded_is_told_of_and_the_new_one_takes_its_place() {
    let mut hall = Hall::new().await;
    let group = hall.world.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    let old = office(&hall).await;
    let link = format!("group link {}", group.conversation);
    let tied = hall.command(&old, &hall.ravi, &link).await;
    assert!(tied.contains("Tied to"), "{tied}");
    let version = Some(json!({"new_version": "10"}));
    let upgraded = hall.ravi.call(Method::POST, &format!("rooms/{old}/upgrade"), version).await;
    let new = upgraded["replacement_room"].as_str().expect("a room").to_owned();
    let replaced = |one: &slack::Message| one.text.contains("was replaced by a new one");
    let told = hall.world.slack.wait_for_message(&group.channel, PATIENCE, replaced).await;
    let told = told.unwrap_or_else(|e| panic!("{e}\n{}", hall.world.daemon.log())).text.clone();
    let line = format!("{link} --replaces matrix:{old}");
    assert!(told.contains(&format!("`{line}`")), "{told}");
    // In the old room the bot may not speak any more.
    group.phones[0].say(&group.conversation, "anybody?").await.unwrap();
    let began = std::time::Instant::now();
    while hall.world.daemon.metric("partyline_deliveries{state=\"parked\"}").await != Some(1.0) {
        assert!(began.elapsed() < PATIENCE, "it is not refused\n{}", hall.world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    hall.ravi.invite(&new, &hall.bot.id).await;
    hall.wait_until_joined(&new).await;
    let answer = hall.command(&new, &hall.ravi, &line).await;
    assert!(answer.contains(&format!("What waited for matrix:{old} comes here.")), "{answer}");
    group.phones[0].say(&group.conversation, "there you are").await.unwrap();
    let said = hall.said_by_the_bot(&new, 3).await;
    let relayed: Vec<_> = said.iter().filter_map(|one| Some(one.split_once(": ")?.1)).collect();
    assert!(relayed.ends_with(&["anybody?", "there you are"]), "{said:?}");
    hall.ravi.say(&new, "here we are").await;
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    assert_eq!(inbox(&group.phones[0]), ["*Ravi Rao*: here we are"]);
    hall.world.daemon.wait_until_settled().await;
}
