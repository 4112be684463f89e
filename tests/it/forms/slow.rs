//! Slack gives three seconds: a form is open by then, whoever else is slow.

use std::time::{Duration, Instant};

use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;

use super::{PATIENCE, World, by_http, open, send_off, view};

/// What Slack gives.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_form_opens_in_time_while_twilio_is_slow() {
    for mut world in [World::new().await, by_http().await] {
        let room = world.room("office");
        world.daemon.start().await;
        // It says nothing for as long as the bridge waits for an answer.
        let slowly = twilio::Fault::next(twilio::FaultKind::Hang, 1);
        world.twilio.fault(slowly.on("/Content"));
        let admin = world.admin.clone();
        let begun = Instant::now();
        let (mut run, form) = open(&world, &room, &admin).await;
        assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
        // The menu has nothing yet, and says so in time; once Twilio has answered, it has.
        let begun = Instant::now();
        let early = world.slack.search(&form, "template", "team").await;
        assert!(begun.elapsed() < SLACK && early.is_ok_and(|found| found.is_empty()));
        let begun = Instant::now();
        while world
            .slack
            .search(&form, "template", "team")
            .await
            .expect("Slack takes it")
            .is_empty()
        {
            assert!(begun.elapsed() < PATIENCE, "{}", world.daemon.log());
        }
        // It can be sent off without.
        world.slack.type_in(&form, "name", "Spring").expect("Slack takes it");
        send_off(&world.slack, &form).await;
        let answer = run.answer(PATIENCE).await.expect("an answer").text;
        assert!(answer.contains("\"Spring\" is made"), "{answer}");
    }
}

/// While a long command is at work in the same room, a form opens all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_does_not_wait_for_the_commands_before_it() {
    let mut world = World::new().await;
    let room = world.room("office");
    world.daemon.start().await;
    let slowly = twilio::Fault::next(twilio::FaultKind::Hang, 1);
    world.twilio.fault(slowly.method("POST").on("/Participants"));
    let admin = world.admin.clone();
    let line = "group create Spring --room none --member +14155550101,+14155550102";
    let mut long = world.slack.command(&room, &admin, "/wa", line).expect("Slack takes it");
    long.acknowledged().await.expect("Slack takes it");
    let begun = Instant::now();
    open(&world, &room, &admin).await;
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
    loop {
        let answer = long.answer(PATIENCE).await.expect("an answer").text;
        if answer.contains("2 of 2 members added.") && answer.contains("is made") {
            break;
        }
    }
}

/// Slack is slow itself, or out of order: what cannot be opened is answered as if it were typed.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_cannot_be_opened_is_answered_in_words() {
    let mut world = World::new().await;
    let room = world.room("office");
    world.daemon.start().await;
    let admin = world.admin.clone();
    for fault in
        [slack::Fault::Refused("internal_error"), slack::Fault::Hang, slack::Fault::RateLimited(30)]
    {
        world.slack.fault(fault, "views.open", slack::Dose::Next(1));
        let mut run =
            world.slack.command(&room, &admin, "/wa", "group create").expect("Slack takes it");
        run.acknowledged().await.expect("it is acknowledged in time all the same");
        let answer = run.answer(PATIENCE).await;
        let answer = answer.unwrap_or_else(|e| panic!("{fault:?}: {e}\n{}", world.daemon.log()));
        assert!(answer.text.contains("for example: `/wa group create \"Spring"), "{}", answer.text);
        world.slack.clear_faults();
    }
    // One that opened is loaded, though that has to be tried again.
    world.slack.fault(slack::Fault::RateLimited(1), "views.update", slack::Dose::Next(1));
    let form = open(&world, &room, &admin).await.1;
    assert!(world.slack.view(&form).expect("Slack takes it").open);
    // One that was closed meanwhile is no trouble.
    world.slack.fault(slack::Fault::RateLimited(1), "views.update", slack::Dose::Next(1));
    let mut run =
        world.slack.command(&room, &admin, "/wa", "group create").expect("Slack takes it");
    let loading = view(&world, &admin, "One moment").await;
    world.slack.close(&loading.id).expect("Slack takes it");
    let answer = run.answer(PATIENCE).await.expect("an answer").text;
    assert!(answer.contains("open it once more"), "{answer}");
}
