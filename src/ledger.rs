//! The ledger: what came, what is owed to whom, and what became of it.
//!
//! One SQLite file in WAL mode with `synchronous=FULL`. Everything that must not be lost goes
//! through it before anybody is told that it arrived. What is committed together:
//!
//! - an event, under its natural key (a repeat stops there), with a delivery for each
//!   destination and the cursor of its place ([`Ledger::accept`]);
//! - a delivery's end, with the remote id, and the place that the message has in the
//!   destination's own order ([`Ledger::settle`]);
//! - a command's answer, its effect on the links, and its being done ([`Ledger::finish`]).
//!
//! **Order.** A *lane* is the queue of one destination. A delivery takes its position in the lane
//! when its event is *released*: at once where nothing before it is missing, otherwise when what
//! is missing came or was read back. The cursor of a place moves with the release, never with
//! what is held, so that a crash in between reads the gap back again.

mod alerts;
mod answers;
mod audit;
mod blocks;
mod broadcasts;
mod checkpoint;
mod codes;
mod commands;
mod copy;
mod cursors;
mod deliveries;
mod erase;
mod examine;
mod floors;
mod follow;
mod forget;
mod groups;
mod heads;
mod held;
mod holds;
mod inbox;
mod inquiries;
mod intake;
mod journal;
mod links;
mod lively;
mod logs;
mod mark;
mod members;
mod missed;
mod mutes;
mod naming;
pub(crate) mod noted;
mod own;
mod parked;
mod receipts;
mod remember;
mod roles;
mod runs;
mod said;
mod schedules;
mod schema;
mod soundness;
mod status;
mod strays;
mod suppressions;
#[cfg(test)]
mod tests;
mod threads;
mod ticks;
mod told;
mod windows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use partyline_core::{Action, AnswerTo, Clock, DeliveryId, Event, PersonId, Place, Speaker, Text};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::invitations::GroupInvitation;
use crate::store::NotHad;
pub use alerts::{Episode, KeptEpisode, Told};
pub use answers::{Answered, Asked};
pub use audit::{AuditEntry, Audited, Ended, Undertaking};
pub use blocks::{Block, BlockChange};
pub use broadcasts::{Account, Broadcast, BroadcastChange, NewBroadcast};
pub use codes::AwaitedCode;
pub use commands::{Ending, PendingCommand};
pub use copy::{copy, note_restored};
pub use deliveries::Delivery;
pub use erase::{Erased, Told as ToldOf, Traces};
pub use examine::{Finding, examine, mend};
pub use groups::{Group, GroupChange, GroupFilter, GroupSort, fold};
use heads::Heads;
pub use held::{Again, Expired, HeldMessage, HeldPart, HeldPhone, SPEAKERS};
pub use holds::Hold;
pub use inbox::{Correspondence, InboxChange, InboxStep, Stranger, Untied};
pub use inquiries::Inquiry;
pub use intake::Accepted;
pub use links::{LinkChange, StoredLink, StoredParticipant};
pub use lively::{LIVELY, LivelyThread};
pub use logs::LogPosition;
pub use members::Member;
pub use missed::{Limit, Skipped, Telling, Through};
pub use mutes::{MuteChange, Muted};
pub use naming::Unnamed;
pub use noted::LostEnd;
use noted::Note;
pub use parked::{Left, Parked, QueueChange, Selection};
pub use roles::{Role, RoleChange, StoredRole};
pub use runs::Past;
pub use schedules::{Schedule, ScheduleChange};
pub use schema::SCHEMA;
pub use status::{Counts, InboxCounts};
pub use suppressions::{How, OptoutWork, Plea, Removal, Suppression, SuppressionChange};
use threads::Threads;
pub use ticks::{Phone, Receipt, TickNews, Waiting};
pub use windows::MemberWindow;

/// The ledger. Cheap to clone; all clones are the same ledger.
#[derive(Clone)]
pub struct Ledger {
    threads: Threads,
    heads: Arc<Heads>,
    tag: Arc<str>,
    /// When it was restored from a backup, if it was.
    restored: Option<Timestamp>,
    /// Under which people are hashed who must be known when nothing else of them is.
    people: Arc<str>,
    /// The pause before it is asked what became of a message, in milliseconds, where it is.
    inquires: Option<i64>,
    clock: Arc<dyn Clock>,
}

/// Why the ledger could not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has it open.
    #[error(
        "the ledger {0} is in use by another partyline: stop that one, or give this one a store of its own (store.url)"
    )]
    Locked(String),
    /// It is not a database, or a damaged one.
    #[error(
        "the ledger is damaged ({0}): restore a backup (`partyline restore DIR`), or move the file away to begin a new one"
    )]
    Damaged(String),
    /// A newer program wrote it.
    #[error(
        "the ledger was written by a newer partyline (version {found}, this one knows {known}): run the newer program"
    )]
    Newer {
        /// The version found.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The disk is full.
    #[error(
        "the disk with the ledger is full: make room; nothing that came meanwhile was acknowledged"
    )]
    Full,
    /// More is waiting than it can write.
    #[error("the ledger is busy: more is waiting than it can write")]
    Busy,
    /// It is shut, or the write was given up before it began; the log says why.
    #[error("the ledger did not take the write; see the log for the reason")]
    Closed,
    /// Anything else.
    #[error("the ledger cannot be used: {0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked(String::new())
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}

impl From<NotHad> for LedgerError {
    fn from(error: NotHad) -> Self {
        match error {
            NotHad::InUse(path) => Self::Locked(path),
            unusable @ NotHad::Unusable { .. } => Self::Unusable(unusable.to_string()),
        }
    }
}

/// An event on its way into the ledger.
#[derive(Debug)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// The bytes that said so.
    pub raw: Bytes,
    /// The way by which it came.
    pub via: &'static str,
    /// What is owed because of it.
    pub owed: Vec<Owed>,
    /// What is owed with it, unless the same was told before.
    pub once: Option<Told>,
    /// How its turn is found.
    pub order: Order,
    /// Whether it came from a conversation that no room is tied to.
    pub unlinked: bool,
    /// The group that it concerns, where it happened in a room that is tied to one.
    pub group: Option<Place>,
    /// Who is told, if it changes something that people want to know.
    pub tell: Vec<Place>,
    /// What somebody on a phone asks for by it.
    pub plea: Option<Plea>,
    /// It may concern the inbox: what it is owed can have to wait for a thread.
    pub inbox: bool,
    /// Who is mentioned from now on when somebody writes in the inbox, where nobody is yet.
    pub owner: Option<PersonId>,
}

impl Entry {
    /// Whether it was read from a list of the platform's, and its time is the platform's own.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.via == "list"
    }

    /// An event by itself: nothing is owed because of it, nobody is told, and no bytes are kept.
    #[must_use]
    pub fn alone(event: Event, via: &'static str, order: Order) -> Self {
        Self {
            event,
            raw: Bytes::new(),
            via,
            owed: Vec::new(),
            once: None,
            order,
            unlinked: false,
            group: None,
            tell: Vec::new(),
            plea: None,
            inbox: false,
            owner: None,
        }
    }
}

/// How an event's turn among those of its place is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is its turn.
    Arrival,
    /// Its ordinal counts without holes (a Twilio index): held while a smaller one is missing.
    Counted,
    /// Held until [`Ledger::release_missed`]: its place is being read back.
    Held,
    /// It has none: it only says how far its place has been read.
    CursorOnly,
}

/// What a command changes in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link.
    Link(LinkChange),
    /// The directory of groups.
    Group(GroupChange),
    /// Parked deliveries.
    Queue(QueueChange),
    /// What did not come to somebody is sent once more.
    Again(Box<Again>),
    /// Who may do what.
    Role(RoleChange),
    /// Who wants no messages.
    Suppression(SuppressionChange),
    /// What is to be done later.
    Schedule(ScheduleChange),
    /// What is on its way to many people.
    Broadcast(BroadcastChange),
    /// The inbox.
    Inbox(Box<InboxChange>),
    /// How a group invites members whose window is closed.
    Invitation(Place, GroupInvitation),
    /// Who is muted.
    Mute(Box<MuteChange>),
    /// Who is blocked.
    Block(Box<BlockChange>),
}

/// What one destination is owed: the store's form of an
/// [`Outgoing`](partyline_core::Outgoing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Where it goes.
    pub to: Place,
    /// Where it comes from.
    pub from: Place,
    /// Who is speaking; the name is found when it is sent, so that it is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Speaker>,
    /// When the event happened.
    pub at: Timestamp,
    /// What to do.
    pub action: Action,
}

impl Owed {
    /// The bridge's own answer to a command.
    #[must_use]
    pub fn answer(to: &AnswerTo, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            to: to.place.clone(),
            from: to.place.clone(),
            speaker: None,
            at,
            action: Action::Answer {
                to: to.clone(),
                text: Text::plain(text),
                replaces: None,
                buttons: Vec::new(),
            },
        }
    }

    /// The queue that it stands in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self.action {
            Action::Answer { .. } => Lane { place: self.to.clone(), answers: true },
            Action::Post { .. }
            | Action::Notice { .. }
            | Action::Card { .. }
            | Action::Remark { .. }
            | Action::Template { .. } => Lane::of(self.to.clone()),
        }
    }
}

/// The queue of one destination. Answers to commands have one of their own beside it, so that
/// nobody waits for an answer behind a backlog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The destination.
    pub place: Place,
    /// Whether it is the one for answers.
    pub answers: bool,
}

const ANSWERS: &str = "#answers";

impl Lane {
    /// The lane of what is said in this place.
    #[must_use]
    pub const fn of(place: Place) -> Self {
        Self { place, answers: false }
    }

    fn parse(text: &str) -> Option<Self> {
        let (place, answers) = match text.strip_suffix(ANSWERS) {
            Some(place) => (place, true),
            None => (text, false),
        };
        Some(Self { place: place.parse().ok()?, answers })
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.place, if self.answers { ANSWERS } else { "" })
    }
}

impl Ledger {
    /// Opens the ledger in this file, makes it if it is not there, and brings an older one up to
    /// date.
    ///
    /// # Errors
    /// It is in use, damaged, newer than this program, or the file system refuses.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let named = |error: LedgerError| match error {
            LedgerError::Locked(_) => LedgerError::Locked(path.display().to_string()),
            LedgerError::Damaged(why) => LedgerError::Damaged(format!("{}: {why}", path.display())),
            other => other,
        };
        let open = || {
            let lock = crate::store::lock(path)?;
            // One that was moved away is to begin anew; one that is there must hold something.
            let old = lock.is_made() && path.exists();
            if old {
                soundness::of_file(path)?;
            }
            let mut connection = connect(path)?;
            if old {
                soundness::of_pages(&connection)?;
            }
            schema::migrate(&mut connection)?;
            audit::interrupted(&mut connection, clock.now().as_millisecond())?;
            lock.note_made()?;
            let tag = tag(&connection)?;
            let people = people_key(&connection)?.into();
            if let Err(error) = erase::make_up(&connection) {
                tracing::error!(%error, "what was erased may still stand in the ledger's file; the next start removes it");
            }
            let restored = restored(&connection)?;
            noted::compare(path, &connection)?;
            let heads = Arc::<Heads>::default();
            let note = Note::open(path, &connection, clock.clone());
            let threads = Threads::start(path, connection, heads.clone(), note, lock)?;
            Ok(Self { threads, heads, tag: tag.into(), restored, people, inquires: None, clock })
        };
        open().map_err(named)
    }

    /// The time, by the clock that the ledger writes down.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// The id of a delivery that has this mark, or this number and no mark.
    fn delivery_id(&self, number: i64, mark: Option<&str>) -> DeliveryId {
        DeliveryId::new(match mark {
            Some(mark) => format!("{}-{mark}", self.tag),
            None => format!("{}-{number}", self.tag),
        })
    }
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // What is deleted is overwritten: bodies after the retention, people's data when it is erased.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// The ledger's own name, made when it is made: delivery ids begin with it, so that what an
/// older ledger sent is never taken for what this one owes.
fn tag(connection: &Connection) -> Result<String, LedgerError> {
    let made: String = rand::Rng::sample_iter(rand::rng(), rand::distr::Alphanumeric)
        .take(8)
        .map(char::from)
        .collect();
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('tag', ?1) ON CONFLICT DO NOTHING",
        [made],
    )?;
    Ok(connection.query_row("SELECT value FROM meta WHERE key = 'tag'", [], |row| row.get(0))?)
}

/// The key under which people are hashed who must be known when nothing else of them is: made once.
fn people_key(connection: &Connection) -> Result<String, LedgerError> {
    let made: [u8; 32] = rand::random();
    let made: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('people', ?1) ON CONFLICT DO NOTHING",
        [made],
    )?;
    Ok(connection.query_row("SELECT value FROM meta WHERE key = 'people'", [], |row| row.get(0))?)
}

fn restored(connection: &Connection) -> Result<Option<Timestamp>, LedgerError> {
    let at: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = 'restored'", [], |row| row.get(0))
        .optional()?;
    at.map(|at| at.parse())
        .transpose()
        .map_err(|_| LedgerError::Damaged("when it was restored cannot be read".into()))
}

/// A JSON column. What this program wrote it can read: if not, the ledger is damaged there.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn to_json<T: Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
