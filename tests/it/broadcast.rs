//! Templates to many people: each of them once, whatever happens meanwhile.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use partyline_slack::simulator as slack;
use partyline_twilio::simulator::{NewMember, Template, seeded_templates};
use serde_json::Value;

use crate::support::{PATIENCE, SECOND_SENDER, SENDER, SMS, World, inbox};

/// Has so many a second go out.
fn pace(world: &mut World, per_second: u32) {
    world.daemon.configure(|config| {
        let key = format!("[twilio]\nbroadcast_per_second = {per_second}");
        *config = config.replace("[twilio]", &key);
    });
}

/// Makes contacts of a team; their numbers.
fn team(world: &World, name: &str, count: usize) -> Vec<String> {
    let numbers: Vec<String> =
        (0..count).map(|number| format!("+1415{:07}", 5_560_000 + number)).collect();
    let mut file = String::from("number,name,team\n");
    for number in &numbers {
        let _ = writeln!(file, "{number},Person {},{name}", &number[5..]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.csv");
    std::fs::write(&path, file).expect("a file");
    let path = path.to_string_lossy();
    let mut import = world.daemon.command(&["contacts", "import", &path]);
    let output = import.output().expect("the import");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    numbers
}

fn copies(world: &World, number: &str) -> usize {
    inbox(&world.twilio.phone(&format!("whatsapp:{number}"))).len()
}

/// The daemon is killed again and again while a thousand are written to: everybody gets one copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_get_one_copy_each_however_often_the_daemon_is_killed() {
    let mut world = World::new().await;
    pace(&mut world, 200);
    let room = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let numbers = team(&world, "Field sales", 1000);
    let line = "broadcast \"field sales\" team_notice 1=\"The field team\" --yes";
    // It is planned once more.
    world.daemon.stop().await;
    world.daemon.arm("broadcast.planned=return");
    world.daemon.start().await;
    let mut run = world.slack.command(&room, &admin, "/wa", line).expect("the command is known");
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("goes to 1000 people, to each alone"), "{answer}");
    assert!(answer.contains("The field team has news for you"), "{answer}");
    for (life, point) in
        ["broadcast.owed=2*off->return", "lane.sent=150*off->return", ""].iter().enumerate()
    {
        let sent = |_: &partyline_twilio::simulator::Simulator| {
            numbers.iter().filter(|number| copies(&world, number) > 0).count() >= 100 * (life + 1)
        };
        world.twilio.wait_until(PATIENCE, sent).await.expect("it goes on");
        world.daemon.kill();
        world.daemon.arm(point);
        world.daemon.start().await;
        if !point.is_empty() {
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
            world.daemon.start().await;
        }
    }
    let account = world.told("\"team_notice\" has left: ").await;
    assert!(account.contains("1000 of 1000 sent."), "{account}");
    world.daemon.wait_until_settled().await;
    let wrong: Vec<_> = numbers
        .iter()
        .map(|number| (number, copies(&world, number)))
        .filter(|(_, copies)| *copies != 1)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{}", world.daemon.log());
}

/// Teams and groups together: whoever is in several gets one copy, by the sender that they know; the
/// group's room is shown what was sent; whom Twilio refuses is in the account.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_several_gets_one_and_the_account_says_who_got_none() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155560001", "+14155550101"]).await;
    let office = world.room("office");
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let admin = world.admin.clone();
    let numbers = team(&world, "Sales", 3);
    let line = "broadcast Sales, group:spring team_notice 1=\"The team\"";
    let asked = world.command(&office, &admin, line).await;
    assert!(asked.contains("This goes to 4 people, to each alone. Of 4 no consent"), "{asked}");
    assert!(asked.contains("The team has news for you.") && asked.contains("--yes"), "{asked}");
    let answer = world.command(&office, &admin, &format!("{line} --yes")).await;
    assert!(answer.contains("goes to 4 people"), "{answer}");
    world.told("4 of 4 sent.").await;
    // Whoever wants no more messages gets none, and is in the account.
    let noted = world.command(&office, &admin, "optout add +14155560002").await;
    assert!(!noted.contains("Write: `/wa"), "{noted}");
    let again = "broadcast Sales team_notice 1=\"The team\"";
    let asked = world.command(&office, &admin, again).await;
    assert!(asked.contains("2 people, to each alone. 1 want no messages and get none."), "{asked}");
    world.command(&office, &admin, &format!("{again} --yes")).await;
    world.told("2 of 3 sent, 1 suppressed.").await;
    world.wait_for_posts(&group.channel, 1).await;
    let shown = world.channel(&group.channel).pop().expect("a post").1;
    assert!(shown.contains("to each member alone as the template \"team_notice\""), "{shown}");
    for (number, expected) in [(&*numbers[0], 2), (&*numbers[1], 2), ("+14155550101", 1)] {
        assert_eq!(copies(&world, number), expected, "{number}");
    }
    for (line, expected) in [
        ("broadcast", "Something is missing: TEAM|GROUP"),
        ("broadcast Sales", "Something is missing: TEMPLATE"),
        ("broadcast Nobody team_notice 1=x", "There is no team or group \"Nobody\""),
        ("broadcast Sales nosuch", "There is no template \"nosuch\""),
        ("broadcast Sales team_notice", "needs its variables"),
        ("broadcast Sales winter_sale", "has not approved"),
    ] {
        let answer = world.command(&office, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    assert_eq!(copies(&world, &numbers[0]), 2);
}

/// The plan for ten thousand is made and written in the time that a person waits without asking why.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_are_planned_at_once() {
    let mut world = World::new().await;
    pace(&mut world, 1);
    let room = world.room("office");
    world.daemon.start().await;
    team(&world, "Everybody", 10_000);
    let begun = Instant::now();
    let line = "broadcast Everybody team_notice 1=\"The team\" --yes";
    let answer = world.command(&room, &world.admin, line).await;
    let took = begun.elapsed();
    assert!(answer.contains("goes to 10000 people"), "{answer}");
    println!("planned and written in {took:?}");
    assert!(took.as_secs() < 10, "{took:?} in a build for tests");
}

/// Each in the language of their contact, by the sender that they know; a stranger by the one of the pool
/// that writes to the fewest.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_reads_their_own_language_from_the_sender_that_they_know() {
    let mut world = World::new().await;
    world.pool(&[SENDER, SECOND_SENDER, SMS]);
    let notice = seeded_templates().into_iter().find(|one| one.friendly_name == "team_notice");
    world.twilio.add_template(Template {
        sid: "HXeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee".into(),
        language: "de".to_owned(),
        body: "{{1}} hat Neues. Antworte, um dabei zu sein.".to_owned(),
        ..notice.expect("a template")
    });
    // The first of the team shares a group with the second sender, the second wrote by SMS.
    let conversation = world.twilio.create_conversation("crew").await.expect("a conversation");
    let conversation = conversation.to_string();
    let numbers: Vec<String> = (0..4).map(|one| format!("+1415{:07}", 5_560_000 + one)).collect();
    let first = NewMember::new(&format!("whatsapp:{}", numbers[0]), SECOND_SENDER);
    world.twilio.add_phone(&conversation, first).await.expect("a member");
    let second = NewMember::new(&numbers[1], SMS);
    let second = world.twilio.add_phone(&conversation, second).await.expect("a member");
    let channel = world.room("crew");
    world.daemon.link(&conversation, &format!("slack:{channel}"));
    let office = world.room("office");
    world.daemon.start().await;
    world.wait_until_listed(&channel, "crew").await;
    let admin = world.admin.clone();
    second.say(&conversation, "hello").await.expect("said");
    world.wait_for_posts(&channel, 1).await;
    assert_eq!(team(&world, "Sales", 4), numbers);
    let german = format!("contact change {} --meta language=de", numbers[2]);
    world.command(&office, &admin, &german).await;
    let line = "broadcast Sales team_notice 1=Ada";
    let asked = world.command(&office, &admin, line).await;
    assert!(asked.contains("In de (1): Ada hat Neues.") && asked.contains("In en (3)"), "{asked}");
    world.command(&office, &admin, &format!("{line} --yes")).await;
    world.told("4 of 4 sent.").await;
    let got = |address: &str| {
        let inbox = world.twilio.phone(address).inbox();
        let alone = inbox.into_iter().filter(|item| item.conversation_sid.is_none());
        alone.map(|item| (item.from, item.body)).collect::<Vec<_>>()
    };
    let english = "Ada has news for you. Answer this message to join in.".to_owned();
    let german = "Ada hat Neues. Antworte, um dabei zu sein.".to_owned();
    assert_eq!(got(&format!("whatsapp:{}", numbers[0])), [(SECOND_SENDER.into(), english.clone())]);
    assert_eq!(got(&numbers[1]), [(SMS.into(), english.clone())]);
    assert_eq!(got(&format!("whatsapp:{}", numbers[2])), [(SENDER.into(), german)]);
    let strangers = got(&format!("whatsapp:{}", numbers[3]));
    assert!(
        strangers == [(SENDER.into(), english.clone())]
            || strangers == [(SECOND_SENDER.into(), english)]
    );
}

/// What Twilio takes and then cannot deliver is refused in the account, and told nowhere else; a program
/// sees the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_a_phone_is_refused_in_the_account_and_told_nowhere_else() {
    let mut world = World::new().await;
    let office = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    let numbers = team(&world, "Sales", 3);
    world.twilio.phone(&format!("whatsapp:{}", numbers[0])).set_unreachable(Some(63024));
    world.twilio.phone(&format!("whatsapp:{}", numbers[1])).set_unreachable(Some(63014));
    let line = "broadcast Sales team_notice 1=Ada --yes";
    world.command(&office, &admin, line).await;
    let account = world.told("\"team_notice\" has left: ").await;
    assert!(account.contains("1 of 3 sent, 1 refused, 1 suppressed."), "{account}");
    assert!(account.contains("• 1: the number is not on WhatsApp"), "{account}");
    world.daemon.wait_until_settled().await;
    assert_eq!(world.channel(&office), [], "nobody is told in the room");
    let listed = world.daemon.command(&["broadcasts", "list", "--json"]).output().expect("runs");
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("a row");
    for (key, expected) in [("total", 3), ("sent", 1), ("suppressed", 1), ("waiting", 0)] {
        assert_eq!(listed[key], expected, "{listed}");
    }
    let id = listed["id"].to_string();
    let shown = world.command(&office, &admin, &format!("broadcast show {id}")).await;
    assert!(shown.contains("1 of 3 sent, 1 refused"), "{shown}");
    let over = world.command(&office, &admin, &format!("broadcast stop {id}")).await;
    assert!(over.starts_with("It is over"), "{over}");
}

/// What Twilio says of a message by a status callback.
async fn status(world: &World, to: &str, status: &str, error: u32) {
    let options = partyline_twilio::simulator::Options::default();
    let list = format!(
        "{}/2010-04-01/Accounts/{}/Messages.json",
        world.twilio.base_url(),
        options.account_sid
    );
    let client = reqwest::Client::new();
    let list = client.get(list).query(&[("To", to)]);
    let list = list.basic_auth(&options.api_key_sid, Some(&options.api_key_secret));
    let list: Value = list.send().await.expect("a list").json().await.expect("JSON");
    let error = error.to_string();
    let form: Vec<(String, String)> = [
        ("MessageSid", list["messages"][0]["sid"].as_str().expect("a message")),
        ("MessageStatus", status),
        ("ErrorCode", &error),
        ("AccountSid", &options.account_sid),
        ("From", SENDER),
        ("To", to),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let url = world.daemon.url("/webhooks/twilio/messaging");
    let signature = partyline_twilio::simulator::sign(&options.auth_token, url.as_str(), &form);
    let post = client.post(url).header("X-Twilio-Signature", signature).form(&form);
    assert!(post.send().await.expect("an answer").status().is_success());
}

/// What fails on a phone after the account was given is put into it, once, over a kill too; where the
/// account cannot be changed, another one is given.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_the_account_is_told_once_more() {
    for changed in [true, false] {
        let mut world = World::new().await;
        let office = world.room("office");
        world.daemon.start().await;
        let admin = world.admin.clone();
        let numbers = team(&world, "Sales", 3);
        let addresses: Vec<String> = numbers.iter().map(|one| format!("whatsapp:{one}")).collect();
        for address in &addresses[..2] {
            world.twilio.switch_phone(address, false);
        }
        world.command(&office, &admin, "broadcast Sales team_notice 1=Ada --yes").await;
        let account = world.told("\"team_notice\" has left: ").await;
        assert!(account.contains("3 of 3 sent."), "{account}");
        world.daemon.wait_until_settled().await;
        // What showed how far it was, where that took a while, says the same by now.
        let accounts = |world: &World| {
            world.direct().into_iter().filter(|text| text.contains("has left")).count()
        };
        let before = accounts(&world);
        for address in &addresses[..2] {
            status(&world, address, "undelivered", 63024).await;
        }
        world.daemon.kill();
        if changed {
            world.daemon.arm("broadcast.reworded=return");
            world.daemon.spawn();
            world.daemon.wait_for_end().await;
            world.daemon.arm("");
        } else {
            let refused = slack::Fault::named("refused", 1, Duration::ZERO, "restricted_action");
            world.slack.fault(refused.expect("a fault"), "chat.update", slack::Dose::Next(10));
        }
        world.daemon.start().await;
        let account = world.told("2 more copies did not arrive").await;
        assert!(account.contains("1 of 3 sent, 2 refused."), "{account}");
        assert!(account.contains("• 2: the number is not on WhatsApp"), "{account}");
        // Nothing has failed since.
        world.daemon.wait_until_settled().await;
        world.daemon.kill();
        world.daemon.start().await;
        world.command(&office, &admin, "broadcast list").await;
        world.daemon.wait_until_settled().await;
        assert_eq!(accounts(&world), before + usize::from(!changed), "{:?}", world.direct());
    }
}

/// Killed between the sending of the account and its being written down, it is looked up and given once.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_is_given_once_although_it_is_killed_as_it_is_given() {
    let mut world = World::new().await;
    let office = world.room("office");
    // What is sent first: the answer to the command, and three copies.
    world.daemon.arm("lane.sent=4*off->return");
    world.daemon.start().await;
    let admin = world.admin.clone();
    team(&world, "Sales", 3);
    world.command(&office, &admin, "broadcast Sales team_notice 1=Ada --yes").await;
    world.daemon.wait_for_end().await;
    // Beside it, what showed how far it was says the same, behind the channel.
    let accounts = |world: &World| {
        let given = |text: &String| text.starts_with("\"team_notice\" has left: 3 of 3 sent.");
        world.direct().into_iter().filter(given).count()
    };
    assert_eq!(accounts(&world), 1, "{:?}\n{}", world.direct(), world.daemon.log());
    world.daemon.arm("");
    world.daemon.start().await;
    world.command(&office, &admin, "broadcast list").await;
    world.daemon.wait_until_settled().await;
    assert_eq!(accounts(&world), 1, "{:?}\n{}", world.direct(), world.daemon.log());
}

/// Stopped, it goes to nobody else, over a kill too; the account says to how many it did not go.
#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_is_stopped_goes_to_nobody_else() {
    let mut world = World::new().await;
    pace(&mut world, 2);
    world.daemon.start().await;
    let numbers = team(&world, "Sales", 200);
    let run = |world: &World, words: &[&str]| {
        let output = world.daemon.command(words).output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    // Somebody who types it at a shell is asked, too.
    let line = ["broadcasts", "send", "Sales", "team_notice", "1=Ada"];
    let asked = world.daemon.command(&line).output().expect("runs");
    let asked = String::from_utf8(asked.stderr).expect("text");
    assert!(asked.contains("This goes to 200 people"), "{asked}");
    let began =
        run(&world, &["broadcasts", "send", "Sales", "team_notice", "1=Ada", "--yes", "--json"]);
    let began: Value = serde_json::from_str(&began).expect("an answer");
    let id = began["details"]["broadcast"].to_string();
    let came = |_: &partyline_twilio::simulator::Simulator| {
        numbers.iter().any(|number| copies(&world, number) > 0)
    };
    world.twilio.wait_until(PATIENCE, came).await.expect("it goes on");
    let stopped = run(&world, &["broadcasts", "stop", &id]);
    assert!(stopped.contains("goes to nobody else"), "{stopped}");
    world.daemon.kill();
    world.daemon.start().await;
    let begun = Instant::now();
    let shown = loop {
        assert!(begun.elapsed() < PATIENCE, "it does not end\n{}", world.daemon.log());
        let shown: Value =
            serde_json::from_str(&run(&world, &["broadcasts", "show", &id, "--json"]))
                .expect("a row");
        if shown.get("ended").is_some() {
            break shown;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let sent: usize = numbers.iter().map(|number| copies(&world, number)).sum();
    assert_eq!(shown["sent"], sent, "{shown}");
    assert_eq!(shown["stopped"], 200 - sent, "{shown}");
    assert!(
        shown["stopped_by"].as_str().is_some_and(|by| by.starts_with("operator:cli")),
        "{shown}"
    );
    assert_eq!(run(&world, &["schedules", "list"]), "Nothing is scheduled.\n");
}
