//! Twilio's own client library against the simulator: what it takes for Twilio must pass for
//! Twilio.

use std::time::Duration;

use partyline_twilio::simulator::sign;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{Twilio, python, root};

/// A start of Python, imports and all, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twilios_library_finds_everything_as_it_is_used_to() {
    let twilio = Twilio::start().await;
    let driving = Command::new(python())
        .arg(root().join("tests/clients/twilio_rest.py"))
        .env("BASE_URL", twilio.simulator.base_url())
        .env("ACCOUNT_SID", &twilio.options.account_sid)
        .env("AUTH_TOKEN", &twilio.options.auth_token)
        .env("API_KEY_SID", &twilio.options.api_key_sid)
        .env("API_KEY_SECRET", &twilio.options.api_key_secret)
        .env("SERVICE_SID", &twilio.options.service_sid)
        .env("VERIFY_SID", &twilio.options.verify_service_sid)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, driving).await.expect("in time").expect("Python");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let mut signed = 0;
    for case in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        let params: Vec<(String, String)> = case["params"]
            .as_object()
            .expect("a form")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let url = case["url"].as_str().expect("a URL");
        assert_eq!(sign(&twilio.options.auth_token, url, &params), case["signature"], "{url}");
        signed += 1;
    }
    assert_eq!(signed, 3);
}
