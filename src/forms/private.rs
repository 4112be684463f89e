//! The shortcut "reply privately" on a message from a phone: a form of `dm`, to whoever wrote it. The
//! button of a card of the inbox opens the same.
//!
//! It is a conversation of its own with that one person, behind a sender of its own. Whether
//! WhatsApp takes free words there is for [`operations`](crate::operations) to say; so the form asks
//! for words where it does, and for a template where it does not.

use std::collections::BTreeMap;

use partyline_core::{Address, Field, FieldKind, Form, FormRequest, Happening, Speaker};

use super::create::field;
use super::templates::TEMPLATE;
use super::{CommandForms, said};
use crate::commands::Desk;
use crate::ledger::LedgerError;
use crate::operations::takes_free_words;

/// The field of what is written, and what goes along unseen.
pub(super) const TEXT: &str = "text";
pub(super) const WHO: &str = "who";
const ROOM: &str = "room";

const TITLE: &str = "Reply privately";

pub(super) async fn form(forms: &CommandForms, request: &FormRequest) -> Result<Form, LedgerError> {
    let desk = &forms.desk;
    // From a card of the inbox it is known to whom.
    let given = request.one(WHO).and_then(|who| who.parse::<Address>().ok());
    let to = match &given {
        Some(_) => given.clone(),
        None => writer(desk, request).await?,
    };
    let Some(to) = to else {
        return Ok(said(
            TITLE,
            "This did not come from a phone, or is older than the bridge keeps messages: there is nobody to reply to.",
        ));
    };
    let speaker = Speaker::new(partyline_core::Network::Twilio, to.as_str());
    let group = desk.links.conversation(&request.room).unwrap_or_else(|| request.room.clone());
    let name = desk.contacts.names().resolve(&speaker, &group).await.name;
    // What is of the inbox finds its thread by itself.
    let thread = request.thread.as_ref().filter(|_| given.is_none()).map(ToString::to_string);
    let room = request.one(ROOM).map(ToOwned::to_owned).or(thread);
    let mut intro = match &room {
        Some(_) => format!(
            "To {name} alone: nobody else of the group gets it. Answers come into the thread under the message, and what is written there goes to {name} alone."
        ),
        None => {
            format!("To {name} alone. It stands in the thread as well, and answers come there.")
        }
    };
    let mut fields = Vec::new();
    if takes_free_words(desk, &to).await? {
        fields.push(field(TEXT, "Message", FieldKind::Lines(1600)));
    } else {
        intro.push_str(&format!(
            " WhatsApp takes free words only for a day after {name} wrote to a sender, and to the sender of such a conversation {name} has not: choose a template."
        ));
        let asked = forms.templates.fields(request.one(TEMPLATE), false).await;
        fields.extend(asked.into_iter().map(|one| match one.name.as_str() {
            TEMPLATE => Field { label: "Template".into(), ..one },
            _ => one,
        }));
    }
    let mut unseen = BTreeMap::from([(WHO.to_owned(), vec![String::from(to)])]);
    unseen.extend(room.map(|room| (ROOM.to_owned(), vec![room])));
    Ok(Form {
        title: TITLE.into(),
        submit: Some("Send".into()),
        intro: Some(intro),
        fields,
        unseen,
    })
}

/// Whoever wrote the message on a phone.
async fn writer(desk: &Desk, request: &FormRequest) -> Result<Option<Address>, LedgerError> {
    let Some(message) = &request.message else { return Ok(None) };
    for place in std::iter::once(&request.room).chain(&request.thread) {
        if let Some(event) = desk.ledger.said(place, message).await? {
            return Ok(match &event.happening {
                Happening::Message { speaker, .. } => speaker.address(),
                _ => None,
            });
        }
    }
    Ok(None)
}

/// The argument that a field fills in.
pub(super) fn argument(field: &str) -> Option<&'static str> {
    Some(match field {
        WHO => "who",
        TEXT => "text",
        ROOM => "room",
        _ => return None,
    })
}
