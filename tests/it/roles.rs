//! Who may do what, and what is known of it afterwards.

use serde_json::Value;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_granted_and_revoked_without_a_restart() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let other = world.group("summer-launch", &["+14155550102"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    world.slack.join(&group.channel, &ben);
    world.slack.join(&other.channel, &ben);
    world.daemon.start().await;
    let denied = "it is for the group's managers and administrators";
    let answer = world.command(&group.channel, &ben, "audit").await;
    assert!(answer.contains(denied), "{answer}");

    let grant = format!("role grant slack:{ben} manager");
    let answer = world.command(&group.channel, &ben, &grant).await;
    assert!(answer.contains("it is for administrators"), "{answer}");
    let answer = world.command(&group.channel, &world.admin, &grant).await;
    assert!(answer.contains("is a manager of CH") && answer.ends_with("now."), "{answer}");

    // Of this group and of no other, from whichever room.
    let answer = world.command(&group.channel, &ben, "audit").await;
    assert!(answer.contains("role grant") && answer.contains("(denied)"), "{answer}");
    let answer = world.command(&other.channel, &ben, "audit").await;
    assert!(answer.contains(denied), "{answer}");
    let line = format!("audit {}", group.conversation);
    let answer = world.command(&other.channel, &ben, &line).await;
    assert!(answer.contains("role grant"), "{answer}");

    // It stands after a start, until it is taken back.
    world.daemon.stop().await;
    world.daemon.start().await;
    let answer = world.command(&group.channel, &ben, "role list").await;
    assert!(answer.contains("by the configuration"), "{answer}");
    assert!(answer.contains(&format!("slack:{ben}: manager of CH")), "{answer}");
    let revoke = format!("role revoke slack:{ben} manager");
    let answer = world.command(&group.channel, &world.admin, &revoke).await;
    assert!(answer.contains("no longer a manager"), "{answer}");
    let answer = world.command(&group.channel, &ben, "role list").await;
    assert!(answer.contains(denied), "{answer}");

    let admin = world.admin.clone();
    for (line, expected) in [
        (format!("role grant slack:{ben} king"), "none of admin, manager"),
        (format!("role grant slack:{ben} admin {}", group.conversation), "leave the group out"),
        (format!("role revoke slack:{admin} admin"), "by the configuration"),
        (format!("role revoke slack:{ben} admin"), "was not granted that"),
        ("role grant ben admin".to_owned(), "is nobody that I know: write slack:U0123ABC"),
    ] {
        let answer = world.command(&group.channel, &admin, &line).await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
    world.command(&group.channel, &admin, &format!("role grant slack:{ben} admin")).await;
    let answer = world.command(&other.channel, &ben, "queue list").await;
    assert_eq!(answer, "Nothing was given up.");
}

/// Everybody sees how their room does; of another group, whoever may see that group.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_another_group_is_for_those_who_may_see_it() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let other = world.group("summer-launch", &["+14155550102"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    world.slack.join(&other.channel, &ben);
    world.daemon.start().await;
    world.wait_until_listed(&group.channel, "spring-launch").await;
    let own = world.command(&other.channel, &ben, "status").await;
    assert!(own.contains(&format!("tied to {}", other.conversation)), "{own}");
    assert!(own.contains("For this room: 0 waiting, 0 parked."), "{own}");
    let answer = world.command(&other.channel, &world.admin, "status spring-launch").await;
    assert!(answer.starts_with(&format!("spring-launch ({}):", group.conversation)), "{answer}");
    assert!(answer.contains(&format!("For slack:{}: 0 waiting", group.channel)), "{answer}");
    assert!(!answer.contains("this room"), "{answer}");
    // Whether there is such a group is not told either.
    for name in ["spring-launch", "autumn-launch"] {
        let answer = world.command(&other.channel, &ben, &format!("status {name}")).await;
        assert_eq!(answer, "You may not use `/wa status`: it is for the group's rooms.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_slack_user_group_are_administrators() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    let cho = world.slack.add_user("Cho Park", None);
    world.slack.join(&group.channel, &ben);
    world.slack.join(&group.channel, &cho);
    let admins = world.slack.add_user_group(&[&ben]);
    world.daemon.configure(|config| {
        let key = format!("[access]\nslack_admin_group = \"{admins}\"");
        *config = config.replace("[access]", &key);
    });
    world.daemon.start().await;
    let answer = world.command(&group.channel, &ben, "queue list").await;
    assert_eq!(answer, "Nothing was given up.");
    let answer = world.command(&group.channel, &cho, "queue list").await;
    assert!(answer.contains("it is for administrators"), "{answer}");
    let asked = "partyline_slack_calls_total{method=\"usergroups.users.list\",outcome=\"ok\"}";
    assert_eq!(world.daemon.metric(asked).await, Some(1.0), "it is asked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_group_that_cannot_be_read_makes_nobody_an_administrator() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    world.slack.join(&group.channel, &ben);
    world.daemon.configure(|config| {
        *config = config.replace("[access]", "[access]\nslack_admin_group = \"S0NOSUCH\"");
    });
    world.daemon.start().await;
    let answer = world.command(&group.channel, &ben, "queue list").await;
    assert!(answer.contains("it is for administrators"), "{answer}");
    let answer = world.command(&group.channel, &world.admin, "queue list").await;
    assert_eq!(answer, "Nothing was given up.");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_changes_something_is_in_the_audit_once() {
    let (mut world, group, ben) = World::with_ben().await;
    let admin = world.admin.clone();
    for (who, line) in [
        (&admin, "contact add +14155550101 \"Maya Lopez\" --meta city=Lima"),
        (&ben, "contact add +14155550101 Eve"),
        (&admin, "contact add 12 Maya"),
        (&admin, "group link CHffffffffffffffffffffffffffffffff"),
        (&admin, "status"),
        (&admin, "help"),
    ] {
        world.command(&group.channel, who, line).await;
    }
    world.daemon.kill();
    world.daemon.start().await;
    let rows = rows(&world);
    let shown: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["what"].as_str().unwrap(), row["ended"].as_str().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            ("group link", "refused"),
            ("contact add", "refused"),
            ("contact add", "denied"),
            ("contact add", "done"),
        ]
    );
    let first = &rows[3];
    assert_eq!(first["by"], format!("slack:{admin}"));
    assert_eq!(first["from"], format!("slack:{}", group.channel));
    assert_eq!(first["group"], group.conversation);
    assert_eq!(first["subject"], "+14155550101 Maya Lopez --meta city=…");
    assert_eq!(first["said"], "+14155550101 is Maya Lopez now.");
}

/// The audit, newest first, as the ledger has it.
fn rows(world: &World) -> Vec<Value> {
    let path = world.daemon.store().join("ledger.db");
    let read = || -> Result<Vec<String>, rusqlite::Error> {
        rusqlite::Connection::open(path)?
            .prepare(
                "SELECT json_object('by', by, 'from', place, 'what', what, 'subject', subject,
                     'group', substr(conversation, 8), 'ended', ended, 'said', said)
                 FROM audit ORDER BY id DESC",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    };
    let rows = read().expect("the audit");
    rows.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect()
}

/// An administrator sees all groups; somebody else those that they manage and those of the rooms
/// that they are in; and nothing else of the others.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_groups_that_are_theirs() {
    let mut world = World::new().await;
    let spring = world.group("spring-launch", &["+14155550101"]).await;
    let summer = world.group("summer-launch", &["+14155550102"]).await;
    let winter = world.group("winter-launch", &["+14155550103"]).await;
    let ben = world.slack.add_user("Ben Carter", None);
    let cho = world.slack.add_user("Cho Park", None);
    let office = world.slack.add_channel("office", &[&world.admin, &ben, &cho]);
    world.slack.join(&spring.channel, &ben);
    world.daemon.start().await;
    let (channel, admin) = (office.as_str(), world.admin.clone());
    world.wait_until_listed(&spring.channel, "spring-launch").await;
    world.wait_until_listed(&summer.channel, "summer-launch").await;
    world.wait_until_listed(&winter.channel, "winter-launch").await;
    let grant = format!("role grant slack:{ben} manager {}", summer.conversation);
    world.command(channel, &admin, &grant).await;

    let seen = async |who: &str, line: &str| {
        let answer = world.command(channel, who, line).await;
        [&spring, &summer, &winter].map(|group| answer.contains(&group.conversation))
    };
    assert_eq!(seen(&admin, "group list").await, [true; 3]);
    assert_eq!(seen(&ben, "group list").await, [true, true, false]);
    assert_eq!(seen(&ben, "group list --search launch --sort created").await, [true, true, false]);
    assert_eq!(seen(&ben, "group list --search winter").await, [false; 3]);
    assert_eq!(seen(&cho, "group list").await, [false; 3]);
    let none = world.command(channel, &cho, "group list").await;
    assert!(none.contains("no group that you may see"), "{none}");
    // In a room that is tied to a group, that one is seen by whoever speaks there.
    world.slack.join(&winter.channel, &cho);
    assert_eq!(seen(&cho, "group list").await, [false, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_listed_in_pages() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    for number in 0..51 {
        let grant = format!("role grant slack:U{number:08} manager");
        world.command(&group.channel, &admin, &grant).await;
    }
    let first = world.command(&group.channel, &admin, "role list").await;
    assert!(first.contains("by the configuration"), "{first}");
    assert!(first.ends_with("There are more: add `--page 2`."), "{first}");
    let second = world.command(&group.channel, &admin, "role list --page 2").await;
    assert!(second.starts_with("slack:U00000050: manager of"), "{second}");
    assert_eq!(second.lines().count(), 1, "{second}");
}

/// More roles than one answer holds: the pages show each of them once.
#[tokio::test(flavor = "multi_thread")]
async fn roles_are_listed_in_pages() {
    let mut world = World::new().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let admin = world.admin.clone();
    for number in 0..51 {
        let line = format!("role grant slack:U0PAGE{number:03} manager");
        let answer = world.command(&group.channel, &admin, &line).await;
        assert!(answer.ends_with("now."), "{answer}");
    }
    let first = world.command(&group.channel, &admin, "role list").await;
    assert!(first.contains("There are more: add `--page 2`."), "{first}");
    let second = world.command(&group.channel, &admin, "role list --page 2").await;
    let third = world.command(&group.channel, &admin, "role list --page 3").await;
    assert_eq!(third, "Nobody else was granted anything.");
    let all = format!("{first}\n{second}");
    for number in 0..51 {
        assert_eq!(all.matches(&format!("slack:U0PAGE{number:03}:")).count(), 1, "{number}");
    }
    let odd = world.command(&group.channel, &admin, "role list --page many").await;
    assert!(odd.contains("--page takes a number"), "{odd}");
}
