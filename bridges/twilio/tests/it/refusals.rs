//! What Twilio refuses, with its codes.

use partyline_twilio::simulator::Options;

use crate::support::{SMS, Twilio, WHATSAPP};

fn code(answer: &(u16, serde_json::Value)) -> (u16, u64) {
    (answer.0, answer.1["code"].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    let twilio = Twilio::start().await;
    for request in [
        reqwest::Client::new().get(twilio.url("~/Conversations")),
        reqwest::Client::new()
            .get(twilio.url("~/Conversations"))
            .basic_auth(&twilio.options.api_key_sid, Some("wrong")),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert_eq!((&body["code"], &body["status"]), (&20003.into(), &401.into()));
    }
}

#[tokio::test]
async fn one_binding_is_in_one_conversation_until_it_is_freed() {
    let twilio = Twilio::start().await;
    let (first, _) = twilio.group(1).await;
    let (second, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{second}/Participants");
    let binding = [
        ("MessagingBinding.Address", "whatsapp:+14155550101"),
        ("MessagingBinding.ProxyAddress", WHATSAPP),
    ];
    let refused = twilio.post(&path, &binding).await;
    assert_eq!(code(&refused), (409, 50416));
    let message = refused.1["message"].as_str().expect("a message");
    assert!(message.contains(first.as_str()), "{message}");

    let (status, _) =
        twilio.post(&format!("~/Conversations/{first}"), &[("State", "closed")]).await;
    assert_eq!(status, 200);
    let (status, made) = twilio.post(&path, &binding).await;
    assert_eq!((status, &made["messaging_binding"]["type"]), (201, &"whatsapp".into()));
    let member = made["sid"].as_str().expect("a SID");
    let (status, _) = twilio.delete(&format!("{path}/{member}")).await;
    assert_eq!(status, 204);
    assert_eq!(twilio.post(&path, &binding).await.0, 201);
}

#[tokio::test]
async fn a_participant_must_have_a_good_binding() {
    let senders = vec![WHATSAPP.to_owned(), SMS.to_owned()];
    let twilio = Twilio::with(Options { senders, ..Options::default() }).await;
    let (group, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{group}/Participants");
    let phone = "+14155550101";
    for (address, proxy, right) in [
        ("415 555 0101", SMS, 50407),
        (phone, "nonsense", 50408),
        (SMS, SMS, 50409),
        ("", SMS, 50411),
        (phone, "", 50412),
        (phone, "+14155559999", 50413),
        ("whatsapp:+14155550101", SMS, 50414),
        ("whatsapp:+14155550101", "whatsapp:+14155559999", 50415),
    ] {
        let form =
            [("MessagingBinding.Address", address), ("MessagingBinding.ProxyAddress", proxy)];
        assert_eq!(code(&twilio.post(&path, &form).await), (400, right), "{address} {proxy}");
    }
    assert_eq!(twilio.post(&path, &[("Identity", "ops")]).await.0, 201);
    assert_eq!(code(&twilio.post(&path, &[("Identity", "ops")]).await), (409, 50433));
}

#[tokio::test]
async fn fifty_phones_are_the_most() {
    let twilio = Twilio::start().await;
    let (group, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{group}/Participants");
    for number in 0..=50 {
        let address = format!("+1415555{number:04}");
        let form = [
            ("MessagingBinding.Address", &*address),
            ("MessagingBinding.ProxyAddress", "+14155559999"),
        ];
        let answer = twilio.post(&path, &form).await;
        let right = if number < 50 { (201, 0) } else { (400, 50418) };
        assert_eq!(code(&answer), right);
    }
}

#[tokio::test]
async fn conversations_have_rules() {
    let twilio = Twilio::start().await;
    let long = "x".repeat(257);
    let attributes = format!("\"{}\"", "x".repeat(16 * 1024));
    for (form, right) in [
        (("FriendlyName", &*long), 50003),
        (("UniqueName", &*long), 50004),
        (("Attributes", &*attributes), 50303),
        (("Attributes", "{not json"), 50304),
        (("State", "closed"), 50384),
        (("Timers.Inactive", "PT30S"), 50375),
        (("Timers.Closed", "PT9M"), 50376),
        (("Timers.Closed", "soon"), 20001),
    ] {
        assert_eq!(code(&twilio.post("~/Conversations", &[form]).await), (400, right), "{right}");
    }
    assert_eq!(twilio.post("~/Conversations", &[("UniqueName", "team")]).await.0, 201);
    let twice = twilio.post("~/Conversations", &[("UniqueName", "team")]).await;
    assert_eq!(code(&twice), (409, 50353));
    // What nobody knows is passed by.
    assert_eq!(twilio.post("~/Conversations", &[("Colour", "blue")]).await.0, 201);

    twilio.post("~/Conversations/team", &[("State", "closed")]).await;
    for path in ["", "/Messages", "/Participants"] {
        let form = [("Body", "late"), ("Identity", "late"), ("FriendlyName", "late")];
        let late = twilio.post(&format!("~/Conversations/team{path}"), &form).await;
        assert_eq!(code(&late), (400, 50377), "{path}");
    }
    assert_eq!(twilio.delete("~/Conversations/team").await.0, 204);
    assert_eq!(code(&twilio.get("~/Conversations/team").await), (404, 50350));
}

#[tokio::test]
async fn messages_have_rules() {
    let twilio = Twilio::start().await;
    let (with_phone, _) = twilio.group(1).await;
    let (without, _) = twilio.group(0).await;
    let long = "ü".repeat(1601);
    let to = |group: &str| format!("~/Conversations/{group}/Messages");
    let refused = twilio.post(&to(&with_phone), &[("Body", &long)]).await;
    assert_eq!(code(&refused), (400, 50504));
    assert_eq!(twilio.post(&to(&without), &[("Body", &long)]).await.0, 201);
    let attributes = format!("\"{}\"", "x".repeat(4 * 1024));
    for (form, right) in [
        (vec![], (400, 50501)),
        (vec![("Body", "x"), ("Attributes", &*attributes)], (400, 50303)),
        (vec![("MediaSid", "ME00000000000000000000000000000000")], (404, 50507)),
        (vec![("ContentSid", "HX00000000000000000000000000000000")], (400, 21655)),
    ] {
        assert_eq!(code(&twilio.post(&to(&without), &form).await), right);
    }
    let nobody = "IM00000000000000000000000000000000";
    let missing = twilio.get(&format!("{}/{nobody}", to(&without))).await;
    assert_eq!(code(&missing), (404, 50500));
    let missing = twilio.get(&format!("~/Conversations/{without}/Participants/MB0")).await;
    assert_eq!(code(&missing), (404, 50432));
    assert_eq!(code(&twilio.get("~/Nonsense").await), (404, 20404));
    assert_eq!(code(&twilio.delete("~/Conversations").await), (405, 20004));
    assert_eq!(code(&twilio.get("/v1/Services/IS0/Conversations").await), (404, 20404));
}

#[tokio::test]
async fn a_conversation_with_participants_is_made_whole_or_not_at_all() {
    let twilio = Twilio::start().await;
    twilio.group(1).await;
    let binding = |number: u32| {
        format!(
            r#"{{"messaging_binding":{{"address":"whatsapp:+1415555010{number}","proxy_address":"{WHATSAPP}"}}}}"#
        )
    };
    let (new, taken) = (binding(5), binding(1));
    let form = [("UniqueName", "whole"), ("Participant", &*new), ("Participant", &*taken)];
    let refused = twilio.post("~/ConversationWithParticipants", &form).await;
    assert_eq!(code(&refused), (409, 50416));
    assert_eq!(twilio.get("~/Conversations/whole").await.0, 404);
    let made = twilio.post("~/ConversationWithParticipants", &form[..2]).await;
    assert_eq!(made.0, 202);
    let (_, members) = twilio.get("~/Conversations/whole/Participants").await;
    assert_eq!(members["participants"].as_array().map(Vec::len), Some(1));
    let many: Vec<(&str, &str)> = vec![("Participant", "{\"identity\":\"a\"}"); 11];
    let refused = twilio.post("~/ConversationWithParticipants", &many).await;
    assert_eq!(code(&refused), (400, 50426));
}

#[tokio::test]
async fn too_many_requests_a_second_are_refused() {
    let twilio = Twilio::with(Options { rate: Some(1), ..Options::default() }).await;
    let requests = (0..8).map(|_| twilio.get("~/Conversations"));
    let answers = futures_util::future::join_all(requests).await;
    let limited = answers.iter().filter(|answer| code(answer) == (429, 20429)).count();
    assert!((1..8).contains(&limited), "{limited} of 8 refused");
    assert!(answers.iter().any(|answer| answer.0 == 200));
}
