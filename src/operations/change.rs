//! Changes a conversation at its platform, and the directory with it.

use partyline_core::{ConversationChange, Place};

use super::work::{Done, Stop, Work};
use crate::ledger::{Change, GroupChange};

pub(super) async fn run(
    work: &mut Work<'_>,
    group: &Place,
    change: &ConversationChange,
    answer: String,
) -> Result<Done, Stop> {
    let manage = work.manage()?;
    let info = work.attempt(|| manage.change(group, change)).await?;
    Ok(Done::changed(answer, vec![Change::Group(GroupChange::Note(Box::new(info)))]))
}
