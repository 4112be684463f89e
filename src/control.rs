//! The command line's way to a running daemon: HTTP over a Unix socket in the folder of the store.
//!
//! Contacts are in sled, which one process at a time can open: what a command needs of them while
//! the daemon runs, the daemon tells. Nobody but the owner of the store can connect: the socket's
//! mode is 0600, and it is made in a folder of mode 0700 and moved to its place, so that there is
//! no moment at which it is open to others.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use tokio::net::UnixListener;

use crate::contacts::{ContactStore, PAGE_LIMIT, StoreError};
use crate::store::Folder;

/// How long a daemon may take for the next piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a backup's contacts end with, so that an answer which was cut short is not taken for all.
const END: &[u8] = b"\n";

/// Makes the socket of a daemon that has this store, in the place of one that a killed daemon left.
///
/// # Errors
/// The file system refuses; the path may be too long for a socket (107 bytes).
pub fn listen(folder: &Folder) -> std::io::Result<UnixListener> {
    let beside = folder.path().join(".control");
    match std::fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::DirBuilder::new().mode(0o700).create(&beside)?;
    let made = beside.join("sock");
    let listener = UnixListener::bind(&made)?;
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&made, folder.control())?;
    std::fs::remove_dir(&beside)?;
    Ok(listener)
}

/// Answers the command line until the future is dropped.
pub async fn serve(listener: UnixListener, contacts: Arc<dyn ContactStore>, api: Router) {
    let router = Router::new().route("/contacts", get(all)).with_state(contacts).merge(api);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the command line is not answered any more; restart to mend that");
    }
}

/// Every contact, a line of JSON each, and an empty line at the end. One page at a time is in
/// memory, read as fast as the command line takes it.
async fn all(State(contacts): State<Arc<dyn ContactStore>>) -> Response {
    let pages = stream::try_unfold(Some(None::<String>), move |after| {
        let contacts = Arc::clone(&contacts);
        async move {
            let Some(after) = after else { return Ok(None) };
            match page(contacts.as_ref(), after.as_deref()).await? {
                Some((lines, last)) => Ok(Some((lines, Some(Some(last))))),
                None => Ok(Some((Bytes::from_static(END), None))),
            }
        }
    });
    let body = Body::from_stream::<_>(Box::pin(pages) as Pages);
    (StatusCode::OK, body).into_response()
}

type Pages = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// The next contacts as lines of JSON, and the key of the last of them.
///
/// # Errors
/// The store could not be read.
pub(crate) async fn page(
    contacts: &dyn ContactStore,
    after: Option<&str>,
) -> Result<Option<(Bytes, String)>, StoreError> {
    let page = contacts.page(after, PAGE_LIMIT).await?;
    let Some(last) = page.last().map(|contact| contact.key.clone()) else { return Ok(None) };
    let mut lines = Vec::new();
    for contact in &page {
        serde_json::to_writer(&mut lines, contact)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(Some((lines.into(), last)))
}

/// The command line's end of the socket.
#[derive(Debug)]
pub struct Caller(reqwest::Client);

impl Caller {
    /// A caller of the daemon that has this store; `None` where none runs.
    ///
    /// # Errors
    /// There is a socket, and this user may not use it.
    pub fn of(folder: &Folder) -> anyhow::Result<Option<Self>> {
        let path = folder.control();
        match std::os::unix::net::UnixStream::connect(&path) {
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(not_reached(&path, &error)),
        }
        let client = reqwest::Client::builder()
            .unix_socket(path)
            .read_timeout(PATIENCE)
            .build()
            .context("the daemon's control socket cannot be used")?;
        Ok(Some(Self(client)))
    }

    /// What calls the admin API over the socket, at `http://partyline/`.
    #[must_use]
    pub fn client(self) -> reqwest::Client {
        self.0
    }

    /// Writes every contact of the daemon's, a line of JSON each.
    ///
    /// # Errors
    /// The daemon stopped in the middle, or the lines cannot be written.
    pub async fn contacts(&self, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
        let cut = "the daemon did not tell all of its contacts: see that it runs, then try again";
        let answer = self.0.get("http://partyline/contacts").send().await;
        let mut answer = answer.and_then(reqwest::Response::error_for_status).context(cut)?;
        let mut last = Bytes::new();
        while let Some(piece) = answer.chunk().await.context(cut)? {
            out.write_all(&piece)?;
            last = piece;
        }
        // The empty line may come with the last page.
        anyhow::ensure!(&last[..] == END || last.ends_with(b"\n\n"), cut);
        Ok(())
    }
}

fn not_reached(path: &Path, error: &Error) -> anyhow::Error {
    anyhow::anyhow!(
        "the daemon cannot be asked at {} ({error}): run this as the user that the daemon runs as",
        path.display()
    )
}
