//! `window` and `group template`: who can be written to in free words, and how the others are invited.

use std::fmt::Write as _;

use jiff::Timestamp;
use partyline_core::{Channel, Lateness, Network, Speaker};

use super::create::pairs;
use super::{Argument, Call, Command, Kind, Outcome};
use crate::invitations::GroupInvitation;
use crate::invitations::Standing;
use crate::ledger::{Change, LedgerError, MemberWindow};
use crate::operations::Operation;
use crate::policy::{Openness, Right, Window};

const GROUP: Argument = Argument::word("group", Kind::Group).maybe();

/// Members that are shown.
const SHOWN: usize = 100;

pub(super) const WINDOW: Command = Command {
    words: "window",
    arguments: &[GROUP],
    right: Right::Member,
    help: "Shows to whom of a group WhatsApp takes free words until when, who was invited to write, and what is held for them until they do.",
    examples: &["window", "window \"Spring launch\""],
    run: |call| Box::pin(async move { Ok(window(&call).await?.unwrap_or_else(|answer| answer)) }),
};

pub(super) const TEMPLATE: Command = Command {
    words: "group template",
    arguments: &[
        GROUP,
        Argument::word("template", Kind::Template),
        Argument::word("variables", Kind::Pair).any(),
    ],
    right: Right::Manager,
    help: "Sets the template by which a group's members are invited to write, once for each time that their window has closed: a template with its variables, in which {group} and {member} stand for names; `default` for the configuration's, `none` for no invitation.",
    examples: &[
        "group template team_notice 1={group}",
        "group template \"Spring launch\" team_notice 1=\"The launch team\"",
        "group template none",
        "group template default",
    ],
    run: |call| Box::pin(async move { Ok(template(&call).unwrap_or_else(|answer| answer)) }),
};

fn template(call: &Call) -> Result<Outcome, Outcome> {
    let group = call.group()?.info.place.clone();
    let template = call.arguments.one("template").unwrap_or_default().to_owned();
    let variables = pairs(call.arguments.all("variables"));
    let (invitation, answer) = match template.to_lowercase().as_str() {
        "none" => (GroupInvitation::Off, "Members of this group are not invited to write."),
        "default" => (
            GroupInvitation::Default,
            "Members of this group are invited to write as the configuration says.",
        ),
        _ => {
            return Ok(Outcome::Operation(Operation::SetInvitation { group, template, variables }));
        }
    };
    Ok(Outcome::Change(Change::Invitation(group, invitation), answer.to_owned()))
}

async fn window(call: &Call) -> Result<Result<Outcome, Outcome>, LedgerError> {
    let group = match call.group() {
        Ok(group) => group,
        Err(answer) => return Ok(Err(answer)),
    };
    let (desk, place) = (&call.desk, &group.info.place);
    let mut members = desk.ledger.members_of(place).await?;
    members.retain(|one| {
        let address = one.participant.address.as_ref();
        address.is_some_and(|address| address.channel() != Channel::Client)
    });
    let windows = desk.ledger.windows_of(place).await?;
    let now = desk.clock.now();
    let mut text = String::new();
    for member in members.iter().take(SHOWN) {
        let Some(address) = &member.participant.address else { continue };
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        let name = desk.contacts.names().resolve(&speaker, place).await.name;
        let known = windows.iter().find(|one| one.participant == member.participant.sid);
        let state = in_words(address.channel(), known, &desk.lateness, now);
        let _ = writeln!(text, "• {name}: {state}");
    }
    if members.len() > SHOWN {
        let _ = writeln!(text, "and {} more", members.len() - SHOWN);
    }
    if members.is_empty() {
        let _ = writeln!(text, "Nobody on a phone is known to be in \"{}\".", group.name());
    }
    let prefix = call.prefix();
    let why = match desk.invitations.standing(place).await? {
        Standing::Goes(_) => None,
        Standing::Off => Some(String::new()),
        Standing::Refused { name, status } => {
            Some(format!(", since WhatsApp's word on the invitation \"{name}\" is \"{status}\""))
        }
    };
    if let Some(why) = why {
        let _ = writeln!(
            text,
            "Nobody is invited to write{why}: `{prefix} group template TEMPLATE` sets the template that does it."
        );
    }
    text.truncate(text.trim_end().len());
    Ok(Ok(Outcome::Answer(text)))
}

/// The window of a member who is reached by this channel, in words.
pub(crate) fn in_words(
    channel: Channel,
    known: Option<&MemberWindow>,
    lateness: &Lateness,
    now: Timestamp,
) -> String {
    let window = known.map(|known| known.window).unwrap_or_default();
    let mut words = match window.openness(channel, now) {
        Openness::Always => return "takes free words at any time".to_owned(),
        Openness::Unknown => "has not written yet: templates only".to_owned(),
        Openness::Until(until) => {
            let left = until.duration_since(now);
            let hours = left.as_hours();
            let span =
                if hours > 0 { format!("{hours} h") } else { format!("{} min", left.as_mins()) };
            format!("window open until {} ({span})", lateness.words(until, now))
        }
        Openness::Closed => closed(&window, lateness, now),
    };
    if let Some(invited) = known.and_then(|known| known.invited) {
        let _ = write!(words, ", invited {}", lateness.words(invited, now));
    }
    match known.map_or(0, |known| known.held) {
        0 => {}
        1 => words.push_str(", 1 message held"),
        held => {
            let _ = write!(words, ", {held} messages held");
        }
    }
    words
}

fn closed(window: &Window, lateness: &Lateness, now: Timestamp) -> String {
    match window.heard {
        Some(heard) => format!("window closed, last wrote {}", lateness.words(heard, now)),
        None => "window closed, has not written yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_told_with_what_hangs_on_it() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        let at = |minutes: i64| Some(now - jiff::SignedDuration::from_mins(minutes));
        let known = |heard, invited, held| MemberWindow {
            participant: "MB1".into(),
            window: Window { heard, refused: None },
            invited,
            held,
        };
        let told = |known: Option<MemberWindow>| {
            in_words(Channel::WhatsApp, known.as_ref(), &Lateness::default(), now)
        };
        assert_eq!(told(Some(known(at(30), None, 0))), "window open until 21 Nov 11:30 UTC (23 h)");
        assert_eq!(
            told(Some(known(at(24 * 60 - 5), None, 0))),
            "window open until 12:05 UTC (5 min)"
        );
        assert_eq!(
            told(Some(known(at(24 * 60), at(60), 2))),
            "window closed, last wrote 19 Nov 12:00 UTC, invited 11:00 UTC, 2 messages held"
        );
        assert_eq!(told(None), "has not written yet: templates only");
    }
}
