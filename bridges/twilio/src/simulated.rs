//! Tests: the bridge and the simulated Twilio, over HTTP both ways.

mod direct;
mod log;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use partyline_core::{
    Action, Address, Content, Deliver, DeliveryId, Event, Groups, Happening, Manage, Network,
    Outgoing, Place, Proof, ReadBack, Reason, ReceiptStatus, Sent, SystemClock, Verdict, Watch,
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::client::{
    AddressSettings, ConversationChange, DirectSend, NewConversation, NewParticipant,
    ParticipantChange, ServiceWebhooksChange, UserChange,
};
use crate::error::conversation_in;
use crate::simulator::{Fault, FaultKind, NewMember, Options, Phone, Sid, Simulator};
use crate::{Config, Received, Timeouts, Twilio, Webhook};

const SENDER: &str = "whatsapp:+14155550000";
const MAYA: &str = "whatsapp:+14155550101";
const TOM: &str = "whatsapp:+14155550102";

/// A simulated Twilio with a group of two phones, and a bridge that it calls.
struct Group {
    simulator: Simulator,
    twilio: Arc<Twilio>,
    events: mpsc::UnboundedReceiver<Event>,
    sid: Sid,
    maya: Phone,
    tom: Phone,
}

impl Group {
    async fn start() -> Self {
        Self::start_with(Timeouts::default()).await
    }

    async fn start_with(timeouts: Timeouts) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let public = format!("http://{}", listener.local_addr().expect("an address"));
        let hook = |path: &str| Some(format!("{public}{path}").parse().expect("a URL"));
        let options = Options {
            webhook_url: hook("/webhooks/twilio"),
            messaging_webhook_url: hook("/webhooks/twilio/messaging"),
            ..Options::default()
        };
        let simulator = Simulator::start(options.clone()).await.expect("a simulator");
        let twilio = Arc::new(bridge(&options, simulator.base_url(), &public, timeouts));
        let (sender, events) = mpsc::unbounded_channel();
        let routes = Router::new()
            .route("/webhooks/twilio", post(conversations_hook))
            .route("/webhooks/twilio/messaging", post(messaging_hook))
            .with_state((Arc::clone(&twilio), sender));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let sid = simulator.create_conversation("Plumbers").await.expect("a conversation");
        let maya = NewMember::new(MAYA, SENDER).named("Maya ☀").attributes(r#"{"name":"Maya"}"#);
        let maya = simulator.add_phone(&sid, maya).await.expect("a phone");
        let tom = simulator.add_phone(&sid, NewMember::new(TOM, SENDER)).await.expect("a phone");
        Self { simulator, twilio, events, sid, maya, tom }
    }

    /// The next event of which this makes something.
    async fn event<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("an event");
                if let Some(picked) = pick(&event) {
                    return picked;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("an event in time")
    }

    fn place(&self) -> Place {
        Place::conversation(&self.sid)
    }

    fn delivery(&self, id: &str, text: &str) -> Outgoing {
        Outgoing {
            id: DeliveryId::new(id),
            to: self.place(),
            at: now(),
            since: now(),
            late: None,
            known: Vec::new(),
            action: Action::Post {
                origin: Network::Slack,
                name: "Ada".into(),
                picture: None,
                content: Content::plain(text),
                part: None,
            },
        }
    }

    /// Sends over a fault that strikes, and then does what a lane does about it.
    async fn send_over(&self, fault: Fault, post: &Outgoing) -> Sent {
        let told = format!("{fault:?}");
        self.simulator.fault(fault);
        let failure = self.twilio.send(post).await.expect_err("the fault strikes");
        assert_ne!(failure.verdict, Verdict::Never, "{told}: {failure}");
        let found = match failure.verdict {
            Verdict::Unknown => self.twilio.find(post).await.expect("looked up"),
            _ => None,
        };
        match found {
            Some(sent) => sent,
            None => self.twilio.send(post).await.expect("sent"),
        }
    }

    async fn inbox(&self, phone: &Phone, count: usize) -> Vec<String> {
        let arrived = |_: &Simulator| phone.inbox_len() >= count;
        self.simulator.wait_until(Duration::from_secs(10), arrived).await.expect("it arrives");
        phone.inbox().into_iter().map(|item| item.body).collect()
    }
}

fn now() -> jiff::Timestamp {
    partyline_core::Clock::now(&SystemClock)
}

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// A word to Maya's phone alone.
fn psst() -> DirectSend {
    DirectSend {
        from: address(SENDER),
        to: address(MAYA),
        body: Some("psst".into()),
        content_sid: None,
        content_variables: None,
        media_urls: Vec::new(),
        status_callback: None,
    }
}

fn bridge(options: &Options, base: &str, public: &str, timeouts: Timeouts) -> Twilio {
    let base: url::Url = base.parse().expect("a URL");
    let key = (options.api_key_sid.as_str(), options.api_key_secret.as_str().into());
    let config = Config {
        auth_token: Some(SecretString::from(options.auth_token.as_str())),
        verify_service_sid: Some(options.verify_service_sid.clone()),
        public_url: Some(public.parse().expect("a URL")),
        actions_per_second: 1000,
        concurrency: 4,
        timeouts,
        ..Config::new(&options.account_sid, key, &options.service_sid).at(&base)
    };
    Twilio::new(config, Arc::new(SystemClock)).expect("a bridge")
}

type Receiver = State<(Arc<Twilio>, mpsc::UnboundedSender<Event>)>;

async fn conversations_hook(
    State((twilio, events)): Receiver,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path_and_query = uri.path_and_query().map_or("", |path| path.as_str());
    match twilio.receive(&Webhook { path_and_query, headers: &headers, body: &body }) {
        Ok(Received::MessageAdd(add)) => match twilio.answer("Maya", &add) {
            Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            None => StatusCode::OK.into_response(),
        },
        Ok(Received::Before) => StatusCode::OK.into_response(),
        Ok(
            Received::Event(incoming) | Received::Unread(incoming) | Received::Shapeless(incoming),
        ) => {
            for event in incoming.events {
                let _ = events.send(event);
            }
            StatusCode::OK.into_response()
        }
        Err(_) => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn messaging_hook(
    State((twilio, events)): Receiver,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let path_and_query = uri.path_and_query().map_or("", |path| path.as_str());
    let request = Webhook { path_and_query, headers: &headers, body: &body };
    match twilio.receive_messaging(&request) {
        Ok(incoming) => {
            for event in incoming.events {
                let _ = events.send(event);
            }
            StatusCode::OK
        }
        Err(_) => StatusCode::FORBIDDEN,
    }
}

#[tokio::test]
async fn a_member_is_named_to_the_others_and_bare_to_the_rooms() {
    let mut group = Group::start().await;
    group.maya.say(&group.sid, "Hello").await.expect("said");
    assert_eq!(group.inbox(&group.tom, 1).await, ["*Maya*: Hello"]);
    let live = group
        .event(|event| matches!(event.happening, Happening::Message { .. }).then(|| event.clone()))
        .await;
    let Happening::Message { speaker, content, .. } = &live.happening else { panic!() };
    assert_eq!(speaker.id.id, MAYA);
    assert_eq!(content.text.plain, "Hello");
    assert_eq!(group.twilio.state().inbound, Proof::Proved);
    let read = group.twilio.read_back(&group.place(), None).await.expect("read");
    assert_eq!(read[0].events[0].key, live.key);
    assert_eq!(read[0].events[0].ordinal, live.ordinal);
    assert_eq!(read[0].events[0].happening, live.happening);
}

#[tokio::test]
async fn the_profile_name_comes_from_the_messaging_webhook() {
    let mut group = Group::start().await;
    group.maya.say(&group.sid, "Hello").await.expect("said");
    let name = group
        .event(|event| match &event.happening {
            Happening::Wrote { address, name: Some(name), .. } => {
                Some((address.to_string(), name.clone()))
            }
            _ => None,
        })
        .await;
    assert_eq!(name, (MAYA.to_owned(), "Maya ☀".to_owned()));
}

#[tokio::test]
async fn a_post_reaches_every_phone_and_its_receipts_come_back() {
    let mut group = Group::start().await;
    let sent = group.twilio.send(&group.delivery("L1-1", "hi")).await.expect("sent");
    let id = sent.id.clone().expect("an id");
    assert_eq!(group.inbox(&group.maya, 1).await, ["*Ada*: hi"]);
    assert_eq!(group.inbox(&group.tom, 1).await, ["*Ada*: hi"]);
    let message = group
        .event(|event| match &event.happening {
            Happening::Receipt { message, status: ReceiptStatus::Delivered, .. } => {
                Some(message.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(message, id);
    let found = group.twilio.find(&group.delivery("L1-1", "hi")).await.expect("looked up");
    assert_eq!(found, Some(sent.clone()));
    assert_eq!(group.twilio.find(&group.delivery("L1-2", "hi")).await, Ok(None));
    // Written down by a clock that was ahead.
    let since = now() + jiff::SignedDuration::from_hours(2);
    let ahead = Outgoing { since, ..group.delivery("L1-1", "hi") };
    assert_eq!(group.twilio.find(&ahead).await, Ok(Some(sent)));
}

#[tokio::test]
async fn every_named_fault_ends_with_the_message_sent_once() {
    let timeouts = Timeouts { call: Duration::from_secs(2), ..Timeouts::default() };
    let group = Group::start_with(timeouts).await;
    let faults = [
        FaultKind::RateLimited(1),
        FaultKind::RateLimitedBare,
        FaultKind::Error500,
        FaultKind::Error500After,
        FaultKind::Hang,
        FaultKind::HangAfter,
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Truncated,
        FaultKind::NotJson,
    ];
    for (number, kind) in faults.into_iter().enumerate() {
        let fault = Fault::next(kind, 1).method("POST").on("/Messages");
        let delivery = group.delivery(&format!("L1-{number}"), &format!("{number}"));
        group.send_over(fault, &delivery).await;
    }
    group.simulator.idle().await;
    let said: Vec<String> =
        group.simulator.messages(&group.sid).into_iter().filter_map(|m| m.body).collect();
    let expected: Vec<String> = (0..10).map(|number| format!("*Ada*: {number}")).collect();
    assert_eq!(said, expected);
}

#[tokio::test]
async fn the_daemon_learns_the_group_and_a_wrong_key_shows() {
    let group = Group::start().await;
    group.twilio.probe().await.expect("it answers");
    let info = group.twilio.conversation(&group.sid).await.expect("a conversation");
    assert_eq!((info.place, info.name.as_deref()), (group.place(), Some("Plumbers")));
    let members = group.twilio.members(&group.place()).await.expect("members");
    let maya = members.iter().find(|m| m.address == Some(address(MAYA))).expect("Maya");
    assert_eq!(maya.name.as_deref(), Some("Maya"));
    assert_eq!(maya.sender, Some(address(SENDER)));

    let options = Options { api_key_secret: "wrong".into(), ..Options::default() };
    let stranger =
        bridge(&options, group.simulator.base_url(), "http://127.0.0.1", Timeouts::default());
    stranger.probe().await.expect_err("a wrong key");
    assert!(matches!(stranger.state().outbound, Proof::Failed(why) if why.contains("api_key")));
}

#[tokio::test]
async fn a_list_is_read_over_many_pages() {
    let group = Group::start().await;
    for number in 0..230 {
        group.tom.say_at_once(&group.sid, format!("{number}").as_str()).expect("queued");
    }
    group.simulator.idle().await;
    let cursor = partyline_core::Cursor { ordinal: Some(9), last: None };
    let read = group.twilio.read_back(&group.place(), Some(&cursor)).await.expect("read");
    let ordinals: Vec<u64> = read.iter().filter_map(|piece| piece.events[0].ordinal).collect();
    assert_eq!(ordinals, (10..230).collect::<Vec<u64>>());
}

#[tokio::test]
async fn conversations_and_participants_are_made_changed_and_removed() {
    let group = Group::start().await;
    let client = group.twilio.client();
    let new = NewConversation {
        friendly_name: Some("Bakers".into()),
        unique_name: Some("bakers".into()),
        ..NewConversation::default()
    };
    let made = client.create_conversation(&new).await.expect("made");
    let again = client.create_conversation(&new).await.expect_err("the name is taken");
    assert_eq!(again.code.as_deref(), Some("50353"));
    assert_eq!(client.conversation("bakers").await.expect("found").sid, made.sid);
    let change =
        ConversationChange { friendly_name: Some("Cooks".into()), ..ConversationChange::default() };
    let changed = client.update_conversation(&made.sid, &change).await.expect("changed");
    assert_eq!(changed.friendly_name.as_deref(), Some("Cooks"));

    let member = NewParticipant {
        address: address(MAYA),
        sender: Some(address(SENDER)),
        projected: None,
        attributes: None,
        role_sid: None,
    };
    let taken = client.add_participant(&made.sid, &member).await.expect_err("taken");
    assert_eq!(conversation_in(&taken.sentence), Some(&*group.sid));
    let member = NewParticipant { address: address("client:ada"), sender: None, ..member };
    let added = client.add_participant(&made.sid, &member).await.expect("added");
    let attributes =
        ParticipantChange { attributes: Some("{\"name\":\"Ada\"}".into()), ..Default::default() };
    client.update_participant(&made.sid, &added.sid, &attributes).await.expect("changed");
    let read = client.participant(&made.sid, &added.sid).await.expect("read");
    assert_eq!(read.attributes.name().as_deref(), Some("Ada"));
    let of = client.conversations_of(&address("client:ada")).expect("a list");
    assert_eq!(of.all(10).await.expect("read")[0].conversation_sid, made.sid);
    client.remove_participant(&made.sid, &added.sid).await.expect("removed");
    client.delete_conversation(&made.sid).await.expect("removed");
    client.delete_conversation(&made.sid).await.expect("removed twice");
}

#[tokio::test]
async fn messages_receipts_files_and_templates() {
    let group = Group::start().await;
    let client = group.twilio.client();
    let sent = group.twilio.send(&group.delivery("L1-1", "hi")).await.expect("sent");
    let sid = sent.id.expect("an id");
    group.inbox(&group.tom, 1).await;
    let receipts = client.receipts(&group.sid, sid.as_str()).expect("a list");
    assert_eq!(receipts.all(10).await.expect("read").len(), 2);
    assert_eq!(client.message(&group.sid, sid.as_str()).await.expect("read").index, Some(0));
    let changed = client.update_message(&group.sid, sid.as_str(), Some("ho"), None).await;
    assert_eq!(changed.expect("changed").body.as_deref(), Some("ho"));
    client.delete_message(&group.sid, sid.as_str()).await.expect("removed");

    let bytes = Bytes::from_static(b"\x89PNG");
    let file = client.upload(bytes.clone(), "image/png", Some("a.png")).await.expect("uploaded");
    let down = client.download(&file.sid, 100).await.expect("downloaded");
    assert_eq!((down.bytes, down.media_type.as_deref()), (bytes, Some("image/png")));

    let templates = client.templates().expect("a list").all(100).await.expect("read");
    assert!(templates.iter().any(|template| template.approval_requests.is_some()));
    let direct = client.send_direct(&psst()).await.expect("sent");
    assert_eq!(client.direct(&direct.sid).await.expect("read").sid, direct.sid);
}

#[tokio::test]
async fn users_roles_webhooks_and_addresses() {
    let group = Group::start().await;
    let client = group.twilio.client();
    let name = UserChange { friendly_name: Some("Ada".into()), ..UserChange::default() };
    let user = client.create_user("ada", &name).await.expect("made");
    assert_eq!(client.user("ada").await.expect("read").sid, user.sid);
    client.update_user(&user.sid, &name).await.expect("changed");
    assert!(!client.users().expect("a list").all(100).await.expect("read").is_empty());
    client.delete_user(&user.sid).await.expect("removed");

    let role = client.create_role("quiet", "conversation", &["leaveConversation"]).await;
    let role = role.expect("made");
    let rights = ["leaveConversation", "sendMessage"];
    client.update_role(&role.sid, &rights).await.expect("changed");
    assert_eq!(client.role(&role.sid).await.expect("read").permissions.len(), 2);
    assert!(!client.roles().expect("a list").all(100).await.expect("read").is_empty());
    client.delete_role(&role.sid).await.expect("removed");

    let hooks = ServiceWebhooksChange {
        post_webhook_url: Some("https://bridge.example.com/webhooks/twilio".into()),
        filters: vec!["onMessageAdded".into()],
        ..ServiceWebhooksChange::default()
    };
    client.update_service_webhooks(&hooks).await.expect("changed");
    let read = client.service_webhooks().await.expect("read");
    assert_eq!(read.post_webhook_url, hooks.post_webhook_url);
    assert_eq!(read.filters, hooks.filters);
    let url = "https://bridge.example.com/webhooks/twilio";
    let hook = client.create_conversation_webhook(&group.sid, url, &["onMessageAdded"]).await;
    let hook = hook.expect("made");
    let hooks = client.conversation_webhooks(&group.sid).expect("a list");
    assert_eq!(hooks.all(10).await.expect("read").len(), 1);
    client.delete_conversation_webhook(&group.sid, &hook.sid).await.expect("removed");

    let settings = AddressSettings {
        auto_creation: Some(true),
        webhook_url: Some(url.parse().expect("a URL")),
        webhook_filters: vec!["onMessageAdded".into()],
        ..AddressSettings::default()
    };
    let made = client.create_address(&address(SENDER), &settings).await.expect("made");
    let read = client.address(&made.sid).await.expect("read");
    assert!(read.auto_creation.expect("a setting").enabled);
    let off = AddressSettings { auto_creation: Some(false), ..AddressSettings::default() };
    client.update_address(&made.sid, &off).await.expect("changed");
    assert_eq!(client.addresses().expect("a list").all(10).await.expect("read").len(), 1);
    client.delete_address(&made.sid).await.expect("removed");
}

/// 409 for the wanted binding (50416) and for the wanted identity (50433) is success; for another
/// conversation's it is a conflict that names it.
#[tokio::test]
async fn whoever_is_in_it_already_is_success_and_elsewhere_is_a_conflict() {
    let group = Group::start().await;
    let (here, sender) = (group.place(), address(SENDER));
    let (maya, app) = (address(MAYA), address("client:ada"));
    let members = || group.simulator.participants(&group.sid).len();
    for _ in 0..2 {
        group.twilio.add_member(&here, &maya, Some(&sender)).await.expect("she is in it");
        group.twilio.add_member(&here, &app, None).await.expect("it is in it");
        assert_eq!(members(), 3);
    }
    let other = group.simulator.create_conversation("Electricians").await.expect("made");
    let other = Place::conversation(&other);
    let failure = group.twilio.add_member(&other, &maya, Some(&sender)).await.expect_err("bound");
    assert_eq!((failure.verdict, failure.reason), (Verdict::Never, Reason::Conflict));
    assert_eq!(failure.code.as_deref(), Some("50416"));
    assert_eq!(conversation_in(&failure.sentence), Some(&*group.sid));
}
