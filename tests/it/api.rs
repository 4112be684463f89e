//! The admin API of the real daemon.

mod import;
mod writes;

use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::World;

const TOKEN: &str = "a token for the tests alone";

/// A world whose daemon has an admin API.
async fn world() -> World {
    let mut world = World::new().await;
    world.daemon.configure(|config| {
        let keys = format!(
            "[http]\nadmin_token = \"{TOKEN}\"\ncors_origins = [\"https://tools.example.com\"]"
        );
        *config = config.replace("[http]", &keys);
    });
    world
}

struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    json: Value,
}

async fn ask(world: &World, method: Method, path: &str, body: Option<Value>, key: &str) -> Answer {
    let url = world.daemon.url(&format!("/api/v1/{path}"));
    let mut request = reqwest::Client::new().request(method, url).bearer_auth(TOKEN);
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let json = answer.json().await.unwrap_or_default();
    Answer { status, headers, json }
}

async fn get(world: &World, path: &str) -> Value {
    let answer = ask(world, Method::GET, path, None, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    answer.json
}

async fn post(world: &World, path: &str, body: Value) -> Value {
    let answer = ask(world, Method::POST, path, Some(body), "").await;
    assert_eq!(answer.status, 200, "{path}: {}\n{}", answer.json, world.daemon.log());
    answer.json
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_there_is_nothing_to_see() {
    let mut world = world().await;
    world.daemon.start().await;
    let client = reqwest::Client::new();
    let url = world.daemon.url("/api/v1/contacts");
    for wrong in ["", "Bearer", "Bearer wrong", "Basic YTpi", &format!("Bearer {TOKEN}x")] {
        let answer = client.get(url.clone()).header("authorization", wrong).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{wrong}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    assert_eq!(client.get(url).bearer_auth(TOKEN).send().await.unwrap().status(), 200);

    // What is no address of the API asks for no token of it, and what is none in it is told.
    for (path, token, status) in [
        ("/", "", 404),
        ("/nowhere", "", 404),
        ("/live", "", 200),
        ("/api/v1", "", 401),
        ("/api/v1/nowhere", "", 401),
        ("/api/v1/nowhere", TOKEN, 404),
        ("/api/v1/contacts/", TOKEN, 404),
    ] {
        let request = client.get(world.daemon.url(path)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let told = status != 200 && path.starts_with("/api/v1");
        let problem = answer.headers().get("content-type");
        assert_eq!(problem.is_some_and(|kind| kind == "application/problem+json"), told, "{path}");
    }

    let mut without = World::new().await;
    without.daemon.start().await;
    let url = without.daemon.url("/api/v1/contacts");
    assert_eq!(client.get(url).bearer_auth(TOKEN).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_the_way_of_commands_and_are_in_the_audit() {
    let mut world = world().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let nobody = json!({ "number": "12", "name": "Nobody" });
    let refused = ask(&world, Method::POST, "contacts", Some(nobody), "").await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    assert!(refused.json["detail"].as_str().unwrap().contains("not a phone number"));

    // What looks like a flag is a name here.
    let maya = json!({ "number": "+14155550101", "name": "--team", "team": "Sales", "meta": { "city": "Lima" } });
    let done = post(&world, "contacts", maya).await;
    assert_eq!(done["said"], "+14155550101 is --team now.");
    let known = get(&world, "contacts/+14155550101").await;
    assert_eq!((&known["name"], &known["team"]), (&json!("--team"), &json!("Sales")));
    group.phones[0].say(&group.conversation, "hi").await.unwrap();
    world.wait_for_posts(&group.channel, 1).await;
    assert_eq!(world.channel(&group.channel), [("--team".into(), "hi".to_owned())]);

    let found = get(&world, "contacts?search=sal").await;
    assert_eq!(found["contacts"].as_array().unwrap().len(), 1);
    let gone = ask(&world, Method::DELETE, "contacts/+14155550101", None, "").await;
    assert_eq!(gone.status, 200, "{}", gone.json);
    let missing = ask(&world, Method::GET, "contacts/+14155550101", None, "").await;
    assert_eq!(missing.status, 404);

    let person =
        json!({ "person": "slack:U0123ABC", "role": "manager", "group": group.conversation });
    post(&world, "roles", person.clone()).await;
    assert_eq!(get(&world, "roles").await["roles"][1]["group"], group.conversation.as_str());
    post(&world, "roles/revoke", person).await;
    let audit = get(&world, "audit").await;
    let rows: Vec<(&str, &str)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["what"].as_str().unwrap(), row["ended"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("role revoke", "done"),
            ("role grant", "done"),
            ("contact remove", "done"),
            ("contact add", "done"),
            ("contact add", "refused"),
        ]
    );
    assert_eq!(audit["entries"][0]["by"], "operator:api");
    assert_eq!(
        get(&world, &format!("audit?group={}", group.conversation)).await["entries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    world.daemon.wait_until_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_under_a_key_is_answered_and_not_done_again() {
    let mut world = world().await;
    world.daemon.start().await;
    let maya = json!({ "number": "+14155550101", "name": "Maya" });
    let first = ask(&world, Method::POST, "contacts", Some(maya.clone()), "once").await;
    assert_eq!((first.status, &first.json["key"]), (StatusCode::OK, &json!("once")));
    ask(&world, Method::DELETE, "contacts/+14155550101", None, "").await;
    // Also over a start.
    world.daemon.kill();
    world.daemon.start().await;
    let again = ask(&world, Method::POST, "contacts", Some(maya), "once").await;
    assert_eq!((again.status, &again.json), (StatusCode::OK, &first.json));
    let missing = ask(&world, Method::GET, "contacts/+14155550101", None, "").await;
    assert_eq!(missing.status, 404, "it was not added again");
    let other = json!({ "number": "+14155550102", "name": "Ben" });
    let other = ask(&world, Method::POST, "contacts", Some(other), "once").await;
    assert_eq!(other.status, 422);
    assert!(other.json["detail"].as_str().unwrap().contains("another request"), "{}", other.json);
    assert_eq!(get(&world, "commands/once").await["outcome"], "done");
    assert_eq!(ask(&world, Method::GET, "commands/never", None, "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_accepted_is_done_after_a_kill() {
    let mut world = world().await;
    let (conversation, _) = world.conversation("Spring launch", &["+14155550101"]).await;
    let channel = world.room("spring-launch");
    // It ends between the command's acceptance and its end.
    let mut child = world
        .daemon
        .command(&["run"])
        .env("FAILPOINTS", "command.finish=return")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    world.daemon.wait_until_ready().await;
    let link = json!({ "group": conversation, "room": format!("slack:{channel}") });
    let url = world.daemon.url("/api/v1/links");
    let request = reqwest::Client::new().post(url).bearer_auth(TOKEN).json(&link);
    assert!(request.header("idempotency-key", "link").send().await.is_err(), "it is gone");
    assert!(!child.wait().unwrap().success());
    world.daemon.start().await;
    let again = ask(&world, Method::POST, "links", Some(link), "link").await;
    assert_eq!(again.status, 200, "{}", again.json);
    let links = get(&world, "links").await;
    assert_eq!(links["links"][0]["group"], conversation.as_str());
    assert_eq!(get(&world, "audit").await["entries"].as_array().unwrap().len(), 1);
    let untie = format!("links/slack:{channel}");
    assert_eq!(ask(&world, Method::DELETE, &untie, None, "").await.status, 200);
    assert_eq!(get(&world, "links").await["links"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_problems_in_words() {
    let mut world = world().await;
    world.daemon.start().await;
    let url = |path: &str| world.daemon.url(&format!("/api/v1/{path}"));
    // By a client each: the daemon closes the connection rather than read all of a large body.
    let sent = |body: String, kind: &str| {
        reqwest::Client::new()
            .post(url("contacts"))
            .bearer_auth(TOKEN)
            .header("content-type", kind)
            .body(body)
            .send()
    };
    for (body, kind, status) in [
        ("{}".to_owned(), "application/json", 422),
        ("{".to_owned(), "application/json", 400),
        ("{}".to_owned(), "text/plain", 415),
        (format!("\"{}\"", "x".repeat(2 << 20)), "application/json", 413),
        (
            "{\"number\":\"+14155550101\",\"name\":\"M\",\"nmae\":\"\"}".to_owned(),
            "application/json",
            422,
        ),
    ] {
        let size = body.len();
        let answer = sent(body, kind).await.unwrap();
        assert_eq!(answer.status(), status, "{size} bytes of {kind}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
    }
    let answer = ask(&world, Method::PUT, "contacts", None, "").await;
    assert_eq!(
        (answer.status, &answer.json["status"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!(405))
    );
    assert!(answer.headers.contains_key("allow"));
    let long = "x".repeat(200);
    let answer = ask(&world, Method::POST, "contacts", Some(json!({})), &long).await;
    assert!(answer.status.is_client_error());
    assert_eq!(get(&world, "audit").await["entries"], json!([]), "nothing came of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_named_origins_may_call_and_no_others() {
    let mut world = world().await;
    world.daemon.start().await;
    let client = reqwest::Client::new();
    let asked = |origin: &'static str| {
        client
            .request(Method::OPTIONS, world.daemon.url("/api/v1/contacts"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let answer = asked("https://tools.example.com").await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://tools.example.com");
    assert!(
        answer.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("authorization")
    );
    let answer = asked("https://evil.example.com").await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let answer = client
        .get(world.daemon.url("/api/v1/status"))
        .header("origin", "https://tools.example.com")
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://tools.example.com");
    assert_eq!(answer.headers()["vary"], "origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_files_as_streams() {
    let mut world = world().await;
    world.daemon.start().await;
    let mut file = "number,name,team\n".to_owned();
    for number in 0..2500 {
        file.push_str(&format!("+1415556{number:04},Person {number},Night\n"));
    }
    let import = |file: String, query: &str| {
        let url = world.daemon.url(&format!("/api/v1/contacts/import{query}"));
        reqwest::Client::new().post(url).bearer_auth(TOKEN).body(file).send()
    };
    let dry: Value = import(file.clone(), "?dry_run=true").await.unwrap().json().await.unwrap();
    assert_eq!((&dry["new"], dry["changes"].as_array().unwrap().len()), (&json!(2500), 100));
    assert_eq!(get(&world, "status").await["contacts"], 0);
    let done: Value = import(file, "").await.unwrap().json().await.unwrap();
    assert_eq!(done["new"], 2500);
    let wrong = import("no columns\n".to_owned(), "").await.unwrap();
    assert_eq!(wrong.status(), 422);

    let (mut cursor, mut seen) = (String::new(), 0);
    loop {
        let page = get(&world, &format!("contacts?team=night&limit=1000{cursor}")).await;
        seen += page["contacts"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={}", next.replace('+', "%2B"));
    }
    assert_eq!(seen, 2500);
    for (format, begin) in [("csv", "number,name"), ("vcard", "BEGIN:VCARD")] {
        let url = world.daemon.url(&format!("/api/v1/contacts/export?format={format}"));
        let answer = reqwest::Client::new().get(url).bearer_auth(TOKEN).send().await.unwrap();
        let exported = answer.text().await.unwrap();
        assert!(exported.starts_with(begin));
        let again: Value = import(exported, "").await.unwrap().json().await.unwrap();
        assert_eq!((&again["same"], &again["changed"]), (&json!(2500), &json!(0)), "{format}");
    }
}

/// The token is what Twilio's own library makes of the same, and the roles are made once.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_as_twilios_library_makes_them() {
    let mut world = world().await;
    let group = world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let manager = json!({ "identity": "maya", "role": "manager", "group": group.conversation });
    let role = format!("{}_group_manager", group.conversation);
    for _ in 0..2 {
        let token = post(&world, "tokens", manager.clone()).await;
        assert_eq!(token["role"], role.as_str());
    }
    let admin = json!({ "identity": "maya", "role": "admin", "ttl_seconds": 600 });
    let token = post(&world, "tokens", admin).await;
    assert_eq!(token["role"], "whatsapp_groups_manager");
    let options = partyline_twilio::simulator::Options::default();
    let python = std::env::var("PARTYLINE_PYTHON").expect("run the tests with tests/run");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/twilio_token.py");
    let checked = Command::new(python)
        .arg(script)
        .env("TOKEN", token["token"].as_str().unwrap())
        .env("ACCOUNT_SID", &options.account_sid)
        .env("KEY_SID", &options.api_key_sid)
        .env("KEY_SECRET", &options.api_key_secret)
        .env("SERVICE_SID", &options.service_sid)
        .env("IDENTITY", "maya")
        .env("TTL", "600")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(String::from_utf8_lossy(&checked.stdout).trim(), "the same", "{error}");

    let again = json!({ "identity": "maya", "role": "manager" });
    let refused = ask(&world, Method::POST, "tokens", Some(again), "").await;
    assert_eq!(refused.status, 422);
    let audit = get(&world, "audit").await;
    assert_eq!(audit["entries"].as_array().unwrap().len(), 3);
    assert_eq!(audit["entries"][0]["what"], "token make");
    assert!(!audit.to_string().contains(token["token"].as_str().unwrap()));
}

/// Schemathesis reads the description, asks for everything in it with data of every kind, and
/// holds the answers to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_as_its_description_says() {
    let mut world = world().await;
    world.group("spring-launch", &["+14155550101"]).await;
    world.daemon.start().await;
    let description = get(&world, "openapi.json").await;
    assert!(description["paths"].as_object().unwrap().len() >= 15);
    let python = std::env::var("PARTYLINE_PYTHON").expect("run the tests with tests/run");
    let folder = tempfile::tempdir().unwrap();
    let ran = tokio::process::Command::new(python)
        .args(["-m", "schemathesis.cli", "run"])
        .arg(world.daemon.url("/api/v1/openapi.json").as_str())
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,ignored_auth"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", "8", "--seed", "1", "--request-timeout", "20"])
        .args(["--no-color", "--max-time", "90"])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    world.daemon.wait_until_settled().await;
}

/// Pages of links and roles: each row once, in order, to the end.
#[tokio::test(flavor = "multi_thread")]
async fn links_and_roles_are_read_in_pages() {
    let mut world = world().await;
    let mut rooms = Vec::new();
    for number in 0..5 {
        let group = world.group(&format!("crew-{number}"), &[]).await;
        rooms.push(format!("slack:{}", group.channel));
    }
    world.daemon.start().await;
    for number in 0..5 {
        let role = json!({ "person": format!("slack:U0ROLE{number}"), "role": "admin" });
        post(&world, "roles", role).await;
    }
    for (list, key, expected) in [("links", "room", 5), ("roles", "person", 6)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&world, &format!("{list}?limit=2{cursor}")).await;
            let rows = page[list].as_array().expect("rows").clone();
            seen.extend(rows.iter().map(|row| row[key].as_str().expect("text").to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
            assert!(seen.len() <= expected, "{list} has no end: {seen:?}");
        }
        assert_eq!(seen.len(), expected, "{list}: {seen:?}");
        let once: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), expected, "{list}: {seen:?}");
        if list == "links" {
            assert!(rooms.iter().all(|room| seen.contains(room)), "{seen:?}");
        }
    }
}
