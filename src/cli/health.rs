//! `partyline health`: is the daemon on this machine alive? For containers, whose images have no
//! `curl`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use url::Url;

use super::Failed;
use crate::config::{Config, Faults};

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What `health` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The daemon's address; the one that it listens on, by the configuration, when it is left out
    #[arg(long)]
    url: Option<Url>,
}

pub(super) async fn run(
    args: &Args,
    config: impl FnOnce() -> Result<Config, Faults>,
) -> Result<(), Failed> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => local(config()?.http.listen)?,
    };
    Ok(ask(&url).await?)
}

/// The address by which this machine reaches what listens there.
fn local(listen: SocketAddr) -> anyhow::Result<Url> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(Url::parse(&format!("http://{}/", SocketAddr::new(ip, listen.port())))?)
}

async fn ask(url: &Url) -> anyhow::Result<()> {
    let live = url.join("live")?;
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = client
        .get(live.clone())
        .send()
        .await
        .with_context(|| format!("Nothing answers at {live}: is the daemon running?"))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(anyhow!("{live} answers {}: look at the daemon's log.", answer.status()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    #[test]
    fn whoever_listens_everywhere_is_asked_here() {
        for (listen, url) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
            ("[::]:8080", "http://[::1]:8080/"),
            ("10.0.0.7:80", "http://10.0.0.7/"),
        ] {
            assert_eq!(local(listen.parse().unwrap()).unwrap().as_str(), url);
        }
    }

    #[tokio::test]
    async fn the_daemon_is_alive_when_it_says_so() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = local(listener.local_addr().unwrap()).unwrap();
        let app = Router::new()
            .route("/live", get(|| async { "alive" }))
            .route("/sick/live", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        ask(&url).await.unwrap();
        let sick = ask(&url.join("sick/").unwrap()).await.unwrap_err();
        assert!(sick.to_string().contains("503"), "{sick}");
        server.abort();
        let _ = server.await;
        let gone = ask(&url).await.unwrap_err();
        assert!(gone.to_string().contains("is the daemon running"), "{gone}");
    }
}
