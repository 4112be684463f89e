//! Templates: found by SID or name, their variables checked before anything is sent, and sent to a
//! group as one message that reaches every member.

mod choice;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use partyline_core::{Action, Address, Button, Channel, Given, Place, Press};

use super::adding;
use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::commands::parse_words;
use crate::invitations::{GroupInvitation, Invitation};
use crate::ledger::{Change, Owed};
use crate::members;
use crate::schedule;
use crate::templates::{Filled, in_language, is_approved};
pub(super) use choice::find;
use choice::{allowed, choose, fill};

/// The longest list of recipients that is named.
const NAMED: usize = 30;

/// What is asked before a template is sent that somebody typed, in a room or at a shell: the text as it
/// will be read. `None` where it was said that it is to be sent, or a form, a program or a schedule
/// gave it.
pub(super) fn unconfirmed(work: &Work<'_>, filled: &Filled, to: &str) -> Option<Done> {
    let (template, variables) = filled;
    asked(work, &template.filled(variables), &format!("{to}:"))
}

/// The same of a text.
pub(super) fn asked(work: &Work<'_>, says: &str, to: &str) -> Option<Done> {
    let scheduled = work.command.event.key.as_str().starts_with(schedule::KEY);
    let (mut words, line) = match &work.line.given {
        _ if scheduled => return None,
        Some(Given::Named(_)) => return None,
        Some(Given::Words(words)) => (words.clone(), words.join(" ")),
        None => {
            let words = parse_words(&work.line.line).ok()?;
            (words.into_iter().map(|word| word.text).collect(), work.line.line.clone())
        }
    };
    if words.iter().any(|word| word == "--yes") {
        return None;
    }
    words.push("--yes".to_owned());
    let prefix = work.desk().prefix(work.command.event.place.network());
    let answer = format!(
        "This goes to {to}\n{says}\nTo send it, give the command with --yes: `{prefix} {line} --yes`",
    );
    let button = |label: &str, press| Button { label: label.to_owned(), danger: false, press };
    let buttons = vec![
        button("Send it", Press::Give(words)),
        button("Do not send it", Press::Say("Nothing was sent.".to_owned())),
    ];
    Some(Done { buttons, ..Done::said(answer) })
}

/// The template for the conversation or the phone, and what it says for each room.
pub(super) fn owed(
    work: &Work<'_>,
    group: &Place,
    (template, variables): &Filled,
    rooms: &[Place],
) -> Vec<Owed> {
    let said = format!(
        "Sent to the phones as the template \"{}\":\n{}",
        template.name,
        template.filled(variables)
    );
    let mut owed = vec![Owed {
        to: group.clone(),
        from: work.command.event.place.clone(),
        speaker: None,
        at: work.desk().clock.now(),
        action: Action::Template { sid: template.sid.clone(), variables: variables.clone() },
    }];
    owed.extend(rooms.iter().map(|room| notice(work, room, group, said.clone())));
    owed
}

/// `notify`: the template to everybody in the group.
pub(super) async fn notify(
    work: &Work<'_>,
    group: &Place,
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Done, Stop> {
    let filled = match find(work, reference, given).await? {
        Ok(found) => found,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
    let members = desk.ledger.members_of(group).await?.into_iter();
    let phones: Vec<(Address, Option<Address>)> = members
        .filter_map(|member| Some((member.participant.address?, member.participant.sender)))
        .filter(|(address, _)| address.channel() != Channel::Client)
        .collect();
    let addresses: Vec<Address> = phones.iter().map(|(address, _)| address.clone()).collect();
    if phones.is_empty() {
        return Ok(Done::said("Nobody in this group is on a phone, so nothing was sent."));
    }
    let who = adding::names(work, &addresses, Some(group), NAMED).await;
    if let Some(question) = unconfirmed(work, &filled, &format!("{} members: {who}", phones.len()))
    {
        return Ok(question);
    }
    let name = &filled.0.name;
    let answer = format!("\"{name}\" goes to {} members: {who}.", phones.len());
    let template = filled.0.sid.clone();
    let owed = match by_language(work, &filled, phones).await? {
        Ok(languages) => to_each(work, group, languages),
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    Ok(Done { answer, owed, ..Done::default() }
        .with("template", &template)
        .with("members", &addresses))
}

/// A phone and its sender.
type Reached = (Address, Option<Address>);

/// The template in somebody's language, with the same values for its variables.
pub(super) async fn in_language_of(
    work: &Work<'_>,
    filled: &Filled,
    address: &Address,
) -> Result<Result<Filled, String>, Stop> {
    let language = work.desk().invitations.language(address).await;
    in_language_named(work, filled, language.as_deref()).await
}

/// The same in a language; in the template's own where none is named.
pub(super) async fn in_language_named(
    work: &Work<'_>,
    (template, variables): &Filled,
    language: Option<&str>,
) -> Result<Result<Filled, String>, Stop> {
    let templates = &work.desk().templates;
    let all = work.attempt(|| templates.all()).await?;
    let chosen = in_language(&all, template, language);
    Ok(allowed(templates, chosen).and_then(|template| fill(template, variables)))
}

/// Who reads which language of a template.
async fn by_language(
    work: &Work<'_>,
    filled: &Filled,
    phones: Vec<Reached>,
) -> Result<Result<Vec<(Filled, Vec<Reached>)>, String>, Stop> {
    let mut languages: Vec<(Filled, Vec<Reached>)> = Vec::new();
    for (address, sender) in phones {
        let chosen = match in_language_of(work, filled, &address).await? {
            Ok(chosen) => chosen,
            Err(sentence) => return Ok(Err(sentence)),
        };
        match languages.iter_mut().find(|(one, _)| one.0.sid == chosen.0.sid) {
            Some((_, readers)) => readers.push((address, sender)),
            None => languages.push((chosen, vec![(address, sender)])),
        }
    }
    Ok(Ok(languages))
}

/// One message for the group where all read one language; otherwise each gets their own, on their
/// phone. Either way each text stands in the rooms.
fn to_each(work: &Work<'_>, group: &Place, languages: Vec<(Filled, Vec<Reached>)>) -> Vec<Owed> {
    let rooms = work.desk().links.others(group);
    if let [(filled, _)] = languages.as_slice() {
        return owed(work, group, filled, &rooms);
    }
    let mut all = Vec::new();
    for (filled, readers) in languages {
        let mut told: &[Place] = &rooms;
        for (address, sender) in readers {
            let Some(sender) = sender else { continue };
            all.extend(owed(work, &Place::phone(&sender, &address), &filled, told));
            told = &[];
        }
    }
    all
}

/// `group template`: the template by which members are invited to write.
pub(super) async fn set_invitation(
    work: &Work<'_>,
    group: &Place,
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Done, Stop> {
    let (template, variables) = match find(work, reference, given).await? {
        Ok(found) => found,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let answer = format!(
        "Members who have not written for 24 hours are invited by \"{}\", once, when something is said that they cannot get. It says: {}",
        template.name,
        template.filled(&variables)
    );
    let own = GroupInvitation::Own(Invitation { sid: template.sid, variables });
    Ok(Done::changed(answer, vec![Change::Invitation(group.clone(), own)]))
}

/// `template list`.
pub(super) async fn list(work: &Work<'_>) -> Result<Done, Stop> {
    let templates = &work.desk().templates;
    let mut all = work.attempt(|| templates.all()).await?.to_vec();
    all.retain(|one| templates.allows(one));
    if all.is_empty() {
        return Ok(Done::said(
            "There is no template yet: make one in the Twilio console (Content).",
        ));
    }
    all.sort_by(|a, b| (!is_approved(a), &a.name).cmp(&(!is_approved(b), &b.name)));
    let mut text = String::new();
    for one in all.iter().take(50) {
        let variables: Vec<&str> = one.variables.keys().map(String::as_str).collect();
        let _ = write!(text, "• {} ({}): {}", one.name, one.language, one.status);
        if !variables.is_empty() {
            let _ = write!(text, ", variables {}", variables.join(", "));
        }
        text.push('\n');
    }
    if all.len() > 50 {
        let _ = writeln!(text, "and {} more", all.len() - 50);
    }
    text.truncate(text.trim_end().len());
    Ok(Done::answered(text))
}

/// `template show`.
pub(super) async fn show(work: &Work<'_>, reference: &str) -> Result<Done, Stop> {
    let templates = &work.desk().templates;
    let all = work.attempt(|| templates.all()).await?;
    let template = match choose(&all, reference) {
        Ok(template) => template,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let mut text = format!("{} ({}): {}", template.name, template.language, template.status);
    if let Some(why) = &template.rejection {
        let _ = write!(text, " ({why})");
    }
    if let Some(category) = &template.category {
        let _ = write!(text, ", {category}");
    }
    let _ = write!(text, "\n{}\nSID {}", template.body, template.sid);
    let examples: Vec<String> =
        template.variables.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let _ = write!(
        text,
        "\n`notify {} {}` sends it to this room's group.",
        template.name,
        examples.join(" ")
    );
    Ok(Done::answered(text))
}
