//! Templates: found by SID or name, their variables checked before anything is sent, and sent to a
//! group as one message that reaches every member.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use partyline_core::{Action, Address, Channel, Place, Template};

use super::adding;
use super::create::notice;
use super::work::{Done, Stop, Work};
use crate::ledger::{Owed, fold};
use crate::members;

/// The longest list of recipients that is named.
const NAMED: usize = 30;

/// A template, and what its variables are.
type Filled = (Template, BTreeMap<String, String>);

/// Finds a template that may be sent, and checks its variables. `Err` is a sentence.
pub(super) async fn find(
    work: &Work<'_>,
    reference: &str,
    given: &BTreeMap<String, String>,
) -> Result<Result<Filled, String>, Stop> {
    let manage = work.manage()?;
    let all = work.attempt(|| manage.templates()).await?;
    Ok(choose(&all, reference).and_then(|template| fill(template, given)))
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
    // One name in several languages: the approved one, if there is one of these alone.
    let approved: Vec<&Template> = found.iter().copied().filter(|one| is_approved(one)).collect();
    match (found.as_slice(), approved.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one),
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

fn is_approved(template: &Template) -> bool {
    template.status.eq_ignore_ascii_case("approved")
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

/// The template for the conversation, and what it says for each room.
pub(super) fn owed(
    work: &Work<'_>,
    group: &Place,
    template: &Template,
    variables: &BTreeMap<String, String>,
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
    let (template, variables) = match find(work, reference, given).await? {
        Ok(found) => found,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
    let addresses: Vec<Address> = desk
        .ledger
        .members_of(group)
        .await?
        .into_iter()
        .filter_map(|member| member.participant.address)
        .collect();
    let phones: Vec<Address> =
        addresses.into_iter().filter(|one| one.channel() != Channel::Client).collect();
    if phones.is_empty() {
        return Ok(Done::said("Nobody in this group is on a phone, so nothing was sent."));
    }
    let who = adding::names(work, &phones, Some(group), NAMED).await;
    let owed = owed(work, group, &template, &variables, &desk.links.others(group));
    Ok(Done {
        answer: format!("\"{}\" goes to {} members: {who}.", template.name, phones.len()),
        owed,
        ..Done::default()
    }
    .with("template", &template.sid)
    .with("members", &phones))
}

/// `template list`.
pub(super) async fn list(work: &Work<'_>) -> Result<Done, Stop> {
    let manage = work.manage()?;
    let mut all = work.attempt(|| manage.templates()).await?;
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
    let manage = work.manage()?;
    let all = work.attempt(|| manage.templates()).await?;
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
        assert!(found("nothing").expect_err("none").contains("There is no template"));
    }
}
