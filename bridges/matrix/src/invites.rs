//! Invitations: accepted from those who may invite, left alone from all others.

use matrix_sdk::ruma::OwnedRoomId;
use matrix_sdk::{Client, Room};
use partyline_core::Clock;
use tokio::sync::Notify;
use tokio::time::{Duration, timeout};

use crate::config::Config;
use crate::error;

/// A join that failed is tried again after this; joins over federation can take long to work.
const RETRY: Duration = Duration::from_secs(60);

/// Accepts invitations, now and whenever `came` says that there are new ones. Never returns.
pub(crate) async fn watch(config: &Config, client: &Client, came: &Notify, clock: &dyn Clock) {
    // What was left alone, so that the log says it once. At most as many as there are invitations.
    let mut refused: Vec<OwnedRoomId> = Vec::new();
    loop {
        let mut failed = false;
        let invited = client.invited_rooms();
        refused.retain(|room| invited.iter().any(|invited| invited.room_id() == room));
        for room in invited {
            if refused.iter().any(|refused| refused == room.room_id()) {
                continue;
            }
            if allowed(config, &room).await {
                failed |= !join(config, &room, clock).await;
            } else {
                metrics::counter!("partyline_matrix_invites_total", "outcome" => "left_alone")
                    .increment(1);
                tracing::info!(
                    room = %room.room_id(),
                    "an invitation from somebody whom matrix.inviters does not name is left alone"
                );
                refused.push(room.room_id().to_owned());
            }
        }
        let wait = if failed { RETRY } else { Duration::MAX };
        let _ = timeout(wait, came.notified()).await;
    }
}

async fn allowed(config: &Config, room: &Room) -> bool {
    match room.invite_details().await {
        Ok(invite) => config.may_invite(invite.inviter_id.as_str()),
        Err(_) => false,
    }
}

async fn join(config: &Config, room: &Room, clock: &dyn Clock) -> bool {
    let outcome = match timeout(2 * config.request_timeout, room.join()).await {
        Ok(Ok(())) => "joined",
        Ok(Err(error)) => {
            let failure = error::failure(&error, "join the room", clock.now());
            tracing::warn!(room = %room.room_id(), why = failure.sentence, "could not join");
            "failed"
        }
        Err(_) => "failed",
    };
    metrics::counter!("partyline_matrix_invites_total", "outcome" => outcome).increment(1);
    outcome == "joined"
}
