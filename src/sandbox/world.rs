//! The simulated platforms, set up: the group with its phones, the workspace with its channel.

use anyhow::Context;
use partyline_slack::simulator as slack;
use partyline_twilio::simulator as twilio;
use serde::Deserialize;

use super::cast::{
    CHANNEL, COLLEAGUES, GROUP, INBOX, MEMBERS, OTHER_SENDER, SENDER, STRANGER, slug,
};

/// Messages that a phone, a conversation and the channel keep; the page shows fewer.
const KEPT: usize = 1000;

/// A channel of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Room {
    /// The group's.
    Channel,
    /// The inbox.
    Inbox,
}

/// Both platforms.
pub(super) struct World {
    /// Twilio, with the phones.
    pub(super) twilio: twilio::Simulator,
    /// Slack.
    pub(super) slack: slack::Simulator,
    /// The group's conversation, `CH…`.
    pub(super) group: String,
    /// The channel's id, `C…`.
    pub(super) channel: String,
    /// The id of the inbox's channel, where there is an inbox.
    pub(super) inbox: Option<String>,
    /// The ids of [`COLLEAGUES`], in their order.
    pub(super) colleagues: Vec<String>,
    /// The phones of [`MEMBERS`], in their order, and that of [`STRANGER`].
    pub(super) phones: Vec<twilio::Phone>,
}

impl World {
    /// Starts both on free ports of the loopback. `pictures` is the address that the pictures of
    /// people are under; without one, nobody has a picture, and there is no inbox: nobody is there to
    /// answer in it.
    pub(super) async fn start(pictures: Option<&str>) -> anyhow::Result<Self> {
        let twilio = twilio::Simulator::start(twilio::Options {
            senders: vec![SENDER.to_owned(), OTHER_SENDER.to_owned()],
            keep_messages: KEPT,
            ..twilio::Options::default()
        })
        .await
        .context("the simulated Twilio found no free port on the loopback")?;
        let slack = slack::Simulator::start(slack::Options {
            kept_messages: KEPT,
            ..slack::Options::default()
        })
        .await
        .context("the simulated Slack does not start")?;
        let group = twilio.create_conversation(GROUP).await?.to_string();
        let mut phones = Vec::new();
        for member in &MEMBERS {
            let phone = twilio::NewMember::new(&member.address(), SENDER).named(member.profile);
            phones.push(twilio.add_phone(&group, phone).await?);
        }
        let stranger = twilio.phone(&STRANGER.address());
        stranger.set_profile_name(STRANGER.profile);
        phones.push(stranger);
        let colleagues: Vec<String> = COLLEAGUES
            .iter()
            .map(|one| {
                let picture = pictures.map(|base| picture(base, one.name));
                slack.add_user(one.name, picture.as_deref())
            })
            .collect();
        let ids: Vec<&str> = colleagues.iter().map(String::as_str).collect();
        let channel = slack.add_channel(CHANNEL, &ids);
        let inbox = pictures.map(|_| slack.add_channel(INBOX, &ids));
        Ok(Self { twilio, slack, group, channel, inbox, colleagues, phones })
    }

    /// A channel's id.
    pub(super) fn room(&self, room: Room) -> Option<&str> {
        match room {
            Room::Channel => Some(&self.channel),
            Room::Inbox => self.inbox.as_deref(),
        }
    }
}

/// Where somebody's picture is: the page draws it from the initials.
pub(super) fn picture(base: &str, name: &str) -> String {
    format!("{base}/pictures/{}.svg", slug(name))
}
