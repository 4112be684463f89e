//! Templates: which may be sent, in whose language, and what is shown before.

use partyline_twilio::simulator::{Fault, FaultKind, Phone, Template, seeded_templates};

use crate::support::{World, inbox};

/// The seeded template of this name, in another language.
fn german(name: &str) -> Template {
    let template = seeded_templates().into_iter().find(|one| one.friendly_name == name);
    Template {
        sid: "HXeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee".into(),
        language: "de".to_owned(),
        body: "{{1}} hat Neues. Antworte, um dabei zu sein.".to_owned(),
        ..template.expect("a template")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_a_template_in_their_own_language() {
    let mut world = World::new().await;
    world.twilio.add_template(german("team_notice"));
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    let line = "contact add +14155550102 Ben --meta language=de";
    world.command(&group.channel, &admin, line).await;
    for phone in &group.phones {
        phone.close_window();
    }
    let line = "notify team_notice 1=\"The team\"";
    let shown = world.command(&group.channel, &admin, line).await;
    assert!(shown.contains("The team has news for you.") && shown.contains("--yes"), "{shown}");
    assert_eq!(group.phones.iter().map(Phone::inbox_len).sum::<usize>(), 0);
    world.command(&group.channel, &admin, &format!("{line} --yes")).await;
    for (phone, text) in group.phones.iter().zip([
        "The team has news for you. Answer this message to join in.",
        "The team hat Neues. Antworte, um dabei zu sein.",
    ]) {
        world.wait_for_inbox(phone, 1).await;
        assert_eq!(inbox(phone), [text]);
    }
    // What was sent stands in the room, in each language once.
    world.wait_for_posts(&group.channel, 2).await;
    world.daemon.wait_until_settled().await;
    let posts = world.channel(&group.channel);
    assert_eq!(posts.len(), 2, "{posts:?}");
    assert!(posts.iter().any(|(_, text)| text.contains("hat Neues")), "{posts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_templates_that_are_allowed_are_shown_and_sent() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.configure(|config| {
        config.push_str("[whatsapp]\ntemplates = [\"appointment_reminder\"]\n");
    });
    world.daemon.start().await;
    let admin = world.admin.clone();
    let listed = world.command(&group.channel, &admin, "template list").await;
    assert!(listed.contains("appointment_reminder") && !listed.contains("team_notice"), "{listed}");
    for line in ["notify team_notice 1=x --yes", "group template team_notice 1=x"] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains("not among those that are allowed here"), "{line}: {answer}");
    }
    world.daemon.wait_until_settled().await;
    assert_eq!(group.phones[0].inbox_len(), 0);
}

/// Variables go by name as well as by number; one that WhatsApp has paused is refused with the reason; and
/// Twilio is not asked for each look at the list.
#[tokio::test(flavor = "multi_thread")]
async fn variables_have_names_and_what_is_paused_is_refused() {
    let mut world = World::new().await;
    let seeded = seeded_templates().remove(0);
    world.twilio.add_template(Template {
        sid: "HXffffffffffffffffffffffffffffffff".into(),
        friendly_name: "greeting".to_owned(),
        body: "Hello {{name}}, we meet {{when}}.".to_owned(),
        variables: [("name", "Maya"), ("when", "at ten")]
            .map(|(name, example)| (name.to_owned(), example.to_owned()))
            .into(),
        ..seeded.clone()
    });
    world.twilio.add_template(Template {
        sid: "HX99999999999999999999999999999999".into(),
        friendly_name: "old_offer".to_owned(),
        approval: "paused".to_owned(),
        ..seeded
    });
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    for (line, expected) in [
        ("notify greeting name=Ben --yes", "when=\"at ten\""),
        ("notify greeting name=Ben when=\"at two\" 1=x --yes", "has no variable 1"),
        ("notify old_offer 1=x --yes", "has not approved the template \"old_offer\": it is paused"),
    ] {
        let answer = world.command(&group.channel, &admin, line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    assert_eq!(group.phones[0].inbox_len(), 0);
    world.twilio.fault(Fault::always(FaultKind::Error500).on("ContentAndApprovals"));
    let line = "notify greeting name=Ben when=\"at two\" --yes";
    world.command(&group.channel, &admin, line).await;
    world.wait_for_inbox(&group.phones[0], 1).await;
    assert_eq!(inbox(&group.phones[0]), ["Hello Ben, we meet at two."]);
    let listed = world.command(&group.channel, &admin, "template list").await;
    assert!(listed.contains("greeting (en): approved, variables name, when"), "{listed}");
}
