//! Files: up to Twilio, and down again (Twilio's media content service).

use bytes::{Bytes, BytesMut};
use partyline_core::{Failure, Reason};
use reqwest::{Method, header};
use url::Url;

use super::answer::unanswered;
use super::{Body, Client, Request, address};
use crate::error::judge;
use crate::wire::content::MediaFile;

const RESOURCE: &str = "media";

/// The bytes of a file.
///
/// `Debug` gives their number.
#[derive(Clone)]
pub struct MediaBytes {
    /// All of the file, no more bytes than the call allowed.
    pub bytes: Bytes,
    /// The media type that was stated with them.
    pub media_type: Option<String>,
}

impl Client {
    /// Uploads a file, which can go with one message then. WhatsApp takes 16 MB, pictures 5 MB.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn upload(
        &self,
        bytes: Bytes,
        media_type: &str,
        name: Option<&str>,
    ) -> Result<MediaFile, Failure> {
        let mut url = self.media_url(&[])?;
        if let Some(name) = name {
            url.query_pairs_mut().append_pair("Filename", name);
        }
        let body = Body::File { bytes, media_type: media_type.to_owned() };
        let request = Request { resource: RESOURCE, method: Method::POST, url, body, signed: true };
        self.call(&request, |body| serde_json::from_slice(body)).await
    }

    /// What Twilio knows of a file, with an address that works for minutes.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn media(&self, sid: &str) -> Result<MediaFile, Failure> {
        self.get(RESOURCE, self.media_url(&[sid])?).await
    }

    /// A file's bytes, `limit` of them at most.
    ///
    /// # Errors
    /// See [`Client`]; and the file is larger.
    pub async fn download(&self, sid: &str, limit: usize) -> Result<MediaBytes, Failure> {
        let file = self.media(sid).await?;
        let url = file.links.and_then(|links| links.content_direct_temporary);
        let url = url
            .and_then(|url| self.bases.media.join(&url).ok())
            .filter(|url| matches!(url.scheme(), "https" | "http"))
            .ok_or_else(|| {
                Failure::later(
                    Reason::BadAnswer,
                    None,
                    "Twilio does not say where the file is. It is tried again by itself.",
                )
            })?;
        // The address itself is the right to read: our credentials have no business there.
        let _turn = self.turn().await?;
        let mut response =
            self.http.get(url).send().await.map_err(|error| unanswered(false, &error))?;
        if !response.status().is_success() {
            return Err(judge(false, response.status(), None, b""));
        }
        let media_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or(file.content_type);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(false, &error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(Failure::never(
                    Reason::Content,
                    format!(
                        "The file is larger than {limit} bytes, which is more than the bridge carries."
                    ),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(MediaBytes { bytes: bytes.freeze(), media_type })
    }

    fn media_url(&self, path: &[&str]) -> Result<Url, Failure> {
        let path = [&["v1", "Services", self.service_sid.as_str(), "Media"], path].concat();
        address(&self.bases.media, &path)
    }
}

impl std::fmt::Debug for MediaBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MediaBytes({} bytes, {:?})", self.bytes.len(), self.media_type)
    }
}
