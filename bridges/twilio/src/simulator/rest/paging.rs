//! Lists: a page of them, and the addresses of the pages beside it.
//!
//! Each item has a place that never changes (a message its index), and a page is known by the
//! place where it begins, so that what is added meanwhile neither doubles nor hides an item.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{Answer, Call, Refusal, Result};

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
struct Page {
    size: usize,
    number: u64,
    from: From,
}

#[derive(Clone, Copy, Debug)]
enum From {
    Start,
    After(u64),
    Before(u64),
}

impl Page {
    fn read(call: &Call, most: u64) -> Result<Self> {
        let size = call.number("PageSize")?.unwrap_or(50);
        if size == 0 || size > most {
            return Err(Refusal::bad(20001, format!("PageSize must be from 1 to {most}")));
        }
        let from = match call.field("PageToken") {
            None | Some("") => From::Start,
            Some(token) => {
                let wrong = || Refusal::bad(20001, "Invalid PageToken");
                let (kind, place) = token.split_at_checked(2).ok_or_else(wrong)?;
                let place = place.parse().map_err(|_| wrong())?;
                match kind {
                    "PA" => From::After(place),
                    "PB" => From::Before(place),
                    _ => return Err(wrong()),
                }
            }
        };
        let number = call.number("Page")?.unwrap_or(0);
        Ok(Self { size: usize::try_from(size).unwrap_or(usize::MAX), number, from })
    }
}

/// A list in answer to a request, at most `most` items a page. `range` yields the items between
/// two places, by rising place; `descending` turns the list round.
pub(super) fn list<I>(
    call: &Call,
    key: &str,
    most: u64,
    descending: bool,
    range: impl FnOnce(Bound<u64>, Bound<u64>) -> I,
) -> Result
where
    I: DoubleEndedIterator<Item = (u64, Value)>,
{
    let page = Page::read(call, most)?;
    let (mut items, back) = match page.from {
        From::Start => (take(range(Bound::Unbounded, Bound::Unbounded), descending, page), false),
        From::After(place) if descending => {
            (take(range(Bound::Unbounded, Bound::Excluded(place)), true, page), false)
        }
        From::After(place) => {
            (take(range(Bound::Excluded(place), Bound::Unbounded), false, page), false)
        }
        From::Before(place) if descending => {
            (take(range(Bound::Excluded(place), Bound::Unbounded), false, page), true)
        }
        From::Before(place) => {
            (take(range(Bound::Unbounded, Bound::Excluded(place)), true, page), true)
        }
    };
    // One more than a page was taken, to know whether there is another.
    let more = items.len() > page.size;
    items.truncate(page.size);
    if back {
        items.reverse();
    }
    let first = items.first().map(|(place, _)| *place);
    let last = items.last().map(|(place, _)| *place);
    let next = last.filter(|_| more || back);
    let previous = first.filter(|_| page.number > 0 && (more || !back));
    let url = |number: u64, token: Option<String>| address(call, page.size, number, token);
    let here = match page.from {
        From::Start => url(page.number, None),
        From::After(place) => url(page.number, Some(format!("PA{place}"))),
        From::Before(place) => url(page.number, Some(format!("PB{place}"))),
    };
    let meta = json!({
        "page": page.number,
        "page_size": page.size,
        "first_page_url": url(0, None),
        "previous_page_url":
            previous.map(|place| url(page.number - 1, Some(format!("PB{place}")))),
        "url": here,
        "next_page_url": next.map(|place| url(page.number + 1, Some(format!("PA{place}")))),
        "key": key,
    });
    let items: Vec<Value> = items.into_iter().map(|(_, item)| item).collect();
    Ok(Answer::Found(json!({ "meta": meta, key: items })))
}

fn take(
    items: impl DoubleEndedIterator<Item = (u64, Value)>,
    from_the_end: bool,
    page: Page,
) -> Vec<(u64, Value)> {
    if from_the_end {
        items.rev().take(page.size + 1).collect()
    } else {
        items.take(page.size + 1).collect()
    }
}

fn address(call: &Call, size: usize, number: u64, token: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.filters());
    query.append_pair("PageSize", &size.to_string());
    query.append_pair("Page", &number.to_string());
    if let Some(token) = token {
        query.append_pair("PageToken", &token);
    }
    format!("{}{}?{}", call.inner.base, call.scope.path, query.finish())
}
