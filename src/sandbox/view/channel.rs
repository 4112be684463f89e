//! What stands in the Slack channels, and how far each message of the group came.

use std::collections::BTreeSet;

use jiff::Timestamp;
use partyline_slack::simulator::{Author, Ephemeral, Message, Ts};
use serde_json::json;

use super::{Mark, Sources, clock, newest, ticks};
use crate::sandbox::cast::{COLLEAGUES, owner, slug};
use crate::sandbox::keeper::State;
use crate::sandbox::markup::{self, Piece};
use crate::sandbox::stage;
use crate::sandbox::trail::Open;
use crate::sandbox::world::Room;

/// A line of a channel.
pub(in crate::sandbox) enum Line {
    /// Something that was said.
    Post(Box<Post>),
    /// The end of a thread of the inbox, where one answers; its `ts`.
    Answer(String),
}

/// Something that was said.
pub(in crate::sandbox) struct Post {
    /// Its id on the page.
    pub(in crate::sandbox) id: String,
    /// The name it stands under.
    pub(in crate::sandbox) name: String,
    /// The name of the picture that the page draws.
    pub(in crate::sandbox) picture: String,
    /// Whether an app posted it.
    pub(in crate::sandbox) app: bool,
    /// Whether it is a command as it was typed: Slack shows that to nobody.
    pub(in crate::sandbox) typed: bool,
    /// Whether it stands in a thread.
    pub(in crate::sandbox) reply: bool,
    /// Who alone sees it.
    pub(in crate::sandbox) only: Option<&'static str>,
    /// What can be pressed under it.
    pub(in crate::sandbox) buttons: Vec<Button>,
    /// The words.
    pub(in crate::sandbox) text: Vec<Piece>,
    /// When, in hours and minutes.
    pub(in crate::sandbox) time: String,
    /// How far it came, by place.
    pub(in crate::sandbox) chips: Vec<Chip>,
    /// Why it did not come further.
    pub(in crate::sandbox) notes: Vec<String>,
}

/// A button under something that was said.
pub(in crate::sandbox) struct Button {
    /// What stands on it.
    pub(in crate::sandbox) label: String,
    /// What is asked before it is pressed.
    pub(in crate::sandbox) ask: Option<String>,
    /// Whether everybody can press it: whoever one writes as does.
    pub(in crate::sandbox) anybody: bool,
    /// What the page sends, as JSON.
    pub(in crate::sandbox) body: String,
}

/// How far a message came in one place.
#[derive(Debug)]
pub(in crate::sandbox) struct Chip {
    /// Whose phone, or which network.
    pub(in crate::sandbox) place: &'static str,
    /// How far.
    pub(in crate::sandbox) mark: Mark,
}

/// Where a line stands: by its thread, what was said in it, then where one answers.
type Order = (Ts, bool, Ts);

pub(super) fn view(sources: &Sources<'_>, room: Room) -> Vec<Line> {
    let world = &sources.stage.world;
    let Some(channel) = world.room(room) else { return Vec::new() };
    let mut lines: Vec<(Order, Line)> = Vec::new();
    let mut put = |order: Order, post| lines.push((order, Line::Post(Box::new(post))));
    let mut threads = BTreeSet::new();
    for message in world.slack.messages(channel) {
        let head = message.thread_ts.unwrap_or(message.ts);
        if message.thread_ts.is_some() {
            threads.insert(head);
        }
        put((head, false, message.ts), said(sources, &message, room));
    }
    for whisper in world.slack.ephemerals(channel) {
        put((whisper.ts, false, whisper.ts), whispered(sources, &whisper));
    }
    for typed in sources.stage.typed().into_iter().filter(|typed| typed.room == room) {
        let (ts, by) = (Ts::at(typed.at), &COLLEAGUES[typed.by]);
        let post = line(ts, by.name.to_owned(), &format!("`{}`", typed.line));
        let id = format!("typed-{}", post.id);
        put((ts, false, ts), Post { id, typed: true, only: Some(by.short), ..post });
    }
    if room == Room::Inbox {
        let ends = threads.into_iter();
        lines.extend(ends.map(|head| ((head, true, head), Line::Answer(head.to_string()))));
    }
    lines.sort_by_key(|(order, _)| *order);
    newest(lines.into_iter().map(|(_, line)| line).collect())
}

/// What only one person sees.
fn whispered(sources: &Sources<'_>, whisper: &Ephemeral) -> Post {
    let world = &sources.stage.world;
    let text = markup::slack_text(&world.slack, &whisper.text);
    let by = stage::colleague(world, &whisper.user);
    let only = by.map(|by| COLLEAGUES[by].short);
    let app = world.slack.options().identity.name.clone();
    let button = |(action, label)| Button {
        label,
        ask: None,
        anybody: false,
        body: json!({"by": by, "ts": whisper.ts, "action": action}).to_string(),
    };
    let buttons = whisper.buttons().into_iter().map(button).collect();
    Post { app: true, only, buttons, ..line(whisper.ts, app, &text) }
}

fn line(ts: Ts, name: String, text: &str) -> Post {
    let at = i64::try_from(ts.seconds()).ok().and_then(|at| Timestamp::from_second(at).ok());
    Post {
        id: ts.to_string().replace('.', "-"),
        picture: slug(&name),
        name,
        app: false,
        typed: false,
        reply: false,
        only: None,
        buttons: Vec::new(),
        text: markup::pieces(text),
        time: at.map(clock).unwrap_or_default(),
        chips: Vec::new(),
        notes: Vec::new(),
    }
}

fn said(sources: &Sources<'_>, message: &Message, room: Room) -> Post {
    let slack = &sources.stage.world.slack;
    let text = markup::slack_text(slack, &message.text);
    let mut post = match &message.author {
        Author::User(id) => {
            let name = slack.user(id).map_or_else(|| id.clone(), |user| user.name);
            line(message.ts, name, &text)
        }
        Author::App { username, icon_url, .. } => {
            let app = &slack.options().identity.name;
            let name = username.as_ref().unwrap_or(app).clone();
            let picture = icon_url.as_deref().and_then(drawn).unwrap_or(app).to_owned();
            Post { app: true, picture, ..line(message.ts, name, &text) }
        }
    };
    post.reply = message.thread_ts.is_some_and(|head| head != message.ts);
    let button = |(action, label): (String, String)| Button {
        label,
        ask: message.asks(&action),
        anybody: true,
        body: json!({"ts": message.ts, "action": action}).to_string(),
    };
    post.buttons = message.buttons().into_iter().map(button).collect();
    // What the bridge itself says goes nowhere else, and what is said in the inbox to one phone.
    if room == Room::Channel && !matches!(message.author, Author::App { username: None, .. }) {
        follow(sources, &message.ts.to_string(), &mut post);
    }
    post
}

/// The name of the picture at an address of the page: `maya-lopez`.
fn drawn(address: &str) -> Option<&str> {
    let (_, file) = address.rsplit_once("/pictures/")?;
    file.strip_suffix(".svg")
}

/// How far it came on the phones, and in the Matrix room where there is one.
fn follow(sources: &Sources<'_>, ts: &str, post: &mut Post) {
    let Some(event) = sources.trail.event(&sources.room(), ts) else {
        if sources.bridge != State::Running {
            post.notes.push("waits in Slack: the bridge is off".to_owned());
        }
        return;
    };
    let conversation = sources.conversation();
    let parts = sources.trail.in_place(event, &conversation);
    let parts: Vec<_> = parts.filter_map(|sid| sources.by_sid.get(sid).copied()).collect();
    let count = parts.len();
    for (member, ticks) in ticks::of(sources, parts.into_iter()) {
        let short = owner(member).short;
        post.chips.push(Chip { place: short, mark: ticks.mark });
        post.notes.extend(ticks.why.map(|why| format!("{short}: {why}")));
    }
    if count > 1 {
        post.notes.push(format!("in {count} parts on the phones: WhatsApp takes 1600 characters"));
    }
    unsettled(sources, event, &conversation, "phones", post);
    if let Some(room) = sources.matrix() {
        if sources.trail.in_place(event, &room).next().is_some() {
            post.chips.push(Chip { place: "Matrix", mark: Mark::Delivered });
        }
        unsettled(sources, event, &room, "Matrix", post);
    }
}

/// What is still to be sent, or never will be.
fn unsettled(sources: &Sources<'_>, event: i64, lane: &str, place: &'static str, post: &mut Post) {
    match sources.trail.open(event, lane) {
        Some(Open::Waiting) => post.chips.push(Chip { place, mark: Mark::Waiting }),
        Some(Open::Parked(why)) => {
            post.chips.push(Chip { place, mark: Mark::Failed });
            post.notes.push(why.clone());
        }
        None => {}
    }
}
