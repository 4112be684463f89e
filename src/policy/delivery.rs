//! How far a message came, and what is said of one that does not come.

use std::collections::BTreeMap;

use partyline_core::{ReceiptStatus, Tick};

use crate::ledger::{Phone, Receipt};

/// How far a message came that went to these members. `None` while nothing is known, or where
/// nobody has a phone.
#[must_use]
pub fn tick(members: &[Phone], receipts: &[Receipt]) -> Option<Tick> {
    if receipts.iter().any(is_failure) {
        return Some(Tick::Failed);
    }
    if receipts.is_empty() || members.is_empty() {
        return None;
    }
    // For each member, how many parts came, and how many were read.
    let mut came: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for receipt in receipts {
        let (delivered, read) = came.entry(&receipt.participant).or_default();
        let is_read = receipt.status == ReceiptStatus::Read;
        *read += usize::from(is_read);
        *delivered += usize::from(is_read || receipt.status == ReceiptStatus::Delivered);
    }
    let of = |member: &Phone| came.get(member.participant.as_str()).copied().unwrap_or_default();
    if members.iter().all(|member| of(member).1 >= member.parts) {
        Some(Tick::Read)
    } else if members.iter().all(|member| of(member).0 >= member.parts) {
        Some(Tick::Delivered)
    } else {
        Some(Tick::Sent)
    }
}

/// Twilio's code for free words to a WhatsApp user outside of the window
/// (twilio.com/docs/api/errors/63016).
pub const CLOSED: u32 = 63016;

/// What people are told of a message that is held for these, of so many members. `how` says why nobody
/// is invited, and how that is changed, where it is so.
#[must_use]
pub fn waiting(held: &[String], members: usize, how: Option<&str>) -> String {
    let when = if how.is_none() { "when they answer the invitation" } else { "once they write" };
    let mut line = format!("{} of {members} will get this {when}: {}.", held.len(), list(held));
    if let Some(how) = how {
        line.push_str(" WhatsApp takes free words for somebody only within 24 hours after they last wrote, and ");
        line.push_str(how);
    }
    line
}

/// Names, those of many cut short.
fn list<T: AsRef<str>>(names: &[T]) -> String {
    const NAMED: usize = 10;
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// Whether it says that the message does not come.
#[must_use]
pub const fn is_failure(receipt: &Receipt) -> bool {
    matches!(receipt.status, ReceiptStatus::Failed | ReceiptStatus::Undelivered)
}

/// Why a message does not come to somebody, and what can be done, by Twilio's error code (Twilio's
/// error dictionary, twilio.com/docs/api/errors).
#[must_use]
pub fn why(code: Option<u32>) -> String {
    let words = match code {
        Some(CLOSED) => {
            "WhatsApp takes free words for somebody only within 24 hours after they last wrote. `notify TEMPLATE` sends an approved template instead (`template list` shows them); once they answer, free words arrive again."
        }
        Some(63003 | 63024) => {
            "the number is not on WhatsApp, or WhatsApp does not take messages for it. Check the number; `member remove` and `member add` with the right one, or without `whatsapp:` for SMS."
        }
        Some(63014) => {
            "they have blocked this sender on WhatsApp. Ask them by another way to unblock it."
        }
        Some(21610) => {
            "they have opted out by STOP. Nothing is sent to them until they write START to the number."
        }
        Some(30003) => {
            "the phone is switched off or out of reach. It is not tried again by itself."
        }
        Some(30004 | 30007) => {
            "the carrier has blocked the message. Say it in other words, without links; if it goes on, ask Twilio's support."
        }
        Some(30005) => {
            "the carrier does not know the number. Check it; `member remove` takes a wrong one out."
        }
        Some(30006) => {
            "the number is a landline, or its carrier takes no text messages. Use another number; `member remove` takes this one out."
        }
        Some(63018) => "too much was sent to them in a short time.",
        Some(code) => {
            return format!(
                "Twilio's error {code}, which https://www.twilio.com/docs/api/errors/{code} explains."
            );
        }
        None => "Twilio does not say why.",
    };
    words.to_owned()
}

/// Whether nothing will come to a number by this channel however often it is tried, by Twilio's error
/// code: it is not on WhatsApp, nobody's, or a landline.
#[must_use]
pub const fn is_out_of_reach(code: Option<u32>) -> bool {
    matches!(code, Some(63003 | 63024 | 30005 | 30006))
}

/// Whether the same words may come to a phone if they are sent once more, by Twilio's error code: it was
/// off, or too much was sent to it at a time.
#[must_use]
pub const fn may_come_later(code: Option<u32>) -> bool {
    matches!(code, Some(30003 | 63018))
}

/// What people are told of a message that does not come to these, each with Twilio's error code.
/// `whose` is the name of whoever said it on a phone.
#[must_use]
pub fn told(whose: Option<&str>, failed: &[(String, Option<u32>)]) -> String {
    let mut by_code: BTreeMap<Option<u32>, Vec<&str>> = BTreeMap::new();
    for (name, code) in failed {
        by_code.entry(*code).or_default().push(name);
    }
    let sentence = |(code, names): (Option<u32>, Vec<&str>)| {
        let who = list(&names);
        match whose {
            Some(whose) => format!("What {whose} said was not delivered to {who}: {}", why(code)),
            None => format!("Not delivered to {who}: {}", why(code)),
        }
    };
    by_code.into_iter().map(sentence).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use partyline_core::MessageId;
    use proptest::prelude::*;

    use super::*;

    fn phones(count: usize, parts: usize) -> Vec<Phone> {
        let phone = |number| Phone {
            participant: format!("MB{number}"),
            address: format!("whatsapp:+1415555010{number}"),
            name: None,
            parts,
        };
        (0..count).map(phone).collect()
    }

    fn receipt(part: usize, phone: usize, status: ReceiptStatus) -> Receipt {
        Receipt {
            message: MessageId::new(format!("IM{part}")),
            participant: format!("MB{phone}"),
            status,
            error: None,
            told: false,
        }
    }

    #[test]
    fn a_message_came_as_far_as_it_came_to_the_last_of_the_members() {
        use ReceiptStatus::{Delivered, Failed, Read, Sent, Undelivered};
        let of = |parts, all: &[(usize, usize, ReceiptStatus)]| {
            let receipts: Vec<_> =
                all.iter().map(|(part, phone, status)| receipt(*part, *phone, *status)).collect();
            tick(&phones(2, parts), &receipts)
        };
        assert_eq!(of(1, &[]), None);
        assert_eq!(of(1, &[(0, 0, Read)]), Some(Tick::Sent));
        assert_eq!(of(1, &[(0, 0, Read), (0, 1, Sent)]), Some(Tick::Sent));
        assert_eq!(of(1, &[(0, 0, Read), (0, 1, Delivered)]), Some(Tick::Delivered));
        assert_eq!(of(1, &[(0, 0, Read), (0, 1, Read)]), Some(Tick::Read));
        assert_eq!(of(2, &[(0, 0, Read), (0, 1, Read)]), Some(Tick::Sent));
        assert_eq!(of(1, &[(0, 0, Read), (0, 1, Undelivered)]), Some(Tick::Failed));
        assert_eq!(of(1, &[(0, 1, Failed)]), Some(Tick::Failed));
        // Somebody who has left counts no more.
        assert_eq!(of(1, &[(0, 0, Read), (0, 1, Read), (0, 7, Sent)]), Some(Tick::Read));
    }

    #[test]
    fn each_reason_is_told_once_with_everybody_whom_it_concerns() {
        let failed = [("Maya", Some(63016)), ("Ben", Some(30003)), ("Aiko", Some(63016))]
            .map(|(name, code)| (name.to_owned(), code));
        let told_here = told(None, &failed);
        assert_eq!(told_here.lines().count(), 2);
        assert!(
            told_here.contains("Not delivered to Ben: the phone is switched off"),
            "{told_here}"
        );
        assert!(told_here.contains("Not delivered to Maya, Aiko: WhatsApp takes"), "{told_here}");
        let of_a_phone = told(Some("Nora"), &failed[..1]);
        assert!(
            of_a_phone.starts_with("What Nora said was not delivered to Maya: "),
            "{of_a_phone}"
        );
        let many: Vec<_> = (0..12).map(|n| (format!("P{n}"), None)).collect();
        assert!(told(None, &many).contains("P9 and 2 more: Twilio does not say why."));
    }

    proptest! {
        /// News only ever moves a message on: one more member who has read it makes it no worse.
        #[test]
        fn reading_makes_nothing_worse(read in proptest::collection::vec(any::<bool>(), 1..6)) {
            let all = phones(read.len(), 1);
            let status = |read: bool| if read { ReceiptStatus::Read } else { ReceiptStatus::Delivered };
            let receipts: Vec<_> = read.iter().enumerate()
                .map(|(phone, read)| receipt(0, phone, status(*read))).collect();
            let expected = if read.iter().all(|read| *read) { Tick::Read } else { Tick::Delivered };
            prop_assert_eq!(tick(&all, &receipts), Some(expected));
        }
    }
}
