//! Points at which a test can end the daemon.
//!
//! A point stands between two steps of the way through. When it fires, the process ends at once, as
//! by `kill -9`: nothing is flushed, nothing is dropped. Points are there in builds for the tests
//! alone, and fire only where the environment arms them:
//!
//! ```text
//! FAILPOINTS='lane.sent=4*off->return' partyline run
//! ```
//!
//! ends it the fifth time that something was sent and not yet settled. The syntax is that of the
//! crate `fail`. In any other build a point compiles to nothing and the variable is not read.
//!
//! The same way moves the clock: `FAILPOINTS='clock=500*off->return(-3600)'` has the daemon's clock
//! jump back by an hour (the number is seconds) after it was looked at 500 times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use partyline_core::Clock;

/// Whether the environment armed any point: an unarmed one costs one look at this.
static ARMED: AtomicBool = AtomicBool::new(false);

/// The variable that arms points.
const ARMS: &str = "FAILPOINTS";

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// Where the daemon can be ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Point { $($(#[$doc])* $point,)* }

        impl Point {
            /// All of them, in the order of the way through.
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            /// The name by which the environment arms it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }
        }
    };
}

points! {
    /// The ledger's tables are being made or changed.
    StartMigrate = "start.migrate",
    /// The ledger is open.
    StartLedger = "start.ledger",
    /// The contacts are open.
    StartContacts = "start.contacts",
    /// The lanes were woken.
    StartLanes = "start.lanes",
    /// The commands were woken.
    StartCommands = "start.commands",
    /// The read-backs were woken.
    StartCatchUp = "start.catch-up",
    /// The bridges receive.
    StartReceive = "start.receive",
    /// Something came, and nothing is written yet.
    IntakeBegin = "intake.begin",
    /// The event is written, not committed.
    IntakeWritten = "intake.written",
    /// It is durable; participants and names are not noted.
    IntakeStored = "intake.stored",
    /// Participants are noted; nobody is woken.
    IntakeNoted = "intake.noted",
    /// All is done, but the platform does not know.
    IntakeWoken = "intake.woken",
    /// A webhook's answer is about to leave.
    WebhookAnswer = "webhook.answer",
    /// A batch is written, not committed.
    LedgerCommit = "ledger.commit",
    /// A batch is durable; nobody who waits for it knows.
    LedgerCommitted = "ledger.committed",
    /// The head of a lane is known, nothing is sent.
    LaneSend = "lane.send",
    /// The platform has it; the ledger does not know.
    LaneSent = "lane.sent",
    /// A look-up has found what was sent.
    LaneFound = "lane.found",
    /// The settling is written, not committed.
    LaneSettling = "lane.settling",
    /// It is settled; what waited for it is not woken.
    LaneSettled = "lane.settled",
    /// It is to be parked.
    LanePark = "lane.park",
    /// The parking is written, not committed.
    LaneParking = "lane.parking",
    /// It is parked; whoever tells its room is not woken.
    LaneParked = "lane.parked",
    /// What a room is told of all that was given up is written, not committed.
    FailedTelling = "failed.telling",
    /// It is owed; the room's lane is not woken.
    FailedTold = "failed.told",
    /// A reconnected room is being put on hold.
    HoldWritten = "hold.written",
    /// What was held for somebody is let go, in a transaction that is not committed.
    HeldReleasing = "held.releasing",
    /// It is let go; its lane is not woken.
    HeldReleased = "held.released",
    /// Somebody is invited, in a transaction that is not committed.
    HeldInviting = "held.inviting",
    /// Somebody is invited; the lane is not woken.
    HeldInvited = "held.invited",
    /// Rooms are on hold; their read-backs are not woken.
    HoldPlaced = "hold.placed",
    /// A place is about to be read back.
    ReadBegin = "read.begin",
    /// The platform gave what was missed; nothing of it is stored.
    ReadRead = "read.read",
    /// A part of what was missed is stored.
    ReadChunk = "read.chunk",
    /// A cursor is being set.
    ReadCursor = "read.cursor",
    /// All that was missed is stored, and still held.
    ReadRelease = "read.release",
    /// The release is written, not committed.
    ReadReleasing = "read.releasing",
    /// What was held is let go; its lanes are not woken.
    ReadReleased = "read.released",
    /// A sender's log was read; nothing of it is stored.
    LogRead = "log.read",
    /// A part of what was found in it is stored.
    LogChunk = "log.chunk",
    /// All of it is stored; that it was read is not noted.
    LogStored = "log.stored",
    /// Somebody who opted out is taken out of a group; that is not written down.
    OptoutLeft = "optout.left",
    /// It is written, not committed.
    OptoutRemoving = "optout.removing",
    /// Somebody is put back into a group; that is not written down.
    OptoutBack = "optout.back",
    /// It is written, not committed.
    OptoutReturning = "optout.returning",
    /// Some of those who are to get a broadcast are written down; it has not begun.
    BroadcastPlanned = "broadcast.planned",
    /// Some of a broadcast are owed theirs; their lanes are not woken.
    BroadcastOwed = "broadcast.owed",
    /// The account of one was changed where it stands; that is not written down.
    BroadcastReworded = "broadcast.reworded",
    /// A scheduled command is in the ledger; that its time is over is not.
    ScheduleGiven = "schedule.given",
    /// A conversation was made for somebody who wrote alone; nothing of it is written down.
    InboxMade = "inbox.made",
    /// The card of somebody's thread is owed, not committed.
    InboxBegun = "inbox.begun",
    /// Somebody's thread is tied and what waits is let go; that is not committed.
    InboxTied = "inbox.tied",
    /// It is committed; memory and the lanes do not know.
    InboxReleased = "inbox.released",
    /// A command is about to be carried out.
    CommandBegin = "command.begin",
    /// A conversation's members are learned, its link is not made.
    LinkLearned = "link.learned",
    /// Its cursors stand; the link is not made.
    LinkBegun = "link.begun",
    /// A new group's conversation is made; nobody is in it.
    GroupMade = "group.made",
    /// A member was added or taken out; others are to follow.
    GroupMember = "group.member",
    /// A group's state, name or being is changed; its rooms are not.
    GroupState = "group.state",
    /// A group's room is made or changed; nothing of it is written down.
    GroupRoom = "group.room",
    /// A group's members are told that it is put away; it is not.
    GroupTold = "group.told",
    /// A command's steps are done; its end is not written.
    CommandFinish = "command.finish",
    /// Its end is written, not committed.
    CommandFinishing = "command.finishing",
    /// A command is done; memory and the answer's lane do not know.
    CommandFinished = "command.finished",
    /// A contact is written, not flushed.
    ContactWritten = "contact.written",
    /// A contact is flushed; nobody knows.
    ContactFlushed = "contact.flushed",
    /// The contacts are copied, so that nothing is left of what was removed.
    ContactsCopied = "contacts.copied",
    /// The old folder has another name; the copy has not its own yet.
    ContactsMoved = "contacts.moved",
    /// The copy is the store; the old folder is still there.
    ContactsReplaced = "contacts.replaced",
    /// A person's rows are erased; the command is not done.
    PersonErased = "person.erased",
}

/// Reads what the environment arms. First thing in `main`.
///
/// # Panics
/// The variable cannot be read, in a build for the tests: a test is written wrongly.
pub fn arm() {
    if fail::has_failpoints() && std::env::var_os(ARMS).is_some() {
        // It would disarm everything when it is dropped.
        std::mem::forget(fail::FailScenario::setup());
        ARMED.store(true, Ordering::Relaxed);
    }
}

/// Ends the process here, if this point is armed and its turn has come.
pub fn point(point: Point) {
    // Where points are compiled to nothing, so is the mention of its name.
    let _ = point;
    if fail::has_failpoints() && ARMED.load(Ordering::Relaxed) {
        fail::fail_point!(point.name(), |_| std::process::abort());
    }
}

/// The clock that the daemon goes by: this one, or this one moved as the environment says.
#[must_use]
pub fn clock(clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
    if fail::has_failpoints() && ARMED.load(Ordering::Relaxed) {
        Arc::new(Moved(clock))
    } else {
        clock
    }
}

/// A clock that goes wrong by as many seconds as the point `clock` returns.
#[derive(Debug)]
struct Moved(Arc<dyn Clock>);

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        let now = self.0.now();
        now.saturating_add(SignedDuration::from_secs(shift())).unwrap_or(now)
    }
}

fn shift() -> i64 {
    fail::fail_point!("clock", |seconds| {
        seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or_default()
    });
    0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        assert!(!names.contains("clock"));
    }
}
