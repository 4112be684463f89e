//! What becomes of a message on the way to the phones: sent, delivered, read, failed.

use super::super::events::{self, Cause, Effects};
use super::super::happening::Happening;
use super::super::model::{
    Binding, InboxItem, MediaItem, Message, Receipt, ReceiptStatus, Sid, channel,
};
use super::World;
use super::phones::Waiting;

/// WhatsApp: free-form text outside the 24-hour window.
const OUTSIDE_WINDOW: u32 = 63016;
/// The recipient said STOP.
const OPTED_OUT: u32 = 21610;

/// A receipts's place: which message, which receipt of it, on which phone.
#[derive(Clone)]
pub(in super::super) struct Spot {
    pub(in super::super) conversation: Sid,
    pub(in super::super) index: u64,
    pub(in super::super) receipt: Sid,
    pub(in super::super) address: String,
}

impl World {
    /// Sends a message to every phone in the conversation but its author's.
    pub(super) fn send_to_phones(
        &mut self,
        message: &Message,
        filled: Option<&str>,
        effects: &mut Effects,
    ) {
        let Some(group) = self.groups.get(&message.conversation_sid) else { return };
        let targets: Vec<(Sid, Binding)> = group
            .participants
            .values()
            .filter(|one| Some(&one.sid) != message.participant_sid.as_ref())
            .filter_map(|one| Some((one.sid.clone(), one.binding.clone()?)))
            .collect();
        for (participant, binding) in targets {
            self.send_to_phone(message, filled, participant, &binding, effects);
        }
    }

    fn send_to_phone(
        &mut self,
        message: &Message,
        filled: Option<&str>,
        participant: Sid,
        binding: &Binding,
        effects: &mut Effects,
    ) {
        let error = self.obstacle(binding, message.content_sid.as_ref());
        let status = match error {
            0 => ReceiptStatus::Sent,
            // The carriers' codes (doc).
            30000..=30999 => ReceiptStatus::Undelivered,
            _ => ReceiptStatus::Failed,
        };
        let receipt = Receipt {
            sid: self.sid("DY"),
            message_sid: message.sid.clone(),
            channel_message_sid: self.sid("SM"),
            participant_sid: participant,
            status,
            error_code: error,
            created: message.created,
            updated: message.created,
        };
        let spot = Spot {
            conversation: message.conversation_sid.clone(),
            index: message.index,
            receipt: receipt.sid.clone(),
            address: binding.address.clone(),
        };
        if let Some(group) = self.groups.get_mut(&message.conversation_sid)
            && let Some(position) = group.position(message.index)
        {
            group.messages[position].receipts.push(receipt.clone());
        }
        self.tell_receipt(&spot, &receipt, effects);
        if error == 0 {
            let item = InboxItem {
                from: binding.proxy_address.clone(),
                body: filled.or(message.body.as_deref()).unwrap_or_default().to_owned(),
                media: message.media.clone(),
                at: message.created,
                conversation_sid: Some(message.conversation_sid.clone()),
                message_sid: message.sid.clone(),
                content_sid: message.content_sid.clone(),
                read: false,
            };
            self.arrive(&binding.address, Waiting { item, spot: Some(spot) }, effects);
        }
    }

    /// Why a message cannot reach a phone: Twilio's code, 0 where it can.
    pub(super) fn obstacle(&self, binding: &Binding, template: Option<&Sid>) -> u32 {
        let phone = self.phones.get(&binding.address);
        if phone.is_some_and(|phone| phone.stopped.contains(&binding.proxy_address)) {
            return OPTED_OUT;
        }
        if let Some(error) = phone.and_then(|phone| phone.unreachable) {
            return error;
        }
        let approved = template
            .and_then(|sid| self.settings.template(sid))
            .is_some_and(|one| one.approval == "approved");
        let open = phone
            .and_then(|phone| phone.windows.get(&binding.proxy_address))
            .is_some_and(|until| self.now() < *until);
        if channel(&binding.address) == "whatsapp" && !open && !approved {
            OUTSIDE_WINDOW
        } else {
            0
        }
    }

    /// Puts something on a phone, or keeps it for when the phone is on again.
    pub(in super::super) fn arrive(
        &mut self,
        address: &str,
        waiting: Waiting,
        effects: &mut Effects,
    ) {
        let keep = self.keep_messages;
        let reads = self.reads;
        let phone = self.phone(address);
        if !phone.on {
            phone.waiting.push_back(waiting);
            if phone.waiting.len() > keep {
                phone.waiting.pop_front();
            }
            return;
        }
        let Waiting { mut item, spot } = waiting;
        let read = reads && channel(address) == "whatsapp";
        item.read = read;
        phone.inbox.push_back((item.clone(), spot.clone()));
        if phone.inbox.len() > keep {
            phone.inbox.pop_front();
        }
        effects.tell(Happening::PhoneReceived { address: address.to_owned(), item });
        if let Some(spot) = spot {
            self.set_receipt(&spot, ReceiptStatus::Delivered, effects);
            if read {
                self.set_receipt(&spot, ReceiptStatus::Read, effects);
            }
        }
    }

    /// Moves a receipt on.
    pub(super) fn set_receipt(
        &mut self,
        spot: &Spot,
        status: ReceiptStatus,
        effects: &mut Effects,
    ) {
        let now = self.now();
        let Some(group) = self.groups.get_mut(&spot.conversation) else { return };
        let Some(position) = group.position(spot.index) else { return };
        let receipts = &mut group.messages[position].receipts;
        let Some(receipt) = receipts.iter_mut().find(|one| one.sid == spot.receipt) else {
            return;
        };
        if receipt.status >= status {
            return;
        }
        receipt.status = status;
        receipt.updated = now;
        let receipt = receipt.clone();
        self.tell_receipt(spot, &receipt, effects);
    }

    /// onDeliveryUpdated is a phone's doing: it is told however the message came to be.
    fn tell_receipt(&self, spot: &Spot, receipt: &Receipt, effects: &mut Effects) {
        let cause = Cause::phone(&spot.address);
        let params = events::receipt(&spot.conversation, receipt);
        self.hook(effects, "onDeliveryUpdated", &cause, Some(&spot.conversation), params);
        effects.tell(Happening::Receipt {
            conversation: spot.conversation.clone(),
            address: spot.address.clone(),
            receipt: receipt.clone(),
        });
    }

    /// Puts a direct message on a phone; the code where it cannot be.
    pub(in super::super) fn send_direct(
        &mut self,
        binding: &Binding,
        message_sid: Sid,
        body: String,
        media: Vec<MediaItem>,
        content_sid: Option<Sid>,
        effects: &mut Effects,
    ) -> u32 {
        let error = self.obstacle(binding, content_sid.as_ref());
        if error == 0 {
            let item = InboxItem {
                from: binding.proxy_address.clone(),
                body,
                media,
                at: self.now(),
                conversation_sid: None,
                message_sid,
                content_sid,
                read: false,
            };
            self.arrive(&binding.address, Waiting { item, spot: None }, effects);
        }
        error
    }
}
