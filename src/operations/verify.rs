//! `member add --verify`, `member verify`: somebody is added once they have told the code that was
//! sent to their phone.

use std::sync::atomic::{AtomicBool, Ordering};

use partyline_core::{Address, Channel, Network, Place, Told, Verify};
use serde_json::json;

use super::membership;
use super::work::{Done, Stop, Work, no_twilio};
use super::{adding, adding::Plan};
use crate::ledger::AwaitedCode;

/// People who are named.
const SHOWN: usize = 20;

/// Sends everybody a code who can be added; nobody is added yet.
pub(super) async fn send(
    work: &mut Work<'_>,
    group: &Place,
    wanted: &[Address],
    sender: Option<&Address>,
) -> Result<Done, Stop> {
    let verify = power(work)?;
    let plan = match membership::planned(work, group, wanted, sender).await? {
        Ok(plan) => plan,
        Err(sentence) => return Ok(Done::said(sentence)),
    };
    let Plan { adding, mut refused, there, .. } = plan;
    let mut sent = Vec::new();
    for (address, sender) in adding {
        let who = adding::name(work, &address, Some(group)).await;
        if !matches!(address.channel(), Channel::WhatsApp | Channel::Sms) {
            refused.push(format!("{who}: no code can be sent there; add them without --verify"));
            continue;
        }
        match work.attempt(|| verify.send_code(&address)).await {
            Ok(code) => {
                let awaited = AwaitedCode { sender, sent: code };
                work.desk().ledger.await_code(group, &address, awaited).await?;
                sent.push(address);
            }
            Err(Stop::Platform(failure)) => refused.push(format!("{who}: {}", failure.sentence)),
            Err(stop) => return Err(stop),
        }
    }
    let mut lines = Vec::new();
    if let Some(first) = sent.first() {
        let prefix = work.desk().prefix(work.line.answer.place.network());
        lines.push(format!(
            "A code went to {}. It is good for ten minutes. Once they have told it to you, `{prefix} member verify {} CODE` adds them.",
            adding::names(work, &sent, Some(group), SHOWN).await,
            first.contact_key()
        ));
    }
    if !there.is_empty() {
        let who = adding::names(work, &there, Some(group), SHOWN).await;
        lines.push(format!("In the group already: {who}."));
    }
    if !refused.is_empty() {
        lines.push(format!("Nothing was sent to {}.", refused.join("; ")));
    }
    let done = Done::answered(lines.join("\n"));
    Ok(done.with("sent", &sent).with("present", &there).with("refused", &refused))
}

/// Checks the code that somebody told, and adds them if it is right.
pub(super) async fn check(
    work: &mut Work<'_>,
    group: &Place,
    address: &Address,
    code: &str,
) -> Result<Done, Stop> {
    let sender = match work.marked::<Option<Address>>("right") {
        Some(sender) => sender,
        None => match told(work, group, address, code).await? {
            Ok(sender) => {
                work.mark("right", &sender, Vec::new()).await?;
                sender
            }
            Err(sentence) => return Ok(Done::said(sentence)),
        },
    };
    let wanted = std::slice::from_ref(address);
    let done = membership::add(work, group, wanted, sender.as_ref(), false).await?;
    work.desk().ledger.forget_code(group, address).await?;
    Ok(done)
}

/// The sender behind which somebody is to be added who told the right code; else what is wrong.
async fn told(
    work: &mut Work<'_>,
    group: &Place,
    address: &Address,
    code: &str,
) -> Result<Result<Option<Address>, String>, Stop> {
    let (desk, verify) = (work.desk(), power(work)?);
    let who = adding::name(work, address, Some(group)).await;
    let prefix = desk.prefix(work.line.answer.place.network());
    let again = format!("`{prefix} member add {} --verify` sends one.", address.contact_key());
    let Some(awaited) = desk.ledger.awaited_code(group, address).await? else {
        return Ok(Err(format!("{who} was sent no code for this group. {again}")));
    };
    // A right code is taken once. After a kill, or a try whose answer was lost, it may have been.
    let before = AtomicBool::new(work.marked::<serde_json::Value>("checking").is_some());
    work.mark("checking", &json!(true), Vec::new()).await?;
    let check = || {
        let again = before.swap(true, Ordering::Relaxed);
        verify.check_code(&awaited.sent, code, again)
    };
    let checked = work.attempt(check).await?;
    let sentence = match checked {
        Told::Right => return Ok(Ok(awaited.sender)),
        Told::Wrong => {
            return Ok(Err(format!(
                "That is not the code that {who} was sent; nobody was added. Look at it again: after five wrong ones no other is taken."
            )));
        }
        Told::TooMany => format!(
            "Five wrong codes were told for {who}, so no other is taken; nobody was added. Ten minutes after the code was sent, `{prefix} member add {} --verify` sends a new one.",
            address.contact_key()
        ),
        Told::Expired => {
            format!("The code that {who} was sent is not good any more; nobody was added. {again}")
        }
    };
    desk.ledger.forget_code(group, address).await?;
    Ok(Err(sentence))
}

fn power<'a>(work: &Work<'a>) -> Result<&'a dyn Verify, Stop> {
    let twilio = work.desk().networks.get(Network::Twilio);
    twilio.and_then(|powers| powers.verify.as_deref()).ok_or_else(no_twilio)
}
