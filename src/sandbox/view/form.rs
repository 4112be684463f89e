//! The forms that people have before them, as Slack would draw them.

use partyline_slack::simulator::{Simulator, View};
use serde_json::Value;

use super::Sources;
use crate::sandbox::cast::COLLEAGUES;
use crate::sandbox::markup::{self, Piece};

/// A form before somebody.
pub(in crate::sandbox) struct Form {
    /// Its id.
    pub(in crate::sandbox) id: String,
    /// Who alone sees it.
    pub(in crate::sandbox) only: &'static str,
    /// Its title.
    pub(in crate::sandbox) title: String,
    /// What stands in it, from top to bottom.
    pub(in crate::sandbox) parts: Vec<Part>,
    /// The button that sends it off, where it has one.
    pub(in crate::sandbox) submit: Option<String>,
    /// The button that closes it.
    pub(in crate::sandbox) close: String,
}

/// A part of a form.
pub(in crate::sandbox) enum Part {
    /// Words.
    Words(Vec<Piece>),
    /// Something to fill in.
    Field(Field),
}

/// Something to fill in.
pub(in crate::sandbox) struct Field {
    /// Its name in the form.
    pub(in crate::sandbox) name: String,
    /// What stands above it.
    pub(in crate::sandbox) label: String,
    /// What stands below it.
    pub(in crate::sandbox) hint: Option<String>,
    /// Whether it can stay empty.
    pub(in crate::sandbox) optional: bool,
    /// What is wrong with what was filled in.
    pub(in crate::sandbox) error: Option<String>,
    /// How it is filled in.
    pub(in crate::sandbox) control: Control,
}

/// How a field is filled in.
pub(in crate::sandbox) enum Control {
    /// By writing.
    Write { text: String, most: u64, lines: bool },
    /// By choosing.
    Choose { choices: Vec<Choice>, many: bool, search: bool },
}

/// Something that can be chosen.
pub(in crate::sandbox) struct Choice {
    pub(in crate::sandbox) value: String,
    pub(in crate::sandbox) label: String,
    pub(in crate::sandbox) chosen: bool,
}

/// The forms of everybody in the workspace.
pub(super) fn view(sources: &Sources<'_>) -> Vec<Form> {
    let world = &sources.stage.world;
    let people = world.colleagues.iter().zip(&COLLEAGUES);
    people
        .filter_map(|(user, who)| {
            Some(form(&world.slack, &world.slack.on_screen(user)?, who.short))
        })
        .collect()
}

fn form(slack: &Simulator, view: &View, only: &'static str) -> Form {
    let word = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    let blocks = view.view["blocks"].as_array().into_iter().flatten();
    let parts = blocks.filter_map(|block| match block["type"].as_str()? {
        "input" => Some(Part::Field(field(slack, view, block)?)),
        "section" => {
            let text = markup::slack_text(slack, block["text"]["text"].as_str()?);
            Some(Part::Words(markup::pieces(&text)))
        }
        _ => None,
    });
    Form {
        id: view.id.clone(),
        only,
        title: word(&view.view["title"]),
        parts: parts.collect(),
        submit: Some(word(&view.view["submit"])).filter(|label| !label.is_empty()),
        close: word(&view.view["close"]),
    }
}

fn field(slack: &Simulator, view: &View, block: &Value) -> Option<Field> {
    let name = block["block_id"].as_str()?.to_owned();
    let (element, filled) = (&block["element"], view.filled_in(&name));
    let kind = element["type"].as_str()?;
    let control = if kind == "plain_text_input" {
        Control::Write {
            text: filled.into_iter().next().map(|(text, _)| text).unwrap_or_default(),
            most: element["max_length"].as_u64().unwrap_or(3000),
            lines: element["multiline"] == true,
        }
    } else {
        let own = element["options"].as_array().into_iter().flatten();
        let mut offered: Vec<(String, String)> = own
            .map(|one| {
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (word(&one["value"]), word(&one["text"]["text"]))
            })
            .collect();
        if kind == "conversations_select" {
            offered =
                slack.channels().into_iter().map(|(id, name)| (id, format!("#{name}"))).collect();
        }
        // What was found by a search and chosen.
        for one in &filled {
            if !offered.iter().any(|(value, _)| *value == one.0) {
                offered.push(one.clone());
            }
        }
        let choice = |(value, label): (String, String)| {
            let chosen = filled.iter().any(|(one, _)| *one == value);
            Choice { value, label, chosen }
        };
        Control::Choose {
            many: kind.starts_with("multi_"),
            search: kind.ends_with("external_select"),
            choices: offered.into_iter().map(choice).collect(),
        }
    };
    Some(Field {
        label: block["label"]["text"].as_str().unwrap_or_default().to_owned(),
        hint: block["hint"]["text"].as_str().map(str::to_owned),
        optional: block["optional"] == true,
        error: view.errors.get(&name).cloned(),
        name,
        control,
    })
}
