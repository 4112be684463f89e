//! What a phone sends, before any conversation hears of it: windows, STOP and START, files, and
//! the classic Messaging webhook.

use super::super::events::{Effects, Hook, Params};
use super::super::model::{Binding, InboxItem, MediaItem, Sid, channel};
use super::super::saying::Saying;
use super::phones::Waiting;
use super::settings::{DirectMessage, StoredMedia};
use super::{MESSAGING, World};

impl World {
    /// A message came from a phone: its window opens, STOP and START are noted, it stands in the
    /// account's log, the Messaging webhook is told. The phone's own SID of the message.
    pub(in super::super) fn hear(
        &mut self,
        binding: &Binding,
        saying: &Saying,
        media: Option<&[MediaItem]>,
        effects: &mut Effects,
    ) -> Sid {
        let sid = self.sid("SM");
        self.open_window(&binding.address, &binding.proxy_address);
        let answer = self.note_keyword(&binding.address, &binding.proxy_address, &saying.text);
        if let Some(answer) = answer {
            self.answer_keyword(binding, answer, effects);
        }
        let files = media.unwrap_or_default();
        let created = self.now();
        self.settings.keep_direct(DirectMessage {
            sid: sid.clone(),
            from: binding.address.clone(),
            to: binding.proxy_address.clone(),
            body: saying.text.clone(),
            num_media: files.len(),
            files: files.to_vec(),
            status: "received",
            error_code: 0,
            inbound: true,
            messaging_service_sid: None,
            created,
        });
        let params = self.messaging_params(binding, saying, &sid, files);
        let lane = binding.address.as_str().into();
        effects.hooks.push(Hook { event: MESSAGING, conversation: None, lane, params });
        sid
    }

    /// Keeps the files of a message, as Twilio does when a phone sends some.
    pub(in super::super) fn take_files(&mut self, saying: &Saying, author: &str) -> Vec<MediaItem> {
        let mut items = Vec::new();
        for file in &saying.files {
            let item = MediaItem {
                sid: self.sid("ME"),
                filename: file.filename.clone(),
                content_type: file.content_type.clone(),
                size: file.bytes.len(),
            };
            let ticket = self.sid("");
            let created = self.now();
            self.settings.keep_media(StoredMedia {
                item: item.clone(),
                author: Some(author.to_owned()),
                bytes: file.bytes.clone(),
                message: None,
                ticket: ticket.to_string(),
                created,
            });
            items.push(item);
        }
        items
    }

    /// The form of the classic Messaging webhook
    /// (<https://www.twilio.com/docs/messaging/guides/webhook-request>).
    fn messaging_params(
        &self,
        binding: &Binding,
        saying: &Saying,
        sid: &Sid,
        media: &[MediaItem],
    ) -> Params {
        let mut params: Params = vec![
            ("MessageSid".into(), sid.to_string()),
            ("SmsMessageSid".into(), sid.to_string()),
            ("SmsSid".into(), sid.to_string()),
            ("SmsStatus".into(), "received".to_owned()),
            ("AccountSid".into(), self.account_sid.to_string()),
            ("From".into(), binding.address.clone()),
            ("To".into(), binding.proxy_address.clone()),
            ("Body".into(), saying.text.clone()),
            ("NumMedia".into(), media.len().to_string()),
            ("NumSegments".into(), "1".to_owned()),
            ("ApiVersion".into(), "2010-04-01".to_owned()),
        ];
        if channel(&binding.address) == "whatsapp" {
            let number = binding.address.trim_start_matches("whatsapp:+");
            params.push(("WaId".into(), number.to_owned()));
            let name = self.phones.get(&binding.address).and_then(|one| one.profile_name.clone());
            params.extend(name.map(|name| ("ProfileName".into(), name)));
        }
        for (number, item) in media.iter().enumerate() {
            let url = self.settings.media.get(&item.sid).map(|one| self.ticket_url(one));
            params.push((format!("MediaContentType{number}").into(), item.content_type.clone()));
            params.push((format!("MediaUrl{number}").into(), url.unwrap_or_default()));
        }
        if let Some((latitude, longitude)) = &saying.location {
            params.push(("Latitude".into(), latitude.clone()));
            params.push(("Longitude".into(), longitude.clone()));
        }
        params
            .extend(saying.replied_to.clone().map(|sid| ("OriginalRepliedMessageSid".into(), sid)));
        params.extend(saying.button.clone().map(|text| ("ButtonText".into(), text)));
        params
    }

    fn answer_keyword(&mut self, binding: &Binding, answer: &str, effects: &mut Effects) {
        let sid = self.sid("SM");
        let item = InboxItem {
            from: binding.proxy_address.clone(),
            body: answer.to_owned(),
            media: Vec::new(),
            at: self.now(),
            conversation_sid: None,
            message_sid: sid,
            content_sid: None,
            read: false,
        };
        let waiting = Waiting { item, spot: None };
        self.arrive(&binding.address, waiting, effects);
    }
}
