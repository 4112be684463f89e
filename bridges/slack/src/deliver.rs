//! Posts and answers, and looking up whether one arrived.

use async_trait::async_trait;
use partyline_core::{Action, Deliver, Failure, Outgoing, Reason, Sent, Verdict};

use crate::{Slack, history, outbound, rates};

impl Slack {
    async fn post(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        let Some(request) = outbound::post(outgoing) else {
            return Err(Failure::never(Reason::Refused, "This is nothing to post in Slack."));
        };
        let channel = &request.channel.0;
        self.rates.turn(channel).await.map_err(|wait| {
            Failure::later(
                Reason::RateLimited,
                Some(wait),
                format!("Channel {channel} has to wait for its turn; it goes on by itself."),
            )
        })?;
        let posted = self.client.post(&request).await;
        if let Err(Failure { reason: Reason::RateLimited, verdict, .. }) = &posted {
            self.rates.hold(channel, rates::wait(*verdict));
        }
        posted.map(|stamp| history::sent(&stamp))
    }
}

#[async_trait]
impl Deliver for Slack {
    fn limit(&self) -> usize {
        outbound::LIMIT
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Sent, Failure> {
        if let Action::Answer { to, text, replaces, buttons } = &outgoing.action {
            // An answer goes mostly without the token, and says nothing of it.
            let answered = self.answer(Some(&outgoing.id), to, (text, buttons)).await;
            if let (Ok(_), Some(shown)) = (&answered, replaces) {
                self.end_progress(to, shown, text).await;
            }
            return answered;
        }
        let sent = self.post(outgoing).await;
        self.board.called(&sent);
        sent
    }

    async fn find(&self, outgoing: &Outgoing) -> Result<Option<Sent>, Failure> {
        if let Action::Answer { to, .. } = &outgoing.action {
            return self.find_answer(to, outgoing).await;
        }
        history::find(&self.client, outgoing).await.map_err(|failure| match failure.verdict {
            // The channel is not shown to the bridge any more: only a person can look there.
            Verdict::Never => Failure { verdict: Verdict::Unknown, ..failure },
            Verdict::Later(_) | Verdict::Unknown => failure,
        })
    }
}
