//! What was said, held against what is where: everything at every destination, exactly once, in
//! the order in which each person said it, under the right name.

use std::time::Duration;

use partyline_slack::simulator::Author;

use super::super::cast::{CHANNEL, COLLEAGUES, MEMBERS};
use super::super::markup::slack_text;
use super::super::world::World;

/// How long one wait may take; the whole demo has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// On a member's phone, by number in the cast.
    Phone(usize),
    /// In the channel, by a colleague.
    Channel(usize),
}

/// Something that was said.
#[derive(Debug)]
struct Said {
    from: Origin,
    text: &'static str,
    /// The name that it stands under in the channel.
    name: &'static str,
    /// The name in front of it on phones; none where nobody could put it there.
    in_front: Option<&'static str>,
}

/// All that was said.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<Said>);

/// Something that stands at a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    name: Option<String>,
    text: String,
}

impl Tally {
    /// Something is said, to be seen under this name. No text may be said twice.
    pub(super) fn expect(&mut self, from: Origin, name: &'static str, text: &'static str) {
        self.0.push(Said { from, text, name, in_front: Some(name) });
    }

    /// A member says something that no name is put in front of on phones.
    pub(super) fn expect_unnamed(&mut self, who: usize, name: &'static str, text: &'static str) {
        self.0.push(Said { from: Origin::Phone(who), text, name, in_front: None });
    }

    /// How many messages were said.
    pub(super) fn said(&self) -> usize {
        self.0.len()
    }

    /// At how many destinations they have to be, all in all.
    pub(super) fn owed(&self) -> usize {
        let phones: usize = (0..MEMBERS.len()).map(|phone| self.for_phone(phone).count()).sum();
        phones + self.for_channel().count()
    }

    /// Waits until everything that is owed to a phone is on it.
    pub(super) async fn on_phone(&self, world: &World, phone: usize) -> anyhow::Result<()> {
        let all = |_: &_| all_there(self.for_phone(phone), &phone_now(world, phone));
        Ok(world.twilio.wait_until(PATIENCE, all).await?)
    }

    /// Waits until everything that is owed to the channel is in it.
    pub(super) async fn in_channel(&self, world: &World) -> anyhow::Result<()> {
        let all = |_: &_| all_there(self.for_channel(), &channel_now(world)).then_some(());
        Ok(world.slack.wait_for("what was said, in the channel", PATIENCE, all).await?)
    }

    /// Everything that is not as it should be, in sentences.
    pub(super) fn faults(&self, world: &World) -> Vec<String> {
        let mut faults = Vec::new();
        for (number, member) in MEMBERS.iter().enumerate() {
            let owed: Vec<_> = self.for_phone(number).map(|said| (said, said.in_front)).collect();
            let place = format!("on {}'s phone", member.short);
            compare(&place, &owed, &phone_now(world, number), &mut faults);
        }
        let owed: Vec<_> = self.for_channel().map(|said| (said, Some(said.name))).collect();
        compare(&format!("in #{CHANNEL}"), &owed, &channel_now(world), &mut faults);
        faults
    }

    fn for_phone(&self, phone: usize) -> impl Iterator<Item = &Said> {
        self.0.iter().filter(move |said| said.from != Origin::Phone(phone))
    }

    fn for_channel(&self) -> impl Iterator<Item = &Said> {
        self.0.iter().filter(|said| matches!(said.from, Origin::Phone(_)))
    }
}

fn all_there<'a>(mut owed: impl Iterator<Item = &'a Said>, heard: &[Heard]) -> bool {
    owed.all(|said| heard.iter().any(|heard| heard.text == said.text))
}

/// Holds one destination against what is owed to it.
fn compare(
    place: &str,
    owed: &[(&Said, Option<&'static str>)],
    heard: &[Heard],
    faults: &mut Vec<String>,
) {
    for (said, name) in owed {
        let copies: Vec<&Heard> = heard.iter().filter(|heard| heard.text == said.text).collect();
        let short = cut(said.text);
        match copies.as_slice() {
            [] => faults.push(format!("\"{short}\" is not {place}")),
            [one] if one.name.as_deref() == *name => {}
            [one] => faults.push(format!(
                "\"{short}\" stands {place} under {:?} instead of {name:?}",
                one.name
            )),
            many => faults.push(format!("\"{short}\" is {place} {} times", many.len())),
        }
    }
    let unknown = heard.iter().filter(|heard| owed.iter().all(|(said, _)| heard.text != said.text));
    faults.extend(
        unknown.map(|heard| format!("\"{}\" is {place}, and nobody said it", cut(&heard.text))),
    );
    for (from, who) in speakers() {
        let in_order: Vec<&str> =
            owed.iter().filter(|(said, _)| said.from == from).map(|(said, _)| said.text).collect();
        let came: Vec<&str> = heard
            .iter()
            .map(|heard| heard.text.as_str())
            .filter(|text| in_order.contains(text))
            .collect();
        // Where something is missing or doubled, that has been said already.
        if came.len() == in_order.len() && came != in_order {
            faults.push(format!("what {who} said is {place} out of order"));
        }
    }
}

fn speakers() -> impl Iterator<Item = (Origin, &'static str)> {
    let phones = MEMBERS.iter().enumerate().map(|(at, one)| (Origin::Phone(at), one.short));
    let channel = COLLEAGUES.iter().enumerate().map(|(at, one)| (Origin::Channel(at), one.short));
    phones.chain(channel)
}

/// What stands on a phone, names and part numbers taken off, parts put together.
fn phone_now(world: &World, phone: usize) -> Vec<Heard> {
    let mut all: Vec<Heard> = Vec::new();
    for item in world.phones[phone].inbox() {
        let (name, rest) = split_name(&item.body);
        match split_part(rest) {
            Some((number, text)) if number > 1 => {
                if let Some(first) = all.last_mut() {
                    first.text.push(' ');
                    first.text.push_str(text);
                }
            }
            Some((_, text)) => all.push(Heard { name, text: text.to_owned() }),
            None => all.push(Heard { name, text: rest.to_owned() }),
        }
    }
    all
}

/// What others than its own people said in the channel.
fn channel_now(world: &World) -> Vec<Heard> {
    let messages = world.slack.messages(&world.channel);
    let heard = messages.iter().filter_map(|message| match &message.author {
        Author::User(_) => None,
        Author::App { username, .. } => {
            let text = slack_text(&world.slack, &message.text);
            Some(Heard { name: username.clone(), text })
        }
    });
    heard.collect()
}

/// `*Maya*: hello` → Maya, hello.
fn split_name(body: &str) -> (Option<String>, &str) {
    let named = body.strip_prefix('*').and_then(|rest| rest.split_once("*: "));
    named.map_or((None, body), |(name, text)| (Some(name.to_owned()), text))
}

/// `(2/3) hello` → 2, hello.
fn split_part(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.strip_prefix('(')?.split_once('/')?;
    let (of, text) = rest.split_once(") ")?;
    of.parse::<u32>().ok()?;
    Some((number.parse().ok()?, text))
}

fn cut(text: &str) -> String {
    const LENGTH: usize = 40;
    let start: String = text.chars().take(LENGTH).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: [Said; 3] = [said("one"), said("two"), said("three")];

    const fn said(text: &'static str) -> Said {
        Said { from: Origin::Phone(0), text, name: "Maya Lopez", in_front: Some("Maya Lopez") }
    }

    fn faults(heard: &[(&str, &str)]) -> Vec<String> {
        let owed: Vec<_> = SAID.iter().map(|said| (said, said.in_front)).collect();
        let heard: Vec<Heard> = heard
            .iter()
            .map(|(name, text)| Heard { name: Some((*name).to_owned()), text: (*text).to_owned() })
            .collect();
        let mut faults = Vec::new();
        compare("on Ben's phone", &owed, &heard, &mut faults);
        faults
    }

    #[test]
    fn what_is_right_has_no_fault() {
        let maya = "Maya Lopez";
        assert_eq!(faults(&[(maya, "one"), (maya, "two"), (maya, "three")]), [""; 0]);
    }

    #[test]
    fn every_kind_of_fault_is_told() {
        let maya = "Maya Lopez";
        assert_eq!(faults(&[(maya, "one"), (maya, "two")]), ["\"three\" is not on Ben's phone"]);
        assert_eq!(
            faults(&[(maya, "one"), (maya, "two"), (maya, "one"), (maya, "three")]),
            ["\"one\" is on Ben's phone 2 times"]
        );
        assert_eq!(
            faults(&[(maya, "one"), (maya, "three"), (maya, "two")]),
            ["what Maya said is on Ben's phone out of order"]
        );
        assert_eq!(
            faults(&[("Ben", "one"), (maya, "two"), (maya, "three"), (maya, "four")]),
            [
                "\"one\" stands on Ben's phone under Some(\"Ben\") instead of Some(\"Maya Lopez\")",
                "\"four\" is on Ben's phone, and nobody said it",
            ]
        );
    }

    #[test]
    fn names_and_part_numbers_are_taken_off() {
        assert_eq!(split_name("*Maya*: hello"), (Some("Maya".to_owned()), "hello"));
        assert_eq!(split_name("hello *all*"), (None, "hello *all*"));
        assert_eq!(split_part("(2/3) hello"), Some((2, "hello")));
        assert_eq!(split_part("(maybe) hello"), None);
    }
}
