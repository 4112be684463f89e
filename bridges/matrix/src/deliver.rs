//! Messages to rooms, those that have piled up together as one; and looking up which arrived.

use async_trait::async_trait;
use partyline_core::{Deliver, Failure, Outgoing, Sent};

use crate::{LIMIT, Matrix, client, error, outbound};

#[async_trait]
impl Deliver for Matrix {
    fn limit(&self) -> usize {
        LIMIT
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        self.send_first(std::slice::from_ref(outgoing), false).await.map(|(sent, _)| sent)
    }

    async fn find(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
        let found = self.find_first(std::slice::from_ref(outgoing)).await?;
        Ok(found.map(|(sent, _)| sent))
    }

    fn most_together(&self) -> usize {
        outbound::MOST_TOGETHER
    }

    fn together(&self, waiting: &[Outgoing]) -> usize {
        outbound::together(waiting)
    }

    async fn send_first(
        &self,
        waiting: &[Outgoing],
        again: bool,
    ) -> Result<(Sent, usize), Failure> {
        let room = self.room(&waiting[0].to)?;
        let together = self.together(waiting);
        let sent = client::send(self, &room, &waiting[..together]).await;
        if let Err(failure) = &sent {
            self.health.send_failed(failure);
            if error::is_token_gone(failure) {
                self.token_gone.notify_one();
            }
        }
        let sent = sent?;
        if !again && together == 1 {
            return Ok((sent, together));
        }
        // The homeserver may have given the message back that was made the first time, and others
        // may have waited behind the first delivery then. Of several it is asked in any case: none
        // is taken for sent that is not there.
        let held = client::held_by(self, &room, &sent, waiting).await?;
        Ok((sent, held))
    }

    async fn find_first(&self, waiting: &[Outgoing]) -> Result<Option<(Sent, usize)>, Failure> {
        if client::is_repeat_known(self, &waiting[0]) {
            return Ok(None);
        }
        let room = self.room(&waiting[0].to)?;
        client::find(self, &room, waiting).await
    }
}
