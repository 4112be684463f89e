//! The button "add to a group" on a card of the inbox: a form of `member add`, for whoever the card is
//! about.

use partyline_core::{Choice, Field, FieldKind, Form, FormRequest, Network, Place, Speaker};

use super::create::field;
use super::private::WHO;
use super::{CommandForms, said};
use crate::commands::Desk;
use crate::ledger::GroupFilter;

/// The field of the group.
pub(crate) const GROUP: &str = "group";

/// Groups that are shown for a beginning.
const SHOWN: u32 = 50;

const TITLE: &str = "Add to a group";

pub(super) async fn form(forms: &CommandForms, request: &FormRequest) -> Form {
    let Some(who) = request.one(WHO) else {
        return said(TITLE, "It is not known any more whom this is about.");
    };
    let speaker = Speaker::new(Network::Twilio, who);
    let name = forms.desk.contacts.names().resolve(&speaker, &Place::conversation("")).await.name;
    let intro = format!(
        "{name} gets what is said in the group from then on, and is heard there. Where another sender is free, this conversation goes on beside it; otherwise they can be moved out of it."
    );
    let group = Field {
        hint: Some("Type the beginning of its name.".into()),
        ..field(GROUP, "Group", FieldKind::Search)
    };
    Form {
        title: TITLE.into(),
        submit: Some("Add".into()),
        intro: Some(intro),
        fields: vec![group],
        unseen: [(WHO.to_owned(), vec![who.to_owned()])].into(),
    }
}

/// Groups by the beginning of their names; all where there is none.
pub(super) async fn groups(desk: &Desk, text: &str) -> Vec<Choice> {
    let found = match text.trim() {
        "" => desk.ledger.groups(&GroupFilter::default(), 0, SHOWN).await.map(|(found, _)| found),
        text => desk.ledger.find_groups(text, SHOWN).await,
    };
    let found = found.unwrap_or_else(|error| {
        tracing::error!(%error, "groups could not be searched");
        Vec::new()
    });
    found.iter().map(|group| Choice::new(group.info.place.id(), group.name())).collect()
}

/// The argument that a field fills in.
pub(super) fn argument(field: &str) -> Option<&'static str> {
    match field {
        GROUP => Some("group"),
        WHO => Some("who"),
        _ => None,
    }
}
