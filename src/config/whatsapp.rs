//! `[whatsapp]`: templates, and what is done for members whose window is closed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::forms;
use super::section::{Noted, Section};

/// `[whatsapp]`.
#[derive(Clone, Debug)]
pub struct WhatsApp {
    /// The templates that may be sent, by SID (`HX…`) or name; none named: all that are approved.
    pub templates: Vec<String>,
    /// The template that invites whoever has not written for a day, unless a group has another one.
    pub reengagement_template: Option<String>,
    /// What its variables are: text, with `{group}` for the group's name and `{member}` for the
    /// member's.
    pub reengagement_variables: BTreeMap<String, String>,
    /// The language of templates for contacts of whom none is known, as Twilio writes it: `en`.
    pub language: Option<String>,
    /// How often Twilio is asked whether WhatsApp takes a template again, where somebody is to be invited by one
    /// that it paused or rejected.
    pub templates_interval: Duration,
    /// How long something is held for a member who does not write.
    pub hold_for: Duration,
    /// More than so many held messages go as a digest.
    pub digest_after: usize,
}

impl WhatsApp {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, Noted> {
        let templates = section.list(
            "templates",
            "Write SIDs or names of templates: [\"HX…\", \"team_notice\"]",
            |text| match text.trim() {
                "" => Err("there is an empty name".to_owned()),
                name => Ok(name.to_owned()),
            },
        );
        let reengagement_template = section.optional(
            "reengagement_template",
            "Copy the template's Content SID (Twilio console, Content Template Builder), or leave the key out",
            forms::sid("HX"),
        );
        let reengagement_variables = section.list(
            "reengagement_variables",
            "Write each variable with its value: [\"1={group}\"]",
            |text| {
                let (key, value) = text.split_once('=').ok_or("there is no = in it")?;
                let (key, value) = (key.trim(), value.trim());
                if key.is_empty() || value.is_empty() {
                    return Err("there is nothing on one side of the =".to_owned());
                }
                Ok((key.to_owned(), value.to_owned()))
            },
        );
        let language =
            section.optional("language", "Write a language as Twilio does: en, pt_BR", |text| {
                Ok(text.to_owned())
            });
        let templates_interval = section.span(
            "templates_interval",
            "5 minutes",
            Duration::from_millis(100)..=Duration::from_secs(86_400),
        );
        let hold_for = section.span(
            "hold_for",
            "7 days",
            Duration::from_secs(1)..=Duration::from_secs(366 * 86_400),
        );
        let digest_after = section.number("digest_after", 10, 1..=1000);
        Ok(Self {
            templates: templates?,
            reengagement_template: reengagement_template?,
            reengagement_variables: reengagement_variables?.into_iter().collect(),
            language: language?,
            templates_interval: templates_interval?,
            hold_for: hold_for?,
            digest_after: digest_after?,
        })
    }
}
