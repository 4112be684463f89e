//! The Home tab: the groups that somebody may see.
//!
//! An administrator sees all; everybody else those they manage, and those in whose rooms they are.

use partyline_core::{Choice, Home, HomeGroup, Network, PersonId, Place};

use crate::commands::{self, Desk};
use crate::ledger::{Group, GroupFilter, LedgerError};

/// Groups on a page.
const PAGE: u32 = 15;

pub(super) async fn home(desk: &Desk, person: &PersonId, page: u32) -> Result<Home, LedgerError> {
    let page = page.clamp(1, u32::MAX / PAGE);
    // The tab is no room, so that nobody is a member by it.
    let nowhere = Place::new(Network::Slack, "D0");
    let only = crate::roles::sight(desk, person, &nowhere).await?;
    let admin = only.is_none();
    let filter = GroupFilter { only, ..GroupFilter::default() };
    let (groups, total) = desk.ledger.groups(&filter, (page - 1) * PAGE, PAGE).await?;
    let shown = u64::from((page - 1) * PAGE) + groups.len() as u64;
    let intro = match (admin, total) {
        (true, 0) => "There is no group yet.".to_owned(),
        (true, total) => format!("All groups: {total}"),
        (false, 0) => "You are in no group's channel, and manage no group.".to_owned(),
        (false, total) => format!("Groups that you manage, or in whose channels you are: {total}"),
    };
    let unread = if admin { desk.ledger.counts().await?.inbox.unread } else { 0 };
    let intro = match unread {
        0 => intro,
        1 => format!("{intro}. One conversation of the inbox is unread."),
        unread => format!("{intro}. {unread} conversations of the inbox are unread."),
    };
    let forms = match admin {
        true => vec![Choice::new("group create", "New group")],
        false => Vec::new(),
    };
    let groups: Vec<HomeGroup> = groups.iter().map(|group| row(desk, group)).collect();
    let more = !groups.is_empty() && shown < total;
    Ok(Home { intro, groups, page, more, forms })
}

fn row(desk: &Desk, group: &Group) -> HomeGroup {
    let mut about = commands::state_in_words(group.info.state).to_owned();
    if group.members > 0 {
        about.push_str(&format!(", {}", commands::members(group.members)));
    }
    if let Some(description) = &group.info.description {
        about.push_str(&format!(". {description}"));
    }
    let rooms = desk.links.others(&group.info.place);
    HomeGroup { name: group.name().to_owned(), about, rooms }
}
