//! Channels made, named, archived and opened again (docs.slack.dev, `conversations.*`), and
//! answers that are changed in place.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use partyline_core::{
    AnswerTo, Failure, MessageId, Network, NewRoom, PersonId, Place, Reason, Revise, Rooms, Text,
};
use serde_json::{Value, json};

use crate::answers::Handle;
use crate::client::Client;
use crate::{Slack, ts};

/// Characters of a channel's name.
const NAME: usize = 80;

/// Characters of a topic.
const TOPIC: usize = 250;

/// Pages of channels that are looked through, for one that an earlier try made or for those that
/// somebody is in.
const PAGES: usize = 20;

/// How old a channel can be that an earlier try of the same command made.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

#[async_trait]
impl Rooms for Slack {
    /// A private channel: what phones say in it is for those who are invited. Its name is that of
    /// the group as Slack takes names; where that is taken, the key.
    async fn make(&self, new: &NewRoom) -> Result<Place, Failure> {
        let (wanted, keyed) = (slug(&new.name), slug(&new.key));
        let names = [wanted.as_str(), keyed.as_str()];
        if new.again
            && let Some(channel) = self.made_before(names).await?
        {
            return Ok(channel);
        }
        let mut taken = None;
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let made = self
                .client
                .change("conversations.create", name, &json!({"name": name, "is_private": true}))
                .await;
            match made {
                Ok(answer) => {
                    let place = answer["channel"]["id"].as_str().and_then(ts::channel);
                    let place = place.ok_or_else(|| no_channel(name))?;
                    if let Some(topic) = &new.topic
                        && let Err(failure) = self.set_topic(&place, topic).await
                    {
                        tracing::warn!(%place, "the new channel has no topic: {failure}");
                    }
                    return Ok(place);
                }
                Err(failure) if failure.code.as_deref() == Some("name_taken") => {
                    taken = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(taken.unwrap_or_else(|| no_channel(&new.name)))
    }

    async fn invite(&self, room: &Place, person: &PersonId) -> Result<(), Failure> {
        if person.network != Network::Slack {
            return Err(Failure::never(
                Reason::Unreachable,
                "Only people of Slack come into a channel.",
            ));
        }
        let arguments = json!({"channel": ts::parts(room).0, "users": person.id});
        let invited = self.client.change("conversations.invite", room.id(), &arguments).await;
        but(invited, &["already_in_channel", "cant_invite_self"])
    }

    async fn rename(&self, room: &Place, name: &str) -> Result<(), Failure> {
        let Some(channel) = whole(room) else { return Ok(()) };
        let arguments = json!({"channel": channel, "name": slug(name)});
        let renamed = self.client.change("conversations.rename", room.id(), &arguments).await;
        but(renamed, &[]).map_err(|failure| match failure.code.as_deref() {
            Some("name_taken") => Failure {
                reason: Reason::Conflict,
                sentence: format!("Another channel has the name #{}.", slug(name)),
                ..failure
            },
            _ => failure,
        })
    }

    async fn set_topic(&self, room: &Place, topic: &str) -> Result<(), Failure> {
        let Some(channel) = whole(room) else { return Ok(()) };
        let topic: String = topic.chars().take(TOPIC).collect();
        let arguments = json!({"channel": channel, "topic": topic});
        but(self.client.change("conversations.setTopic", room.id(), &arguments).await, &[])
    }

    async fn archive(&self, room: &Place, _name: &str) -> Result<(), Failure> {
        let Some(channel) = whole(room) else { return Ok(()) };
        let arguments = json!({ "channel": channel });
        let archived = self.client.change("conversations.archive", room.id(), &arguments).await;
        but(archived, &["already_archived"])
    }

    async fn unarchive(&self, room: &Place, _name: &str) -> Result<(), Failure> {
        let Some(channel) = whole(room) else { return Ok(()) };
        let arguments = json!({ "channel": channel });
        let opened = self.client.change("conversations.unarchive", room.id(), &arguments).await;
        but(opened, &["not_archived"]).map_err(|failure| match failure.code.as_deref() {
            Some("not_in_channel" | "not_allowed_token_type") => Failure {
                sentence: "Slack lets no bot open an archived channel: somebody does it in the \
                           channel's settings (Unarchive), and invites the bridge again."
                    .into(),
                ..failure
            },
            _ => failure,
        })
    }

    /// By `users.conversations`, which tells of somebody's private channels those that the bridge
    /// is in as well. Whoever is in a channel is in its threads.
    async fn joined(&self, person: &PersonId, rooms: Vec<Place>) -> Result<Vec<Place>, Failure> {
        let mut channels = HashSet::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.client.channels_of(&person.id, cursor.as_deref()).await?;
            let ids = page["channels"].as_array().into_iter().flatten();
            channels.extend(ids.filter_map(|one| one["id"].as_str().map(str::to_owned)));
            match page["response_metadata"]["next_cursor"].as_str() {
                Some(next) if !next.is_empty() => cursor = Some(next.to_owned()),
                _ => break,
            }
        }
        Ok(rooms.into_iter().filter(|room| channels.contains(ts::parts(room).0)).collect())
    }
}

#[async_trait]
impl Revise for Slack {
    async fn show(
        &self,
        to: &AnswerTo,
        text: &str,
        before: Option<&MessageId>,
    ) -> Result<MessageId, Failure> {
        self.show_progress(to, &Text::plain(text), before).await
    }

    fn later(&self, to: &AnswerTo) -> AnswerTo {
        let handle =
            Handle { url: None, replaces: false, direct: true, ..Handle::read(&to.handle) };
        AnswerTo { place: to.place.clone(), handle: handle.written() }
    }
}

impl Slack {
    /// The channel that an earlier try made: of one of these names, by the bridge itself, and not
    /// long ago.
    async fn made_before(&self, names: [&str; 2]) -> Result<Option<Place>, Failure> {
        let own = self.board.identity().map(|own| own.user_id.clone());
        let now = self.clock.now();
        let is_ours = |channel: &Value| {
            let created =
                channel["created"].as_i64().and_then(|at| Timestamp::from_second(at).ok());
            names.iter().any(|name| channel["name"] == *name)
                && own.as_deref() == channel["creator"].as_str()
                && created.is_some_and(|created| now.duration_since(created) < RECENT)
        };
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.client.channels(cursor.as_deref()).await?;
            let found = page["channels"].as_array().into_iter().flatten().find(|one| is_ours(one));
            if let Some(found) = found {
                return Ok(found["id"].as_str().and_then(ts::channel));
            }
            match page["response_metadata"]["next_cursor"].as_str() {
                Some(next) if !next.is_empty() => cursor = Some(next.to_owned()),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The channel, where the place is all of it. A thread is neither renamed nor archived.
fn whole(room: &Place) -> Option<&str> {
    match ts::parts(room) {
        (channel, None) => Some(channel),
        (_, Some(_)) => None,
    }
}

/// Success too, where Slack says that it was so already.
fn but(done: Result<Value, Failure>, already: &[&str]) -> Result<(), Failure> {
    match done {
        Ok(_) => Ok(()),
        Err(failure) if failure.code.as_deref().is_some_and(|code| already.contains(&code)) => {
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn no_channel(name: &str) -> Failure {
    Failure::never(
        Reason::Refused,
        format!(
            "Slack made no channel of the name \"{name}\": make one yourself, invite the bridge, and link it."
        ),
    )
}

/// The name as Slack takes it: small letters, digits, hyphens (docs.slack.dev,
/// `conversations.create`).
fn slug(name: &str) -> String {
    let small = name.to_lowercase();
    let words = small.split(|c: char| !c.is_alphanumeric() || c.is_uppercase());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    joined.chars().take(NAME).collect::<String>().trim_end_matches('-').to_owned()
}

impl Client {
    /// A page of the channels that the bridge can see.
    async fn channels(&self, cursor: Option<&str>) -> Result<Value, Failure> {
        let params = [
            ("types", Some("public_channel,private_channel")),
            ("exclude_archived", Some("true")),
            ("limit", Some("200")),
            ("cursor", cursor),
        ];
        self.look("conversations.list", "the channels", &params).await
    }

    /// A page of the channels that a user is in, as large as Slack gives one.
    async fn channels_of(&self, user: &str, cursor: Option<&str>) -> Result<Value, Failure> {
        let params = [
            ("user", Some(user)),
            ("types", Some("public_channel,private_channel")),
            ("exclude_archived", Some("true")),
            ("limit", Some("999")),
            ("cursor", cursor),
        ];
        self.look("users.conversations", "the channels of a user", &params).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_written_as_slack_takes_them() {
        for (name, expected) in [
            ("Spring launch", "spring-launch"),
            ("  Müller & Söhne (2026)!", "müller-söhne-2026"),
            ("***", ""),
            ("A_b", "a-b"),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    proptest! {
        #[test]
        fn no_name_breaks_slacks_rules(name in "\\PC{0,200}") {
            let slug = slug(&name);
            prop_assert!(slug.chars().count() <= NAME);
            prop_assert!(slug.chars().all(|c| c == '-' || (c.is_alphanumeric() && !c.is_uppercase())));
        }
    }
}
