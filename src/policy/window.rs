//! WhatsApp's window: for a day after somebody wrote to a sender, that sender may write to them in
//! free words (WhatsApp Business policy; twilio.com/docs/whatsapp/key-concepts). SMS and the other
//! channels have none.

use jiff::{SignedDuration, Timestamp};
use partyline_core::{Address, Channel};

/// How long it is open.
const OPEN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is known of the window between somebody and a sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When they last wrote to the sender.
    pub heard: Option<Timestamp>,
    /// When the newest message was said that WhatsApp refused as outside of the window (63016).
    pub refused: Option<Timestamp>,
}

/// Whether somebody can be written to in free words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    /// At any time: it is not WhatsApp.
    Always,
    /// Until then.
    Until(Timestamp),
    /// Not before they write again.
    Closed,
    /// Nobody knows: they were never heard by the bridge, and nothing was refused yet.
    Unknown,
}

impl Window {
    /// Whether somebody who is reached by this channel can be written to now. What WhatsApp refused
    /// counts for more than our own reckoning.
    #[must_use]
    pub fn openness(&self, channel: Channel, now: Timestamp) -> Openness {
        if channel != Channel::WhatsApp {
            return Openness::Always;
        }
        let until = match (self.heard, self.refused) {
            (None, None) => return Openness::Unknown,
            (heard, Some(refused)) if heard.is_none_or(|heard| heard <= refused) => None,
            (heard, _) => heard.and_then(|heard| heard.checked_add(OPEN_FOR).ok()),
        };
        until.filter(|until| now < *until).map_or(Openness::Closed, Openness::Until)
    }
}

/// Those of a group's members to whom what is said now does not come before they write again. Whoever
/// was never heard is tried: WhatsApp tells.
pub fn shut_out<'a, T>(
    members: impl IntoIterator<Item = (&'a Address, Window, T)>,
    now: Timestamp,
) -> Vec<T> {
    let shut = |(address, window, member): (&Address, Window, T)| {
        let closed = window.openness(address.channel(), now) == Openness::Closed;
        closed.then_some(member)
    };
    members.into_iter().filter_map(shut).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    const DAY: i64 = 86_400;

    #[test]
    fn it_is_open_for_a_day_after_somebody_wrote_and_for_sms_always() {
        let heard = Window { heard: Some(at(0)), refused: None };
        assert_eq!(heard.openness(Channel::WhatsApp, at(DAY - 1)), Openness::Until(at(DAY)));
        assert_eq!(heard.openness(Channel::WhatsApp, at(DAY)), Openness::Closed);
        assert_eq!(heard.openness(Channel::Sms, at(9 * DAY)), Openness::Always);
        assert_eq!(Window::default().openness(Channel::WhatsApp, at(0)), Openness::Unknown);
    }

    #[test]
    fn what_whatsapp_refused_closes_it_until_they_write_again() {
        let refused = Window { heard: Some(at(5)), refused: Some(at(9)) };
        assert_eq!(refused.openness(Channel::WhatsApp, at(10)), Openness::Closed);
        let again = Window { heard: Some(at(10)), ..refused };
        assert_eq!(again.openness(Channel::WhatsApp, at(11)), Openness::Until(at(DAY + 10)));
    }

    proptest! {
        /// To have heard somebody later never closes a window, and more time never opens one.
        #[test]
        fn hearing_opens_and_time_closes(
            heard in 0..3 * DAY, later in 0..DAY, refused in proptest::option::of(0..3 * DAY),
            now in 0..6 * DAY, after in 0..DAY,
        ) {
            let window = |heard| Window { heard: Some(at(heard)), refused: refused.map(at) };
            let open = |window: Window, now| {
                matches!(window.openness(Channel::WhatsApp, at(now)), Openness::Until(_))
            };
            prop_assert!(!open(window(heard), now) || open(window(heard + later), now));
            prop_assert!(!open(window(heard), now + after) || open(window(heard), now));
        }

        /// Everybody is either shut out or reached, and nobody who has another channel is shut out.
        #[test]
        fn whoever_is_shut_out_is_on_whatsapp_and_was_not_heard_for_a_day(
            members in proptest::collection::vec((any::<bool>(), proptest::option::of(0..3 * DAY)), 0..60),
        ) {
            let now = at(3 * DAY);
            let members: Vec<(Address, Window)> = members.into_iter().enumerate()
                .map(|(number, (whatsapp, heard))| {
                    let front = if whatsapp { "whatsapp:" } else { "" };
                    let address = format!("{front}+1415555{number:04}").parse().expect("an address");
                    (address, Window { heard: heard.map(at), refused: None })
                }).collect();
            let all = members.iter().enumerate().map(|(n, (address, window))| (address, *window, n));
            for shut in shut_out(all, now) {
                let (address, window) = &members[shut];
                prop_assert_eq!(address.channel(), Channel::WhatsApp);
                prop_assert!(window.heard.is_some_and(|heard| now.duration_since(heard) >= OPEN_FOR));
            }
        }
    }
}
