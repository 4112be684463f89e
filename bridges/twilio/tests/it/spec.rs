//! Every answer, against Twilio's OpenAPI documents.
//!
//! They lie in the folder `shared/specs` beside the project, or where `PARTYLINE_SPECS` says; CI
//! has them. Without them only the shape of refusals and of lists is checked, and the test says
//! so.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use partyline_twilio::simulator::{NewMember, seeded_templates};
use serde_json::{Value, json};

use crate::support::{Twilio, WHATSAPP, python, root};

fn specs() -> Option<PathBuf> {
    let folder = std::env::var_os("PARTYLINE_SPECS")
        .map_or_else(|| root().join("../shared/specs"), PathBuf::from);
    folder.join("twilio_conversations_v1.json").exists().then_some(folder)
}

#[tokio::test]
async fn answers_are_as_twilio_describes_them() {
    let twilio = Twilio::start().await;
    for base in ["~", "/v1"] {
        conversations(&twilio, base).await;
        settings(&twilio, base).await;
    }
    addresses(&twilio).await;
    templates(&twilio).await;
    refusals(&twilio).await;
    let rows = twilio.log();
    for row in &rows {
        built_in(row);
    }
    let Some(folder) = specs() else {
        println!("no shared/specs beside the project: only the shapes built in were checked");
        return;
    };
    let path = format!("/v1/Services/{}/Conversations", twilio.options.service_sid);
    let wrong = [
        json!({"method": "get", "path": path, "status": 200, "body": {"conversations": [{}]}}),
        json!({"method": "get", "path": path, "status": 404, "body": {"code": 20404}}),
        json!({"method": "get", "path": "/v1/Nonsense", "status": 200, "body": {}}),
        json!({"method": "post", "path": path, "status": 200, "body": {}}),
    ];
    for row in wrong {
        assert_ne!(faults(&folder, std::slice::from_ref(&row), false), "", "passed: {row}");
    }
    assert_eq!(faults(&folder, &rows, true), "", "departures from the documents");
}

/// What the checker in Python finds.
fn faults(folder: &std::path::Path, rows: &[Value], all: bool) -> String {
    let mut checker = Command::new(python())
        .arg(root().join("tests/clients/twilio_spec.py"))
        .arg(folder)
        .args(all.then_some("--all"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = checker.stdin.take().expect("piped");
    for row in rows {
        writeln!(input, "{row}").expect("the checker reads");
    }
    drop(input);
    let output = checker.wait_with_output().expect("the checker ends");
    assert!(output.status.success(), "the checker failed");
    String::from_utf8(output.stdout).expect("text")
}

/// What can be said without the documents.
fn built_in(row: &Value) {
    let body = &row["body"];
    let status = row["status"].as_u64().expect("a status");
    if status >= 400 {
        assert_eq!(body["status"], status, "{row}");
        assert!(body["code"].is_u64() && body["message"].is_string(), "{row}");
    } else if let Some(key) = body["meta"]["key"].as_str() {
        assert!(body[key].is_array(), "{row}");
    } else if status == 204 {
        assert!(body.is_null(), "{row}");
    }
}

/// One that must be answered well; its SID.
async fn made(twilio: &Twilio, path: &str, form: &[(&str, &str)]) -> String {
    let (status, body) = twilio.post(path, form).await;
    assert!((200..300).contains(&status), "{path}: {body}");
    body["sid"].as_str().unwrap_or_default().to_owned()
}

async fn seen(twilio: &Twilio, path: &str) {
    let (status, body) = twilio.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
}

async fn gone(twilio: &Twilio, path: &str) {
    assert_eq!(twilio.delete(path).await.0, 204, "{path}");
}

async fn conversations(twilio: &Twilio, base: &str) {
    let name = format!("team{}", base.len());
    let form = [
        ("FriendlyName", "Team"),
        ("UniqueName", &*name),
        ("Attributes", "{\"a\":1}"),
        ("State", "active"),
        ("Timers.Inactive", "PT1M"),
        ("Timers.Closed", "PT10M"),
    ];
    let one = made(twilio, &format!("{base}/Conversations"), &form).await;
    let one = format!("{base}/Conversations/{one}");
    made(twilio, &format!("{base}/Conversations"), &[]).await;
    made(twilio, &one, &[("FriendlyName", "Crew"), ("State", "inactive")]).await;
    seen(twilio, &one).await;
    seen(twilio, &format!("{base}/Conversations?PageSize=1")).await;
    let with = format!("{base}/ConversationWithParticipants");
    made(twilio, &with, &[]).await;
    made(twilio, &with, &[("Participant", "{\"identity\":\"ops\"}")]).await;
    participants(twilio, base, &one).await;
    messages(twilio, &one).await;
    hooks(twilio, &one).await;
    gone(twilio, &one).await;
}

async fn participants(twilio: &Twilio, base: &str, one: &str) {
    let list = format!("{one}/Participants");
    let identity = format!("maya{}", base.len());
    made(twilio, &format!("{base}/Users"), &[("Identity", &identity)]).await;
    let client = made(twilio, &list, &[("Identity", &identity)]).await;
    let projected = [("MessagingBinding.ProjectedAddress", "+14155550009")];
    let projected = made(twilio, &list, &projected).await;
    let phone = [
        ("MessagingBinding.Address", "whatsapp:+14155550101"),
        ("MessagingBinding.ProxyAddress", WHATSAPP),
        ("Attributes", "{\"name\":\"Maya\"}"),
    ];
    let phone = made(twilio, &list, &phone).await;
    // A phone whose window is open, and one that is switched off.
    for number in [2, 3] {
        let member = NewMember::new(&format!("whatsapp:+1415555010{number}"), WHATSAPP);
        let sid = one.rsplit('/').next().expect("a SID");
        let phone = twilio.simulator.add_phone(sid, member).await.expect("member");
        phone.switch(number == 2);
    }
    made(twilio, &format!("{one}/Messages"), &[("Body", "first")]).await;
    let read = [("LastReadMessageIndex", "0"), ("LastReadTimestamp", "2026-11-20T12:00:00Z")];
    made(twilio, &format!("{list}/{client}"), &read).await;
    seen(twilio, &format!("{list}/{phone}")).await;
    seen(twilio, &format!("{list}?PageSize=2")).await;
    gone(twilio, &format!("{list}/{projected}")).await;
    seen(twilio, &format!("{base}/ParticipantConversations?Identity={identity}")).await;
    let address = "whatsapp:%2B14155550102";
    seen(twilio, &format!("{base}/ParticipantConversations?Address={address}")).await;
    let user = format!("{base}/Users/{identity}");
    made(twilio, &user, &[("FriendlyName", "Maya"), ("Attributes", "{}")]).await;
    seen(twilio, &user).await;
    seen(twilio, &format!("{base}/Users")).await;
    let memberships = format!("{user}/Conversations");
    seen(twilio, &memberships).await;
    let membership = format!("{memberships}/{}", one.rsplit('/').next().expect("a SID"));
    seen(twilio, &membership).await;
    made(twilio, &membership, &[("NotificationLevel", "muted")]).await;
    gone(twilio, &membership).await;
    gone(twilio, &user).await;
}

async fn messages(twilio: &Twilio, one: &str) {
    let list = format!("{one}/Messages");
    let form = [("Author", "ops"), ("Body", "Hello"), ("Attributes", "{\"a\":1}")];
    let text = made(twilio, &list, &form).await;
    let template = &seeded_templates()[0].sid;
    made(twilio, &list, &[("ContentSid", template.as_str())]).await;
    let up = twilio
        .request(http::Method::POST, "~/Media?Filename=cat.png")
        .header("Content-Type", "image/png")
        .body("cat")
        .send()
        .await
        .expect("an answer");
    let media: Value = up.json().await.expect("JSON");
    let media = media["sid"].as_str().expect("a SID");
    made(twilio, &list, &[("MediaSid", media)]).await;
    made(twilio, &format!("{list}/{text}"), &[("Body", "Hello all")]).await;
    seen(twilio, &format!("{list}/{text}")).await;
    seen(twilio, &format!("{list}?PageSize=1&Order=desc")).await;
    let receipts = format!("{list}/{text}/Receipts");
    let (_, page) = twilio.get(&receipts).await;
    let receipt = page["delivery_receipts"][0]["sid"].as_str().expect("a receipt");
    seen(twilio, &format!("{receipts}/{receipt}")).await;
    let statuses: Vec<&str> = page["delivery_receipts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["status"].as_str())
        .collect();
    assert_eq!(statuses, ["failed", "delivered", "sent"]);
    gone(twilio, &format!("{list}/{text}")).await;
}

async fn hooks(twilio: &Twilio, one: &str) {
    let list = format!("{one}/Webhooks");
    let form = [
        ("Target", "webhook"),
        ("Configuration.Url", "http://127.0.0.1:9/"),
        ("Configuration.Filters", "onMessageAdded"),
    ];
    let hook = made(twilio, &list, &form).await;
    let studio =
        [("Target", "studio"), ("Configuration.FlowSid", "FW00000000000000000000000000000000")];
    made(twilio, &list, &studio).await;
    made(twilio, &format!("{list}/{hook}"), &[("Configuration.Method", "GET")]).await;
    seen(twilio, &format!("{list}/{hook}")).await;
    seen(twilio, &list).await;
    gone(twilio, &format!("{list}/{hook}")).await;
}

async fn settings(twilio: &Twilio, base: &str) {
    seen(twilio, &format!("{base}/Configuration")).await;
    if base == "/v1" {
        made(twilio, "/v1/Configuration", &[("DefaultClosedTimer", "PT10M")]).await;
        seen(twilio, "/v1/Services").await;
        seen(twilio, &format!("/v1/Services/{}", twilio.options.service_sid)).await;
    }
    let hooks = format!("{base}/Configuration/Webhooks");
    seen(twilio, &hooks).await;
    let form = [("Filters", "onMessageAdded"), ("Method", "POST"), ("PostWebhookUrl", "")];
    made(twilio, &hooks, &form).await;
    let list = format!("{base}/Roles");
    let form = [("FriendlyName", "guest"), ("Type", "conversation"), ("Permission", "sendMessage")];
    let role = made(twilio, &list, &form).await;
    made(twilio, &format!("{list}/{role}"), &[("Permission", "leaveConversation")]).await;
    seen(twilio, &format!("{list}/{role}")).await;
    seen(twilio, &list).await;
    gone(twilio, &format!("{list}/{role}")).await;
}

async fn addresses(twilio: &Twilio) {
    let list = "/v1/Configuration/Addresses";
    let form = [
        ("Type", "whatsapp"),
        ("Address", WHATSAPP),
        ("AutoCreation.Enabled", "true"),
        ("AutoCreation.Type", "webhook"),
        ("AutoCreation.WebhookUrl", "http://127.0.0.1:9/"),
        ("AutoCreation.WebhookFilters", "onMessageAdded"),
    ];
    let one = made(twilio, list, &form).await;
    made(twilio, &format!("{list}/{one}"), &[("FriendlyName", "Desk")]).await;
    seen(twilio, &format!("{list}/{one}")).await;
    seen(twilio, list).await;
    gone(twilio, &format!("{list}/{one}")).await;
}

async fn templates(twilio: &Twilio) {
    seen(twilio, "/v1/ContentAndApprovals?PageSize=3").await;
    seen(twilio, "/v1/Content").await;
    let one = format!("/v1/Content/{}", seeded_templates()[0].sid);
    seen(twilio, &one).await;
    seen(twilio, &format!("{one}/ApprovalRequests")).await;
}

async fn refusals(twilio: &Twilio) {
    twilio.get("~/Conversations/nobody").await;
    twilio.get("~/Nonsense").await;
    twilio.post("~/Conversations", &[("State", "closed")]).await;
    twilio.post("~/Users", &[]).await;
    let (group, _) = twilio.group(1).await;
    let binding = [
        ("MessagingBinding.Address", "whatsapp:+14155550101"),
        ("MessagingBinding.ProxyAddress", WHATSAPP),
    ];
    twilio.post(&format!("~/Conversations/{group}/Participants"), &binding).await;
    let wrong = reqwest::Client::new().get(twilio.url("~/Conversations"));
    twilio.record("get", "~/Conversations", wrong).await;
}
