//! Who may do what. Asked in one place only, before a command runs; `docs/permissions.md` has the
//! table of it.

/// What a command asks of whoever gives it. Each right includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Anybody in a room.
    Everybody,
    /// Somebody in a room that is tied to the group.
    Member,
    /// A manager of the group: who made it, and whoever was granted `manager` for it.
    Manager,
    /// An administrator.
    Admin,
}

impl Right {
    /// In words, for `help` and the documentation.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Everybody => "anybody in a room",
            Self::Member => "the group's rooms",
            Self::Manager => "the group's managers and administrators",
            Self::Admin => "administrators",
        }
    }
}

/// What is known of somebody who wants something, in regard to one group. The facts are gathered
/// by [`crate::roles`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Somebody on a phone: a stranger.
    pub phone: bool,
    /// Speaks in a room that is tied to the group.
    pub member: bool,
    /// Manages the group that is meant.
    pub manager: bool,
    /// May do everything.
    pub admin: bool,
}

impl Standing {
    /// Whoever has the admin token or the machine.
    pub const OPERATOR: Self = Self { phone: false, member: false, manager: false, admin: true };
}

/// Whether somebody of this standing may do what asks for this right. Nobody on a phone may do
/// anything.
#[must_use]
pub const fn may(standing: Standing, asked: Right) -> bool {
    let Standing { phone, member, manager, admin } = standing;
    !phone
        && match asked {
            Right::Everybody => true,
            Right::Member => member || manager || admin,
            Right::Manager => manager || admin,
            Right::Admin => admin,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RIGHTS: [Right; 4] = [Right::Everybody, Right::Member, Right::Manager, Right::Admin];
    const NOBODY: Standing = Standing { phone: false, member: false, manager: false, admin: false };

    fn granted(standing: Standing) -> Vec<bool> {
        RIGHTS.into_iter().map(|right| may(standing, right)).collect()
    }

    #[test]
    fn each_standing_has_its_rights_and_no_others() {
        assert_eq!(granted(NOBODY), [true, false, false, false]);
        assert_eq!(granted(Standing { member: true, ..NOBODY }), [true, true, false, false]);
        assert_eq!(granted(Standing { manager: true, ..NOBODY }), [true, true, true, false]);
        assert_eq!(granted(Standing { admin: true, ..NOBODY }), [true, true, true, true]);
        assert_eq!(granted(Standing::OPERATOR), [true, true, true, true]);
    }

    proptest! {
        #[test]
        fn nobody_on_a_phone_may_do_anything(
            member: bool, manager: bool, admin: bool,
        ) {
            let phone = Standing { phone: true, member, manager, admin };
            prop_assert_eq!(granted(phone), [false; 4]);
        }

        #[test]
        fn more_standing_takes_no_right_away(member: bool, manager: bool, admin: bool) {
            let before = granted(Standing { phone: false, member, manager, admin });
            for more in [
                Standing { phone: false, member: true, manager, admin },
                Standing { phone: false, member, manager: true, admin },
                Standing { phone: false, member, manager, admin: true },
            ] {
                for (before, after) in before.iter().zip(granted(more)) {
                    prop_assert!(!before || after);
                }
            }
        }
    }
}
