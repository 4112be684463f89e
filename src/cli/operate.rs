//! `partyline groups|members|contacts|links|queue|audit|roles|optouts|inbox|broadcasts|schedules …`: the chat
//! commands from a shell.
//!
//! All of it goes through the admin API: that of the running daemon, or, where none runs, the same
//! routes over the store itself. Lists and imports have routes of their own; everything else is
//! given as the words of a chat command.

mod road;
mod shown;

use std::io::Write;

use anyhow::{Context, anyhow, bail};
use axum::body::Body;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::Failed;
use crate::commands::{explained, misspelt};
use crate::config::Config;
use crate::contacts::import::Tally;
use road::Road;

/// What stands before a command in a shell.
const PROGRAM: &str = "partyline";

/// Rows that are asked for at a time.
const PAGE: u32 = 1000;

/// What stands behind the noun: a verb and its arguments, as behind `/wa`, and `--json`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to do and to what, as behind `/wa`: `list`, `add +14155550100 "Maya Lopez"`. With
    /// --json, the answer is for programs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
    pub(super) words: Vec<String>,
}

/// A noun of the command line, and what it is called in the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noun {
    Groups,
    Members,
    Contacts,
    Links,
    Queue,
    Audit,
    Roles,
    Optouts,
    Inbox,
    Broadcasts,
    Schedules,
}

/// What is wrong with the words, and how they are written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// How the words are written.
fn usage<T>(how: impl Into<String>) -> anyhow::Result<T> {
    Err(Usage(how.into()).into())
}

/// Carries out what the words say.
pub(super) async fn run(
    noun: Noun,
    words: Vec<String>,
    config: &Config,
    out: &mut (dyn Write + Send),
) -> Result<(), Failed> {
    carry_out(noun, words, config, out).await.map_err(|error| match error.downcast::<Usage>() {
        Ok(Usage(how)) => Failed::Usage(how),
        Err(error) => Failed::Other(error),
    })
}

async fn carry_out(
    noun: Noun,
    mut words: Vec<String>,
    config: &Config,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let as_json = take(&mut words, "--json");
    let way = Way::of(noun, &words, as_json)?;
    if let Way::Command = way {
        let region = config.twilio.region();
        misspelt(&in_chat(noun, words.clone()), PROGRAM, *region).map_err(Usage)?;
    }
    let road = Road::of(config).await?;
    let done = match way {
        Way::Import => import(&road, words, as_json, out).await,
        Way::Export(what) => export(&road, what, words, out).await,
        Way::Data => data(&road, words, out).await,
        Way::Audit => audit(&road, words, as_json, out).await,
        Way::List(path, query) => list(&road, &path, &query, as_json, out).await,
        Way::Broadcast(id) => broadcast(&road, &id, out).await,
        Way::Command => give(&road, in_chat(noun, words), as_json, out).await,
    };
    road.leave().await;
    done
}

/// By which of the API's routes the words go.
enum Way {
    Import,
    Export(&'static str),
    Data,
    Audit,
    /// A path, and what is asked for in it.
    List(String, String),
    Broadcast(String),
    /// As a command of the chat.
    Command,
}

impl Way {
    fn of(noun: Noun, words: &[String], as_json: bool) -> anyhow::Result<Self> {
        let verb = words.first().map_or("", String::as_str);
        let list = |path: &str| Self::List(path.to_owned(), String::new());
        Ok(match (noun, verb) {
            (Noun::Contacts, "import") => Self::Import,
            (Noun::Contacts, "export") => Self::Export("contacts"),
            (Noun::Contacts, "data") => Self::Data,
            (Noun::Optouts, "export") => Self::Export("optouts"),
            (Noun::Audit, _) => Self::Audit,
            (Noun::Links, "" | "list") => list("links"),
            (Noun::Contacts, "list") => list("contacts"),
            (Noun::Contacts, "find") if as_json => {
                let text = encoded(&words[1..].join(" "));
                Self::List("contacts".to_owned(), format!("search={text}"))
            }
            (Noun::Groups, "list") if as_json && words.len() == 1 => list("groups"),
            (Noun::Queue, "list") if as_json => list("queue"),
            (Noun::Roles, "list") if as_json => list("roles"),
            (Noun::Optouts, "list") if as_json => list("optouts"),
            (Noun::Inbox, "blocked") if as_json => list("blocks"),
            (Noun::Broadcasts, "list") if as_json => list("broadcasts"),
            (Noun::Schedules, "list") if as_json => list("schedules"),
            (Noun::Broadcasts, "show") if as_json => match words.get(1) {
                Some(id) => Self::Broadcast(id.clone()),
                None => return usage("Which one? partyline broadcasts show ID --json"),
            },
            (Noun::Members, "list") if as_json => match words.get(1) {
                Some(group) => list(&format!("groups/{}/members", encoded(group))),
                None => return usage("Which group? partyline members list GROUP --json"),
            },
            _ => Self::Command,
        })
    }
}

/// How the words behind a noun are written, and what they do.
pub(super) fn help(noun: Noun, words: &[String]) -> Option<String> {
    let asks = |word: &String| word == "--help" || word == "-h";
    let before = words.split(|word| word == "--").next().unwrap_or_default();
    let at = before.iter().position(asks)?;
    let named = in_chat(noun, before[..at].to_vec());
    Some(explained(&named, PROGRAM).unwrap_or_else(|| {
        let nouns = in_chat(noun, Vec::new()).concat();
        format!("`{PROGRAM} {nouns} --help` shows what there is.\n")
    }))
}

/// The words of the chat for what stands behind a noun.
fn in_chat(noun: Noun, mut words: Vec<String>) -> Vec<String> {
    let in_chat = match noun {
        Noun::Groups | Noun::Links => "group",
        Noun::Members => "member",
        Noun::Contacts => "contact",
        Noun::Queue => "queue",
        Noun::Audit => "audit",
        Noun::Roles => "role",
        Noun::Optouts => "optout",
        Noun::Inbox => "inbox",
        Noun::Broadcasts => "broadcast",
        Noun::Schedules => "schedule",
    };
    // In the chat, the noun alone sends.
    if noun == Noun::Broadcasts && words.first().is_some_and(|verb| verb == "send") {
        words.remove(0);
    }
    let mut all = vec![in_chat.to_owned()];
    // What the chat calls a link's verbs.
    all.extend(words.into_iter().enumerate().map(|(at, word)| match (noun, at, word.as_str()) {
        (Noun::Links, 0, "add") => "link".to_owned(),
        (Noun::Links, 0, "remove") => "unlink".to_owned(),
        _ => word,
    }));
    all
}

/// Takes a flag out of the words.
fn take(words: &mut Vec<String>, flag: &str) -> bool {
    let before = words.len();
    words.retain(|word| word != flag);
    words.len() < before
}

/// Takes a flag and its value out of the words.
pub(super) fn take_value(words: &mut Vec<String>, flag: &str) -> Option<String> {
    if let Some(at) = words.iter().position(|word| word.starts_with(&format!("{flag}="))) {
        return words.remove(at).split_once('=').map(|(_, value)| value.to_owned());
    }
    let at = words.iter().position(|word| word == flag)?;
    (at + 1 < words.len()).then(|| {
        words.remove(at);
        words.remove(at)
    })
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Gives the words of a chat command.
async fn give(
    road: &Road,
    words: Vec<String>,
    as_json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let mut answer = road.json("POST", "commands", Some(json!({ "words": words }))).await?;
    while answer["outcome"] == "open" {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let key = encoded(answer["key"].as_str().unwrap_or_default());
        answer = road.json("GET", &format!("commands/{key}"), None).await?;
    }
    if as_json {
        writeln!(out, "{answer}")?;
    } else {
        writeln!(out, "{}", answer["said"].as_str().unwrap_or_default())?;
    }
    Ok(())
}

async fn broadcast(road: &Road, id: &str, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let shown = road.json("GET", &format!("broadcasts/{}", encoded(id)), None).await?;
    Ok(writeln!(out, "{shown}")?)
}

/// Writes a list, page by page: for people a line a row, for programs a line of JSON a row.
async fn list(
    road: &Road,
    path: &str,
    query: &str,
    as_json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let mut cursor = String::new();
    loop {
        let page = format!("{path}?{query}&limit={PAGE}{cursor}");
        let answer = road.json("GET", &page, None).await?;
        let rows = answer.as_object().and_then(|page| page.values().find_map(Value::as_array));
        for row in rows.into_iter().flatten() {
            if as_json {
                writeln!(out, "{row}")?;
            } else {
                writeln!(out, "{}", shown::line(row))?;
            }
        }
        let Some(next) = answer["next"].as_str() else { return Ok(()) };
        cursor = format!("&cursor={}", encoded(next));
    }
}

async fn audit(
    road: &Road,
    words: Vec<String>,
    as_json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|one| *one != "list").collect();
    let query = match words.as_slice() {
        [] => String::new(),
        [group] => {
            let group = road.json("GET", &format!("groups/{}", encoded(group)), None).await?;
            format!("group={}", group["id"].as_str().unwrap_or_default())
        }
        _ => return usage("One group at most: partyline audit [GROUP] [--json]"),
    };
    list(road, "audit", &query, as_json, out).await
}

async fn import(
    road: &Road,
    mut words: Vec<String>,
    as_json: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let dry_run = take(&mut words, "--dry-run");
    let format = take_value(&mut words, "--format");
    let [_, path] = words.as_slice() else {
        return usage("partyline contacts import FILE [--dry-run] [--format csv|vcard] [--json]");
    };
    let path = if path == "-" { "/dev/stdin" } else { path };
    let file = tokio::fs::File::open(path).await;
    let file = file.with_context(|| format!("{path} cannot be read"))?;
    if file.metadata().await.is_ok_and(|file| file.is_dir()) {
        bail!("{path} is a folder: name a CSV or vCard file, or - for what comes in by a pipe");
    }
    let format = format.map(|format| format!("&format={}", encoded(&format))).unwrap_or_default();
    let target = format!("contacts/import?dry_run={dry_run}{format}");
    let answer = road.send("POST", &target, Some(poured(file)), None).await?;
    let tally = told(answer).await?;
    if as_json {
        writeln!(out, "{}", serde_json::to_string(&tally)?)?;
    } else {
        writeln!(out, "{}", tally.in_words(dry_run, usize::MAX))?;
    }
    match (tally.wrong, dry_run) {
        (0, _) => Ok(()),
        (wrong, false) => Err(anyhow!("{wrong} could not be taken over; the others were.")),
        (wrong, true) => Err(anyhow!("{wrong} could not be taken over; the others could.")),
    }
}

/// What became of an import; while it goes on, the standard error stream says how far it is.
async fn told(answer: Body) -> anyhow::Result<Tally> {
    let cut = "the import was cut short: see that the daemon runs, then give the file again";
    let mut pieces = answer.into_data_stream();
    let mut line = Vec::new();
    let mut shown = false;
    while let Some(piece) = pieces.next().await {
        for byte in piece.context(cut)? {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let told: Value = serde_json::from_slice(&line).context(cut)?;
            line.clear();
            if let Some(read) = told["progress"]["read"].as_u64() {
                shown = true;
                let _ = write!(std::io::stderr(), "\r{read} read");
                continue;
            }
            if shown {
                let _ = writeln!(std::io::stderr());
            }
            if let Some(why) = told["problem"]["detail"].as_str() {
                bail!("{why}");
            }
            return serde_json::from_value(told["done"].clone()).context(cut);
        }
    }
    bail!("{cut}");
}

/// A file as a body, a piece at a time.
fn poured(file: tokio::fs::File) -> Body {
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; 64 * 1024];
        let count = file.read(&mut piece).await?;
        piece.truncate(count);
        Ok::<_, std::io::Error>((count > 0).then(|| (bytes::Bytes::from(piece), file)))
    });
    Body::from_stream(pieces.boxed())
}

async fn whole(answer: Body) -> anyhow::Result<bytes::Bytes> {
    Ok(answer.collect().await.context("the answer was cut short")?.to_bytes())
}

async fn export(
    road: &Road,
    what: &str,
    mut words: Vec<String>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let format = take_value(&mut words, "--format").unwrap_or_else(|| "csv".to_owned());
    let target = format!("{what}/export?format={}", encoded(&format));
    match words.as_slice() {
        [_] => fetch(road, &target, None, out).await,
        [_, path] => fetch(road, &target, Some(path), out).await,
        _ if what == "optouts" => usage("partyline optouts export [FILE] [--format csv|json]"),
        _ => usage("partyline contacts export [FILE] [--format csv|vcard]"),
    }
}

/// All that is kept of somebody.
async fn data(road: &Road, words: Vec<String>, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let (number, path) = match words.as_slice() {
        [_, number] => (number, None),
        [_, number, path] => (number, Some(path)),
        _ => return usage("partyline contacts data NUMBER [FILE]"),
    };
    let target = format!("contacts/{}/data", encoded(number));
    fetch(road, &target, path, out).await
}

/// Writes what the API answers to a new file, or to the standard output.
async fn fetch(
    road: &Road,
    target: &str,
    path: Option<&String>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let answer = road.send("GET", target, None, None).await?;
    let mut pieces = answer.into_data_stream();
    let mut file: Box<dyn Write + Send> = match path {
        None => Box::new(out),
        Some(path) => Box::new(
            std::fs::File::create_new(path)
                .with_context(|| format!("{path} cannot be written, or is there already"))?,
        ),
    };
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece.context("the file was cut short")?)?;
    }
    Ok(file.flush()?)
}
