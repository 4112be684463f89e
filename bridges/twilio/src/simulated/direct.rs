//! What goes to one phone alone.

use std::collections::BTreeMap;

use super::*;

/// The template "team_notice" of the simulator.
const NOTICE: &str = "HXaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

impl Group {
    fn to_maya(&self, text: &str) -> Outgoing {
        let to = Place::phone(&address(SENDER), &address(MAYA));
        Outgoing { to, ..self.delivery("L1-1", text) }
    }

    fn notice_to_maya(&self) -> Outgoing {
        let variables = BTreeMap::from([("1".to_owned(), "The team".to_owned())]);
        let action = Action::Template { sid: NOTICE.to_owned(), variables };
        Outgoing { action, ..self.to_maya("") }
    }

    /// What became of a message to Maya's phone, once it says this.
    async fn receipt(&mut self, wanted: ReceiptStatus) -> (Place, String, Option<u32>) {
        self.event(|event| match &event.happening {
            Happening::Receipt { message, status, error, .. } if *status == wanted => {
                Some((event.place.clone(), message.to_string(), *error))
            }
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn it_reaches_that_phone_alone_and_its_receipts_come_to_its_place() {
    let mut group = Group::start().await;
    let post = group.to_maya("psst");
    let sent = group.twilio.send(&post).await.expect("sent").id.expect("an id");
    assert_eq!(group.inbox(&group.maya, 1).await, ["*Ada*: psst"]);
    assert_eq!(group.tom.inbox_len(), 0);
    let receipt = group.receipt(ReceiptStatus::Delivered).await;
    assert_eq!(receipt, (post.to.clone(), sent.to_string(), None));
}

#[tokio::test]
async fn it_is_found_by_its_words_among_those_that_are_not_known() {
    let group = Group::start().await;
    assert_eq!(group.twilio.find(&group.to_maya("ok")).await, Ok(None));
    let first = group.twilio.send(&group.to_maya("ok")).await.expect("sent");
    let known: Vec<_> = first.id.clone().into_iter().collect();
    let second = Outgoing { known, ..group.to_maya("ok") };
    assert_eq!(group.twilio.find(&group.to_maya("ok")).await, Ok(Some(first)));
    // The same words again are another message, which was not sent yet.
    assert_eq!(group.twilio.find(&second).await, Ok(None));
    assert_eq!(group.twilio.find(&group.to_maya("not ok")).await, Ok(None));

    assert_eq!(group.twilio.find(&group.notice_to_maya()).await, Ok(None));
    let notice = group.twilio.send(&group.notice_to_maya()).await.expect("sent");
    assert_eq!(group.twilio.find(&group.notice_to_maya()).await, Ok(Some(notice)));
}

#[tokio::test]
async fn a_look_up_reads_more_than_a_page() {
    let group = Group::start().await;
    let first = group.twilio.send(&group.to_maya("the first")).await.expect("sent");
    for number in 0..230 {
        group.twilio.send(&group.to_maya(&format!("{number}"))).await.expect("sent");
    }
    assert_eq!(group.twilio.find(&group.to_maya("the first")).await, Ok(Some(first)));
}

#[tokio::test]
async fn outside_the_window_words_fail_and_a_template_arrives() {
    let mut group = Group::start().await;
    group.maya.close_window();
    let post = group.to_maya("psst");
    let sent = group.twilio.send(&post).await.expect("Twilio takes it").id.expect("an id");
    let receipt = group.receipt(ReceiptStatus::Failed).await;
    assert_eq!(receipt, (post.to.clone(), sent.to_string(), Some(63016)));
    // What failed reached nobody: it is not found.
    assert_eq!(group.twilio.find(&post).await, Ok(None));
    group.twilio.send(&group.notice_to_maya()).await.expect("sent");
    let said = "The team has news for you. Answer this message to join in.";
    assert_eq!(group.inbox(&group.maya, 1).await, [said]);
}

#[tokio::test]
async fn every_named_fault_ends_with_one_message_on_the_phone() {
    let timeouts = Timeouts { call: Duration::from_secs(2), ..Timeouts::default() };
    let group = Group::start_with(timeouts).await;
    let faults = [
        FaultKind::RateLimited(1),
        FaultKind::Error500,
        FaultKind::Error500After,
        FaultKind::Hang,
        FaultKind::HangAfter,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Truncated,
        FaultKind::NotJson,
    ];
    let count = faults.len();
    let mut known = Vec::new();
    for kind in faults {
        let fault = Fault::next(kind, 1).method("POST").on("/Messages.json");
        // The words are always the same, as people's are.
        let post = Outgoing { known: known.clone(), ..group.to_maya("ok") };
        known.extend(group.send_over(fault, &post).await.id);
    }
    assert_eq!(group.inbox(&group.maya, count).await, vec!["*Ada*: ok"; count]);
}

#[tokio::test]
async fn a_sender_that_is_not_ours_is_refused_with_what_to_do() {
    let options = Options { senders: vec![SENDER.to_owned()], ..Options::default() };
    let simulator = Simulator::start(options.clone()).await.expect("a simulator");
    let twilio = bridge(&options, simulator.base_url(), "http://127.0.0.1", Timeouts::default());
    let group = Group::start().await;
    for (sender, phone) in [("whatsapp:+14155550009", MAYA), ("+14155550009", "+14155550101")] {
        let to = Place::phone(&address(sender), &address(phone));
        let failure = twilio.send(&Outgoing { to, ..group.to_maya("psst") }).await;
        let failure = failure.expect_err("it is not ours");
        assert_eq!(failure.verdict, Verdict::Never);
        assert!(failure.sentence.contains("twilio.senders"), "{failure}");
    }
}
