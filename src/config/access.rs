//! `[access]`: who may do everything.

use partyline_core::{Network, PersonId};

use super::section::{Noted, Section};

/// `[access]`.
#[derive(Clone, Debug)]
pub struct Access {
    /// People who may give every command, on every group.
    pub admins: Vec<PersonId>,
    /// The Slack user group (`S…`) whose members are administrators too.
    pub slack_admin_group: Option<String>,
    /// The Matrix power level from which on somebody is an administrator, in the room where they
    /// have it.
    pub matrix_admin_power: Option<i64>,
}

impl Access {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let admins = section.list(
            "admins",
            "Write people as slack:U0123ABC (Slack profile, Copy member ID) or matrix:@maya:example.org",
            |text| match text.parse::<PersonId>() {
                Ok(PersonId { network: Network::Twilio, .. }) => {
                    Err("somebody on a phone cannot be an admin".to_owned())
                }
                Ok(PersonId { network: Network::Operator, .. }) => {
                    Err("the operator is one already".to_owned())
                }
                Ok(person) => Ok(person),
                Err(error) => Err(error.to_string()),
            },
        );
        let slack_admin_group = section.optional(
            "slack_admin_group",
            "Write the id of a user group: S0123ABC (Slack: People, User groups, Copy group ID)",
            |text| {
                let right = text.len() > 1
                    && text.starts_with('S')
                    && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                right.then(|| text.to_owned()).ok_or_else(|| "this is no user group".to_owned())
            },
        );
        let matrix_admin_power = section.optional_number("matrix_admin_power", 1..=100);
        Ok(Self {
            admins: admins?,
            slack_admin_group: slack_admin_group?,
            matrix_admin_power: matrix_admin_power?,
        })
    }
}
