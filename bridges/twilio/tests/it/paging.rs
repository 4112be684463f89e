//! Lists and their pages.

use serde_json::Value;

use crate::support::Twilio;

async fn follow(twilio: &Twilio, first: &str, key: &str, item: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut next = Some(first.to_owned());
    while let Some(url) = next {
        let (status, page) = twilio.get(&url).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["meta"]["key"], key);
        found.extend(page[key].as_array().expect("a list").iter().map(|one| one[item].to_string()));
        pages += 1;
        next = page["meta"]["next_page_url"].as_str().map(ToOwned::to_owned);
    }
    (found, pages)
}

#[tokio::test]
async fn messages_are_paged_both_ways() {
    let twilio = Twilio::start().await;
    let (group, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{group}/Messages");
    for number in 0..7 {
        twilio.post(&path, &[("Body", &number.to_string())]).await;
    }
    let right: Vec<String> = (0..7).map(|number| number.to_string()).collect();
    let up = follow(&twilio, &format!("{path}?PageSize=3"), "messages", "index").await;
    assert_eq!(up, (right.clone(), 3));
    let down = follow(&twilio, &format!("{path}?PageSize=3&Order=desc"), "messages", "index").await;
    assert_eq!(down, (right.into_iter().rev().collect(), 3));
    // A page that is just full has no next one.
    let full = follow(&twilio, &format!("{path}?PageSize=7"), "messages", "index").await;
    assert_eq!(full.1, 1);
}

#[tokio::test]
async fn a_page_stays_where_it_began_when_messages_come() {
    let twilio = Twilio::start().await;
    let (group, _) = twilio.group(0).await;
    let path = format!("~/Conversations/{group}/Messages");
    for _ in 0..4 {
        twilio.post(&path, &[("Body", "x")]).await;
    }
    let (_, first) = twilio.get(&format!("{path}?PageSize=2&Order=desc")).await;
    twilio.post(&path, &[("Body", "new")]).await;
    let next = first["meta"]["next_page_url"].as_str().expect("a next page");
    let (_, second) = twilio.get(next).await;
    assert_eq!((&second["messages"][0]["index"], &second["meta"]["page"]), (&1.into(), &1.into()));
    let back = second["meta"]["previous_page_url"].as_str().expect("a previous page");
    let (_, back) = twilio.get(back).await;
    assert_eq!(back["messages"][0]["index"], 3);
    assert_eq!(back["meta"]["previous_page_url"], Value::Null);
}

#[tokio::test]
async fn a_page_can_be_too_large() {
    let twilio = Twilio::start().await;
    for (path, most) in [("~/Conversations", 100), ("~/ParticipantConversations?Identity=a", 50)] {
        let sign = if path.contains('?') { '&' } else { '?' };
        let (status, _) = twilio.get(&format!("{path}{sign}PageSize={most}")).await;
        assert_eq!(status, 200);
        let (status, _) = twilio.get(&format!("{path}{sign}PageSize={}", most + 1)).await;
        assert_eq!(status, 400);
    }
}

#[tokio::test]
async fn conversations_are_found_by_state_date_and_unique_name() {
    let twilio = Twilio::start().await;
    for name in ["a", "b", "c"] {
        twilio.post("~/Conversations", &[("UniqueName", name)]).await;
    }
    let (status, b) = twilio.post("~/Conversations/b", &[("State", "closed")]).await;
    assert_eq!((status, &b["state"]), (200, &"closed".into()));
    let names = |found: Vec<String>| found.join("");
    let open =
        follow(&twilio, "~/Conversations?State=active", "conversations", "unique_name").await;
    assert_eq!(names(open.0), "\"a\"\"c\"");
    let future = "/v1/Conversations?StartDate=2999-01-01";
    assert_eq!(follow(&twilio, future, "conversations", "sid").await.0.len(), 0);
    let (_, plain) = twilio.get("/v1/Conversations/a").await;
    let url = plain["url"].as_str().expect("a URL");
    assert!(url.contains("/v1/Conversations/CH"), "{url}");
}

#[tokio::test]
async fn where_somebody_is_can_be_asked() {
    let twilio = Twilio::start().await;
    let (group, phones) = twilio.group(2).await;
    let path = format!("~/ParticipantConversations?Address={}", phones[0].address());
    let (_, found) = twilio.get(&path.replace('+', "%2B")).await;
    assert_eq!(found["conversations"][0]["conversation_sid"], group.as_str());
    assert_eq!(found["conversations"].as_array().map(Vec::len), Some(1));
}
