//! The bot's session: made once by login or from a token, and kept in the store directory, so that
//! the device stays the same over restarts. Transaction ids are per device (client-server API,
//! "Transaction identifiers"): on a new one, a repeated send would be a second message.
//!
//! | the homeserver says | with a password | with a token only |
//! |---|---|---|
//! | `M_UNKNOWN_TOKEN`, soft logout | log in again on the same device, encryption keys stay | fails, with the remedy |
//! | `M_UNKNOWN_TOKEN` | the same: the device is made anew under its old id | fails, with the remedy |

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use matrix_sdk::authentication::matrix::MatrixSession;
use matrix_sdk::config::RequestConfig;
use matrix_sdk::ruma::api::auth_scheme::SendAccessToken;
use matrix_sdk::ruma::api::client::account::whoami;
use matrix_sdk::ruma::api::client::session::login;
use matrix_sdk::ruma::api::client::uiaa::{MatrixUserIdentifier, UserIdentifier};
use matrix_sdk::ruma::api::{IncomingResponse, MatrixVersion, OutgoingRequest, SupportedVersions};
use matrix_sdk::store::RoomLoadSettings;
use matrix_sdk::{Client, SessionMeta, SessionTokens, SqliteStoreConfig, reqwest};
use partyline_core::{Failure, Reason};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use crate::config::{Config, Credentials};
use crate::error;

/// Who the bot is to its homeserver.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) device_id: String,
    pub(crate) token: SecretString,
}

/// A session as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Saved {
    homeserver: String,
    user_id: String,
    device_id: String,
    access_token: String,
}

/// Reads the session that was kept, unless it is another account's or homeserver's.
///
/// # Errors
/// The file is there but cannot be read.
pub(crate) async fn load(config: &Config) -> Result<Option<Session>, Failure> {
    let path = file(config);
    let bytes = match tokio::fs::read(&path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(no_file(&path, "read", &error)),
    };
    let Ok(saved) = serde_json::from_slice::<Saved>(&bytes) else {
        tracing::warn!(path = %path.display(), "the kept Matrix session is damaged; logging in anew");
        return Ok(None);
    };
    let same =
        saved.user_id == config.user_id && saved.homeserver == config.homeserver_url.as_str();
    Ok(same.then(|| Session {
        user_id: saved.user_id,
        device_id: saved.device_id,
        token: saved.access_token.into(),
    }))
}

/// Keeps the session, readable by its owner only.
///
/// # Errors
/// The file cannot be written.
pub(crate) async fn save(config: &Config, session: &Session) -> Result<(), Failure> {
    let saved = Saved {
        homeserver: config.homeserver_url.to_string(),
        user_id: session.user_id.clone(),
        device_id: session.device_id.clone(),
        access_token: session.token.expose_secret().to_owned(),
    };
    let path = file(config);
    let written = async {
        let bytes = serde_json::to_vec(&saved)?;
        // Beside it first: a crash in between leaves the old session whole.
        let beside = path.with_extension("new");
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&beside).await?;
        file.write_all(&bytes).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, &path).await
    };
    written.await.map_err(|error| no_file(&path, "written", &error))
}

/// Makes the store directory, for its owner only.
///
/// # Errors
/// It cannot be made.
pub(crate) async fn make_store(config: &Config) -> Result<(), Failure> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    let made = builder.create(&config.store).await;
    made.map_err(|error| no_file(&config.store, "made", &error))
}

/// Logs in by password, on the given device or on a new one.
///
/// # Errors
/// `Credentials` where the homeserver refuses the password.
pub(crate) async fn log_in(
    config: &Config,
    password: &SecretString,
    device_id: Option<&str>,
    now: Timestamp,
) -> Result<Session, Failure> {
    let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(config.user_id.clone()));
    let password = login::v3::Password::new(user, password.expose_secret().to_owned());
    let mut request = login::v3::Request::new(login::v3::LoginInfo::Password(password));
    request.device_id = device_id.map(Into::into);
    request.initial_device_display_name = Some("partyline".to_owned());
    // A client without a store: a session made in it would bring keys of its own to the device.
    let http = http_client(config).map_err(|_| no_client(config))?;
    let client = builder(config, http).build().await.map_err(|_| no_client(config))?;
    let answer = client.send(request).await.map_err(|error| {
        let failure = error::http_failure(&error, "log in", now);
        if failure.reason == Reason::Forbidden { wrong_password() } else { failure }
    })?;
    metrics::counter!("partyline_matrix_logins_total").increment(1);
    Ok(Session {
        user_id: answer.user_id.to_string(),
        device_id: answer.device_id.to_string(),
        token: answer.access_token.into(),
    })
}

/// Asks the homeserver whose token this is.
///
/// # Errors
/// `Credentials` where it does not know the token or knows it as another account's.
pub(crate) async fn who_am_i(
    config: &Config,
    token: &SecretString,
    now: Timestamp,
) -> Result<Session, Failure> {
    let doing = "check its access token";
    let versions =
        SupportedVersions { versions: [MatrixVersion::V1_1].into(), features: Default::default() };
    let request = whoami::v3::Request::new()
        .try_into_http_request::<Vec<u8>>(
            config.homeserver_url.as_str(),
            SendAccessToken::Always(token.expose_secret()),
            Cow::Owned(versions),
        )
        .map_err(|_| wrong_token())?;
    let answer = fetch(config, request)
        .await
        .map_err(|error| error::http_failure(&error.into(), doing, now))?;
    let answer = whoami::v3::Response::try_from_http_response(answer)
        .map_err(|error| error::answer_failure(error, doing, now))?;
    let Some(device_id) = answer.device_id else {
        return Err(Failure::later(
            Reason::Credentials,
            Some(Duration::from_secs(60)),
            "The Matrix access token belongs to no device, so repeated sends could not be told \
             apart. Make a token by login, or give matrix.password.",
        ));
    };
    if answer.user_id != config.user_id {
        return Err(Failure::later(
            Reason::Credentials,
            Some(Duration::from_secs(60)),
            format!(
                "The Matrix access token belongs to {}, but matrix.user_id says {}: correct one \
                 of them.",
                answer.user_id, config.user_id
            ),
        ));
    }
    Ok(Session {
        user_id: answer.user_id.into(),
        device_id: device_id.into(),
        token: token.clone(),
    })
}

/// A client of this session, on its device's own stores. Asks nobody.
///
/// # Errors
/// The stores cannot be opened.
pub(crate) async fn open(config: &Config, session: &Session) -> Result<Client, Failure> {
    let no_store = |why: &str| {
        Failure::later(
            Reason::Unavailable,
            Some(Duration::from_secs(30)),
            format!(
                "The Matrix client's store in {} could not be opened ({why}). Check the disk and \
                 the directory's owner; if it is damaged, move it away: the bot then starts on a \
                 new device.",
                config.store.display()
            ),
        )
    };
    let path = config.store.join(format!("device-{}", plain(&session.device_id)));
    // Two connections are the fewest with which a reader and a writer do not meet.
    let stores = SqliteStoreConfig::with_low_memory_config(path).pool_max_size(2);
    let http = http_client(config).map_err(|_| no_client(config))?;
    let client = builder(config, http)
        .sqlite_store_with_config_and_cache_path(stores, None::<&Path>)
        .build()
        .await
        .map_err(|error| no_store(&error.to_string()))?;
    let (Ok(user_id), device_id) =
        (session.user_id.as_str().try_into(), session.device_id.as_str().into())
    else {
        return Err(no_client(config));
    };
    let session = MatrixSession {
        meta: SessionMeta { user_id, device_id },
        tokens: SessionTokens {
            access_token: session.token.expose_secret().to_owned(),
            refresh_token: None,
        },
    };
    client
        .matrix_auth()
        .restore_session(session, RoomLoadSettings::default())
        .await
        .map_err(|error| no_store(&error.to_string()))?;
    Ok(client)
}

/// A session that works: the one that was kept, if the homeserver still knows it, else a new one.
///
/// # Errors
/// The homeserver cannot be reached, or nothing that we have is accepted.
pub(crate) async fn establish(
    config: &Config,
    kept: Option<Session>,
    now: Timestamp,
) -> Result<Session, Failure> {
    match &config.credentials {
        Credentials::AccessToken(token) => who_am_i(config, token, now).await,
        Credentials::Password(password) => {
            let Some(kept) = kept else { return log_in(config, password, None, now).await };
            match who_am_i(config, &kept.token, now).await {
                Err(failure) if error::is_token_gone(&failure) => {
                    tracing::warn!("the homeserver no longer knows the Matrix session; logging in");
                    log_in(config, password, Some(&kept.device_id), now).await
                }
                other => other,
            }
        }
    }
}

/// How long a connection that nothing uses is kept. One that died meanwhile would cost the next
/// request its whole time-out, so it is not kept long.
const IDLE: Duration = Duration::from_secs(15);

/// No retries within the SDK: whoever calls decides, by the verdict.
fn builder(config: &Config, http: reqwest::Client) -> matrix_sdk::ClientBuilder {
    Client::builder()
        .homeserver_url(&config.homeserver_url)
        .respect_login_well_known(false)
        .http_client(http)
        .request_config(RequestConfig::new().disable_retry().timeout(config.request_timeout))
}

fn http_client(config: &Config) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("partyline/", env!("CARGO_PKG_VERSION")))
        .timeout(config.request_timeout)
        .pool_idle_timeout(IDLE)
        // A time-out closes an HTTP/1 connection. One of HTTP/2 that is dead would stay, and
        // swallow every further request until the kernel gives it up.
        .http1_only()
        .build()
}

async fn fetch(
    config: &Config,
    request: http::Request<Vec<u8>>,
) -> Result<http::Response<Vec<u8>>, reqwest::Error> {
    let client = http_client(config)?;
    let answer = client.execute(request.try_into()?).await?;
    let mut out = http::Response::new(Vec::new());
    *out.status_mut() = answer.status();
    *out.headers_mut() = answer.headers().clone();
    *out.body_mut() = answer.bytes().await?.into();
    Ok(out)
}

fn file(config: &Config) -> PathBuf {
    config.store.join("session.json")
}

/// A device id as part of a file name: whatever a homeserver makes up, it stays in its directory.
fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn no_file(path: &Path, done: &str, error: &std::io::Error) -> Failure {
    Failure::never(
        Reason::Unavailable,
        format!(
            "{} could not be {done} ({error}). Check the directory's owner and the disk.",
            path.display()
        ),
    )
}

fn no_client(config: &Config) -> Failure {
    Failure::never(
        Reason::Refused,
        format!(
            "No Matrix client can be made for {} at {}: check matrix.user_id and \
             matrix.homeserver_url.",
            config.user_id, config.homeserver_url
        ),
    )
}

fn wrong_password() -> Failure {
    Failure::later(
        Reason::Credentials,
        Some(Duration::from_secs(60)),
        "The Matrix homeserver does not accept the bot's password: correct matrix.user_id and \
         matrix.password, and restart.",
    )
}

fn wrong_token() -> Failure {
    Failure::never(
        Reason::Credentials,
        "The Matrix access token holds characters that no token has: copy it again.",
    )
}
