//! `member add --verify`: people are added once they have told the code that they were sent.

use partyline_twilio::simulator as twilio;

use crate::support::{Group, PATIENCE, World, inbox};

const BEN: &str = "+14155550102";

async fn world() -> (World, Group) {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    (world, group)
}

/// The code that a phone was sent last.
async fn code(world: &World, number: &str, sent: usize) -> String {
    let phone = world.twilio.phone(&format!("whatsapp:{number}"));
    world.wait_for_inbox(&phone, sent).await;
    let text = inbox(&phone).pop().expect("a code");
    text.rsplit(' ').next().expect("a code").to_owned()
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "111111" } else { "000000" }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tells_the_code_is_added_and_nobody_else() {
    let (mut world, group) = world().await;
    world.daemon.start().await;
    let (room, admin) = (group.channel.as_str(), world.admin.clone());
    let say = async |line: String| world.command(room, &admin, &line).await;
    let members = || world.twilio.participants(&group.conversation).len();

    let none = say(format!("member verify {BEN} 123456")).await;
    assert!(none.contains("was sent no code for this group"), "{none}");
    let sent = say(format!("member add {BEN} +14155550101 --verify")).await;
    assert!(sent.contains("A code went to +1 415-555-0102."), "{sent}");
    assert!(sent.contains(&format!("`/wa member verify {BEN} CODE`")), "{sent}");
    assert!(sent.contains("In the group already: +1 415-555-0101."), "{sent}");
    let code = code(&world, BEN, 1).await;
    assert_eq!(members(), 1, "nobody is added yet");
    for bad in [wrong(&code), "12", "letters"] {
        let refused = say(format!("member verify {BEN} {bad}")).await;
        assert!(refused.contains("not the code") || refused.contains("is no code"), "{refused}");
    }
    // The code is good for this number alone, and after a start too.
    let other = say(format!("member verify +14155550103 {code}")).await;
    assert!(other.contains("was sent no code"), "{other}");
    assert_eq!(members(), 1);
    world.daemon.kill();
    world.daemon.start().await;
    let say = async |line: String| world.command(room, &admin, &line).await;
    let added = say(format!("member verify {BEN} {code}")).await;
    assert!(added.contains("1 of 1 members added."), "{added}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 2);
    let again = say(format!("member verify {BEN} {code}")).await;
    assert!(again.contains("was sent no code"), "{again}");
    let audit = say("audit".to_owned()).await;
    assert!(audit.contains("member verify") && !audit.contains(&code), "{audit}");
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_codes_and_codes_that_are_over_are_told_plainly() {
    let (mut world, group) = world().await;
    world.daemon.start().await;
    let (room, admin) = (group.channel.as_str(), world.admin.clone());
    let say = async |line: String| world.command(room, &admin, &line).await;
    say(format!("member add {BEN} --verify")).await;
    let ben = code(&world, BEN, 1).await;
    for _ in 0..5 {
        let refused = say(format!("member verify {BEN} {}", wrong(&ben))).await;
        assert!(refused.contains("That is not the code"), "{refused}");
    }
    // Not even the right one is taken then.
    let refused = say(format!("member verify {BEN} {ben}")).await;
    assert!(refused.contains("Five wrong codes were told"), "{refused}");

    // A code that Twilio knows nothing of any more: it is over, or somebody used it elsewhere.
    say("member add +14155550104 --verify".to_owned()).await;
    let dee = code(&world, "+14155550104", 1).await;
    let options = twilio::Options::default();
    let told = reqwest::Client::new()
        .post(format!(
            "{}/v2/Services/{}/VerificationCheck",
            world.twilio.base_url(),
            options.verify_service_sid
        ))
        .basic_auth(&options.api_key_sid, Some(&options.api_key_secret))
        .form(&[("To", "+14155550104"), ("Code", dee.as_str())])
        .send()
        .await
        .expect("an answer");
    assert_eq!(told.status(), 201);
    let over = say(format!("member verify +14155550104 {dee}")).await;
    assert!(over.contains("is not good any more"), "{over}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 1);
    world.daemon.wait_until_settled().await;
}

/// The right code is taken once by Twilio. If the answer is lost, or the daemon is killed, the member
/// is added all the same, and once.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_whose_taking_was_not_heard_of_counts() {
    let (mut world, group) = world().await;
    let (room, admin) = (group.channel.clone(), world.admin.clone());
    world.daemon.start().await;
    world.command(&room, &admin, &format!("member add {BEN} --verify")).await;
    let ben = code(&world, BEN, 1).await;
    let lost = twilio::Fault::next(twilio::FaultKind::ResetAfter, 1).on("/VerificationCheck");
    world.twilio.fault(lost.method("POST"));
    let added = world.command(&room, &admin, &format!("member verify {BEN} {ben}")).await;
    assert!(added.contains("1 of 1 members added."), "{added}");

    world.command(&room, &admin, "member add +14155550103 --verify").await;
    let cho = code(&world, "+14155550103", 1).await;
    world.daemon.stop().await;
    world.daemon.arm("group.member=return");
    world.daemon.start().await;
    let line = format!("member verify +14155550103 {cho}");
    let mut run = world.slack.command(&room, &admin, "/wa", &line).expect("the command is known");
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("1 of 1 members added."), "{answer}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 3);
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_verify_service_no_code_is_sent() {
    let (mut world, group) = world().await;
    world.daemon.configure(|config| {
        let key = config.lines().find(|line| line.starts_with("verify_service_sid"));
        let key = key.expect("it is there").to_owned();
        *config = config.replace(&key, "");
    });
    world.daemon.start().await;
    let admin = world.admin.clone();
    for line in [format!("member add {BEN} --verify"), format!("member verify {BEN} 123456")] {
        let refused = world.command(&group.channel, &admin, &line).await;
        assert!(refused.contains("twilio.verify_service_sid"), "{line}: {refused}");
    }
    assert_eq!(world.twilio.participants(&group.conversation).len(), 1);
    assert_eq!(world.twilio.phone(&format!("whatsapp:{BEN}")).inbox_len(), 0);
}
