//! `[http]`: where the daemon listens, and how it is reached from outside.

use std::net::SocketAddr;

use secrecy::SecretString;
use url::Url;

use super::forms;
use super::section::{Noted, Section};

/// The shortest admin token, in characters: a shorter one is a slip, not a choice.
const ADMIN_TOKEN_LEAST: usize = 8;

/// `[http]`.
#[derive(Clone, Debug)]
pub struct Http {
    /// The address and port that the daemon listens on.
    pub listen: SocketAddr,
    /// The address and port of the operator's routes; they are on [`Http::listen`] where there is
    /// none.
    pub admin_listen: Option<SocketAddr>,
    /// The daemon's address as Twilio and Slack call it, with a `/` at its end; webhook
    /// signatures are checked against it. Always there where a platform calls us.
    pub public_url: Option<Url>,
    /// Bearer token of the admin API; without it the API is off.
    pub admin_token: Option<SecretString>,
    /// The origins of pages that may call the admin API from a browser, as browsers write them.
    pub cors_origins: Vec<String>,
}

impl Http {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let listen = section.or(
            "listen",
            "127.0.0.1:8080",
            "Write an IP address and a port: 127.0.0.1:8080, or 0.0.0.0:8080 in a container",
            socket,
        );
        let admin_listen = section.optional(
            "admin_listen",
            "Write an IP address and a port that is not http.listen's: 127.0.0.1:8081",
            socket,
        );
        let public_url = section.optional(
            "public_url",
            "Write the address that the internet reaches this daemon by: https://bridge.example.com",
            forms::base_url,
        );
        let admin_token = section.secret(
            ("admin_token", "admin_token_file"),
            "Make one with: openssl rand -hex 32",
            forms::long(ADMIN_TOKEN_LEAST),
        );
        let cors_origins = section.list(
            "cors_origins",
            "Write origins as browsers do, without a path: https://tools.example.com",
            |text| {
                let origin = text.parse::<Url>().ok().map(|url| url.origin().ascii_serialization());
                (origin.as_deref() == Some(text))
                    .then(|| text.to_owned())
                    .ok_or_else(|| format!("\"{text}\" is no origin"))
            },
        );
        if let (Ok(listen), Ok(Some(admin))) = (&listen, &admin_listen)
            && listen == admin
        {
            return Err(section.fault(
                "admin_listen",
                "it is the same as listen",
                "Write another port, or leave it out: then listen has all routes",
            ));
        }
        Ok(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            public_url: public_url?,
            admin_token: admin_token?,
            cors_origins: cors_origins?,
        })
    }
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no IP address with a port"))
}
