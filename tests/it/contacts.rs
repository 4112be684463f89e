//! Contacts, as people in a room work with them.

use crate::support::{World, inbox};

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_name_is_a_suggestion_and_never_taken_over_a_given_one() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    let messaging = world.daemon.url("/webhooks/twilio/messaging");
    world.twilio.set_messaging_webhook_url(Some(&messaging));
    world.daemon.start().await;
    group.phones[0].set_profile_name("maya ☀");
    group.phones[0].say(&group.conversation, "one").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    let admin = world.admin.clone();
    let show = |who: &'static str| world.command(&group.channel, &admin, who);
    let answer = show("contact show +14155550101").await;
    assert!(answer.contains("no contact"), "{answer}");
    let suggested =
        "no name yet; on WhatsApp: ~maya ☀~. `/wa contact add +14155550101 \"maya ☀\"` takes it";
    for line in
        ["contact show +14155550101", "contact find MAYA", "contact find +1415", "member list"]
    {
        let answer = show(line).await;
        assert!(answer.contains(suggested), "{line}: {answer}");
        assert!(!answer.contains("+14155550102: no name yet"), "{line}: {answer}");
    }
    world.command(&group.channel, &admin, "contact add +14155550101 \"Maya Lopez\"").await;
    group.phones[0].set_profile_name("somebody else");
    group.phones[0].say(&group.conversation, "two").await.unwrap();
    world.wait_for_posts(&group.channel, 2).await;
    assert_eq!(world.channel(&group.channel)[1], ("Maya Lopez".into(), "two".to_owned()));
    let answer = show("contact show \"Maya Lopez\"").await;
    assert!(answer.starts_with("+14155550101: Maya Lopez"), "{answer}");
    for line in ["member list", "contact find some", "contact find maya"] {
        let answer = show(line).await;
        assert!(!answer.contains("no name yet"), "{line}: {answer}");
    }
    assert!(inbox(&group.phones[1]).contains(&"*Maya Lopez*: two".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_found_changed_and_forgotten() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    for (line, expected) in [
        ("contact add +14155550101 \"Maya Lopez\" --team \"Night shift\"", "is Maya Lopez now."),
        ("contact add +14155550102 \"Ben Carter\" --meta city=Lima", "is Ben Carter now."),
        ("contact find lop MAY", "+14155550101: Maya Lopez, Night shift"),
        ("contact find lop ben", "Nobody is called like that"),
        ("contact find lop", "• +14155550101: Maya Lopez, Night shift"),
        ("contact find night", "Maya Lopez"),
        ("contact find +1 415 555-01", "• +14155550102: Ben Carter"),
        ("contact find zzz", "Nobody is called like that"),
        ("contact change ben --team Day --meta city=", "+14155550102 is Ben Carter now."),
        ("contact show +14155550102", "+14155550102: Ben Carter\nTeam: Day"),
        ("contact change \"Maya Lopez\"", "Nothing is to be changed"),
        ("contact change \"Maya Lopez\" --name Maya --team \"\"", "+14155550101 is Maya now."),
        ("contact add +14155550101 \"Maya L\"", "+14155550101 is Maya L now."),
        ("contact remove nobody", "There is no contact"),
        ("contact remove +14155550102", "Ben Carter (+14155550102) is forgotten."),
        ("contact remove +14155550102", "is no contact"),
        ("contact import", "partyline contacts import FILE"),
        (
            "contact import --dry-run ```\nnumber,name,team\n+14155550102,\"Ben \"\"B\"\" Carter\",Day\n12,Nobody,\n```",
            "line 2: +14155550102 Ben \"B\" Carter\nline 3: not taken",
        ),
        ("contact show +14155550102", "is no contact"),
        (
            "contact import ```csv\nnumber;name\n+14155550102;Ben\n```",
            "line 2: +14155550102 Ben\n1 new, 0 changed, 0 the same, 0 wrong.",
        ),
        ("contact import ```number,name", "missing its partner"),
        ("contact import ```nothing of a file```", "cannot be taken over"),
        ("contact remove +14155550102", "Ben (+14155550102) is forgotten."),
        ("contact export", "partyline contacts export FILE"),
    ] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    let answer = world.command(&group.channel, &admin, "contact show +14155550101").await;
    assert_eq!(answer, "+14155550101: Maya L");
}
