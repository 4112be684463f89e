//! Looks for something that may have been sent among the newest messages of a list.

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Failure, Outgoing, Reason, Sent};
use serde::de::DeserializeOwned;

use crate::client::Pages;

/// How far Twilio's clock and ours may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// Goes through a list, the newest first, back to the time at which the delivery was written down, and
/// through `limit` messages at most. `look` says when a message was made, and whether it is the one.
///
/// # Errors
/// As every call; *unknown* where that is not far enough, with the sentence `unsure` behind how many
/// newer ones there are.
pub(crate) async fn look_up<M: DeserializeOwned>(
    mut pages: Pages<'_, M>,
    outgoing: &Outgoing,
    (limit, unsure): (usize, &str),
    look: impl Fn(&M) -> (Option<Timestamp>, Option<Sent>),
) -> Result<Option<Sent>, Failure> {
    let earliest = outgoing.earliest();
    let earliest = earliest.saturating_sub(CLOCKS_APART).unwrap_or(earliest);
    let mut seen = 0;
    while let Some(page) = pages.next_page().await? {
        seen += page.len();
        for message in &page {
            let (made, found) = look(message);
            if made.is_some_and(|made| made < earliest) {
                return Ok(None);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        if seen >= limit {
            let sentence = format!(
                "Whether the message was sent cannot be looked up: more than {limit} newer ones {unsure}"
            );
            return Err(Failure::unknown(Reason::Uncertain, sentence));
        }
    }
    Ok(None)
}
