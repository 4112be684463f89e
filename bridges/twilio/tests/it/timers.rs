//! The timers of conversations, with a clock that the test moves.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use partyline_core::ManualClock;
use partyline_twilio::simulator::{NewMember, Options, State};

use crate::support::{Receiver, Twilio, WHATSAPP};

#[tokio::test]
async fn a_conversation_grows_inactive_wakes_and_closes() {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let twilio = Twilio::with(Options { clock: clock.clone(), ..Options::default() }).await;
    let hooks = Receiver::start().await;
    let form = [
        ("UniqueName", "team"),
        ("Timers.Inactive", "PT1M"),
        ("Timers.Closed", "P1D"),
        ("State", "active"),
    ];
    let (status, made) = twilio.post("~/Conversations", &form).await;
    assert_eq!(status, 201);
    assert_eq!(made["timers"]["date_inactive"], "1970-01-01T00:01:00Z");
    assert_eq!(made["timers"]["date_closed"], "1970-01-02T00:00:00Z");
    let member = NewMember::new("whatsapp:+14155550101", WHATSAPP);
    let phone = twilio.simulator.add_phone("team", member).await.expect("member");
    twilio.simulator.set_webhook_url(Some(&hooks.url));
    twilio.simulator.set_webhook_filters(&["onConversationStateUpdated"]);

    let state = || twilio.simulator.conversation("team").expect("there").state;
    clock.advance(SignedDuration::from_secs(61));
    twilio.simulator.run_timers();
    assert_eq!(state(), State::Inactive);
    phone.say("team", "Hello").await.expect("said");
    assert_eq!(state(), State::Active);
    clock.advance(SignedDuration::from_hours(25));
    twilio.simulator.run_timers();
    assert_eq!(state(), State::Closed);
    assert!(phone.say("team", "Hello").await.is_err());

    twilio.simulator.idle().await;
    let told: Vec<(String, String)> = hooks
        .of("onConversationStateUpdated")
        .iter()
        .map(|form| (form["StateTo"].clone(), form["Reason"].clone()))
        .collect();
    let right = [("inactive", "TIMER"), ("active", "EVENT"), ("closed", "TIMER")];
    let right: Vec<_> = right.map(|(to, why)| (to.to_owned(), why.to_owned())).into();
    assert_eq!(told, right);
}
