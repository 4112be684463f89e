//! The bot's login: tried until it works, one at a time, with the session kept.

use std::sync::PoisonError;

use matrix_sdk::Client;
use partyline_core::{Failure, Verdict};
use secrecy::ExposeSecret;

use crate::session::Session;
use crate::{Matrix, error, session, sync};

impl Matrix {
    pub(crate) async fn log_in_until_it_works(&self) -> Client {
        let mut waits = sync::waits();
        loop {
            match self.log_in().await {
                Ok(client) => return client,
                Err(failure) => {
                    let wait = match failure.verdict {
                        Verdict::Later(Some(wait)) => wait,
                        _ => waits.wait(),
                    };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Makes sure of a session that the homeserver accepts.
    pub(crate) async fn log_in(&self) -> Result<Client, Failure> {
        let _one = self.logins.acquire().await;
        match self.ensure_session().await {
            Ok(client) => {
                self.health.answered();
                Ok(client)
            }
            Err(failure) => {
                self.health.failed(&failure);
                Err(failure)
            }
        }
    }

    async fn ensure_session(&self) -> Result<Client, Failure> {
        let current = self.current();
        let kept = current.as_ref().map(|(session, _)| session.clone());
        let session = session::establish(&self.config, kept, self.clock.now())
            .await
            .map_err(error::repeatable)?;
        if let Some((kept, client)) = current
            && kept.device_id == session.device_id
            && kept.token.expose_secret() == session.token.expose_secret()
        {
            return Ok(client);
        }
        session::save(&self.config, &session).await?;
        let client = session::open(&self.config, &session).await?;
        tracing::info!(
            user = session.user_id,
            device = session.device_id,
            "the Matrix bot is logged in"
        );
        *self.current.write().unwrap_or_else(PoisonError::into_inner) =
            Some((session, client.clone()));
        Ok(client)
    }

    /// The session and its client, once there is one.
    pub(crate) fn current(&self) -> Option<(Session, Client)> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
