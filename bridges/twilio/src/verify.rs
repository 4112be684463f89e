//! Codes by Twilio Verify.

use async_trait::async_trait;
use partyline_core::{Address, Channel, Failure, Reason, SentCode, Told, Verify};

use crate::Twilio;
use crate::error::{NOT_THERE, TOO_MANY_CODES};

#[async_trait]
impl Verify for Twilio {
    async fn send_code(&self, to: &Address) -> Result<SentCode, Failure> {
        let channel = match to.channel() {
            Channel::WhatsApp => "whatsapp",
            Channel::Sms => "sms",
            Channel::Messenger | Channel::Client => return Err(no_phone()),
        };
        let number = to.number().ok_or_else(no_phone)?;
        let sent = self.client.send_code(self.verify_service()?, number, channel).await?;
        let sending = sent.send_code_attempts.into_iter().rev().find_map(|one| one.attempt_sid);
        Ok(SentCode { id: sent.sid, sending })
    }

    async fn check_code(&self, sent: &SentCode, code: &str, again: bool) -> Result<Told, Failure> {
        let checked = self.client.check_code(self.verify_service()?, &sent.id, code).await;
        let failure = match checked {
            Ok(check) => {
                return Ok(match check.status.as_deref() {
                    Some("approved") => Told::Right,
                    Some("max_attempts_reached") => Told::TooMany,
                    Some("expired" | "canceled" | "deleted" | "failed") => Told::Expired,
                    _ => Told::Wrong,
                });
            }
            Err(failure) => failure,
        };
        match failure.code.as_deref() {
            Some(TOO_MANY_CODES) => Ok(Told::TooMany),
            // Twilio forgets a verification once it is approved, used up or over.
            Some(NOT_THERE) => match &sent.sending {
                Some(sending) if again => {
                    let attempt = self.client.code_attempt(sending).await?;
                    let taken = attempt.conversion_status.as_deref() == Some("converted");
                    Ok(if taken { Told::Right } else { Told::Expired })
                }
                _ => Ok(Told::Expired),
            },
            _ => Err(failure),
        }
    }
}

impl Twilio {
    fn verify_service(&self) -> Result<&str, Failure> {
        self.config.verify_service_sid.as_deref().ok_or_else(|| {
            Failure::never(
                Reason::Refused,
                "No codes can be sent: there is no Verify service in the configuration (twilio.verify_service_sid).",
            )
        })
    }
}

fn no_phone() -> Failure {
    Failure::never(
        Reason::Unreachable,
        "This is no phone that a code could be sent to. Add the member without --verify.",
    )
}
