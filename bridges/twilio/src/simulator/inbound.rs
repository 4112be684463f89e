//! What phones and SDK clients say: before hook, message, after hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::events::{self, Cause, Hook};
use super::hooks::Say;
use super::inner::{Inner, all_answers};
use super::model::{Binding, Message, Sid, State};
use super::refusal::Refusal;
use super::saying::{Said, SayError, Saying};
use super::world::messages::Wish;
use super::world::settings::ScopedWebhook;
use super::world::{conversations, participants};

/// Somebody who speaks in a conversation.
#[derive(Clone)]
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
                    let media = world.take_files(&saying, address);
                    world.hear(&binding, &saying, Some(&media), effects);
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
