//! Groups, run from a Slack channel: made, named, filled, put away, deleted.

mod elsewhere;
mod killed;

use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use serde_json::Value;

use crate::support::{PATIENCE, SECOND_SENDER, SENDER, World, inbox};

/// The only conversation of this name.
fn conversation(world: &World, name: &str) -> twilio::Conversation {
    let all = world.twilio.conversations();
    let mut named = all.into_iter().filter(|one| one.friendly_name.as_deref() == Some(name));
    let found = named.next().unwrap_or_else(|| panic!("no group {name}\n{}", world.daemon.log()));
    assert!(named.next().is_none(), "two groups {name}\n{}", world.daemon.log());
    found
}

/// Addresses and senders of a conversation's members, in order.
fn members(world: &World, conversation: &str) -> Vec<(String, String)> {
    let mut members: Vec<_> = world
        .twilio
        .participants(conversation)
        .into_iter()
        .filter_map(|one| one.binding.map(|binding| (binding.address, binding.proxy_address)))
        .collect();
    members.sort();
    members
}

fn whatsapp(number: &str, sender: &str) -> (String, String) {
    (format!("whatsapp:{number}"), sender.to_owned())
}

/// The id of the channel with this name.
fn named_channel(world: &World, name: &str) -> Option<String> {
    let mut named = world.slack.channels().into_iter().filter(|(_, one)| one == name);
    let found = named.next().map(|(id, _)| id);
    assert!(named.next().is_none(), "two channels {name}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_run_and_deleted_from_a_channel() {
    let mut world = World::new().await;
    let room = world.room("launch");
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&room, &admin, "contact add +14155550102 “Maya Lopez”").await;

    let made = world
        .command(
            &room,
            &admin,
            "group create “Spring launch” --description=\"All about May\" --member +14155550101 \
             —member “maya” --template team_notice --set 1=\"The launch team\" --yes",
        )
        .await;
    assert!(made.contains("\"Spring launch\" is made (CH"), "{made}");
    assert!(made.contains("2 of 2 members added.") && made.contains(&room), "{made}");
    let group = conversation(&world, "Spring launch");
    let attributes: Value = serde_json::from_str(&group.attributes).unwrap();
    assert_eq!(attributes["description"], "All about May");
    assert_eq!(attributes["createdBy"], format!("slack:{admin}"));
    let sid = group.sid.to_string();
    assert_eq!(
        members(&world, &sid),
        [whatsapp("+14155550101", SENDER), whatsapp("+14155550102", SENDER)]
    );
    // The invitation reaches who has never written; the room is greeted and shown what was sent.
    let phones = ["+14155550101", "+14155550102"]
        .map(|number| world.twilio.phone(&format!("whatsapp:{number}")));
    for phone in &phones {
        world.wait_for_inbox(phone, 1).await;
        assert!(inbox(phone)[0].starts_with("The launch team has news for you"), "{phone:?}");
    }
    world.wait_for_posts(&room, 2).await;
    let told: Vec<String> = world.channel(&room).into_iter().map(|(_, text)| text).collect();
    assert!(told[0].contains("\"Spring launch\"") && told[0].contains("Maya Lopez"), "{told:?}");
    assert!(told[1].contains("as the template \"team_notice\""), "{told:?}");
    phones[1].say(&sid, "hello").await.unwrap();
    world.wait_for_posts(&room, 3).await;
    assert_eq!(world.channel(&room)[2], ("Maya Lopez".to_owned(), "hello".to_owned()));
    let listed = world.command(&room, &admin, "member list").await;
    for member in [
        "Maya Lopez: +14155550102, WhatsApp, behind +14155550000, window open until ",
        "+1 415-555-0101: WhatsApp, behind +14155550000, ",
        "has not written yet",
    ] {
        assert!(listed.contains(member), "{listed}");
    }
    phones[0].say(&sid, "me too").await.unwrap();

    for (line, expected) in [
        ("group list", "Spring launch: active, 2 members, in slack:"),
        ("group list --search LAUNCH --sort updated --desc", "Spring launch"),
        ("group list --state closed", "No group is like that."),
        ("group show", "All about May"),
        ("group show spr", "2 members"),
        ("group describe Everything about the launch", "Everything about the launch"),
        ("group rename “Summer launch”", "is called \"Summer launch\" now."),
        (
            "member add (415) 555-0103, maya",
            "In the group already: Maya Lopez.\n1 of 1 members added.",
        ),
        ("member remove maya", "No longer in the group: Maya Lopez."),
        ("member remove maya", "Nobody was taken out: \"maya\" is not in the group."),
    ] {
        let answer = world.command(&room, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}\n{}", world.daemon.log());
    }
    assert_eq!(
        members(&world, &sid),
        [whatsapp("+14155550101", SENDER), whatsapp("+14155550103", SENDER)]
    );
    assert_eq!(named_channel(&world, "summer-launch"), Some(room.clone()));
    assert_eq!(conversation(&world, "Summer launch").sid.as_str(), sid);

    put_away_and_back(&world, &room, &sid).await;

    let asked = world.command(&room, &admin, "group delete").await;
    assert!(asked.contains(&format!("`/wa group delete {sid} \"Summer launch\"`")), "{asked}");
    let wrong = world.command(&room, &admin, &format!("group delete {sid} Winter")).await;
    assert!(wrong.contains("Nothing was deleted"), "{wrong}");
    let done = world.command(&room, &admin, &format!("group delete {sid} \"summer launch\"")).await;
    assert!(done.contains("is deleted"), "{done}");
    assert!(world.twilio.conversation(&sid).is_none());
    let none = world.command(&room, &admin, "group list").await;
    assert!(none.contains("There is no group yet."), "{none}");
    world.daemon.wait_until_settled().await;
}

/// Archives the group of the room, with a word to its members, and brings it back.
async fn put_away_and_back(world: &World, room: &str, sid: &str) {
    let admin = &world.admin;
    let phone = world.twilio.phone("whatsapp:+14155550101");
    let before = phone.inbox_len();
    let archived = world.command(room, admin, "group archive --tell “Thank you!”").await;
    assert!(archived.contains("is archived") && !archived.contains("Not every"), "{archived}");
    world.wait_for_inbox(&phone, before + 1).await;
    assert_eq!(inbox(&phone).last().map(String::as_str), Some("Thank you!"));
    let state = || world.twilio.conversation(sid).expect("it is there").state;
    assert_eq!(state(), twilio::State::Inactive);
    assert!(world.slack.user_says(room, admin, "anybody?").is_err(), "the channel is archived");

    let other = world.room("office");
    let listed = world.command(&other, admin, "group list --state inactive").await;
    assert!(listed.contains("Summer launch: inactive"), "{listed}");
    // Slack lets no bot open the channel: a person does, and ties it again.
    let back = world.command(&other, admin, "group unarchive summer").await;
    assert!(back.contains("active again") && back.contains("Slack lets no bot"), "{back}");
    assert!(back.contains(&format!("`group link {sid}` there ties it again")), "{back}");
    assert_eq!(state(), twilio::State::Active);
    world.slack.archive(room, false);
    world.slack.join(room, &world.slack.options().identity.user);
    let tied = world.command(room, admin, &format!("group link {sid}")).await;
    assert!(tied.contains("Tied to"), "{tied}");
    let before = phone.inbox_len();
    world.slack.user_says(room, admin, "we are back").expect("it is open");
    world.wait_for_inbox(&phone, before + 1).await;
    assert_eq!(inbox(&phone).last().map(String::as_str), Some("*Ada Admin*: we are back"));
}

/// Twilio's own timers make groups inactive, whose rooms stay tied: there no group need be named.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_became_inactive_by_itself_is_brought_back_from_its_room() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    world.twilio.set_state(&group.conversation, twilio::State::Inactive).await.unwrap();
    let (room, admin) = (&group.channel, &world.admin);
    let began = std::time::Instant::now();
    while !world.command(room, admin, "group list --state inactive").await.contains("spring") {
        assert!(began.elapsed() < PATIENCE, "it is not told\n{}", world.daemon.log());
    }
    let back = world.command(room, admin, "group unarchive").await;
    assert!(back.contains("is active again"), "{back}");
    let state = world.twilio.conversation(&group.conversation).map(|found| found.state);
    assert_eq!(state, Some(twilio::State::Active));
    group.phones[0].say(&group.conversation, "we are back").await.unwrap();
    world.wait_for_posts(room, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_whom_no_sender_can_serve_are_told_with_their_group() {
    let mut world = World::new().await;
    let (taken, _) = world.conversation("Winter sale", &["+14155550101"]).await;
    let room = world.room("launch");
    world.daemon.start().await;
    let admin = world.admin.clone();

    let made = world
        .command(&room, &admin, "group create Spring --member +14155550101 --member +14155550102")
        .await;
    assert!(
        made.contains("1 of 2 members added, 1 refused: +1 415-555-0101 is in \"Winter sale\" behind this sender; 2 senders are needed"),
        "{made}"
    );
    let alone =
        world.command(&room, &admin, "group create Alone --room none --member +14155550101").await;
    assert!(alone.contains("No group was made"), "{alone}");
    assert_eq!(world.twilio.conversations().len(), 2);

    // With a second sender in the pool there is room for one group more.
    world.daemon.stop().await;
    world.pool(&[SENDER, SECOND_SENDER]);
    world.daemon.start().await;
    let added = world.command(&room, &admin, "member add +14155550101").await;
    assert!(added.contains("1 of 1 members added."), "{added}");
    let sid = conversation(&world, "Spring").sid.to_string();
    assert_eq!(
        members(&world, &sid),
        [whatsapp("+14155550101", SECOND_SENDER), whatsapp("+14155550102", SENDER)]
    );
    assert_eq!(members(&world, &taken), [whatsapp("+14155550101", SENDER)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_one_sentence_and_nothing_is_changed() {
    let mut world = World::new().await;
    let room = world.room("launch");
    let full: Vec<String> = (0..51).map(|number| format!("+1415555{number:04}")).collect();
    world.daemon.start().await;
    let admin = world.admin.clone();
    for name in ["Maya Lopez", "Maya Rao"] {
        let number = if name.ends_with("Rao") { 8 } else { 9 };
        world.command(&room, &admin, &format!("contact add +141555501{number}0 \"{name}\"")).await;
    }
    for (line, expected) in [
        (
            format!("group create Big --member {}", full.join(",")),
            "51 members on phones, and Twilio takes 50",
        ),
        ("group create X --member Nobody".into(), "There is no contact \"Nobody\""),
        (
            "group create X --member maya".into(),
            "can be several people: Maya Lopez (+14155550190), Maya Rao (+14155550180)",
        ),
        ("group create X --member 12".into(), "not a phone number"),
        (
            "group create X --template winter_sale --member +14155550101".into(),
            "has not approved the template \"winter_sale\": it is rejected",
        ),
        (
            "group create X --template team_notice --member +14155550101".into(),
            "needs its variables; for example: 1=\"The team\"",
        ),
        (
            "group create X --template team_notice --set 2=x --member +14155550101".into(),
            "has no variable 2",
        ),
        ("group create X --set 1=x".into(), "name it with --template"),
        ("group create X --room there".into(), "\"there\" is none of here, new, none"),
        ("group create X --sender +14155559999".into(), "is not in the pool of senders"),
        (
            format!("group create {}", "x".repeat(300)),
            "That name has 300 characters; it can have 256.",
        ),
        ("group create --room none".into(), "Something is missing: NAME."),
        ("group show".into(), "This room is tied to no group"),
        ("group show nothing".into(), "There is no group \"nothing\"."),
        ("member add Spring +14155550101".into(), "There is no group \"Spring\"."),
        ("group delete CHffffffffffffffffffffffffffffffff X".into(), "There is no group"),
        ("template list".into(), "team_notice (en): approved, variables 1"),
        ("template show winter".into(), "rejected (INVALID_FORMAT)"),
    ] {
        let answer = world.command(&room, &admin, &line).await;
        assert!(answer.contains(expected), "{line}: {answer}\n{}", world.daemon.log());
    }
    assert!(world.twilio.conversations().is_empty());
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_reaches_members_whose_window_is_closed() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    group.phones[0].close_window();
    for (line, expected) in [
        ("notify team_notice", "needs its variables"),
        ("notify order_update 1=4711", "it is pending"),
        ("notify nothing", "There is no template \"nothing\""),
        (
            "notify appointment 1=Maya 2=\"Monday at nine\"",
            "This goes to 2 members: +1 415-555-0101, +1 415-555-0102:\nHello Maya, we meet on Monday at nine. Answer this message to change it.\nTo send it, give the command with --yes: `/wa notify appointment 1=Maya 2=\"Monday at nine\" --yes`",
        ),
        (
            "notify appointment 1=Maya 2=\"Monday at nine\" --yes",
            "\"appointment_reminder\" goes to 2 members: +1 415-555-0101, +1 415-555-0102.",
        ),
    ] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    let expected = "Hello Maya, we meet on Monday at nine. Answer this message to change it.";
    for phone in &group.phones {
        world.wait_for_inbox(phone, 1).await;
        assert_eq!(inbox(phone), [expected]);
    }
    world.wait_for_posts(&group.channel, 1).await;
    assert!(world.channel(&group.channel)[0].1.contains(expected));
    world.daemon.wait_until_settled().await;
}

/// While Twilio wants it slowly, a message shows how far it is, and is changed in place.
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_in_one_message() {
    let mut world = World::new().await;
    let room = world.room("launch");
    world.daemon.start().await;
    let slowly = twilio::FaultKind::RateLimited(2);
    world.twilio.fault(twilio::Fault::next(slowly, 3).method("POST").on("/Participants"));
    let line = "group create Spring --member +14155550101,+14155550102,+14155550103,+14155550104";
    let admin = world.admin.clone();
    let mut run = world.slack.command(&room, &admin, "/wa", line).unwrap();
    let mut texts = Vec::new();
    while texts.last().is_none_or(|text: &String| !text.contains("is made")) {
        let answer = run.answer(PATIENCE).await;
        texts.push(answer.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log())).text);
    }
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("in your direct messages with me"), "{texts:?}");
    assert!(texts[1].contains("4 of 4 members added."), "{texts:?}");
    // One message, which says the last of it.
    let direct = world.slack.direct(&admin).expect("they have messages with each other");
    let shown = |slack: &slack::Simulator| {
        let texts: Vec<_> = slack.messages(&direct).iter().map(|one| one.text.clone()).collect();
        texts.iter().any(|text| text.contains("is made")).then_some(texts)
    };
    let shown = world.slack.wait_for("the end of the progress", PATIENCE, shown).await;
    let shown = shown.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].starts_with(&format!("<#{room}>: ")), "{shown:?}");
    world.daemon.wait_until_settled().await;
}

/// A room that takes another one's place gets what waits for that, and what was refused there, once and in
/// order, over a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_takes_anothers_place_gets_what_waits_for_it() {
    let mut world = World::new().await;
    let (conversation, phones) = world.conversation("spring-launch", &["+14155550101"]).await;
    let [old, new] = ["old", "new"].map(|name| world.room(name));
    world.daemon.start().await;
    let admin = world.admin.clone();
    let tied = world.command(&old, &admin, &format!("group link {conversation}")).await;
    assert!(tied.starts_with("Tied to"), "{tied}");
    phones[0].say(&conversation, "one").await.unwrap();
    world.wait_for_posts(&old, 1).await;
    world.slack.archive(&old, true);
    for text in ["two", "three"] {
        phones[0].say(&conversation, text).await.unwrap();
    }
    let began = std::time::Instant::now();
    while world.daemon.metric("partyline_deliveries{state=\"parked\"}").await != Some(2.0) {
        assert!(began.elapsed() < PATIENCE, "they are not refused\n{}", world.daemon.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let nowhere = format!("group link {conversation} --replaces slack:C0NOWHERE1");
    let refused = world.command(&new, &admin, &nowhere).await;
    assert!(refused.contains("is not tied to this group"), "{refused}");
    world.daemon.wait_until_nothing_is_open().await;
    world.daemon.stop().await;
    world.daemon.arm("command.finished=return");
    world.daemon.start().await;
    let line = format!("group link {conversation} --replaces slack:{old}");
    let mut run = world.slack.command(&new, &admin, "/wa", &line).expect("the command is known");
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains(&format!("What waited for slack:{old} comes here.")), "{answer}");
    world.wait_for_posts(&new, 2).await;
    phones[0].say(&conversation, "four").await.unwrap();
    world.wait_for_posts(&new, 3).await;
    world.slack.user_says(&new, &admin, "here we are").unwrap();
    world.wait_for_inbox(&phones[0], 1).await;
    world.daemon.wait_until_settled().await;
    let said: Vec<String> = world.channel(&new).into_iter().map(|(_, text)| text).collect();
    assert_eq!(said, ["two", "three", "four", "here we are"], "{}", world.daemon.log());
    assert_eq!(world.channel(&old).len(), 1);
}
