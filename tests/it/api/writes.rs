//! Groups, members and templates through the admin API.

use partyline_twilio::simulator as twilio;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ask, get, post, world};
use crate::support::{PATIENCE, World, inbox};

/// The only conversation of this name.
fn named(world: &World, name: &str) -> Vec<twilio::Conversation> {
    let mut all = world.twilio.conversations();
    all.retain(|one| one.friendly_name.as_deref() == Some(name));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_run_and_deleted_by_the_api() {
    let mut world = world().await;
    world.daemon.start().await;
    let launch = json!({ "name": "Spring launch", "description": "All about May",
        "members": ["+14155550101", "(415) 555-0102"] });
    let made = ask(&world, Method::POST, "groups", Some(launch.clone()), "make").await;
    assert_eq!(made.status, 200, "{}", made.json);
    let details = &made.json["details"];
    let sid = details["group"].as_str().expect("its SID").to_owned();
    assert_eq!(details["name"], "Spring launch");
    assert_eq!(details["room"], Value::Null);
    assert_eq!(details["added"], json!(["whatsapp:+14155550101", "whatsapp:+14155550102"]));
    assert_eq!(details["refused"], json!([]));
    // The same key is the same group, also after a kill; another request under it is refused.
    for _ in 0..2 {
        let again = ask(&world, Method::POST, "groups", Some(launch.clone()), "make").await;
        assert_eq!((again.status, &again.json), (StatusCode::OK, &made.json));
        world.daemon.kill();
        world.daemon.start().await;
    }
    assert_eq!(named(&world, "Spring launch").len(), 1);
    let other = json!({ "name": "Another" });
    let refused = ask(&world, Method::POST, "groups", Some(other), "make").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.json);

    let group = format!("groups/{sid}");
    let shown = get(&world, &group).await;
    assert_eq!((&shown["members"], &shown["description"]), (&json!(2), &json!("All about May")));
    let renamed = ask(&world, Method::PATCH, &group, Some(json!({ "name": "Summer" })), "").await;
    assert_eq!((renamed.status, &renamed.json["details"]["group"]), (StatusCode::OK, &json!(sid)));
    assert_eq!(get(&world, "groups/summer").await["id"], sid);

    let members = format!("{group}/members");
    let added =
        post(&world, &members, json!({ "members": ["+14155550103", "+14155550101"] })).await;
    assert_eq!(added["details"]["added"], json!(["whatsapp:+14155550103"]));
    assert_eq!(added["details"]["present"], json!(["whatsapp:+14155550101"]));
    let gone = ask(&world, Method::DELETE, &format!("{members}/+14155550102"), None, "").await.json;
    assert_eq!(gone["details"]["removed"], json!(["whatsapp:+14155550102"]), "{gone}");
    let listed = get(&world, &members).await;
    let addresses: Vec<_> =
        listed["members"].as_array().unwrap().iter().map(|one| one["address"].clone()).collect();
    assert_eq!(json!(addresses), json!(["whatsapp:+14155550101", "whatsapp:+14155550103"]));

    let notice = json!({ "template": "appointment", "variables": { "1": "Maya", "2": "nine" } });
    let notified = post(&world, &format!("{group}/notify"), notice).await;
    assert_eq!(notified["details"]["members"].as_array().map(Vec::len), Some(2), "{notified}");
    let phone = world.twilio.phone("whatsapp:+14155550103");
    world.wait_for_inbox(&phone, 1).await;
    assert!(inbox(&phone)[0].starts_with("Hello Maya, we meet on nine."));

    for (archived, state) in [(true, "inactive"), (false, "active")] {
        let body = json!({ "archived": archived });
        let done = ask(&world, Method::PATCH, &group, Some(body), "").await;
        assert_eq!(done.status, 200, "{}", done.json);
        assert_eq!(get(&world, &group).await["state"], state);
    }
    assert_eq!(ask(&world, Method::DELETE, &group, None, "").await.status, 200);
    assert_eq!(ask(&world, Method::GET, &group, None, "").await.status, 404);
    assert!(world.twilio.conversation(&sid).is_none());
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_refuses_is_a_problem_and_changes_nothing() {
    let mut world = world().await;
    let (taken, _) = world.conversation("Winter sale", &["+14155550101"]).await;
    world.daemon.start().await;
    let group = format!("groups/{taken}");
    let full: Vec<String> = (0..51).map(|number| format!("+1415555{number:04}")).collect();
    let nowhere = "groups/CHffffffffffffffffffffffffffffffff";
    for (method, path, body, status, detail) in [
        (Method::POST, "groups", json!({ "name": "" }), 422, "empty"),
        (Method::POST, "groups", json!({ "name": "Big", "members": full }), 422, "takes 50"),
        (
            Method::POST,
            "groups",
            json!({ "name": "X", "members": ["+14155550101"] }),
            422,
            "No group was made",
        ),
        (
            Method::POST,
            "groups",
            json!({ "name": "X", "members": ["Nobody"] }),
            422,
            "There is no contact \"Nobody\"",
        ),
        (
            Method::POST,
            "groups",
            json!({ "name": "X", "room": "here" }),
            422,
            "There is no room here",
        ),
        (
            Method::POST,
            "groups",
            json!({ "name": "X", "template": "winter_sale" }),
            422,
            "has not approved",
        ),
        (Method::PATCH, &group, json!({ "name": "A", "archived": true }), 422, "one of name"),
        (Method::PATCH, nowhere, json!({ "name": "A" }), 422, "There is no group"),
        (
            Method::POST,
            &format!("{nowhere}/members"),
            json!({ "members": ["+14155550102"] }),
            422,
            "There is no group",
        ),
        (
            Method::POST,
            &format!("{group}/members"),
            json!({ "members": ["12"] }),
            422,
            "not a phone number",
        ),
        (
            Method::POST,
            &format!("{group}/notify"),
            json!({ "template": "nothing" }),
            422,
            "There is no template",
        ),
        (Method::DELETE, nowhere, Value::Null, 404, "There is no such group"),
        (
            Method::DELETE,
            &format!("{group}/members/+14155550109"),
            Value::Null,
            422,
            "is not in the group",
        ),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = ask(&world, method.clone(), path, body, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.json);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let said = answer.json["detail"].as_str().unwrap();
        assert!(said.contains(detail), "{method} {path}: {said}");
    }
    assert_eq!(world.twilio.conversations().len(), 1);
    assert_eq!(world.twilio.participants(&taken).len(), 1);
    world.daemon.wait_until_settled().await;
}

/// The daemon ends in the middle of what a program asked for: under its key, the program is told
/// what became of it, and it is done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_kill_cut_short_is_done_once_and_told_under_its_key() {
    let mut world = world().await;
    world.daemon.arm("group.member=1*off->return");
    world.daemon.start().await;
    let launch = json!({ "name": "Spring", "members": ["+14155550101", "+14155550102"] });
    let url = world.daemon.url("/api/v1/groups");
    let request = reqwest::Client::new().post(url).bearer_auth(super::TOKEN).json(&launch);
    assert!(request.header("idempotency-key", "make").send().await.is_err(), "it is gone");
    world.daemon.wait_for_end().await;
    world.daemon.arm("");
    world.daemon.start().await;
    let told = ask(&world, Method::POST, "groups", Some(launch), "make").await;
    assert_eq!(told.status, 200, "{}", told.json);
    assert_eq!(told.json["details"]["added"].as_array().map(Vec::len), Some(2), "{}", told.json);
    let made = named(&world, "Spring");
    assert_eq!(made.len(), 1);
    assert_eq!(told.json["details"]["group"], made[0].sid.to_string());
    assert_eq!(world.twilio.participants(made[0].sid.as_str()).len(), 2);
    assert_eq!(get(&world, "audit").await["entries"].as_array().map(Vec::len), Some(1));
}

/// Commands for later and templates to many, given, listed and taken back by a program.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_and_broadcasts_are_run_by_the_api() {
    let mut world = world().await;
    let office = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    world.command(&office, &admin, "contact add +14155550101 Maya --team Sales").await;
    world.command(&office, &admin, "schedule tomorrow 9:00 UTC -- status").await;
    let later = json!({ "when": "in 1 hour", "command": "contact list" });
    let refused = ask(&world, Method::POST, "schedules", Some(later), "").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.json);
    let later = json!({ "when": "in 2 seconds", "command": "contact change Maya --team Night" });
    post(&world, "schedules", later).await;
    let listed = get(&world, "schedules").await;
    let rows = listed["schedules"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 2, "{listed}");
    assert_eq!(rows[1]["by"], format!("slack:{admin}"));
    let begun = std::time::Instant::now();
    while get(&world, "contacts/+14155550101").await["team"] != "Night" {
        assert!(begun.elapsed() < PATIENCE, "{}", world.daemon.log());
    }
    let id = rows[1]["id"].as_str().expect("an id");
    let path = format!("schedules/{id}");
    assert_eq!(ask(&world, Method::DELETE, &path, None, "").await.status, 200);
    assert_eq!(ask(&world, Method::DELETE, &path, None, "").await.status, 422);
    assert_eq!(get(&world, "schedules").await["schedules"], json!([]));

    let cast = json!({ "to": ["Night"], "template": "team_notice", "variables": { "1": "Ada" } });
    let begun = ask(&world, Method::POST, "broadcasts", Some(cast.clone()), "cast").await;
    let again = ask(&world, Method::POST, "broadcasts", Some(cast), "cast").await;
    assert_eq!(begun.json, again.json, "once");
    let id = begun.json["details"]["broadcast"].as_i64().expect("a number");
    let phone = world.twilio.phone("whatsapp:+14155550101");
    world.wait_for_inbox(&phone, 1).await;
    let since = std::time::Instant::now();
    while get(&world, &format!("broadcasts/{id}")).await.get("ended").is_none() {
        assert!(since.elapsed() < PATIENCE, "{}", world.daemon.log());
    }
    let listed = get(&world, "broadcasts").await;
    assert_eq!(listed["broadcasts"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(
        (&listed["broadcasts"][0]["sent"], &listed["broadcasts"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let over = ask(&world, Method::POST, &format!("broadcasts/{id}/stop"), None, "").await;
    assert_eq!(over.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", over.json);
    assert_eq!(ask(&world, Method::GET, "broadcasts/9999", None, "").await.status, 404);
    world.daemon.wait_until_settled().await;
    assert_eq!(phone.inbox_len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_blocked_and_unblocked_by_the_api() {
    let mut world = world().await;
    let group = world.group("spring-launch", &["+14155550101", "+14155550102"]).await;
    world.daemon.start().await;
    let who = json!({ "who": "+14155550101" });
    let blocked = post(&world, "blocks", who.clone()).await;
    assert_eq!(blocked["details"]["groups"], 1, "{blocked}");
    let listed = get(&world, "blocks").await;
    assert!(listed["blocks"][0]["address"].as_str().expect("one").ends_with("+14155550101"));
    let unblocked = post(&world, "blocks/clear", who).await;
    assert_eq!(unblocked["details"]["left"], json!([group.conversation]), "{unblocked}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 1);
    // The groups are known until they are put back.
    let back = json!({ "who": "+14155550101", "groups": true });
    let done = post(&world, "blocks/clear", back.clone()).await;
    assert_eq!(done["details"]["back"], json!([group.conversation]), "{done}");
    assert_eq!(world.twilio.participants(&group.conversation).len(), 2);
    assert_eq!(get(&world, "blocks").await["blocks"], json!([]));
    let nobody = ask(&world, Method::POST, "blocks/clear", Some(back), "").await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", nobody.json);
}
