//! What phones and SDK clients say: before hook, message, after hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::events::{self, Cause, Effects, Hook};
use super::hooks::Say;
use super::inner::{Inner, all_answers};
use super::model::{Binding, MediaItem, Message, Sid, State, channel};
use super::refusal::Refusal;
use super::world::messages::Wish;
use super::world::settings::{ScopedWebhook, StoredMedia};
use super::world::{MESSAGING, World, conversations, participants};

/// What somebody says.
#[derive(Clone, Default)]
pub struct Saying {
    /// The words.
    pub text: String,
    /// Files that come with it.
    pub files: Vec<Attachment>,
    /// Degrees north and east of a place.
    pub location: Option<(String, String)>,
    /// The `SM…` of the message that it quotes.
    pub replied_to: Option<String>,
    /// The text of the button that was pressed.
    pub button: Option<String>,
}

/// A file that comes with what somebody says.
#[derive(Clone)]
pub struct Attachment {
    /// Its name, where it has one.
    pub filename: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl std::fmt::Debug for Saying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Saying({} bytes, {} files)", self.text.len(), self.files.len())
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

impl From<&str> for Saying {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

impl From<String> for Saying {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The message of the conversation; `None` where it reached none.
    pub message: Option<Message>,
    /// The statuses with which the after hooks were answered; `None` for one that was not.
    pub answers: Vec<Option<u16>>,
}

/// Why it was not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    /// Nobody with this address or identity is in the conversation, or it is closed.
    #[error("the phone or client is no member of an open conversation of that name")]
    NoMember,
    /// A before hook rejected it.
    #[error("the before hook rejected it with {0}")]
    Rejected(u16),
    /// Twilio refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The simulator was stopped, or too much waits for the same conversation.
    #[error("the simulator did not take it")]
    NotTaken,
}

/// Somebody who speaks in a conversation.
#[derive(Clone, Debug)]
struct Speaker {
    conversation: Sid,
    /// Address or identity.
    author: String,
    /// The sender that a phone writes to.
    sender: Option<String>,
}

/// A phone says something in a conversation.
pub(super) async fn phone_says(
    inner: &Arc<Inner>,
    address: &str,
    conversation: &str,
    saying: Saying,
) -> Result<Said, SayError> {
    let said = queue(inner, address, conversation, saying)?;
    said.await.map_err(|_| SayError::NotTaken)?
}

/// Queues it behind what the same phone says there.
pub(super) fn queue(
    inner: &Arc<Inner>,
    address: &str,
    conversation: &str,
    saying: Saying,
) -> Result<oneshot::Receiver<Result<Said, SayError>>, SayError> {
    let speaker = inner.look(|world| {
        let group = world.group(conversation).ok()?;
        let open = group.conversation.state != State::Closed;
        let one = group.author(address).filter(|_| open)?;
        Some(Speaker {
            conversation: group.conversation.sid.clone(),
            author: address.to_owned(),
            sender: one.binding.as_ref().map(|binding| binding.proxy_address.clone()),
        })
    });
    Ok(push(inner, speaker.ok_or(SayError::NoMember)?, saying))
}

fn push(
    inner: &Arc<Inner>,
    speaker: Speaker,
    saying: Saying,
) -> oneshot::Receiver<Result<Said, SayError>> {
    let (said, heard) = oneshot::channel();
    let key = (speaker.conversation.as_str().into(), speaker.author.as_str().into());
    let simulator = Arc::clone(inner);
    let work = async move {
        match speak(&simulator, &speaker, saying).await {
            // The after hooks are waited for outside the lane: the next message need not wait.
            Ok((message, answers)) => simulator.lanes.spawn(async move {
                let answers = all_answers(answers).await;
                let _ = said.send(Ok(Said { message: Some(message), answers }));
            }),
            Err(error) => drop(said.send(Err(error))),
        }
    };
    inner.lanes.push(key, Box::pin(work));
    heard
}

/// An SDK client says something.
pub(super) async fn client_says(
    inner: &Arc<Inner>,
    identity: &str,
    conversation: &str,
    saying: Saying,
) -> Result<Said, SayError> {
    phone_says(inner, identity, conversation, saying).await
}

/// A phone writes to a sender.
pub(super) async fn phone_writes(
    inner: &Arc<Inner>,
    address: &str,
    sender: &str,
    saying: Saying,
) -> Result<Said, SayError> {
    let binding = Binding { address: address.to_owned(), proxy_address: sender.to_owned() };
    let bound = inner.look(|world| world.bindings.get(&binding).cloned());
    let conversation = match bound {
        Some(conversation) => conversation,
        None => match autocreate(inner, &binding, &saying).await? {
            Some(conversation) => conversation,
            None => {
                inner.change(|world, effects| {
                    world.hear(&binding, &saying, None, effects);
                });
                return Ok(Said { message: None, answers: Vec::new() });
            }
        },
    };
    let speaker = Speaker {
        conversation: conversation.clone(),
        author: address.to_owned(),
        sender: Some(sender.to_owned()),
    };
    let said = push(inner, speaker, saying).await.map_err(|_| SayError::NotTaken)?;
    inner.change(|world, effects| {
        let group = world.group(&conversation)?;
        if group.conversation.state == State::Initializing {
            let cause = Cause::phone(address);
            world.set_state(&conversation, State::Active, "EVENT", &cause, effects)?;
        }
        Ok::<_, Refusal>(())
    })?;
    said
}

/// Makes a conversation where the sender's address configuration says so.
async fn autocreate(
    inner: &Arc<Inner>,
    binding: &Binding,
    saying: &Saying,
) -> Result<Option<Sid>, SayError> {
    let cause = Cause::phone(&binding.address);
    let wish =
        conversations::Wish { state: Some(State::Initializing), ..conversations::Wish::default() };
    let drafted = inner.change(|world, _| {
        let config = world
            .settings
            .addresses
            .values()
            .find(|one| one.enabled && one.address == binding.proxy_address)
            .cloned();
        config.map(|config| (world.draft_conversation(&wish), config))
    });
    let Some((draft, config)) = drafted else { return Ok(None) };
    let draft = draft?;
    let params = inner.look(|world| {
        let mut own = events::conversation_add(&draft);
        own.push(("MessagingBinding.Address".into(), binding.address.clone()));
        own.push(("MessagingBinding.ProxyAddress".into(), binding.proxy_address.clone()));
        own.push(("MessagingBinding.AuthorAddress".into(), binding.address.clone()));
        own.push(("MessageBody".into(), saying.text.clone()));
        world.hook_params("onConversationAdd", &cause, own)
    });
    let hook = Hook::new("onConversationAdd", None, params);
    if let Say::Reject(status) = inner.ask(hook).await {
        return Err(SayError::Rejected(status));
    }
    let made = inner.change(|world, effects| {
        // Another message of the same phone may have been quicker.
        if let Some(bound) = world.bindings.get(binding) {
            return Ok(bound.clone());
        }
        let sid = world.add_conversation(draft, &cause, effects);
        if config.creation_type == "webhook" && config.webhook_url.is_some() {
            let webhook = ScopedWebhook {
                sid: world.sid("WH"),
                target: "webhook".to_owned(),
                url: config.webhook_url,
                get: config.webhook_get,
                filters: config.webhook_filters,
                triggers: Vec::new(),
                flow_sid: None,
                replay_after: None,
                created: world.now(),
                updated: world.now(),
            };
            let order = world.order();
            world.group_mut(&sid)?.webhooks.insert(order, webhook);
        }
        let wish = participants::Wish {
            address: Some(binding.address.clone()),
            proxy_address: Some(binding.proxy_address.clone()),
            ..participants::Wish::default()
        };
        let draft = world.draft_participant(&sid, &wish)?;
        world.add_participant(&sid, draft, &cause, effects)?;
        Ok::<_, Refusal>(sid)
    })?;
    Ok(Some(made))
}

/// One message from somebody: heard, asked about, kept, told.
async fn speak(
    inner: &Arc<Inner>,
    speaker: &Speaker,
    saying: Saying,
) -> Result<(Message, mpsc::UnboundedReceiver<Option<u16>>), SayError> {
    inner.count.messages_said.fetch_add(1, Ordering::Relaxed);
    let cause = match &speaker.sender {
        Some(_) => Cause::phone(&speaker.author),
        None => Cause::sdk(&speaker.author),
    };
    let draft = inner.change(|world, effects| {
        let mut wish = Wish {
            author: Some(speaker.author.clone()),
            body: Some(saying.text.clone()),
            media: world.take_files(&saying, &speaker.author),
            ..Wish::default()
        };
        if let Some(sender) = &speaker.sender {
            let binding =
                Binding { address: speaker.author.clone(), proxy_address: sender.clone() };
            wish.channel_message_sid =
                Some(world.hear(&binding, &saying, Some(&wish.media), effects));
        }
        if let Some((latitude, longitude)) =
            saying.location.as_ref().filter(|_| saying.text.is_empty())
        {
            wish.body = Some(format!("{latitude},{longitude}"));
        }
        world.draft_message(&speaker.conversation, wish)
    })?;
    let mut draft = draft;
    let params = inner.look(|world| {
        world.hook_params("onMessageAdd", &cause, events::message_add(&draft.message))
    });
    let conversation = Some(speaker.conversation.clone());
    match inner.ask(Hook::new("onMessageAdd", conversation, params)).await {
        Say::Reject(status) => return Err(SayError::Rejected(status)),
        Say::Pass(Some(change)) => apply(&mut draft.message, &change),
        Say::Pass(None) => {}
    }
    let (answered, answers) = mpsc::unbounded_channel();
    let message = inner.change_answered(Some(&answered), |world, effects| {
        world.add_message(draft, &cause, effects)
    })?;
    Ok((message, answers))
}

/// What a before hook's answer changes; attributes that are no JSON are left out.
pub(super) fn apply(message: &mut Message, change: &Value) {
    let text = |name| change.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    if let Some(body) = text("body") {
        message.body = Some(body);
    }
    if let Some(author) = text("author") {
        message.author = author;
    }
    if let Some(attributes) = text("attributes")
        && conversations::check_attributes(&attributes, 4 * 1024).is_ok()
    {
        message.attributes = attributes;
    }
}

impl World {
    /// A message came from a phone: its window opens, STOP and START are noted, the Messaging
    /// webhook is told. The phone's own SID of the message.
    fn hear(
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
        let params = self.messaging_params(binding, saying, &sid, media.unwrap_or_default());
        let lane = binding.address.as_str().into();
        effects.hooks.push(Hook { event: MESSAGING, conversation: None, lane, params });
        sid
    }

    /// Keeps the files of a message, as Twilio does when a phone sends some.
    fn take_files(&mut self, saying: &Saying, author: &str) -> Vec<MediaItem> {
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
    ) -> events::Params {
        let mut params: events::Params = vec![
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
        let item = super::model::InboxItem {
            from: binding.proxy_address.clone(),
            body: answer.to_owned(),
            media: Vec::new(),
            at: self.now(),
            conversation_sid: None,
            message_sid: sid,
            content_sid: None,
            read: false,
        };
        let waiting = super::world::phones::Waiting { item, spot: None };
        self.arrive(&binding.address, waiting, effects);
    }
}
