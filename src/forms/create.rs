//! The form of `group create`.

use partyline_core::{Choice, Contact, Field, FieldKind, Form, FormRequest};

use super::CommandForms;
use super::templates::TEMPLATE;
use crate::commands::{self, Desk};
use crate::policy::parse_address;

/// The fields: their names.
pub(super) const NAME: &str = "name";
pub(super) const PEOPLE: &str = "people";
pub(super) const ROOM: &str = "room";
const DESCRIPTION: &str = "description";
const NUMBERS: &str = "numbers";
const SENDER: &str = "sender";
pub(super) const CHANNEL: &str = "channel";

/// People who are shown for a beginning.
const SHOWN: usize = 50;

/// A field that has to be filled in.
pub(super) fn field(name: &str, label: &str, kind: FieldKind) -> Field {
    Field {
        name: name.to_owned(),
        label: label.to_owned(),
        hint: None,
        kind,
        optional: false,
        reloads: false,
        value: None,
    }
}

pub(super) async fn form(forms: &CommandForms, request: &FormRequest) -> Form {
    let desk = &forms.desk;
    let optional = |name, label, kind| Field { optional: true, ..field(name, label, kind) };
    let mut fields = vec![
        field(NAME, "Name", FieldKind::Line(256)),
        optional(DESCRIPTION, "What it is for", FieldKind::Lines(1600)),
        Field {
            hint: Some("Type the beginning of a name, a team or a number.".into()),
            ..optional(PEOPLE, "Members from the contacts", FieldKind::SearchMany)
        },
        Field {
            hint: Some("Numbers or names, with commas or on lines of their own.".into()),
            ..optional(NUMBERS, "Other members", FieldKind::Lines(3000))
        },
    ];
    if desk.senders.len() > 1 {
        let pool = desk.senders.iter().map(|one| Choice::new(one.as_str(), one.as_str()));
        let senders = FieldKind::Choice(pool.collect());
        let hint = Some("Left empty, the bridge chooses one that is free for each member.".into());
        fields.push(Field { hint, ..optional(SENDER, "Sender", senders) });
    }
    fields.extend(forms.templates.fields(request.one(TEMPLATE), true).await);
    fields.extend(room(desk, request));
    Form { title: "A new group".into(), submit: Some("Make it".into()), fields, ..Form::default() }
}

/// Where the group's room is chosen.
fn room(desk: &Desk, request: &FormRequest) -> [Field; 2] {
    let here = commands::can_be_tied(desk, &request.room);
    let mut choices = vec![Choice::new("new", "A new private one")];
    if here {
        choices.insert(0, Choice::new("here", "This one"));
    }
    choices.push(Choice::new("none", "None"));
    let value = Some(choices[0].value.clone());
    [
        Field { value, ..field(ROOM, "Room", FieldKind::Choice(choices)) },
        Field {
            hint: Some("Then the choice above does not count. The bridge must be in it.".into()),
            optional: true,
            ..field(CHANNEL, "Or a room that is there", FieldKind::Room)
        },
    ]
}

/// The argument that a field fills in.
pub(super) fn argument(request: &FormRequest, field: &str) -> Option<&'static str> {
    Some(match field {
        NAME => "name",
        DESCRIPTION => "description",
        PEOPLE | NUMBERS => "member",
        SENDER => "sender",
        ROOM if request.one(CHANNEL).is_none() => "room",
        CHANNEL => "room",
        _ => return None,
    })
}

/// Contacts by the beginning of a name, a team or a number; and a number itself.
pub(super) async fn people(desk: &Desk, text: &str) -> Vec<Choice> {
    let found = desk.contacts.search(text, SHOWN).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the contacts could not be searched");
        Vec::new()
    });
    let mut choices: Vec<Choice> = found.iter().map(choice).collect();
    if let Ok(address) = parse_address(text, *desk.region)
        && !found.iter().any(|one| one.key == address.contact_key())
    {
        choices.push(Choice::new(address.as_str(), format!("{address} (no contact)")));
    }
    choices
}

fn choice(contact: &Contact) -> Choice {
    let team = contact.team.as_ref().map(|team| format!(", {team}")).unwrap_or_default();
    Choice::new(contact.key.as_str(), format!("{}{team} · {}", contact.name, contact.key))
}
