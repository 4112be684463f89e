//! The templates of the page. askama escapes whatever is put into them.

use askama::Template;

use super::super::cast::{
    CHANNEL, COLLEAGUES, Colleague, GROUP, INBOX, MEMBERS, Member, SENDER, owner, spaced,
};
use super::super::keeper::State;
use super::super::live::Region;
use super::super::markup::Style;
use super::super::view::{Control, Form, Line, Mark, Part, PhoneView};
use super::region;

/// The page as it is first.
#[derive(Template)]
#[template(path = "page.html")]
pub(in crate::sandbox) struct Whole<'a> {
    group: &'static str,
    channel: &'static str,
    sender: String,
    inbox: &'static str,
    phones: Vec<Phone<'a>>,
    stranger: Phone<'a>,
    colleagues: &'static [Colleague],
    matrix: Option<&'a str>,
    bridge: &'a str,
    posts: &'a str,
    threads: &'a str,
    forms: &'a str,
}

struct Phone<'a> {
    number: usize,
    member: &'static Member,
    owner: &'a str,
    log: &'a str,
}

impl<'a> Whole<'a> {
    /// The page with these regions, and the Matrix room that is tied to the group.
    pub(super) fn new(regions: &'a [Region], matrix: Option<&'a str>) -> Self {
        let phone = |number| Phone {
            number,
            member: owner(number),
            owner: region(regions, &format!("phone-{number}-owner")),
            log: region(regions, &format!("phone-{number}-log")),
        };
        Self {
            group: GROUP,
            channel: CHANNEL,
            sender: spaced(SENDER.trim_start_matches("whatsapp:")),
            inbox: INBOX,
            phones: (0..MEMBERS.len()).map(phone).collect(),
            stranger: phone(MEMBERS.len()),
            colleagues: &COLLEAGUES,
            matrix,
            bridge: region(regions, "bridge"),
            posts: region(regions, "channel-log"),
            threads: region(regions, "inbox-log"),
            forms: region(regions, "forms"),
        }
    }
}

/// The daemon's state and switch.
#[derive(Template)]
#[template(path = "bridge.html")]
pub(in crate::sandbox) struct Bridge<'a> {
    pub(in crate::sandbox) state: &'a State,
}

/// Whose phone it is, with its switches.
#[derive(Template)]
#[template(path = "owner.html")]
pub(in crate::sandbox) struct Owner<'a> {
    pub(in crate::sandbox) phone: &'a PhoneView,
}

impl Owner<'_> {
    fn member(&self) -> &'static Member {
        owner(self.phone.number)
    }
}

/// The chat on a phone.
#[derive(Template)]
#[template(path = "phone.html")]
pub(in crate::sandbox) struct Log<'a> {
    pub(in crate::sandbox) phone: &'a PhoneView,
}

/// What stands in a channel.
#[derive(Template)]
#[template(path = "channel.html")]
pub(in crate::sandbox) struct Channel<'a> {
    pub(in crate::sandbox) lines: &'a [Line],
    /// Where the page says things in it: `/api/channel`.
    pub(in crate::sandbox) room: &'static str,
}

/// The forms that people have before them.
#[derive(Template)]
#[template(path = "forms.html")]
pub(in crate::sandbox) struct Forms<'a> {
    pub(in crate::sandbox) forms: &'a [Form],
}
