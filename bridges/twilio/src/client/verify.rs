//! Codes that are sent and checked (the Verify API, v2).

use partyline_core::Failure;

use super::{Client, address};
use crate::wire::Form;
use crate::wire::verify::{Attempt, Check, Verification};

const RESOURCE: &str = "verifications";

impl Client {
    /// Sends a code to a number (E.164) by `sms` or `whatsapp`.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn send_code(
        &self,
        service: &str,
        number: &str,
        channel: &str,
    ) -> Result<Verification, Failure> {
        let form = Form::default().with("To", number).with("Channel", channel);
        let path = ["v2", "Services", service, "Verifications"];
        self.post(RESOURCE, address(&self.bases.verify, &path)?, &form).await
    }

    /// Checks a code against the one that was sent.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn check_code(
        &self,
        service: &str,
        verification: &str,
        code: &str,
    ) -> Result<Check, Failure> {
        let form = Form::default().with("VerificationSid", verification).with("Code", code);
        let path = ["v2", "Services", service, "VerificationCheck"];
        self.post(RESOURCE, address(&self.bases.verify, &path)?, &form).await
    }

    /// What became of a sending (`VL…`), also after the verification itself is gone.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn code_attempt(&self, sid: &str) -> Result<Attempt, Failure> {
        self.get(RESOURCE, address(&self.bases.verify, &["v2", "Attempts", sid])?).await
    }
}
