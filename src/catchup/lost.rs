//! A place that cannot be read: what is held is let go, and whoever may miss something is told.

use partyline_core::{Again, Lost, Place};

use super::CatchUp;
use super::trouble::Trouble;
use crate::ledger::Through;
use crate::poison::Poison;

impl CatchUp {
    /// The program died over it again and again: this version does not read it any more.
    pub(super) async fn read_no_more(&self, place: &Place) -> Lost {
        self.deadly().insert(place.clone());
        if let Err(error) = self.ledger.note_deadly(place).await {
            tracing::error!(%place, %error, "it could not be noted that the program dies over it");
        }
        deadly()
    }

    /// Lets go what is held, tells the places tied to this one, and reads it again later. Says whether
    /// that is so: a ledger that cannot be written keeps everything as it is.
    pub(super) async fn give_up(&self, place: &Place, trouble: &Trouble) -> bool {
        let why = match trouble {
            Trouble::Poison(Poison::Deadly) => self.read_no_more(place).await,
            other => other.lost(),
        };
        if !self.let_go(place, why).await {
            return false;
        }
        metrics::counter!("partyline_read_back_failed_total",
            "network" => place.network().as_str())
        .increment(1);
        self.door.unread(place);
        tracing::error!(%place,
            "this place could not be read back; what was held is let go, something before it may be missing");
        true
    }

    /// Lets go what is held, and tells the places tied to this one why something may be missing,
    /// unless they were told already. Says whether it could.
    pub(super) async fn let_go(&self, place: &Place, why: Lost) -> bool {
        let released = match self.ledger.hold_on(place).await {
            Ok(hold) => self.door.release(place, Through::Hold(hold), Some(why)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &released {
            tracing::error!(%place, %error, "what is held could not be let go");
        }
        released.is_ok()
    }
}

/// Why a place over which the program dies is not read back.
pub(super) fn deadly() -> Lost {
    let why = "The bridge was ended again and again while it read them back, so it does not try any \
               more. Report it with the log; a newer version tries again, and so does this one after \
               `partyline doctor --mend`.";
    Lost { why: why.to_owned(), again: Again::NotByItself }
}
