//! Who may do what. Asked in one place only: before a command runs.

use partyline_core::{Network, PersonId};

/// What a command asks of whoever gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Anybody in a room.
    Everybody,
    /// Somebody named under `access.admins`.
    Admin,
}

impl Right {
    /// In words, for `help` and the documentation.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Everybody => "anybody in a room",
            Self::Admin => "administrators",
        }
    }
}

/// Whether this person may do what asks for this right. Nobody on a phone may do anything.
#[must_use]
pub fn may(person: &PersonId, asked: Right, admins: &[PersonId]) -> bool {
    person.network != Network::Twilio
        && match asked {
            Right::Everybody => true,
            Right::Admin => admins.contains(person),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_named_is_an_administrator() {
        let maya = PersonId::new(Network::Slack, "U1");
        let other = PersonId::new(Network::Matrix, "U1");
        let admins = [maya.clone()];
        assert!(may(&maya, Right::Admin, &admins));
        assert!(!may(&other, Right::Admin, &admins));
        assert!(may(&other, Right::Everybody, &admins));
        assert!(!may(&maya, Right::Admin, &[]));
    }

    #[test]
    fn nobody_on_a_phone_may_do_anything() {
        let phone = PersonId::new(Network::Twilio, "whatsapp:+14155550100");
        assert!(!may(&phone, Right::Everybody, std::slice::from_ref(&phone)));
        assert!(!may(&phone, Right::Admin, std::slice::from_ref(&phone)));
    }
}
