//! Files: an address to send the bytes to, then the file, then its bytes for those who may.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Identity;

/// How many uploads may be begun and not completed.
const PENDING: usize = 1000;

/// A file in the workspace.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The id, `F…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its media type.
    pub mimetype: String,
    /// Who uploaded it, by id.
    pub user: String,
    /// When, in seconds of the epoch.
    pub created: u64,
    /// Where its bytes are, for a bearer of the bot's token.
    pub url: String,
    /// What is in it.
    pub bytes: Bytes,
}

impl std::fmt::Debug for StoredFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredFile({}, {} bytes)", self.id, self.bytes.len())
    }
}

impl StoredFile {
    /// The file object, as in `files.info`.
    pub(super) fn object(&self, app: &Identity) -> Value {
        let kind = self.name.rsplit_once('.').map_or("", |(_, end)| end);
        json!({
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title,
            "mimetype": self.mimetype,
            "filetype": kind,
            "pretty_type": kind.to_uppercase(),
            "user": self.user,
            "user_team": app.team,
            "editable": false,
            "size": self.bytes.len(),
            "mode": "hosted",
            "is_external": false,
            "external_type": "",
            "is_public": true,
            "public_url_shared": false,
            "display_as_bot": false,
            "username": "",
            "url_private": self.url,
            "url_private_download": self.url,
            "permalink": format!("https://{}.slack.com/files/{}/{}", app.domain, self.user, self.id),
            "comments_count": 0,
        })
    }
}

/// An upload that was begun.
pub(super) struct Upload {
    pub(super) id: String,
    /// What the upload address ends in, so that only its holder can send the bytes.
    pub(super) token: String,
    pub(super) name: String,
    pub(super) length: usize,
    pub(super) bytes: Option<Bytes>,
}

/// The files there are, and those under way, by id. Ids rise, so the first is the oldest.
#[derive(Default)]
pub(super) struct Files {
    pending: BTreeMap<String, Upload>,
    by_id: BTreeMap<String, Arc<StoredFile>>,
    bytes: usize,
}

impl Files {
    pub(super) fn begin(&mut self, upload: Upload) {
        self.pending.insert(upload.id.clone(), upload);
        if self.pending.len() > PENDING {
            self.pending.pop_first();
        }
    }

    /// The upload of this id, for the holder of its address.
    pub(super) fn upload(&mut self, id: &str, token: &str) -> Option<&mut Upload> {
        self.pending.get_mut(id).filter(|upload| upload.token == token)
    }

    /// Whether the bytes of an upload have come.
    pub(super) fn has_come(&self, id: &str) -> bool {
        self.pending.get(id).is_some_and(|upload| upload.bytes.is_some())
    }

    /// Takes out an upload.
    pub(super) fn finish(&mut self, id: &str) -> Option<Upload> {
        self.pending.remove(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<StoredFile>> {
        self.by_id.get(id)
    }

    /// Keeps a file; the oldest go where there are more than `keep` bytes.
    pub(super) fn put(&mut self, file: Arc<StoredFile>, keep: usize) {
        self.bytes += file.bytes.len();
        self.by_id.insert(file.id.clone(), file);
        while self.bytes > keep && self.by_id.len() > 1 {
            if let Some((_, old)) = self.by_id.pop_first() {
                self.bytes -= old.bytes.len();
            }
        }
    }
}
