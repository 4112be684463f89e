//! What commands work with.

use std::sync::Arc;

use partyline_core::Network;

use super::parts::Parts;
use crate::commands::Desk;
use crate::config::Config;
use crate::invitations::Invitations;
use crate::templates::Templates;

/// What commands may look at.
pub(super) fn desk(config: &Config, parts: &Parts) -> Desk {
    let slack = config.slack.as_ref().map(|slack| (Network::Slack, slack.command.clone()));
    let matrix =
        config.matrix.as_ref().map(|matrix| (Network::Matrix, matrix.command_prefix.clone()));
    let manage = parts.networks.get(Network::Twilio).and_then(|powers| powers.manage.clone());
    let templates = Templates::new(manage, &config.whatsapp.templates);
    Desk {
        invitations: Invitations::new(
            parts.ledger.clone(),
            parts.contacts.clone(),
            templates.clone(),
            &config.whatsapp,
        ),
        templates,
        ledger: parts.ledger.clone(),
        links: parts.links.clone(),
        fixed: config.links.iter().map(|link| link.room.clone()).collect(),
        contacts: parts.contacts.clone(),
        networks: parts.networks.clone(),
        senders: config.twilio.senders.clone(),
        admins: config.access.admins.clone(),
        region: config.twilio.region(),
        prefixes: slack
            .into_iter()
            .chain(matrix)
            .chain([(Network::Operator, "partyline".to_owned())])
            .collect(),
        lateness: config.relay.lateness.clone(),
        alerts: parts.alerts.clone(),
        moderation: parts.moderation.clone(),
        inbox: config.inbox.clone(),
        blocks: parts.blocks.clone(),
        clock: parts.clock.clone(),
        ended: Arc::default(),
        broadcast: Arc::default(),
        scheduled: Arc::default(),
        zone: config.relay.lateness.zone.clone(),
    }
}
