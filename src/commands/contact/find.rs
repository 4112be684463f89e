//! `contact show`, `contact find`.

use std::fmt::Write as _;

use partyline_core::Contact;

use super::{Argument, Call, Command, Kind, Outcome, WHO, failed, kept, meant, suggestion};
use crate::contacts::beginning_of_number;
use crate::ledger::LedgerError;
use crate::policy::Right;

/// Contacts that are shown at once.
const SHOWN: usize = 20;

/// People on WhatsApp who are looked at for suggestions.
const SUGGESTED: u32 = 20;

pub(in super::super) const SHOW: Command = Command {
    words: "contact show",
    arguments: &[WHO],
    right: Right::Admin,
    help: "Shows what is known of somebody, and what they call themselves on WhatsApp.",
    examples: &["contact show +14155550100"],
    run: |call| Box::pin(show(call)),
};

pub(in super::super) const FIND: Command = Command {
    words: "contact find",
    arguments: &[Argument::word("text", Kind::Text)],
    right: Right::Admin,
    help: "Finds contacts by the beginning of words of a name, of a team or of a number.",
    examples: &["contact find maya lop", "contact find +1415"],
    run: |call| Box::pin(find(call)),
};

async fn show(call: Call) -> Result<Outcome, LedgerError> {
    let address = match meant(&call).await? {
        Ok(address) => address,
        Err(sentence) => return Ok(Outcome::Refused(sentence)),
    };
    let key = address.contact_key();
    let contact = kept(call.desk.contacts.store().get(key).await)?;
    let profile = call.desk.contacts.names().profile(&address);
    Ok(Outcome::Answer(match (contact, profile) {
        (Some(contact), None) => described(&contact),
        (Some(contact), Some(profile)) => {
            format!("{}\nOn WhatsApp they call themselves {profile}.", described(&contact))
        }
        (None, None) => format!("{key} is no contact."),
        (None, Some(profile)) => {
            format!("{key} is no contact: {}.", suggestion(call.prefix(), key, &profile))
        }
    }))
}

async fn find(call: Call) -> Result<Outcome, LedgerError> {
    let text = call.arguments.one("text").unwrap_or_default();
    let found = call.desk.contacts.search(text, SHOWN + 1).await.map_err(failed)?;
    let mut lines: Vec<String> = found.iter().take(SHOWN).map(line).collect();
    if found.len() <= SHOWN {
        lines.extend(suggested(&call, text).await?);
    }
    if lines.is_empty() {
        return Ok(Outcome::Answer(
            "Nobody is called like that, is in such a team or has such a number.".into(),
        ));
    }
    if found.len() > SHOWN {
        lines.push("… and more: write more of it.".to_owned());
    }
    Ok(Outcome::Answer(lines.join("\n")))
}

/// Those who are no contacts and call themselves like that on WhatsApp, or have such a number.
async fn suggested(call: &Call, text: &str) -> Result<Vec<String>, LedgerError> {
    let number = beginning_of_number(text.trim());
    let beginning = number.as_deref().unwrap_or(text);
    let mut lines = Vec::new();
    for (key, profile) in call.desk.ledger.find_profiles(beginning, SUGGESTED).await? {
        if kept(call.desk.contacts.store().get(&key).await)?.is_none() {
            lines.push(format!("• {key}: {}", suggestion(call.prefix(), &key, &profile)));
        }
    }
    Ok(lines)
}

/// A contact in a line.
fn line(contact: &Contact) -> String {
    let team = contact.team.as_ref().map(|team| format!(", {team}")).unwrap_or_default();
    format!("• {}: {}{team}", contact.key, contact.name)
}

/// Everything that is known of a contact.
fn described(contact: &Contact) -> String {
    let mut text = format!("{}: {}", contact.key, contact.name);
    if let Some(team) = &contact.team {
        let _ = write!(text, "\nTeam: {team}");
    }
    if let Some(picture) = &contact.picture {
        let _ = write!(text, "\nPicture: {picture}");
    }
    for (key, value) in &contact.meta {
        let _ = write!(text, "\n{key}: {value}");
    }
    text
}
