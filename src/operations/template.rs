//! Templates: found by SID or name, their variables checked before anything is sent, and sent to a
//! group as one message that reaches every member.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use partyline_core::{Action, Address, Button, Channel, Given, Place, Press, Template};

use super::adding;
use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::commands::parse_words;
use crate::invitations::{GroupInvitation, Invitation};
use crate::ledger::{Change, Owed, fold};
use crate::members;
use crate::schedule;
use crate::templates::{Filled, Templates, in_language, is_approved};

/// The longest list of recipients that is named.
const NAMED: usize = 30;

/// Finds a template that may be sent, and checks its variables. `Err` is a sentence.
pub(super) async fn find(
    work: &Work<'_>,
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Result<Filled, String>, Stop> {
    let templates = &work.desk().templates;
    let all = work.attempt(|| templates.all()).await?;
    Ok(choose(&all, reference)
        .and_then(|template| allowed(templates, template))
        .and_then(|template| fill(template, given)))
}

/// The template of this SID or name; the beginning of a name is enough where it is the only one.
pub(super) fn choose<'a>(all: &'a [Template], reference: &str) -> Result<&'a Template, String> {
    let wanted = fold(reference);
    let exact = |one: &&Template| one.sid == reference || fold(&one.name) == wanted;
    let begins = |one: &&Template| fold(&one.name).starts_with(&wanted);
    let found: Vec<&Template> = match all.iter().filter(exact).collect::<Vec<_>>() {
        found if found.is_empty() => all.iter().filter(begins).collect(),
        found => found,
    };
    // One name in several languages: of those, the approved ones.
    let approved: Vec<&Template> = found.iter().copied().filter(|one| is_approved(one)).collect();
    match (found.as_slice(), approved.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one),
        // Which language is each reader's affair.
        (_, [first, rest @ ..]) if rest.iter().all(|one| one.name == first.name) => Ok(first),
        ([], _) => {
            Err(format!("There is no template \"{reference}\". `template list` shows them."))
        }
        (several, _) => {
            let names: Vec<String> = several
                .iter()
                .take(8)
                .map(|one| format!("{} in {} ({})", one.name, one.language, one.sid))
                .collect();
            Err(format!(
                "\"{reference}\" can be several templates: {}. Give the SID.",
                names.join(", ")
            ))
        }
    }
}

/// The template, where the configuration allows it.
fn allowed<'a>(templates: &Templates, template: &'a Template) -> Result<&'a Template, String> {
    if templates.allows(template) {
        return Ok(template);
    }
    Err(format!(
        "The template \"{}\" is not among those that are allowed here (whatsapp.templates in the configuration). `template list` shows them.",
        template.name
    ))
}

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

/// Checks approval and variables.
fn fill(template: &Template, given: &BTreeMap<String, String>) -> Result<Filled, String> {
    let name = &template.name;
    if !is_approved(template) {
        let why = template.rejection.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        return Err(format!(
            "WhatsApp has not approved the template \"{name}\": it is {}{why}. `template list` shows those that are.",
            template.status
        ));
    }
    let wanted: Vec<&str> = template.variables.keys().map(String::as_str).collect();
    if let Some(odd) = given.keys().find(|key| !template.variables.contains_key(*key)) {
        return Err(if wanted.is_empty() {
            format!("The template \"{name}\" has no variables, so {odd}=… means nothing.")
        } else {
            format!("The template \"{name}\" has no variable {odd}: it has {}.", wanted.join(", "))
        });
    }
    let missing: Vec<String> = template
        .variables
        .iter()
        .filter(|(key, _)| given.get(*key).is_none_or(|value| value.trim().is_empty()))
        .map(|(key, example)| format!("{key}=\"{example}\""))
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "The template \"{name}\" needs its variables; for example: {}. It says: {}",
            missing.join(" "),
            template.body
        ));
    }
    Ok((template.clone(), given.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn template(name: &str, status: &str) -> Template {
        Template {
            sid: format!("HX{name}"),
            name: name.into(),
            language: "en".into(),
            category: None,
            status: status.into(),
            rejection: None,
            body: "Hello {{1}}, {{ 2 }}. {{x}} {{".into(),
            variables: [("1", "Maya"), ("2", "at ten")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_are_checked_before_anything_is_sent() {
        let notice = template("team_notice", "approved");
        let refused = |pairs| fill(&notice, &given(pairs)).expect_err("refused");
        assert!(refused(&[("1", "Maya")]).contains("2=\"at ten\""));
        assert!(refused(&[("1", "Maya"), ("2", " ")]).contains("needs its variables"));
        assert!(
            refused(&[("1", "a"), ("2", "b"), ("3", "c")])
                .contains("has no variable 3: it has 1, 2.")
        );
        let all = given(&[("1", "{{2}}"), ("2", "at nine")]);
        assert!(fill(&notice, &all).is_ok());
        assert_eq!(notice.filled(&all), "Hello {{2}}, at nine. {{x}} {{");
        let pending = fill(&template("sale", "pending"), &all).expect_err("refused");
        assert!(pending.contains("it is pending"), "{pending}");
    }

    #[test]
    fn a_template_is_found_by_sid_name_or_beginning() {
        let all = [
            template("team_notice", "approved"),
            template("team_news", "approved"),
            template("sale", "pending"),
        ];
        let found = |reference| choose(&all, reference).map(|one| one.name.as_str());
        assert_eq!(found("HXsale"), Ok("sale"));
        assert_eq!(found("TEAM_news"), Ok("team_news"));
        assert_eq!(found("team_no"), Ok("team_notice"));
        assert!(found("team").expect_err("several").contains("several templates"));
        let german = Template { language: "de".into(), ..template("sale", "approved") };
        let languages = [german, template("sale", "approved")];
        assert_eq!(choose(&languages, "sale").map(|one| one.language.as_str()), Ok("de"));
        assert!(found("nothing").expect_err("none").contains("There is no template"));
    }
}
