//! `[access]`: who may do everything.

use partyline_core::{Network, PersonId};

use super::section::{Noted, Section};

/// `[access]`.
#[derive(Clone, Debug)]
pub struct Access {
    /// People who may give every command, on every group.
    pub admins: Vec<PersonId>,
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
                Ok(person) => Ok(person),
                Err(error) => Err(error.to_string()),
            },
        )?;
        Ok(Self { admins })
    }
}
