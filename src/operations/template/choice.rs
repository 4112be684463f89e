//! Which template is meant, whether it may be sent, and whether its variables are right.

use std::collections::BTreeMap;

use partyline_core::Template;

use crate::ledger::fold;
use crate::operations::work::{Stop, Work};
use crate::templates::{Filled, Templates, is_approved};

/// Finds a template that may be sent, and checks its variables. `Err` is a sentence.
pub(in crate::operations) async fn find(
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
pub(super) fn allowed<'a>(
    templates: &Templates,
    template: &'a Template,
) -> Result<&'a Template, String> {
    if templates.allows(template) {
        return Ok(template);
    }
    Err(format!(
        "The template \"{}\" is not among those that are allowed here (whatsapp.templates in the configuration). `template list` shows them.",
        template.name
    ))
}

/// Checks approval and variables.
pub(super) fn fill(
    template: &Template,
    given: &BTreeMap<String, String>,
) -> Result<Filled, String> {
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
