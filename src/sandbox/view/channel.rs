//! What stands in the Slack channel, and how far each message came.

use jiff::Timestamp;
use partyline_slack::simulator::{Author, Message, Ts};
use serde_json::json;

use super::{Mark, Sources, clock, newest, ticks};
use crate::sandbox::cast::{COLLEAGUES, MEMBERS, slug};
use crate::sandbox::keeper::State;
use crate::sandbox::markup::{self, Piece};
use crate::sandbox::stage;
use crate::sandbox::trail::Open;

/// A line of the channel.
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

/// A button under what only one person sees.
pub(in crate::sandbox) struct Button {
    /// What stands on it.
    pub(in crate::sandbox) label: String,
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

pub(super) fn view(sources: &Sources<'_>) -> Vec<Post> {
    let world = &sources.stage.world;
    let mut posts: Vec<(Ts, Post)> = world
        .slack
        .messages(&world.channel)
        .iter()
        .filter(|message| message.in_channel())
        .map(|message| (message.ts, said(sources, message)))
        .collect();
    for whisper in world.slack.ephemerals(&world.channel) {
        let text = markup::slack_text(&world.slack, &whisper.text);
        let by = stage::colleague(world, &whisper.user);
        let only = by.map(|by| COLLEAGUES[by].short);
        let app = world.slack.options().identity.name.clone();
        let button = |(action, label)| Button {
            label,
            body: json!({"by": by, "ts": whisper.ts, "action": action}).to_string(),
        };
        let buttons = whisper.buttons().into_iter().map(button).collect();
        posts.push((whisper.ts, Post { app: true, only, buttons, ..line(whisper.ts, app, &text) }));
    }
    for typed in sources.stage.typed() {
        let (ts, by) = (Ts::at(typed.at), &COLLEAGUES[typed.by]);
        let post = line(ts, by.name.to_owned(), &format!("`{}`", typed.line));
        let id = format!("typed-{}", post.id);
        posts.push((ts, Post { id, typed: true, only: Some(by.short), ..post }));
    }
    posts.sort_by_key(|(ts, _)| *ts);
    newest(posts.into_iter().map(|(_, post)| post).collect())
}

fn line(ts: Ts, name: String, text: &str) -> Post {
    let at = i64::try_from(ts.seconds()).ok().and_then(|at| Timestamp::from_second(at).ok());
    Post {
        id: ts.to_string().replace('.', "-"),
        picture: slug(&name),
        name,
        app: false,
        typed: false,
        only: None,
        buttons: Vec::new(),
        text: markup::pieces(text),
        time: at.map(clock).unwrap_or_default(),
        chips: Vec::new(),
        notes: Vec::new(),
    }
}

fn said(sources: &Sources<'_>, message: &Message) -> Post {
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
    // What the bridge itself says goes nowhere else.
    if !matches!(message.author, Author::App { username: None, .. }) {
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
        let short = MEMBERS[member].short;
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
