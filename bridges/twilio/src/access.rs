//! Access for Conversations SDK clients: roles and users at Twilio, and short-lived tokens.
//!
//! A token is a JWT (RFC 7519) as Twilio defines it: signed by HMAC-SHA256 with the API key's
//! secret, `cty` `twilio-fpa;v=1`, the identity and the service among its grants (the official
//! `twilio` library's `jwt/access_token`). What the client may do is not in the token: it is the
//! role that the identity has, in the service or in a conversation.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
use jiff::{SignedDuration, Timestamp};
use partyline_core::{Address, Failure, Place, Reason};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;

use crate::client::{NewParticipant, ParticipantChange, UserChange};
use crate::signature::hmac;
use crate::{Client, Twilio, sid_of};

/// The service role of whoever runs all groups.
pub const ADMIN_ROLE: &str = "whatsapp_groups_manager";

/// The longest that a token may be valid (Twilio's documentation of access tokens).
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The most roles of a service that are looked through, and members of a conversation.
const MOST: usize = 1000;

/// What [`ADMIN_ROLE`] may do (the permissions of a role of the type `service`).
const ADMIN: &[&str] = &[
    "addParticipant",
    "createConversation",
    "deleteAnyMessage",
    "deleteConversation",
    "editAnyMessage",
    "editAnyMessageAttributes",
    "editAnyUserInfo",
    "editConversationAttributes",
    "editConversationName",
    "joinConversation",
    "removeParticipant",
    "sendMediaMessage",
    "sendMessage",
];

/// What a manager of one conversation may do in it (of a role of the type `conversation`).
const MANAGER: &[&str] = &[
    "addParticipant",
    "deleteAnyMessage",
    "editAnyMessage",
    "editConversationAttributes",
    "editConversationName",
    "leaveConversation",
    "removeParticipant",
    "sendMediaMessage",
    "sendMessage",
];

/// What an identity may do at Twilio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Run every conversation of the service.
    Admin,
    /// Run this conversation, as one of its participants.
    Manager(Place),
}

/// A token (a JWT) with which an app of the Conversations SDK signs in as one identity.
#[derive(Debug)]
pub struct AccessToken {
    /// The JWT, to be handed to the app and to nobody else.
    pub token: SecretString,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// The name of the role that the identity has.
    pub role: String,
}

impl Twilio {
    /// Gives an identity its role at Twilio, and a token that is valid for `valid`, at most
    /// [`LONGEST`]. Done again, it finds what is there.
    ///
    /// # Errors
    /// With a verdict.
    pub async fn grant_access(
        &self,
        identity: &str,
        access: &Access,
        valid: Duration,
    ) -> Result<AccessToken, Failure> {
        let role = match access {
            Access::Admin => {
                let role = self.client.role_named(ADMIN_ROLE, "service", ADMIN).await?;
                self.client.user_with(identity, Some(role)).await?;
                ADMIN_ROLE.to_owned()
            }
            Access::Manager(conversation) => {
                let sid = sid_of(conversation)?;
                let name = format!("{sid}_group_manager");
                let role = self.client.role_named(&name, "conversation", MANAGER).await?;
                self.client.user_with(identity, None).await?;
                self.client.participant_with(sid, identity, &role).await?;
                name
            }
        };
        let now = self.clock.now();
        let valid = SignedDuration::try_from(valid.min(LONGEST)).unwrap_or(SignedDuration::ZERO);
        let expires = now.saturating_add(valid).unwrap_or(now);
        let token = self.sign(identity, now, expires);
        Ok(AccessToken { token, expires, role })
    }

    fn sign(&self, identity: &str, now: Timestamp, expires: Timestamp) -> SecretString {
        let config = &self.config;
        let header = json!({ "typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1" });
        let claims = json!({
            "jti": format!("{}-{}", config.api_key_sid, now.as_second()),
            "iss": config.api_key_sid,
            "sub": config.account_sid,
            "nbf": now.as_second(),
            "exp": expires.as_second(),
            "grants": { "identity": identity, "chat": { "service_sid": config.service_sid } },
        });
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let secret = config.api_key_secret.expose_secret().as_bytes();
        let signature = URL_SAFE_NO_PAD.encode(hmac::<Hmac<Sha256>>(secret, &signed));
        format!("{signed}.{signature}").into()
    }
}

impl Client {
    /// The SID of the role with this name, which is made where it is not there.
    async fn role_named(
        &self,
        name: &str,
        kind: &str,
        permissions: &[&str],
    ) -> Result<String, Failure> {
        let roles = self.roles()?.all(MOST).await?;
        let found = roles.into_iter().find(|role| role.friendly_name.as_deref() == Some(name));
        match found {
            Some(role) => Ok(role.sid),
            None => Ok(self.create_role(name, kind, permissions).await?.sid),
        }
    }

    /// Makes sure of a user with this identity and, where one is given, this role.
    async fn user_with(&self, identity: &str, role_sid: Option<String>) -> Result<(), Failure> {
        let change = UserChange { role_sid, ..UserChange::default() };
        let there = match self.user(identity).await {
            Ok(user) => Some(user),
            Err(failure) if is_missing(&failure) => None,
            Err(failure) => return Err(failure),
        };
        match there {
            None => self.create_user(identity, &change).await.map(drop),
            Some(user) if change.role_sid.is_some() && user.role_sid != change.role_sid => {
                self.update_user(&user.sid, &change).await.map(drop)
            }
            Some(_) => Ok(()),
        }
    }

    /// Makes sure that the identity is in the conversation with this role.
    async fn participant_with(
        &self,
        conversation: &str,
        identity: &str,
        role: &str,
    ) -> Result<(), Failure> {
        let members = self.participants(conversation)?.all(MOST).await?;
        let there = members.into_iter().find(|one| one.identity.as_deref() == Some(identity));
        match there {
            Some(member) => {
                let role_sid = Some(role.to_owned());
                let change = ParticipantChange { role_sid, ..ParticipantChange::default() };
                self.update_participant(conversation, &member.sid, &change).await.map(drop)
            }
            None => {
                let address: Address = format!("client:{identity}").parse().map_err(|error| {
                    Failure::never(
                        Reason::Content,
                        format!("The identity cannot be used: {error}."),
                    )
                })?;
                let new = NewParticipant {
                    address,
                    sender: None,
                    projected: None,
                    attributes: None,
                    role_sid: Some(role.to_owned()),
                };
                self.add_participant(conversation, &new).await.map(drop)
            }
        }
    }
}

/// Twilio's answers for what is not there (20404).
fn is_missing(failure: &Failure) -> bool {
    failure.reason == Reason::NoSuchPlace || failure.code.as_deref() == Some("20404")
}
