//! Whether the senders of the configuration are the account's own, and can do what they are for.

use partyline_core::{Address, Channel, Failure, mask};

use crate::Twilio;

/// The most WhatsApp senders that are read.
const MOST: usize = 5000;

impl Twilio {
    /// What is wrong with these senders, in a sentence for each of which something is.
    ///
    /// # Errors
    /// Twilio could not be asked.
    pub async fn sender_faults(&self, senders: &[Address]) -> Result<Vec<String>, Failure> {
        let mut faults = Vec::new();
        let is_whatsapp = |one: &&Address| one.channel() == Channel::WhatsApp;
        let registered = match senders.iter().any(|one| is_whatsapp(&one)) {
            true => self.client.whatsapp_senders()?.all(MOST).await?,
            false => Vec::new(),
        };
        for sender in senders {
            let fault = match sender.channel() {
                Channel::WhatsApp => {
                    let same = |id: Option<&str>| id == Some(sender.as_str());
                    let found = registered.iter().find(|one| same(one.sender_id.as_deref()));
                    whatsapp(found.map(|one| one.status.as_deref().unwrap_or_default()))
                }
                Channel::Sms => {
                    let found = self.client.own_number(sender.as_str()).await?;
                    sms(found.map(|one| one.capabilities.is_none_or(|can| can.sms)))
                }
                Channel::Messenger | Channel::Client => None,
            };
            faults.extend(fault.map(|what| format!("{} {what}", mask(sender.as_str()))));
        }
        Ok(faults)
    }
}

/// What is wrong with a WhatsApp sender in this state, or with none.
fn whatsapp(status: Option<&str>) -> Option<String> {
    match status {
        None => Some(
            "is not registered for WhatsApp with this account: register it in the Twilio console (Messaging, Senders, WhatsApp senders), or take it out of twilio.senders.".to_owned(),
        ),
        Some(status) if status.to_uppercase().starts_with("ONLINE") || status.is_empty() => None,
        Some(status) => Some(format!(
            "cannot send by WhatsApp, its state is {status}: see the Twilio console (Messaging, Senders, WhatsApp senders)."
        )),
    }
}

/// What is wrong with a number that takes SMS or does not, or with none.
fn sms(takes_sms: Option<bool>) -> Option<String> {
    let what = match takes_sms {
        Some(true) => return None,
        Some(false) => "is a number of the account that takes no SMS: choose another one",
        None => "is no number of this account: buy or port it, or choose another one",
    };
    Some(format!("{what} (twilio.senders)."))
}
