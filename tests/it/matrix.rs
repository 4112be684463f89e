//! The same with a real homeserver: Synapse, and people who use it.

mod damaged;
mod groups;
pub(crate) mod hall;
mod inbox;
mod missed;
mod ticks;

use partyline_core::{Clock, SystemClock};
use serde_json::Value;

use crate::support::synapse::{self, PASSWORD, Synapse};
use crate::support::{PATIENCE, inbox};
use hall::{Hall, numbered, under, unready};

#[tokio::test(flavor = "multi_thread")]
async fn phones_channel_and_room_are_one_conversation() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    hall.world.daemon.start().await;
    let answer = hall.command(&room, &hall.ravi, "contact add +14155550101 \"Maya Lopez\"").await;
    assert_eq!(answer, "+14155550101 is Maya Lopez now.");

    let world = &hall.world;
    group.phones[0].say(&group.conversation, "hi <b>@room</b>").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    assert_eq!(hall.said_by_the_bot(&room, 2).await[1..], ["Maya Lopez: hi <b>@room</b>"]);
    hall.ravi.say(&room, "hello & welcome").await;
    for (phone, count) in [(&group.phones[0], 1), (&group.phones[1], 2)] {
        world.wait_for_inbox(phone, count).await;
    }
    world.wait_for_posts(&group.channel, 2).await;
    world.slack.user_says(&group.channel, &world.admin, "see you at ten").unwrap();
    for (phone, count) in [(&group.phones[0], 2), (&group.phones[1], 3)] {
        world.wait_for_inbox(phone, count).await;
    }
    hall.said_by_the_bot(&room, 3).await;
    world.daemon.wait_until_settled().await;

    let spoken = ["*Ravi Rao*: hello & welcome", "*Ada Admin*: see you at ten"];
    assert_eq!(inbox(&group.phones[0]), spoken);
    assert_eq!(inbox(&group.phones[1])[0], "*Maya Lopez*: hi <b>@room</b>");
    assert_eq!(inbox(&group.phones[1])[1..], spoken);
    assert_eq!(
        world.channel(&group.channel),
        [
            ("Maya Lopez".into(), "hi &lt;b&gt;@room&lt;/b&gt;".into()),
            ("Ravi Rao".into(), "hello &amp; welcome".into()),
            (world.admin.clone(), "see you at ten".to_owned()),
        ]
    );
    assert_eq!(
        hall.ravi.bodies(&room).await[2..],
        ["Maya Lopez: hi <b>@room</b>", "hello & welcome", "Ada Admin: see you at ten"]
    );
}

/// Twilio's own library signs what a driver in Python sends; the simulator calls nobody.
#[tokio::test(flavor = "multi_thread")]
async fn hooks_signed_by_twilios_library_reach_the_room() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    hall.world.daemon.start().await;
    hall.command(&room, &hall.ravi, "contact add +14155550101 Maya").await;
    hall.world.twilio.set_webhook_url(None);
    let said = group.phones[0].say(&group.conversation, "ünd so? + & more").await.unwrap();
    let message = said.message.expect("a message of the conversation");

    let options = partyline_twilio::simulator::Options::default();
    let driving = tokio::process::Command::new(synapse::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/twilio_sign.py"))
        .env("WEBHOOK_URL", hall.world.daemon.url("/webhooks/twilio").as_str())
        .env("AUTH_TOKEN", &options.auth_token)
        .env("ACCOUNT_SID", &options.account_sid)
        .env("SERVICE_SID", &options.service_sid)
        .env("CONVERSATION_SID", &group.conversation)
        .env("AUTHOR", &message.author)
        .env("PARTICIPANT_SID", message.participant_sid.expect("a member").as_str())
        .env("MESSAGE_SID", message.sid.as_str())
        .env("INDEX", message.index.to_string())
        .env("DATE_CREATED", SystemClock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string())
        .env("BODY", "ünd so? + & more")
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, driving).await.expect("in time").expect("Python");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", hall.world.daemon.log());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    assert_eq!((&told["add"], &told["added"]), (&200.into(), &200.into()), "{told}");
    assert_eq!(told["answer"]["body"], "*Maya*: ünd so? + & more");
    let attributes = told["answer"]["attributes"].as_str().expect("attributes");
    let attributes: Value = serde_json::from_str(attributes).expect("JSON");
    assert_eq!(attributes["partyline"]["body"], "ünd so? + & more");
    assert_eq!((&told["repeated"], &told["forged"]), (&200.into(), &403.into()));

    hall.world.wait_for_posts(&group.channel, 1).await;
    assert_eq!(hall.said_by_the_bot(&room, 2).await[1..], ["Maya: ünd so? + & more"]);
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(hall.ravi.bodies(&room).await.len(), 3, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_linked_by_command_without_a_restart() {
    let mut hall = Hall::new().await;
    let (conversation, phones) = hall.world.conversation("Spring", &["+14155550101"]).await;
    let sita = hall.synapse.person("sita").await;
    hall.world.daemon.start().await;
    let room = hall.ravi.create_room(&[&hall.bot.id, &sita.id]).await;
    sita.join(&room).await;
    hall.wait_until_joined(&room).await;

    let refused = hall.command(&room, &sita, &format!("group link {conversation}")).await;
    assert!(refused.contains("it is for administrators"), "{refused}");
    let help = hall.command(&room, &sita, "help").await;
    assert!(help.contains("`!wa status [GROUP]`") && !help.contains("group link"), "{help}");
    let status = hall.command(&room, &hall.ravi, "status").await;
    assert!(status.contains("tied to no conversation"), "{status}");
    assert!(status.contains("Matrix: working both ways."), "{status}");
    hall.ravi.say(&room, "not for phones").await;
    let linked = hall.command(&room, &hall.ravi, &format!("group link {conversation}")).await;
    assert!(linked.contains("Tied to") && linked.contains("Spring"), "{linked}");
    assert!(linked.contains("1 members"), "{linked}");

    phones[0].say(&conversation, "hello").await.unwrap();
    assert_eq!(hall.said_by_the_bot(&room, 5).await[4..], ["+1 415-555-0101: hello"]);
    // Somebody without a name of their own is called by their id's local part or the whole of it.
    sita.say(&room, "hi").await;
    hall.world.wait_for_inbox(&phones[0], 1).await;
    assert_eq!(inbox(&phones[0]), ["*sita*: hi"]);

    // The link is there after a start, and gone after another command.
    hall.world.daemon.stop().await;
    hall.world.daemon.start().await;
    hall.ravi.say(&room, "welcome").await;
    hall.world.wait_for_inbox(&phones[0], 2).await;
    let unlinked = hall.command(&room, &hall.ravi, "group unlink").await;
    assert!(unlinked.contains("no longer tied"), "{unlinked}");
    hall.ravi.say(&room, "not for phones").await;

    // Tied again, what was said in between stays where it was said.
    hall.command(&room, &hall.ravi, &format!("group link {conversation}")).await;
    hall.world.daemon.stop().await;
    hall.world.daemon.start().await;
    hall.ravi.say(&room, "back again").await;
    hall.world.wait_for_inbox(&phones[0], 3).await;
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&phones[0]), ["*sita*: hi", "*Ravi Rao*: welcome", "*Ravi Rao*: back again"]);
}

/// Where nothing was ever said, the first words count too, although the daemon is down.
#[tokio::test(flavor = "multi_thread")]
async fn first_words_are_not_lost_while_the_daemon_is_down() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    for network in ["matrix", "slack", "twilio"] {
        hall.wait_until_read(network).await;
    }
    hall.world.daemon.kill();
    for number in 0..3 {
        group.phones[0].say(&group.conversation, format!("p{number}")).await.unwrap();
        hall.ravi.say(&room, &format!("m{number}")).await;
        hall.world
            .slack
            .user_says(&group.channel, &hall.world.admin, &format!("s{number}"))
            .unwrap();
    }
    hall.world.daemon.start().await;
    hall.world.wait_for_inbox(&group.phones[0], 6).await;
    hall.said_by_the_bot(&room, 6).await;
    hall.world.wait_for_posts(&group.channel, 3 + 6).await;
    hall.world.daemon.wait_until_settled().await;
    let on_phone = inbox(&group.phones[0]);
    assert_eq!(under(&on_phone, "*Ravi Rao*: "), numbered('m', 3));
    assert_eq!(under(&on_phone, "*Ada Admin*: "), numbered('s', 3));
    let in_room = hall.said_by_the_bot(&room, 6).await;
    assert_eq!(under(&in_room, "+1 415-555-0101: "), numbered('p', 3));
    assert_eq!(under(&in_room, "Ada Admin: "), numbered('s', 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_the_bot_is_in_the_room_waits_for_it() {
    let mut hall = Hall::new().await;
    let group = hall.world.group("spring-launch", &["+14155550101"]).await;
    let room = hall.ravi.create_room(&[&hall.bot.id]).await;
    hall.ravi.say(&room, "before the bot").await;
    hall.world.daemon.link(&group.conversation, &format!("matrix:{room}"));
    hall.world.daemon.start().await;
    group.phones[0].say(&group.conversation, "hello").await.unwrap();
    assert_eq!(hall.said_by_the_bot(&room, 1).await, ["+1 415-555-0101: hello"]);
    hall.ravi.say(&room, "hi").await;
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(inbox(&group.phones[0]), ["*Ravi Rao*: hi"]);
}

/// Killed twice under traffic both ways: everything is there, once, in order.
#[tokio::test(flavor = "multi_thread")]
async fn killed_under_traffic_it_loses_and_doubles_nothing_in_rooms() {
    const GROUPS: usize = 4;
    const EACH: usize = 30;
    let mut hall = Hall::new().await;
    let mut groups = Vec::new();
    for number in 0..GROUPS {
        let phone = format!("+1415555010{number}");
        groups.push(hall.group(&format!("group-{number}"), &[&phone]).await);
    }
    hall.world.daemon.start().await;
    for round in 0..EACH {
        for (group, room) in &groups {
            group.phones[0].say_at_once(&group.conversation, format!("p{round}")).unwrap();
            hall.ravi.say(room, &format!("m{round}")).await;
        }
        if round == EACH / 2 {
            // Some of it is settled by now, some under way, some not even taken.
            hall.said_by_the_bot(&groups[0].1, EACH / 4).await;
            hall.world.daemon.kill();
        }
        if round == EACH / 2 + 4 {
            hall.world.daemon.spawn();
        }
    }
    hall.world.twilio.idle().await;
    hall.world.daemon.wait_until_ready().await;
    hall.said_by_the_bot(&groups[1].1, EACH * 2 / 3).await;
    hall.world.daemon.kill();
    hall.world.daemon.start().await;

    for (group, room) in &groups {
        hall.world.wait_for_inbox(&group.phones[0], EACH).await;
        hall.said_by_the_bot(room, EACH).await;
        hall.world.wait_for_posts(&group.channel, EACH * 2).await;
    }
    hall.world.daemon.wait_until_settled().await;
    for (group, room) in &groups {
        let phone = group.phones[0].address();
        let name = format!("+1 415-555-{}: ", &phone[phone.len() - 4..]);
        let log = hall.world.daemon.log();
        let in_room = hall.said_by_the_bot(room, 0).await;
        assert_eq!(under(&in_room, &name), numbered('p', EACH), "in {room}\n{log}");
        let on_phone = inbox(&group.phones[0]);
        assert_eq!(under(&on_phone, "*Ravi Rao*: "), numbered('m', EACH), "on {phone}\n{log}");
        assert_eq!((in_room.len(), on_phone.len()), (EACH, EACH), "nothing else");
        let channel = hall.world.channel(&group.channel);
        for letter in ['p', 'm'] {
            let texts = channel.iter().map(|(_, text)| text.clone());
            let texts: Vec<String> = texts.filter(|text| text.starts_with(letter)).collect();
            assert_eq!(texts, numbered(letter, EACH), "in {}\n{log}", group.channel);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_limits_the_bot_gets_everything_in_its_time() {
    const EACH: usize = 20;
    let mut hall = Hall::with(Synapse::start_limited(3, 0.4).await).await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    for number in 0..EACH {
        group.phones[0].say_at_once(&group.conversation, format!("p{number}")).unwrap();
        // One by one, until it must have been limited: what comes at once goes together.
        if number < 6 {
            hall.said_by_the_bot(&room, number + 1).await;
        }
    }
    let said = hall.said_by_the_bot(&room, EACH).await;
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(under(&said, "+1 415-555-0101: "), numbered('p', EACH));
    let retried = "partyline_deliveries_total{network=\"matrix\",outcome=\"retried\"}";
    assert!(hall.world.daemon.metric(retried).await > Some(0.0), "it was limited");
    assert_eq!(hall.said_by_the_bot(&room, 0).await.len(), EACH, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_asks_the_homeserver_beside_a_running_daemon() {
    let mut hall = Hall::new().await;
    let check = |hall: &Hall| {
        let output = hall.world.daemon.command(&["check", "--online"]).output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (status, said) = check(&hall);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("matrix"), "{said}");

    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.start().await;
    let (status, said) = check(&hall);
    assert_eq!(status, Some(0), "{said}");
    hall.ravi.say(&room, "hello").await;
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    hall.world.daemon.stop().await;

    // Known to nobody any more, the session is no help, and the password is wrong.
    hall.bot.log_out_everywhere().await;
    hall.world.daemon.configure(|config| *config = config.replace(PASSWORD, "wrong"));
    let (status, said) = check(&hall);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("matrix.password") && !said.contains("wrong\""), "{said}");
    hall.synapse.stop().await;
    let (status, said) = check(&hall);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("matrix.homeserver_url"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_and_nothing_said_is_in_the_log() {
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101"]).await;
    hall.world.daemon.configure(|config| config.push_str("\n[logging]\nfilter = \"debug\"\n"));
    hall.world.daemon.start().await;
    group.phones[0].say(&group.conversation, "a secret recipe").await.unwrap();
    hall.said_by_the_bot(&room, 1).await;
    hall.ravi.say(&room, "the secret answer").await;
    hall.world.wait_for_inbox(&group.phones[0], 1).await;
    hall.command(&room, &hall.ravi, "contact add +14155550101 \"Secret Name\"").await;
    hall.world.daemon.wait_until_settled().await;
    hall.world.daemon.stop().await;
    let log = hall.world.daemon.log();
    // Synapse's tokens begin with syt_.
    for never in ["secret recipe", "secret answer", "Secret Name", "4155550101", PASSWORD, "syt_"] {
        let line = log.lines().find(|line| line.contains(never)).unwrap_or_default();
        assert!(line.is_empty(), "{never} in the log: {line}");
    }
}

/// Stopped in the middle of messages both ways, down for a while, and started again.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_homeserver_is_down_the_rest_goes_on() {
    const EACH: usize = 30;
    let mut hall = Hall::new().await;
    let (group, room) = hall.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    hall.world.daemon.start().await;
    for number in 0..EACH {
        group.phones[0].say_at_once(&group.conversation, format!("p{number}")).unwrap();
        hall.ravi.say(&room, &format!("m{number}")).await;
    }
    hall.said_by_the_bot(&room, 3).await;
    hall.synapse.stop().await;

    let world = &hall.world;
    for number in 0..EACH {
        world.slack.user_says(&group.channel, &world.admin, &format!("s{number}")).unwrap();
    }
    let from_slack = || inbox(&group.phones[0]).iter().filter(|text| text.contains(": s")).count();
    world.twilio.wait_until(PATIENCE, |_| from_slack() == EACH).await.expect("on the phone");
    world.wait_for_posts(&group.channel, 2 * EACH).await;
    let state = unready(&world.daemon.url("/ready")).await;
    assert_eq!(state["networks"]["matrix"]["ready"], false);
    let reason = state["networks"]["matrix"]["reason"].as_str().unwrap();
    assert!(reason.contains("homeserver"), "{state}");
    for network in ["twilio", "slack"] {
        assert_eq!(state["networks"][network]["ready"], true, "{state}");
    }

    hall.synapse.start_again().await;
    hall.world.daemon.wait_until_ready().await;
    hall.ravi.say(&room, &format!("m{EACH}")).await;
    hall.world.wait_for_inbox(&group.phones[0], 2 * EACH + 1).await;
    let said = hall.said_by_the_bot(&room, 2 * EACH).await;
    hall.world.daemon.wait_until_settled().await;
    assert_eq!(under(&said, "+1 415-555-0101: "), numbered('p', EACH));
    assert_eq!(under(&said, "Ada Admin: "), numbered('s', EACH));
    let on_phone = inbox(&group.phones[0]);
    assert_eq!(under(&on_phone, "*Ravi Rao*: "), numbered('m', EACH + 1));
    assert_eq!(under(&on_phone, "*Ada Admin*: "), numbered('s', EACH));
    assert_eq!(hall.said_by_the_bot(&room, 0).await.len(), 2 * EACH, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_level_makes_administrators_of_its_room_only() {
    let mut hall = Hall::new().await;
    let (_, ravis) = hall.group("spring-launch", &["+14155550101"]).await;
    let maya = hall.synapse.person("maya").await;
    hall.ravi.invite(&ravis, &maya.id).await;
    maya.join(&ravis).await;
    let mayas = maya.create_room(&[&hall.bot.id]).await;
    hall.bot.join(&mayas).await;
    hall.world.daemon.configure(|config| {
        *config = config.replace("[access]", "[access]\nmatrix_admin_power = 100");
    });
    hall.world.daemon.start().await;
    let answer = hall.command(&mayas, &maya, "queue list").await;
    assert_eq!(answer, "Nothing was given up.");
    let answer = hall.command(&ravis, &maya, "queue list").await;
    assert!(answer.contains("it is for administrators"), "{answer}");
}
