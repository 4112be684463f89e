//! Gathers what is known of somebody who gives a command; [`crate::policy::may`] decides on it.

use std::time::Duration;

use partyline_core::{Network, PersonId, Place};

use crate::commands::Desk;
use crate::ledger::{LedgerError, Role};
use crate::policy::Standing;

/// How long a platform is asked for somebody's rank. One that does not answer grants nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of somebody who speaks in `room` and wants something of `group`.
///
/// # Errors
/// The ledger could not be read.
pub async fn standing(
    desk: &Desk,
    person: &PersonId,
    room: &Place,
    group: Option<&Place>,
) -> Result<Standing, LedgerError> {
    match person.network {
        Network::Twilio => return Ok(Standing { phone: true, ..Standing::default() }),
        Network::Operator => return Ok(Standing::OPERATOR),
        Network::Slack | Network::Matrix => {}
    }
    let manager = match group {
        Some(group) => desk.ledger.has_role(person, &Role::Manager(group.clone())).await?,
        None => false,
    };
    Ok(Standing {
        phone: false,
        member: group.is_some() && desk.links.conversation(room).as_ref() == group,
        manager,
        admin: is_admin(desk, person, room).await?,
    })
}

/// The groups that somebody may see who speaks in `room`: an administrator all (`None`), everybody
/// else those that they manage and those of the rooms that they are in.
///
/// # Errors
/// The ledger could not be read.
pub async fn sight(
    desk: &Desk,
    person: &PersonId,
    room: &Place,
) -> Result<Option<Vec<Place>>, LedgerError> {
    match person.network {
        Network::Twilio => return Ok(Some(Vec::new())),
        Network::Operator => return Ok(None),
        Network::Slack | Network::Matrix if is_admin(desk, person, room).await? => return Ok(None),
        Network::Slack | Network::Matrix => {}
    }
    let mut seen = desk.ledger.managed_by(person).await?;
    let rooms = joined(desk, person).await;
    let groups = rooms.iter().chain([room]).filter_map(|room| desk.links.conversation(room));
    seen.extend(groups);
    seen.sort_unstable();
    seen.dedup();
    Ok(Some(seen))
}

/// The linked rooms that somebody is in. None where the platform does not say.
async fn joined(desk: &Desk, person: &PersonId) -> Vec<Place> {
    let powers = desk.networks.get(person.network);
    let Some(rooms) = powers.and_then(|powers| powers.rooms.clone()) else { return Vec::new() };
    let mut linked = desk.links.places(person.network);
    linked.retain(|place| !place.is_conversation());
    match tokio::time::timeout(PATIENCE, rooms.joined(person, linked)).await {
        Ok(Ok(joined)) => joined,
        Ok(Err(failure)) => {
            tracing::warn!(network = %person.network, "it is not known who is in which room: {failure}");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!(network = %person.network, "it is not known who is in which room: no answer in time");
            Vec::new()
        }
    }
}

/// By configuration, by grant, or by the platform's own ranks.
async fn is_admin(desk: &Desk, person: &PersonId, room: &Place) -> Result<bool, LedgerError> {
    if desk.admins.contains(person) || desk.ledger.has_role(person, &Role::Admin).await? {
        return Ok(true);
    }
    let ranks = desk.networks.get(person.network).and_then(|powers| powers.ranks.clone());
    let Some(ranks) = ranks else { return Ok(false) };
    match tokio::time::timeout(PATIENCE, ranks.is_admin(person, room)).await {
        Ok(Ok(admin)) => Ok(admin),
        Ok(Err(failure)) => {
            tracing::warn!(network = %person.network, %room,
                "it is not known who is an administrator here: {failure}");
            Ok(false)
        }
        Err(_) => {
            tracing::warn!(network = %person.network, %room,
                "it is not known who is an administrator here: no answer in time");
            Ok(false)
        }
    }
}
