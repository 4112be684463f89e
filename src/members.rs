//! Who is in a conversation: learned from the platform, remembered in the ledger, and held in
//! memory for their names.

use std::sync::Arc;

use partyline_core::{Failure, Groups, Network, Place, Speaker};
use tokio_util::sync::CancellationToken;

use crate::contacts::Names;
use crate::ledger::{Ledger, LedgerError, StoredParticipant};
use crate::links::Links;
use crate::networks::Networks;

/// Asks the platform who is in a conversation, and remembers it. Answers how many they are.
///
/// # Errors
/// The platform could not be asked. A ledger that cannot remember is logged: the names are known
/// all the same.
pub async fn learn(
    groups: &dyn Groups,
    ledger: &Ledger,
    names: &Names,
    conversation: &Place,
) -> Result<usize, Failure> {
    let members = groups.members(conversation).await?;
    let rows: Vec<_> = members
        .into_iter()
        .map(|member| StoredParticipant {
            conversation: conversation.clone(),
            sid: member.participant,
            address: member.address,
            sender: member.sender,
            name: member.name,
        })
        .collect();
    let count = rows.len();
    let present = rows.iter().map(|row| row.sid.clone()).collect();
    remember(names, &rows).await;
    if let Err(error) = ledger.note_participants(rows).await {
        tracing::error!(place = %conversation, %error, "the members could not be written down");
    }
    if let Err(error) = ledger.keep_participants(conversation, present).await {
        tracing::error!(place = %conversation, %error, "who left could not be forgotten");
    }
    Ok(count)
}

/// Puts the names of everybody whom the ledger remembers into memory. What has to be read for that from
/// the contact store, and from the platform for linked conversations of which the ledger remembers
/// nobody, is read in the background, by what this answers.
///
/// # Errors
/// The ledger could not be read.
pub async fn recall(
    ledger: &Ledger,
    names: &Arc<Names>,
    links: &Links,
    networks: &Networks,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, LedgerError> {
    names.recall_profiles(ledger.profiles(names.limit()).await?);
    // More than memory holds would only push each other out.
    let rows = ledger.participants(names.limit()).await?;
    learn_members(names, &rows);
    let known = ledger.conversations_with_members().await?;
    let unknown: Vec<Place> =
        links.places(Network::Twilio).into_iter().filter(|place| !known.contains(place)).collect();
    let groups = networks.get(Network::Twilio).and_then(|powers| powers.groups.clone());
    let (ledger, names) = (ledger.clone(), Arc::clone(names));
    Ok(async move {
        stop.run_until_cancelled(read_contacts(&names, &rows)).await;
        drop(rows);
        let Some(groups) = groups else { return };
        for place in unknown {
            if stop.is_cancelled() {
                return;
            }
            if let Err(failure) = learn(groups.as_ref(), &ledger, &names, &place).await {
                tracing::warn!(%place, "its members could not be learned: {failure}");
            }
        }
    })
}

async fn remember(names: &Names, rows: &[StoredParticipant]) {
    learn_members(names, rows);
    read_contacts(names, rows).await;
}

fn learn_members(names: &Names, rows: &[StoredParticipant]) {
    for row in rows {
        if let Some(address) = &row.address {
            names.learn_member(&row.conversation, address, row.name.as_deref());
        }
    }
}

/// Has the contacts read into memory that are not there yet.
async fn read_contacts(names: &Names, rows: &[StoredParticipant]) {
    for row in rows {
        let Some(address) = &row.address else { continue };
        let speaker = Speaker::new(Network::Twilio, address.as_str());
        names.resolve(&speaker, &row.conversation).await;
    }
}
