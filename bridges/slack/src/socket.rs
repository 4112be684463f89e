//! Socket Mode: one WebSocket that Slack sends its envelopes on.
//!
//! An envelope is acknowledged after intake has stored it, never before; one that could not be
//! stored is not acknowledged, and Slack sends it again. slack-morphism's own loop acknowledges
//! what it cannot read, so this is our own.
//!
//! Slack closes each socket after some hours, with notice. The next one is opened while the old
//! one is still read, so that nothing falls between them. After a socket is lost without notice
//! the channels are read back (docs.slack.dev, "Using Socket Mode").

mod company;
mod connection;

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use partyline_core::{
    Backoff, Failure, Forms, Incoming, Intake, Network, NotStored, Proof, Reason,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Asked, Heard, Served, Slack, backoff, wire};
use company::Company;
use connection::{Connection, Lost};

/// A socket that lived this long was a good one: the next failure is a first one.
const GOOD: Duration = Duration::from_secs(30);

/// How long an old socket is read beside its successor before the bridge closes it itself.
const RETIREMENT: Duration = Duration::from_secs(30);

/// People who are served at a time; a workspace has no more who open forms in the same seconds.
const WAITING: usize = 256;

/// The successor of a socket that Slack is about to close, while it opens.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Connection, Failure>> + Send + 'a>>;

/// A socket that Slack is about to close, read until then.
struct Retiring {
    connection: Connection,
    until: Instant,
}

/// What follows from a frame.
enum Next {
    Go,
    /// Slack will close this socket.
    Replace,
    /// Slack takes no sockets of this app any more.
    Disabled,
}

/// Keeps a socket open and hands everything on it to intake, until it is told to stop.
pub(crate) async fn run(
    slack: &Slack,
    intake: &dyn Intake,
    forms: &dyn Forms,
    stop: &CancellationToken,
) {
    let mut waits = Backoff::default();
    let mut company = Company::new(slack.config.timeouts.company);
    while !stop.is_cancelled() {
        let wait = match connect(slack, intake).await {
            Ok(connection) => {
                let begun = Instant::now();
                let served = serve(slack, (intake, forms), connection, &mut company, stop);
                let Some(lost) = served.await else {
                    return;
                };
                slack.board.inbound(lost.proof());
                tracing::warn!(why = %lost, "the socket to Slack was lost; opening the next one");
                metrics::counter!("partyline_slack_sockets_total", "outcome" => "lost")
                    .increment(1);
                if begun.elapsed() > GOOD {
                    waits.reset();
                }
                match lost {
                    Lost::Disabled => backoff::after(&mut waits, &disabled()),
                    _ => waits.wait(),
                }
            }
            Err(failure) => {
                tracing::warn!(reason = failure.reason.as_str(), "{}", failure.sentence);
                metrics::counter!("partyline_slack_sockets_total", "outcome" => "refused")
                    .increment(1);
                slack.board.inbound(Proof::Failed(failure.sentence.clone()));
                backoff::after(&mut waits, &failure)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Opens a socket and tells intake that events may have been missed before it.
async fn connect(slack: &Slack, intake: &dyn Intake) -> Result<Connection, Failure> {
    let connection = Connection::open(slack).await?;
    let noted = if slack.withheld.is_on() {
        // They are read back when Slack withholds no more.
        intake.withheld(Network::Slack).await
    } else {
        intake.reconnected(Network::Slack, slack.client.time()).await
    };
    noted.map_err(|error| {
        Failure::later(Reason::Unavailable, None, format!("The ledger is out of order: {error}."))
    })?;
    slack.board.inbound(Proof::Proved);
    tracing::info!("the socket to Slack is open");
    metrics::counter!("partyline_slack_sockets_total", "outcome" => "opened").increment(1);
    Ok(connection)
}

/// Takes in what the `hello` of a new socket says of others, beside `old` ones of ours; when a next one is
/// to be opened for another look.
fn look_around(slack: &Slack, company: &mut Company, new: &Connection, old: u32) -> Instant {
    let before = company.others();
    company.hello(new.connections, old + 1);
    let others = company.others();
    if others != before {
        tracing::warn!(others, "sockets of this Slack app that are not ours");
    }
    slack.board.shared_with(others);
    Instant::now() + company.next()
}

/// Reads a socket and its successors until one is lost; `None` when told to stop.
async fn serve(
    slack: &Slack,
    (intake, forms): (&dyn Intake, &dyn Forms),
    connection: Connection,
    company: &mut Company,
    stop: &CancellationToken,
) -> Option<Lost> {
    let mut look = look_around(slack, company, &connection, 0);
    let mut current = connection;
    let mut retiring: Option<Retiring> = None;
    let mut opening: Option<Opening<'_>> = None;
    let mut session =
        Session { slack, intake, forms, missed: false, served: FuturesUnordered::new() };
    loop {
        // The old socket first: what it still has came before what the new one brings.
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                current.close().await;
                return None;
            }
            frame = old_frame(&mut retiring) => {
                let done = match (frame, &mut retiring) {
                    (Ok(frame), Some(old)) => session.take(&mut old.connection, &frame).await.is_err(),
                    _ => true,
                };
                if done && let Some(mut old) = retiring.take() {
                    old.connection.close().await;
                }
            }
            Some(step) = session.served.next() => {
                // Whichever socket is open takes an acknowledgement.
                if let Err(lost) = session.step(&mut current, step).await {
                    return Some(lost);
                }
            }
            opened = successor(&mut opening) => match opened {
                Ok(next) => {
                    opening = None;
                    metrics::counter!("partyline_slack_sockets_total", "outcome" => "replaced")
                        .increment(1);
                    let old = 1 + u32::from(retiring.is_some());
                    look = look_around(slack, company, &next, old);
                    let connection = std::mem::replace(&mut current, next);
                    retiring = Some(Retiring { connection, until: Instant::now() + RETIREMENT });
                }
                Err(failure) => {
                    tracing::warn!(reason = failure.reason.as_str(), "{}", failure.sentence);
                    opening = Some(open_after(slack, backoff::after(&mut Backoff::default(), &failure)));
                }
            },
            // Only a new socket tells how many there are.
            () = tokio::time::sleep_until(look), if opening.is_none() && retiring.is_none() => {
                opening = Some(open_after(slack, Duration::ZERO));
            }
            frame = current.next() => {
                let next = match frame {
                    Ok(frame) => session.take(&mut current, &frame).await,
                    Err(lost) => Err(lost),
                };
                match next {
                    Ok(Next::Go) => {}
                    Ok(Next::Replace) if opening.is_none() => {
                        opening = Some(open_after(slack, Duration::ZERO));
                    }
                    Ok(Next::Replace) => {}
                    Ok(Next::Disabled) => return Some(Lost::Disabled),
                    Err(lost) => return Some(lost),
                }
            }
        }
    }
}

fn open_after(slack: &Slack, wait: Duration) -> Opening<'_> {
    Box::pin(async move {
        tokio::time::sleep(wait).await;
        Connection::open(slack).await
    })
}

async fn successor(opening: &mut Option<Opening<'_>>) -> Result<Connection, Failure> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

/// The next frame of the old socket; an error once it is through.
async fn old_frame(retiring: &mut Option<Retiring>) -> Result<String, Lost> {
    match retiring {
        Some(old) => tokio::time::timeout_at(old.until, old.connection.next())
            .await
            .unwrap_or(Err(Lost::Closed)),
        None => std::future::pending().await,
    }
}

/// What the frames of one session are handed to.
struct Session<'a> {
    slack: &'a Slack,
    intake: &'a dyn Intake,
    forms: &'a dyn Forms,
    /// Whether something came that could not be stored: before anything else is, intake is told,
    /// so that what was missed does not end up behind it.
    missed: bool,
    /// People who wait for something of a form, while the next frames are read.
    served: FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send + 'a>>>,
}

/// How far somebody who waits has been served.
enum Step {
    /// This is to be acknowledged, and done after.
    Answered(String, Result<Served, NotStored>),
    Done,
}

impl<'a> Session<'a> {
    /// Begins to serve somebody.
    fn serve(&mut self, envelope_id: String, asked: Box<Asked>) {
        let (slack, forms, intake) = (self.slack, self.forms, self.intake);
        if self.served.len() >= WAITING {
            tracing::warn!("too many forms at a time: Slack tells somebody to try again");
            metrics::counter!("partyline_slack_forms_total", "outcome" => "too_many").increment(1);
            return;
        }
        self.served.push(Box::pin(async move {
            Step::Answered(envelope_id, slack.serve(asked, forms, intake).await)
        }));
    }

    async fn step(&mut self, connection: &mut Connection, step: Step) -> Result<(), Lost> {
        let Step::Answered(envelope_id, served) = step else { return Ok(()) };
        let Served { body, rest } = match served {
            Ok(served) => served,
            Err(error) => {
                // Slack tells the person that it did not work; nothing of it is repeated.
                tracing::error!(%error, "a form was not stored and not acknowledged");
                metrics::counter!("partyline_slack_unstored_total").increment(1);
                return Ok(());
            }
        };
        if let Some(asked) = rest {
            let (slack, forms, intake) = (self.slack, self.forms, self.intake);
            self.served.push(Box::pin(async move {
                slack.attend(asked, forms, intake).await;
                Step::Done
            }));
        }
        connection.acknowledge(&envelope_id, body.as_ref()).await
    }

    async fn take(&mut self, connection: &mut Connection, frame: &str) -> Result<Next, Lost> {
        let envelope: wire::Envelope = serde_json::from_str(frame).unwrap_or_default();
        let kind = envelope.kind.as_deref().unwrap_or("unknown");
        match kind {
            "hello" => return Ok(Next::Go),
            "disconnect" => {
                let reason = envelope.reason.as_deref().unwrap_or("unknown");
                tracing::info!(reason, "Slack is about to close the socket");
                return Ok(if reason == "link_disabled" { Next::Disabled } else { Next::Replace });
            }
            _ => {}
        }
        if envelope.retry_attempt.is_some_and(|attempt| attempt > 0) {
            metrics::counter!("partyline_slack_retries_total", "via" => "socket").increment(1);
        }
        let incoming = match self.slack.on_socket(kind, &envelope, frame, self.forms) {
            Heard::Ask(asked) => {
                if let Some(id) = envelope.envelope_id {
                    self.serve(id, asked);
                }
                return Ok(Next::Go);
            }
            Heard::Keep(incoming) => Some(incoming),
            Heard::Challenge(_) | Heard::Nothing => None,
        };
        match self.store(incoming).await {
            Ok(()) => match &envelope.envelope_id {
                Some(id) => connection.acknowledge(id, None).await.map(|()| Next::Go),
                None => Ok(Next::Go),
            },
            Err(error) => {
                self.missed = true;
                tracing::error!(%error, "an envelope was not stored and not acknowledged");
                metrics::counter!("partyline_slack_unstored_total").increment(1);
                Ok(Next::Go)
            }
        }
    }

    async fn store(&mut self, incoming: Option<Incoming>) -> Result<(), NotStored> {
        if self.missed {
            self.intake.reconnected(Network::Slack, self.slack.client.time()).await?;
            self.missed = false;
        }
        match incoming {
            Some(incoming) => self.intake.accept(incoming).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

fn disabled() -> Failure {
    Failure::later(Reason::Credentials, None, Lost::Disabled.to_string())
}

#[cfg(test)]
mod tests;
