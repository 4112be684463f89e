//! Messages of which it is still to be asked what became of them, where Twilio does not call: written down
//! in the commit that stores what a phone said, or settles what was sent to phones.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Event, Happening, MessageId, Place};
use rusqlite::params;

use super::threads::Writing;
use super::{Accepted, Ledger, LedgerError, Sql, timestamp};

/// How old it may be what a phone said for it to be asked what became of it.
const LATELY: SignedDuration = SignedDuration::from_mins(10);

/// A message of which it is still to be asked what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// The conversation, or the phone, that it went to.
    pub place: Place,
    /// The message.
    pub message: MessageId,
    /// Since when that is to be asked.
    pub since: Timestamp,
    /// How often it was.
    pub asked: u32,
    /// When it is to be asked next.
    pub due: Timestamp,
}

/// What a phone has just said in a conversation Twilio gives to the others there.
pub(super) fn said(
    writing: &Writing<'_>,
    event: &Event,
    (now, first): (i64, i64),
    accepted: &mut Accepted,
) -> Sql<()> {
    let since = timestamp(now).saturating_sub(LATELY).unwrap_or_default();
    match &event.happening {
        Happening::Message { id, .. } if event.place.is_conversation() && event.at >= since => {
            expect(writing, (&event.place, id), (now, first), accepted)
        }
        _ => Ok(()),
    }
}

/// A message went to phones: after `first` milliseconds it is asked what became of it.
pub(super) fn expect(
    writing: &Writing<'_>,
    (place, message): (&Place, &MessageId),
    (now, first): (i64, i64),
    accepted: &mut Accepted,
) -> Sql<()> {
    accepted.inquiries = true;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO inquiries (place, message, since, due) VALUES (?1, ?2, ?3, ?3 + ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![place.to_string(), message.as_str(), now, first])
        .map(drop)
}

impl Ledger {
    /// The same ledger, which writes down of each message that goes to phones that it is to be asked what
    /// became of it, after this pause.
    #[must_use]
    pub fn inquiring(mut self, first: Duration) -> Self {
        self.inquires = Some(i64::try_from(first.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// What is to be asked next, at most `limit`.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn inquiries(&self, limit: u32) -> Result<Vec<Inquiry>, LedgerError> {
        self.threads
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT place, message, since, asked, due FROM inquiries
                         ORDER BY due LIMIT ?1",
                    )?
                    .query_map([limit], |row| {
                        let (place, message): (String, String) = (row.get(0)?, row.get(1)?);
                        let (since, due) = (timestamp(row.get(2)?), timestamp(row.get(4)?));
                        let (message, asked) = (MessageId::new(message), row.get(3)?);
                        let inquiry = |place| Inquiry { place, message, since, asked, due };
                        Ok(place.parse().ok().map(inquiry))
                    })?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }

    /// It was asked, so often by now, and is to be asked again at this time, or no more.
    ///
    /// # Errors
    /// It is to be asked as before.
    pub async fn inquired(
        &self,
        inquiry: &Inquiry,
        asked: u32,
        again: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let (place, message) = (inquiry.place.to_string(), inquiry.message.clone());
        self.threads
            .write(move |writing| {
                let connection = writing.connection;
                let done = match again {
                    Some(due) => connection
                        .prepare_cached(
                            "UPDATE inquiries SET asked = ?3, due = ?4
                             WHERE place = ?1 AND message = ?2",
                        )?
                        .execute(params![place, message.as_str(), asked, due.as_millisecond()]),
                    None => connection
                        .prepare_cached("DELETE FROM inquiries WHERE place = ?1 AND message = ?2")?
                        .execute(params![place, message.as_str()]),
                };
                done.map(drop)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use partyline_core::{Content, Network, Speaker};

    use super::super::tests::{conversation, entry, open, reopen, room};
    use super::super::{Entry, Order};
    use super::*;

    /// The message of this index, said just now or long ago.
    fn said(ledger: &Ledger, index: u64, ago: SignedDuration) -> Entry {
        let mut entry = entry(&conversation(), index, &room(), Order::Counted);
        entry.event.at = ledger.now() - ago;
        entry.event.happening = Happening::Message {
            id: MessageId::new(format!("IM{index}")),
            speaker: Speaker::new(Network::Twilio, "whatsapp:+14155550101"),
            content: Content::plain("hello"),
        };
        entry
    }

    /// A start loses none of it, however much it is; and what was said long ago is nobody's question.
    #[tokio::test]
    async fn what_is_still_to_be_asked_is_known_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder).inquiring(Duration::from_secs(5));
        let old = said(&ledger, 0, SignedDuration::from_hours(1));
        let fresh = (1..=300).map(|index| said(&ledger, index, SignedDuration::ZERO));
        let entries: Vec<Entry> = std::iter::once(old).chain(fresh).collect();
        assert!(ledger.accept(entries).await.unwrap().inquiries);
        drop(ledger);
        let ledger = reopen(&folder).await;
        let all = ledger.inquiries(1000).await.unwrap();
        assert_eq!(all.len(), 300);
        let first = &all[0];
        assert_eq!((first.asked, first.due), (0, first.since + SignedDuration::from_secs(5)));
        ledger.inquired(first, 1, Some(first.due + SignedDuration::from_mins(1))).await.unwrap();
        ledger.inquired(&all[1], 1, None).await.unwrap();
        let left = ledger.inquiries(1000).await.unwrap();
        assert_eq!((left.len(), left[298].asked), (299, 1), "asked last");
        assert_eq!(left[298].message, first.message);
        // Where the hooks tell of it, nothing is asked.
        let accepted = ledger.accept(vec![said(&ledger, 301, SignedDuration::ZERO)]).await.unwrap();
        assert!(!accepted.inquiries);
    }
}
