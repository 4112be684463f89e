//! The transcript: who says what, what arrives where, and how far the phones have it, in the order
//! in which it happens.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use partyline_core::{Clock, SystemClock};
use partyline_slack::simulator::{Author, Happening as Slack, Message, Ts};
use partyline_twilio::simulator::{Happening as Twilio, InboxItem, Receipt, ReceiptStatus};
use tokio::sync::{broadcast, mpsc};

use super::super::cast::{CHANNEL, COLLEAGUES, PHONES, member_at, owner};
use super::super::markup::slack_text;
use super::super::stage::{Stage, Typed, colleague};
use super::super::view::typed;

/// What happens within this time is put in order before it is printed: it comes from two sides.
const TOGETHER: Duration = Duration::from_millis(25);
/// The longest text that is printed whole, in characters.
const WHOLE: usize = 100;

/// Prints what happens.
pub(super) struct Transcript<'a> {
    stage: &'a Stage,
    began: Timestamp,
    notes: mpsc::Receiver<Note>,
    twilio: broadcast::Receiver<Twilio>,
    slack: broadcast::Receiver<Slack>,
    /// Which phones are on.
    on: [bool; PHONES],
    /// Commands that were printed.
    typed: usize,
    /// What has arrived on a phone; its receipt follows.
    arrived: Option<(String, InboxItem)>,
}

/// Something that the script itself has to say.
pub(super) struct Note {
    at: Timestamp,
    line: String,
    is_heading: bool,
}

impl Note {
    /// What the next scene is about.
    pub(super) fn heading(text: &str) -> Self {
        Self { at: SystemClock.now(), line: text.to_owned(), is_heading: true }
    }

    /// Somebody's phone is switched.
    pub(super) fn switched(short: &str, on: bool) -> Self {
        let state = if on { "on" } else { "off" };
        let line = format!("{short:<8} ·  the phone is switched {state}");
        Self { at: SystemClock.now(), line, is_heading: false }
    }
}

/// A line, and when it happened.
struct Line {
    at: Timestamp,
    text: String,
    is_heading: bool,
}

impl Line {
    const fn new(at: Timestamp, text: String) -> Self {
        Self { at, text, is_heading: false }
    }
}

impl From<Note> for Line {
    fn from(Note { at, line, is_heading }: Note) -> Self {
        Self { at, text: line, is_heading }
    }
}

impl<'a> Transcript<'a> {
    /// A transcript of everything from now on; it ends when nobody can send notes any more.
    pub(super) fn new(stage: &'a Stage, began: Timestamp, notes: mpsc::Receiver<Note>) -> Self {
        Self {
            stage,
            began,
            notes,
            twilio: stage.world.twilio.subscribe(),
            slack: stage.world.slack.subscribe(),
            on: [true; PHONES],
            typed: 0,
            arrived: None,
        }
    }

    /// Prints until the script is over.
    pub(super) async fn print(mut self, out: &mut impl Write) -> io::Result<()> {
        let mut over = false;
        while !over {
            let mut lines = Vec::new();
            tokio::select! {
                note = self.notes.recv() => match note {
                    Some(note) => lines.push(note.into()),
                    None => over = true,
                },
                happening = self.twilio.recv() => {
                    lines.extend(happening.ok().and_then(|one| self.of_twilio(one)));
                }
                happening = self.slack.recv() => {
                    lines.extend(happening.ok().and_then(|one| self.of_slack(&one)));
                }
                () = self.stage.changed.notified() => {}
            }
            tokio::time::sleep(TOGETHER).await;
            self.gather(&mut lines);
            lines.sort_by_key(|line| line.at);
            for Line { at, text, is_heading } in lines {
                let after = at.duration_since(self.began).as_secs_f32().max(0.0);
                if is_heading {
                    writeln!(out, "\n{text}")?;
                } else {
                    writeln!(out, "{after:6.2} s  {text}")?;
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    /// Everything else that has happened by now.
    fn gather(&mut self, lines: &mut Vec<Line>) {
        while let Ok(note) = self.notes.try_recv() {
            lines.push(note.into());
        }
        while let Ok(one) = self.twilio.try_recv() {
            lines.extend(self.of_twilio(one));
        }
        while let Ok(one) = self.slack.try_recv() {
            lines.extend(self.of_slack(&one));
        }
        let typed = self.stage.typed();
        lines.extend(typed.iter().skip(self.typed).map(|one| Line::new(one.at, gave(one))));
        self.typed = typed.len();
    }

    fn of_twilio(&mut self, happening: Twilio) -> Option<Line> {
        match happening {
            Twilio::Message(message) => {
                let (_, member) = member_at(&message.author)?;
                let text = shortened(&typed(&message));
                Some(Line::new(message.created, format!("{:<8} ›  {text}", member.short)))
            }
            Twilio::PhoneReceived { address, item } => {
                self.arrived = Some((address, item));
                None
            }
            Twilio::Receipt { address, receipt, .. } => {
                let (number, _) = member_at(&address)?;
                let line = self.receipt(number, &address, &receipt)?;
                Some(Line::new(receipt.updated, line))
            }
            Twilio::PhoneSwitched { address, on } => {
                let (number, _) = member_at(&address)?;
                self.on[number] = on;
                None
            }
            _ => None,
        }
    }

    fn receipt(&mut self, number: usize, address: &str, receipt: &Receipt) -> Option<String> {
        let short = owner(number).short;
        match receipt.status {
            ReceiptStatus::Sent if self.on[number] => None,
            ReceiptStatus::Sent => Some(arrival(short, "✓", "(the phone is off)")),
            ReceiptStatus::Delivered => {
                let (_, item) = self.arrived.take().filter(|(at, item)| {
                    at == address && item.message_sid == receipt.message_sid
                })?;
                Some(arrival(short, "✓✓", &shortened(&item.body)))
            }
            ReceiptStatus::Read => None,
            ReceiptStatus::Failed | ReceiptStatus::Undelivered => {
                Some(arrival(short, "✗", &format!("Twilio's error {}", receipt.error_code)))
            }
        }
    }

    fn of_slack(&self, happening: &Slack) -> Option<Line> {
        match happening {
            Slack::Posted(message) => Some(Line::new(time(message.ts), self.posted(message))),
            Slack::Ephemeral(whisper) => {
                let who = colleague(&self.stage.world, &whisper.user)?;
                let text = slack_text(&self.stage.world.slack, &whisper.text);
                let text = text.replace('\n', &format!("\n{:26}", ""));
                let short = COLLEAGUES[who].short;
                Some(Line::new(time(whisper.ts), format!("   only {short:<8} ←  {text}")))
            }
            _ => None,
        }
    }

    fn posted(&self, message: &Message) -> String {
        let slack = &self.stage.world.slack;
        let text = shortened(&slack_text(slack, &message.text));
        match &message.author {
            Author::User(id) => {
                let who = colleague(&self.stage.world, id).map(|who| COLLEAGUES[who].short);
                format!("{:<8} ›  {text}", who.unwrap_or("somebody"))
            }
            Author::App { username, .. } => {
                let name = username.as_deref().unwrap_or(&slack.options().identity.name);
                arrival(&format!("#{CHANNEL}"), "", &format!("{name}: {text}"))
            }
        }
    }
}

fn gave(typed: &Typed) -> String {
    format!("{:<8} ›  {}", COLLEAGUES[typed.by].short, typed.line)
}

/// A line about something that arrived.
fn arrival(place: &str, ticks: &str, text: &str) -> String {
    format!("   → {place:<15} {ticks:<2}  {text}")
}

fn time(ts: Ts) -> Timestamp {
    let text = ts.to_string();
    let micros = text.replace('.', "").parse().ok();
    micros.and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or_default()
}

/// The text on one line, and not too long.
fn shortened(text: &str) -> String {
    let line = text.replace('\n', " ⏎ ");
    let length = line.chars().count();
    if length <= WHOLE {
        return line;
    }
    let start: String = line.chars().take(WHOLE * 2 / 3).collect();
    format!("{}… ({length} characters)", start.trim_end())
}
