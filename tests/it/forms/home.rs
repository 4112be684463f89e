//! The Home tab: the groups that somebody may see.

use partyline_slack::simulator::View;

use super::{PATIENCE, World, by_http, send_off, slack_sdk_takes_them, view};

/// Opens somebody's Home tab again and again, until it holds this: it shows what the daemon knows
/// when it is opened, and the list of groups may not be read yet.
async fn home(world: &World, user: &str, holds: &str) -> View {
    let begun = std::time::Instant::now();
    let state =
        |slack: &partyline_slack::simulator::Simulator| slack.home(user).map(|one| one.hash);
    loop {
        let before = state(&world.slack);
        world.slack.open_home(user).expect("Slack takes it");
        let published = |slack: &_| (state(slack) != before).then_some(());
        let shown = world.slack.wait_for("a Home tab", PATIENCE, published).await;
        shown.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
        let shown = world.slack.home(user).expect("it is there");
        if shown.view.to_string().contains(holds) {
            return shown;
        }
        assert!(begun.elapsed() < PATIENCE, "no {holds} in {}", shown.view);
    }
}

async fn shows(world: &World, user: &str, holds: &str) -> View {
    let look = |slack: &partyline_slack::simulator::Simulator| {
        slack.home(user).filter(|home| home.view.to_string().contains(holds))
    };
    let found = world.slack.wait_for(&format!("a Home tab with {holds}"), PATIENCE, look).await;
    found.unwrap_or_else(|error| {
        panic!("{error}: {:?}\n{}", world.slack.home(user).map(|one| one.view), world.daemon.log())
    })
}

/// The names of the groups on it, in order.
fn groups(home: &View) -> Vec<String> {
    let blocks = home.view["blocks"].as_array().into_iter().flatten();
    let texts = blocks.filter_map(|block| block["text"]["text"].as_str());
    texts.filter_map(|text| Some(text.strip_prefix('*')?.split_once('*')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_their_groups() {
    for mut world in [World::new().await, by_http().await] {
        let mine = world.group("spring <launch>", &["+14155550101"]).await;
        let managed = world.group("summer", &["+14155550102"]).await;
        world.group("winter", &["+14155550103"]).await;
        let office = world.room("office");
        let ben = world.slack.add_user("Ben Carter", None);
        let cho = world.slack.add_user("Cho Park", None);
        world.slack.join(&mine.channel, &ben);
        world.daemon.start().await;
        let admin = world.admin.clone();
        let grant = format!("role grant slack:{ben} manager {}", managed.conversation);
        world.command(&office, &admin, &grant).await;

        let all = home(&world, &admin, "All groups: 3").await;
        assert_eq!(groups(&all), ["spring &lt;launch&gt;", "summer", "winter"]);
        assert!(all.view.to_string().contains(&format!("<#{}>", mine.channel)));
        assert!(all.button("home.open.group create").is_some());
        let bens = home(&world, &ben, "spring").await;
        assert_eq!(groups(&bens), ["spring &lt;launch&gt;", "summer"]);
        assert!(bens.button("home.open.group create").is_none());
        let chos = home(&world, &cho, "You are in no group's channel").await;
        assert_eq!(groups(&chos), [""; 0]);

        // A group is made from there, and what came of it is said in the app's messages.
        world.slack.press_in_view(&all.id, "home.open.group create").expect("Slack takes it");
        let form = view(&world, &admin, "\"block_id\":\"name\"").await.id;
        assert!(
            !world.slack.view(&form).expect("Slack takes it").view.to_string().contains("This one")
        );
        world.slack.type_in(&form, "name", "Autumn").expect("Slack takes it");
        send_off(&world.slack, &form).await;
        let told = |slack: &partyline_slack::simulator::Simulator| {
            let direct = slack.channels().into_iter().find(|(_, name)| *name == admin)?.0;
            slack.messages(&direct).last().map(|message| message.text.clone())
        };
        let told = world.slack.wait_for("an answer", PATIENCE, told).await;
        let told = told.unwrap_or_else(|error| panic!("{error}\n{}", world.daemon.log()));
        assert!(told.contains("\"Autumn\" is made"), "{told}");
        home(&world, &admin, "All groups: 4").await;
        slack_sdk_takes_them(&world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_groups_are_on_pages() {
    let mut world = World::new().await;
    for number in 0..32 {
        world
            .twilio
            .create_conversation(&format!("group {number:02}"))
            .await
            .expect("Slack takes it");
    }
    world.daemon.configure(|config| {
        *config = config.replace("[twilio]", "[twilio]\ngroups_interval = \"200ms\"");
    });
    world.daemon.start().await;
    let admin = world.admin.clone();
    let first = home(&world, &admin, "All groups: 32").await;
    assert_eq!(groups(&first).first().map(String::as_str), Some("group 00"));
    assert!(first.button("home.page.1").is_none());
    let mut seen = groups(&first);
    for page in [2, 3] {
        world.slack.press_in_view(&first.id, &format!("home.page.{page}")).expect("Slack takes it");
        let last = format!("group {:02}", (page - 1) * 15);
        seen.extend(groups(&shows(&world, &admin, &last).await));
    }
    assert_eq!(seen, (0..32).map(|number| format!("group {number:02}")).collect::<Vec<_>>());
    let last = world.slack.home(&admin).expect("Slack takes it");
    assert!(last.button("home.page.4").is_none() && last.button("home.page.2").is_some());
}
