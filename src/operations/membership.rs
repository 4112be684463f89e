//! `member add`, `member remove`, `member list`.

use std::fmt::Write as _;

use partyline_core::{Address, Channel, MemberInfo, Place, Verdict};

use super::adding::{self, Plan};
use super::moving;
use super::work::{Done, Stop, Work};
use crate::commands::{Desk, window_in_words};
use crate::crash::{Point, point};
use crate::ledger::{Member, StoredParticipant, fold};
use crate::members;

/// Members that are shown.
const SHOWN: usize = 100;

/// Who of these can be added to a group, and behind which sender: marked, so that what is begun is
/// gone on with. `Err` is the sentence of a limit.
pub(super) async fn planned(
    work: &mut Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
) -> Result<Result<Plan, String>, Stop> {
    if let Some(plan) = work.marked::<Plan>("plan") {
        return Ok(Ok(plan));
    }
    let plan = drafted(work, group, wanted, sender).await?;
    if let Ok(plan) = &plan {
        work.mark("plan", plan, Vec::new()).await?;
    }
    Ok(plan)
}

/// The same, looked up now.
async fn drafted(
    work: &Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
) -> Result<Result<Plan, String>, Stop> {
    let groups = work.groups()?;
    let present = work.attempt(|| groups.members(group)).await?;
    let named = sender.map(std::slice::from_ref);
    let pool = named.unwrap_or(&work.desk().senders);
    adding::plan(work, Some(group), &present, wanted, pool).await
}

/// Adds these to a group. With `moves`, those of whom no sender is free leave another group for it; first
/// it is known that nothing else keeps them out of this one.
pub(super) async fn add(
    work: &mut Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
    moves: bool,
) -> Result<Done, Stop> {
    let groups = work.groups()?;
    let mut leaving = moving::known(work).unwrap_or_default();
    if moves && work.marked::<Plan>("plan").is_none() {
        if moving::known(work).is_none() {
            leaving = match drafted(work, group, wanted, sender).await? {
                Ok(plan) => moving::leaving(work, group, &plan.elsewhere, sender).await?,
                Err(sentence) => return Ok(Done::said(sentence)),
            };
        }
        moving::free(work, &leaving).await?;
    }
    let plan = match planned(work, group, wanted, sender).await? {
        Ok(plan) => plan,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let added = adding::add(work, group, &plan).await?;
    let desk = work.desk();
    let names = desk.contacts.names();
    work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await?;
    let mut answer = String::new();
    if !plan.there.is_empty() {
        let who = adding::names(work, &plan.there, Some(group), SHOWN).await;
        let _ = writeln!(answer, "In the group already: {who}.");
    }
    let total = plan.adding.len() + plan.refused.len();
    if total > 0 {
        answer.push_str(&adding::progress(&added, total));
        if !added.added.is_empty() && added.added.len() <= SHOWN {
            let who = adding::names(work, &added.added, Some(group), SHOWN).await;
            let _ = write!(answer, "\nNew in the group: {who}.");
        }
    }
    answer.truncate(answer.trim_end().len());
    let buttons = if moves { Vec::new() } else { moving::offer(group, &added.elsewhere) };
    let owed = moving::told(work, group, &leaving, &added).await?;
    let done = Done { buttons, owed, ..Done::answered(answer) };
    Ok(added.told(done).with("present", &plan.there))
}

/// Takes these out of a group: all of them, or, where one is not found, nobody.
pub(super) async fn remove(
    work: &mut Work<'_>,
    group: &Place,
    wanted: &[(String, Option<Address>)],
) -> Result<Done, Stop> {
    let groups = work.groups()?;
    let going: Vec<(String, String, Option<Address>)> = match work.marked("going") {
        Some(going) => going,
        None => {
            let present = work.attempt(|| groups.members(group)).await?;
            match chosen(work, group, &present, wanted).await {
                Ok(going) => {
                    work.mark("going", &going, Vec::new()).await?;
                    going
                }
                Err(sentence) => return Ok(Done::said(sentence)),
            }
        }
    };
    let manage = work.manage()?;
    let (mut gone, mut left, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (sid, name, address) in going {
        match work.attempt(|| manage.remove_member(group, &sid)).await {
            Ok(()) => {
                if let Some(address) = &address {
                    work.desk().contacts.names().forget_member(group, address);
                }
                let who = StoredParticipant {
                    conversation: group.clone(),
                    sid,
                    address: address.clone(),
                    sender: None,
                    name: None,
                };
                work.desk().ledger.forget_participant(who).await?;
                gone.push(name);
                removed.push(address);
            }
            Err(Stop::Platform(failure)) => {
                let outage = failure.verdict != Verdict::Never;
                left.push(format!("{name}: {}", failure.sentence));
                if outage {
                    break;
                }
            }
            Err(stop) => return Err(stop),
        }
        point(Point::GroupMember);
    }
    let mut answer = match gone.len() {
        0 => "Nobody was taken out.".to_owned(),
        _ => format!("No longer in the group: {}.", gone.join(", ")),
    };
    if !left.is_empty() {
        let _ = write!(answer, " Still in it: {}. Give the command again later.", left.join("; "));
    }
    Ok(Done::answered(answer).with("removed", removed).with("refused", left))
}

/// The participants that are meant, each with SID, name and address.
async fn chosen(
    work: &Work<'_>,
    group: &Place,
    present: &[MemberInfo],
    wanted: &[(String, Option<Address>)],
) -> Result<Vec<(String, String, Option<Address>)>, String> {
    let mut named = Vec::new();
    for member in present {
        let name = match &member.address {
            Some(address) => adding::name(work, address, Some(group)).await,
            None => member.name.clone().unwrap_or_else(|| member.participant.clone()),
        };
        named.push((member, name));
    }
    let mut going: Vec<(String, String, Option<Address>)> = Vec::new();
    let mut wrong = Vec::new();
    for (text, address) in wanted {
        let by_address = |member: &MemberInfo| {
            let key = address.as_ref().map(Address::contact_key);
            key.is_some() && member.address.as_ref().map(Address::contact_key) == key
        };
        let is = |test: &dyn Fn(&MemberInfo, &str) -> bool| -> Vec<usize> {
            let found = named.iter().enumerate().filter(|(_, (member, name))| test(member, name));
            found.map(|(at, _)| at).collect()
        };
        let folded = fold(text);
        let mut found = is(&|member, _| by_address(member));
        if found.is_empty() {
            found = is(&|_, name| fold(name) == folded);
        }
        if found.is_empty() {
            found = is(&|_, name| fold(name).starts_with(&folded));
        }
        match found.as_slice() {
            [one] => {
                let (member, name) = &named[*one];
                let row = (member.participant.clone(), name.clone(), member.address.clone());
                if !going.contains(&row) {
                    going.push(row);
                }
            }
            [] => wrong.push(format!("\"{text}\" is not in the group")),
            several => {
                let names: Vec<&str> = several.iter().map(|at| named[*at].1.as_str()).collect();
                wrong.push(format!("\"{text}\" can be {}", names.join(" or ")));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(going);
    }
    Err(format!("Nobody was taken out: {}. `member list` shows who is in it.", wrong.join("; ")))
}

/// Who is in a group, with what is known of each.
pub(super) async fn list(work: &Work<'_>, group: &Place, name: &str) -> Result<Done, Stop> {
    let desk = work.desk();
    let (groups, names) = (work.groups()?, desk.contacts.names());
    let learned = work.attempt(|| members::learn(groups, &desk.ledger, names, group)).await;
    let stale = match learned {
        Ok(_) => None,
        Err(Stop::Platform(failure)) if failure.verdict != Verdict::Never => Some(failure.sentence),
        Err(stop) => return Err(stop),
    };
    let all = desk.ledger.members_of(group).await?;
    let (now, windows) = (desk.clock.now(), desk.ledger.windows_of(group).await?);
    let mut text = format!("{} in \"{name}\"", crate::commands::members(all.len() as u64));
    text.push_str(if all.is_empty() { "." } else { ":\n" });
    for member in all.iter().take(SHOWN) {
        let who = match &member.participant.address {
            Some(address) => adding::name(work, address, Some(group)).await,
            None => member.participant.name.clone().unwrap_or_else(|| "somebody".into()),
        };
        let known = windows.iter().find(|one| one.participant == member.participant.sid);
        let window = window_in_words(Channel::WhatsApp, known, &desk.lateness, now);
        let _ = write!(text, "• {who}{}", about(member, &who, window));
        if let Some(muted) = muted(desk, group, member) {
            let _ = write!(text, "; {muted}");
        }
        // A name in the participant's attributes was given by a person, too.
        if let Some(address) = &member.participant.address
            && member.participant.name.is_none()
            && let Some(profile) = names.suggestion(address).await
        {
            let prefix = desk.prefix(work.line.answer.place.network());
            let suggested = crate::commands::suggestion(prefix, address.contact_key(), &profile);
            let _ = write!(text, "; {suggested}");
        }
        text.push('\n');
    }
    if all.len() > SHOWN {
        let _ = writeln!(text, "and {} more", all.len() - SHOWN);
    }
    if let Some(sentence) = stale {
        let _ = writeln!(text, "This is as of when Twilio was last asked. {sentence}");
    }
    text.truncate(text.trim_end().len());
    Ok(Done::answered(text))
}

/// How a member is muted, if they are.
fn muted(desk: &Desk, group: &Place, member: &Member) -> Option<String> {
    let key = member.participant.address.as_ref()?.contact_key();
    let now = desk.clock.now();
    let mute = desk.moderation.mute_of(group, key).filter(|mute| mute.covers(now))?;
    Some(match mute.until {
        Some(until) => format!("muted until {}", desk.moderation.time(until, now)),
        None => "muted".to_owned(),
    })
}

/// What is known of a member: number, channel, window, the last delivery.
fn about(member: &Member, name: &str, window: String) -> String {
    let mut about = Vec::new();
    if let Some(address) = &member.participant.address {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        if digits(name) != digits(address.as_str()) || address.channel() == Channel::Client {
            about.push(address.contact_key().to_owned());
        }
        about.push(match address.channel() {
            Channel::WhatsApp => "WhatsApp".into(),
            Channel::Sms => "SMS".into(),
            Channel::Messenger => "Messenger".into(),
            Channel::Client => "an SDK client".into(),
        });
        if let Some(sender) = &member.participant.sender {
            let number = sender.number().unwrap_or(sender.as_str());
            about.push(format!("behind {number}"));
        }
        if address.channel() == Channel::WhatsApp {
            about.push(window);
        }
    }
    match (member.status.as_deref(), member.error) {
        (Some(status @ ("failed" | "undelivered")), Some(code)) => {
            about.push(format!("last message {status} (error {code})"));
        }
        (Some(status), _) => about.push(format!("last message {status}")),
        (None, _) => {}
    }
    if about.is_empty() { String::new() } else { format!(": {}", about.join(", ")) }
}
