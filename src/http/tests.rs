//! What the routes answer when the bridge itself is in trouble.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use partyline_core::{
    Cursor, Incoming, Intake, Lateness, Link, Network, NotStored, Place, Stored, SystemClock,
};
use partyline_twilio::signature;
use tokio::sync::Semaphore;

use super::*;
use crate::contacts::{Contacts, SledContacts};
use crate::intake::Wakers;
use crate::moderation::Moderation;
use crate::policy::{Rules, Words};

const CONVERSATION: &str = "CH0123456789abcdef0123456789abcdef";

/// A door behind which nothing can be stored.
struct FullDisk;

#[async_trait]
impl Intake for FullDisk {
    async fn accept(&self, _: Incoming) -> Result<Stored, NotStored> {
        Err(NotStored("the disk is full".into()))
    }

    async fn cursor(&self, _: &Place) -> Result<Option<Cursor>, NotStored> {
        Err(NotStored("the disk is full".into()))
    }

    async fn reconnected(&self, _: Network, _: Option<jiff::Timestamp>) -> Result<(), NotStored> {
        Err(NotStored("the disk is full".into()))
    }
}

struct House {
    base: String,
    _folder: tempfile::TempDir,
}

impl House {
    /// The real router on a real socket, without a turn to spare and with a full disk.
    async fn in_trouble() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Arc::new(SystemClock);
        let key = ("SK", "secret".into());
        let settings = partyline_twilio::Config {
            auth_token: Some("token".into()),
            public_url: Some(base.parse().unwrap()),
            concurrency: 1,
            ..partyline_twilio::Config::new("AC", key, "IS").at(&base.parse().unwrap())
        };
        let store = SledContacts::open(&folder.path().join("contacts"), 1 << 20).unwrap();
        let contacts = Contacts::open(Arc::new(store), 10).await.unwrap();
        let links = Links::new();
        let (conversation, room) = (Place::conversation(CONVERSATION), "slack:C1".parse().unwrap());
        links.tie(Link { conversation, room }).unwrap();
        let (links, names) = (Arc::new(links), contacts.names().clone());
        let ledger = Ledger::open(&folder.path().join("ledger.db"), clock.clone()).unwrap();
        let (rules, pleas) = (Rules::default(), Words::default());
        let moderator = Moderator {
            moderation: Arc::new(Moderation::new(rules, pleas, Lateness::default(), Vec::new())),
            ledger: ledger.clone(),
            links: links.clone(),
            names: names.clone(),
            wakers: Wakers::new(&tokio_util::task::TaskTracker::new()),
        };
        let rooms = Rooms {
            twilio: Arc::new(Twilio::new(settings, clock).unwrap()),
            slack: None,
            intake: Arc::new(FullDisk),
            names,
            links,
            moderator,
            networks: Networks::default(),
            ledger,
            alerts: Arc::default(),
            metrics: metrics_exporter_prometheus::PrometheusBuilder::new()
                .build_recorder()
                .handle(),
            turns: Semaphore::new(1),
            bodies: Bodies::new(100_000, PATIENCE, 100_000),
        };
        let router = all(Arc::new(rooms));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, _folder: folder }
    }

    async fn post(&self, fields: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("{}/webhooks/twilio", self.base);
        let sorted: BTreeMap<&str, &str> = fields.iter().copied().collect();
        let mut form = partyline_twilio::wire::Form::default();
        for (name, value) in &sorted {
            form = form.with(name.to_string(), value.to_string());
        }
        let signed = signature::sign(&"token".into(), &url, &form);
        reqwest::Client::new()
            .post(&url)
            .header("x-twilio-signature", signed)
            .form(&sorted)
            .send()
            .await
            .unwrap()
    }
}

const MESSAGE: [(&str, &str); 5] = [
    ("ConversationSid", CONVERSATION),
    ("MessageSid", "IM0123456789abcdef0123456789abcdef"),
    ("Index", "0"),
    ("Body", "hello"),
    ("Author", "whatsapp:+14155550101"),
];

#[tokio::test]
async fn what_cannot_be_stored_is_not_acknowledged() {
    let house = House::in_trouble().await;
    let mut fields = MESSAGE.to_vec();
    fields.push(("EventType", "onMessageAdded"));
    assert_eq!(house.post(&fields).await.status(), 503);
}

#[tokio::test]
async fn the_hook_before_a_message_is_answered_all_the_same() {
    let house = House::in_trouble().await;
    let mut fields = MESSAGE.to_vec();
    fields.push(("EventType", "onMessageAdd"));
    let answer = house.post(&fields).await;
    assert_eq!(answer.status(), 200);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["body"], "*+1 415-555-0101*: hello");
}

#[tokio::test]
async fn a_signed_form_that_names_no_event_is_no_hook_and_is_not_lost() {
    let house = House::in_trouble().await;
    assert_eq!(house.post(&[("Body", "hello")]).await.status(), 503, "its bytes are not kept");
}
