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

mod accepted;
mod alerts;
mod answers;
mod audit;
mod blocks;
mod broadcasts;
mod change;
mod checkpoint;
mod codes;
mod columns;
mod commands;
mod copy;
mod cursors;
mod deliveries;
mod entry;
mod erase;
mod error;
mod examine;
mod failed;
mod floors;
mod follow;
mod forget;
mod groups;
mod heads;
mod held;
mod holds;
mod identity;
mod inbox;
mod inquiries;
mod intake;
mod journal;
mod lane;
mod links;
mod lively;
mod logs;
mod mark;
mod members;
mod missed;
mod mutes;
mod naming;
pub(crate) mod noted;
mod owed;
mod own;
mod parked;
mod receipts;
mod remember;
mod roles;
mod runs;
mod said;
mod schedules;
mod schema;
mod settling;
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

use jiff::Timestamp;
use partyline_core::{Clock, DeliveryId};
use rusqlite::Connection;

pub use accepted::Accepted;
pub use alerts::{Episode, KeptEpisode, Told};
pub use answers::{Answered, Asked};
pub use audit::{AuditEntry, Audited, Ended, Undertaking};
pub use blocks::{Block, BlockChange};
pub use broadcasts::{Account, Broadcast, BroadcastChange, NewBroadcast};
pub use change::Change;
pub use codes::AwaitedCode;
use columns::{from_json, timestamp, to_json};
pub use commands::{Ending, PendingCommand};
pub use copy::{copy, note_restored};
pub use deliveries::Delivery;
pub use entry::{Entry, Order};
pub use erase::{Erased, Told as ToldOf, Traces};
pub use error::LedgerError;
use error::Sql;
pub use examine::{Finding, examine, mend};
pub use failed::Failed;
pub use groups::{Group, GroupChange, GroupFilter, GroupSort, fold};
use heads::Heads;
pub use held::{Again, Expired, HeldMessage, HeldPart, HeldPhone, SPEAKERS};
pub use holds::Hold;
pub use inbox::{Correspondence, InboxChange, InboxStep, Stranger, Untied};
pub use inquiries::Inquiry;
pub use lane::Lane;
pub use links::{LinkChange, StoredLink, StoredParticipant};
pub use lively::{LIVELY, LivelyThread};
pub use logs::LogPosition;
pub use members::Member;
pub use missed::{Limit, Skipped, Telling, Through};
pub use mutes::{MuteChange, Muted};
pub use naming::Unnamed;
pub use noted::LostEnd;
use noted::Note;
pub use owed::Owed;
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
            let tag = identity::tag(&connection)?;
            let people = identity::people_key(&connection)?.into();
            if let Err(error) = erase::make_up(&connection) {
                tracing::error!(%error, "what was erased may still stand in the ledger's file; the next start removes it");
            }
            let restored = identity::restored(&connection)?;
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
