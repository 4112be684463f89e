//! Lists, page by page.

use std::marker::PhantomData;

use partyline_core::{Failure, Reason};
use serde::de::DeserializeOwned;
use url::Url;

use super::{Client, Request};
use crate::wire::rest::Page;

/// The most items that Twilio gives in a page of conversations, participants, messages or
/// templates (the official OpenAPI documents).
pub(super) const PAGE: usize = 100;

/// The same of any other list.
pub(super) const SMALL_PAGE: usize = 50;

/// A list, read as far as somebody wants it: one page is in memory at a time.
#[derive(Debug)]
pub struct Pages<'a, T> {
    client: &'a Client,
    resource: &'static str,
    key: &'static str,
    next: Option<Url>,
    items: PhantomData<fn() -> T>,
}

impl Client {
    /// The list at this address, whose items stand under `key`.
    pub(super) fn pages<T>(
        &self,
        resource: &'static str,
        key: &'static str,
        first: Url,
    ) -> Pages<'_, T> {
        Pages { client: self, resource, key, next: Some(first), items: PhantomData }
    }
}

impl<T: DeserializeOwned> Pages<'_, T> {
    /// The next page's items, perhaps none; `None` after the last page.
    ///
    /// # Errors
    /// As every call. The page is read again by the next call.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>, Failure> {
        let Some(url) = self.next.clone() else { return Ok(None) };
        let request = Request::get(self.resource, url.clone());
        let page = self.client.call(&request, |body| Page::read(body, self.key)).await?;
        self.next = match page.next {
            Some(next) => Some(follow(&url, &next)?),
            None => None,
        };
        Ok(Some(page.items))
    }

    /// The address of the next page, by which the list can be taken up again later.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_ref().map(Url::as_str)
    }

    /// All items, up to `limit` of them.
    ///
    /// # Errors
    /// As every call; and there are more.
    pub async fn all(mut self, limit: usize) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        while let Some(page) = self.next_page().await? {
            items.extend(page);
            if items.len() > limit {
                return Err(Failure::never(
                    Reason::BadAnswer,
                    format!(
                        "The list of {} at Twilio has more than {limit} entries, which is more than the bridge reads.",
                        self.resource
                    ),
                ));
            }
        }
        Ok(items)
    }
}

/// The next page's address: path and query as Twilio gives them, on the server that was asked.
/// The credentials go nowhere else, and a region's or a proxy's address stays in use.
pub(super) fn follow(current: &Url, next: &str) -> Result<Url, Failure> {
    let wrong = || {
        Failure::later(
            Reason::BadAnswer,
            None,
            "Twilio's list names a next page that leads nowhere. It is tried again by itself.",
        )
    };
    let next = current.join(next).map_err(|_| wrong())?;
    let mut url = current.clone();
    url.set_path(next.path());
    url.set_query(next.query());
    if url == *current { Err(wrong()) } else { Ok(url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_followed_on_the_server_that_was_asked_only() {
        let current: Url = "https://eu.example.com/v1/Things?PageSize=50".parse().expect("a URL");
        let next = |next: &str| follow(&current, next).map(String::from);
        let expected = Ok("https://eu.example.com/v1/Things?PageToken=x".to_owned());
        assert_eq!(next("https://conversations.twilio.com/v1/Things?PageToken=x"), expected);
        assert_eq!(next("http://127.0.0.1:1/v1/Things?PageToken=x"), expected);
        assert_eq!(next("/v1/Things?PageToken=x"), expected);
        assert!(next("https://eu.example.com/v1/Things?PageSize=50").is_err());
        assert!(next("https://[").is_err());
    }
}
