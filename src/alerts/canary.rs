//! The canary: calls the daemon's own public address as Twilio would, again and again. That the
//! call comes in by the real route proves DNS, proxy, certificate, signature and route at once.

use std::sync::Arc;
use std::time::Duration;

use partyline_twilio::{Answered, SelfCheck, Twilio};

/// How long a call may take: Twilio gives up after 5 s, and a cold start of a tunnel may take
/// longer than a warm call.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client for calls by which the bridge watches itself.
///
/// # Errors
/// The machine has no usable TLS.
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        // Each call goes the whole way: name, connection, certificate.
        .pool_max_idle_per_host(0)
        .build()
}

/// How soon a call that did not arrive is repeated, at the latest.
const SOON: Duration = Duration::from_secs(10);

/// Calls this route again and again, `every` so often, and has the bridge note how it ended. Ends
/// at once where there is no public address to call.
pub async fn run(
    client: reqwest::Client,
    twilio: Arc<Twilio>,
    route: &'static str,
    every: Duration,
) {
    let mut said = None;
    while let Some(check) = twilio.self_check(route) {
        let answered = call(&client, &check).await;
        twilio.self_checked(&check, &answered);
        let works = matches!(&answered, Answered::Status(status) if status.is_success());
        if said != Some(works) {
            tracing::info!(url = check.url, ?answered, "called the own public address");
            said = Some(works);
        }
        tokio::time::sleep(if works { every } else { every.min(SOON) }).await;
    }
}

async fn call(client: &reqwest::Client, check: &SelfCheck) -> Answered {
    let request = client.post(&check.url).headers(check.headers.clone()).body(check.body.clone());
    match request.send().await {
        Ok(answer) => Answered::Status(answer.status()),
        Err(error) => Answered::Nothing(in_words(&error)),
    }
}

fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", PATIENCE.as_secs());
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}
