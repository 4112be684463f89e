//! The button "choose an invitation" beside what is held for members whose window is closed: a form of
//! `group template`.

use partyline_core::{Form, FormRequest};

use super::adding::GROUP;
use super::templates::{SET, TEMPLATE};
use super::{CommandForms, said};

const TITLE: &str = "Choose an invitation";

pub(super) async fn form(forms: &CommandForms, request: &FormRequest) -> Form {
    let Some(group) = request.one(GROUP) else {
        return said(TITLE, "It is not known any more which group this is about.");
    };
    Form {
        title: TITLE.into(),
        submit: Some("Set it".into()),
        intro: Some(
            "Members who have not written for a day get this template, once until they write; then they get what was held for them. {group} and {member} stand for names.".into(),
        ),
        fields: forms.templates.fields(request.one(TEMPLATE), false).await,
        unseen: [(GROUP.to_owned(), vec![group.to_owned()])].into(),
    }
}

/// The argument that a field fills in.
pub(super) fn argument(field: &str) -> Option<&'static str> {
    match field {
        GROUP => Some("group"),
        TEMPLATE => Some("template"),
        field if field.starts_with(SET) => Some("variables"),
        _ => None,
    }
}
