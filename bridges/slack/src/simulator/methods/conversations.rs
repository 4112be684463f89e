//! `conversations.*`: what a channel is, and what was said in it.

use serde_json::{Value, json};

use super::super::channel::Channel;
use super::super::{Author, Message, Ts};
use super::{
    Answer, Arguments, Refusal, Workspace, channel_id, cursor, cursor_at, joined, limit, page,
    shown, ts,
};

/// Characters of a channel's name.
const NAME_CHARACTERS: usize = 80;
/// Characters of a topic.
const TOPIC_CHARACTERS: usize = 250;

pub(super) fn list(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    listed(workspace, arguments, |_| true)
}

/// `users.conversations`: of private channels, those that the app is in too.
pub(super) fn of_user(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let app = &workspace.options.identity.user;
    let user = arguments.text("user").unwrap_or_else(|| app.clone());
    if user != *app && !workspace.users.contains_key(&user) {
        return Err("user_not_found".into());
    }
    listed(workspace, arguments, |channel| channel.members.contains(&user))
}

/// A page of the channels that the app sees, of those that are `meant`.
fn listed(
    workspace: &Workspace,
    arguments: &Arguments,
    meant: impl Fn(&Channel) -> bool,
) -> Answer {
    let types = arguments.text("types").unwrap_or_else(|| "public_channel".to_owned());
    let mut wanted = [false; 2];
    for kind in types.split(',').map(str::trim) {
        match kind {
            "public_channel" => wanted[0] = true,
            "private_channel" => wanted[1] = true,
            "im" | "mpim" => {}
            _ => return Err("invalid_types".into()),
        }
    }
    let no_archived = arguments.flag("exclude_archived");
    let app = workspace.options.identity.clone();
    let (channels, next) = page(arguments, 100, |from, count| {
        let from = from.unwrap_or_default();
        let visible = workspace.channels.range(from..).map(|(_, channel)| channel);
        visible
            .filter(|c| wanted[usize::from(c.private)] && workspace.app_sees(c))
            .filter(|c| !(no_archived && c.archived || c.id.starts_with('D')) && meant(c))
            .take(count)
            .map(|c| (c.id.clone(), c.object(&app)))
            .collect()
    })?;
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn info(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    Ok(json!({"channel": object(workspace, &id)}))
}

/// The messages of the app and one person with each other, which are there from then on.
pub(super) fn open(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let user = arguments.text("users").ok_or("users_list_not_supplied")?;
    let id = workspace.direct(&user).ok_or("user_not_found")?;
    Ok(json!({"channel": {"id": id}}))
}

/// The conversation object.
pub(super) fn object(workspace: &Workspace, id: &str) -> Value {
    workspace.channels[id].object(&workspace.options.identity)
}

pub(super) fn history(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let limit = limit(arguments, 100)?;
    let (low, high) = span(arguments)?;
    let with_metadata = arguments.flag("include_all_metadata");
    let id = joined(workspace, arguments, false)?.id.clone();
    let granted = &workspace.options.scopes;
    if id.starts_with('D') && !granted.iter().any(|scope| scope == "im:history") {
        return Err(Refusal::missing_scope("im:history", granted));
    }
    let channel = &workspace.channels[&id];
    let newest_first = channel.between(low, high).rev().filter(|message| message.in_channel());
    let mut rows: Vec<_> = newest_first.take(limit + 1).collect();
    let next = if rows.len() > limit { rows.pop().map(|message| message.ts) } else { None };
    let messages: Vec<_> = rows.iter().map(|m| shown(workspace, m, with_metadata)).collect();
    let mut answer = json!({
        "messages": messages,
        "has_more": next.is_some(),
        "pin_count": 0,
        "channel_actions_ts": null,
        "channel_actions_count": 0,
    });
    if let Some(next) = next {
        answer["response_metadata"] = json!({"next_cursor": cursor_at(next)});
    }
    Ok(answer)
}

/// The span that `oldest`, `latest`, `inclusive` and `cursor` mean, both ends included. The
/// cursor of a history is the newest message of the next page.
fn span(arguments: &Arguments) -> Result<(Ts, Ts), Refusal> {
    let inclusive = arguments.flag("inclusive");
    let oldest = ts(arguments, "oldest", "invalid_ts_oldest")?;
    let latest = ts(arguments, "latest", "invalid_ts_latest")?;
    let low = match oldest {
        Some(oldest) if inclusive => oldest,
        Some(oldest) => oldest.next(),
        None => Ts::FIRST,
    };
    let high = match latest {
        Some(latest) if inclusive => latest,
        Some(latest) => latest.before(),
        None => Ts::LAST,
    };
    match cursor(arguments)? {
        Some(key) => Ok((low, high.min(key.parse().map_err(|_| "invalid_cursor")?))),
        None => Ok((low, high)),
    }
}

pub(super) fn replies(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let limit = limit(arguments, 1000)?;
    let head = ts(arguments, "ts", "invalid_ts")?.ok_or("thread_not_found")?;
    let with_metadata = arguments.flag("include_all_metadata");
    let from = match cursor(arguments)? {
        Some(key) => Some(key.parse::<Ts>().map_err(|_| "invalid_cursor")?),
        None => None,
    };
    // The cursor counts up here, so it bounds the other end.
    let (low, high) = span(&arguments.without("cursor"))?;
    let low = from.unwrap_or(low);
    let id = joined(workspace, arguments, false)?.id.clone();
    let channel = &workspace.channels[&id];
    let first = channel.message(head).ok_or("thread_not_found")?;
    let mut rows: Vec<_> = channel
        .replies(head)
        .filter(|message| (low..=high).contains(&message.ts))
        .take(limit + 1)
        .collect();
    let next = if rows.len() > limit { rows.pop().map(|message| message.ts) } else { None };
    let head = from.is_none().then_some(first); // the head stands on the first page
    let messages: Vec<_> =
        head.into_iter().chain(rows).map(|m| shown(workspace, m, with_metadata)).collect();
    let mut answer = json!({"messages": messages, "has_more": next.is_some()});
    if let Some(next) = next {
        answer["response_metadata"] = json!({"next_cursor": cursor_at(next)});
    }
    Ok(answer)
}

pub(super) fn create(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let name = checked_name(workspace, arguments)?;
    let app = workspace.options.identity.user.clone();
    let id = workspace.make_channel(&name, &app, arguments.flag("is_private"));
    Ok(json!({"channel": object(workspace, &id)}))
}

/// The name in the arguments, if a channel can have it.
fn checked_name(workspace: &Workspace, arguments: &Arguments) -> Result<String, Refusal> {
    let name = arguments.text("name").ok_or("invalid_name_required")?;
    let allowed = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '-' | '_');
    if name.chars().count() > NAME_CHARACTERS {
        return Err("invalid_name_maxlength".into());
    }
    if !name.chars().all(allowed) {
        return Err("invalid_name_specials".into());
    }
    if !name.chars().any(char::is_alphanumeric) {
        return Err("invalid_name_punctuation".into());
    }
    if workspace.names.contains_key(&name) {
        return Err("name_taken".into());
    }
    Ok(name)
}

pub(super) fn rename(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = joined(workspace, arguments, false)?.id.clone();
    let name = checked_name(workspace, arguments)?;
    workspace.rename(&id, &name);
    Ok(json!({"channel": object(workspace, &id)}))
}

pub(super) fn archive(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = joined(workspace, arguments, false)?.id.clone();
    if workspace.channels[&id].archived {
        return Err("already_archived".into());
    }
    let app = workspace.options.identity.user.clone();
    workspace.archive(&id, &app, true);
    Ok(json!({}))
}

/// A bot cannot: the documentation of `conversations.unarchive` says so, and what Slack answers then
/// is told in slack-go/slack#1066.
pub(super) fn unarchive(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = channel_id(workspace, arguments, false)?;
    let archived = workspace.channels[&id].archived;
    Err(if archived { "not_in_channel" } else { "not_archived" }.into())
}

pub(super) fn set_topic(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let topic = arguments.text("topic").unwrap_or_default();
    if topic.chars().count() > TOPIC_CHARACTERS {
        return Err("too_long".into());
    }
    let (by, at) = (workspace.options.identity.user.clone(), workspace.seconds());
    let channel = joined(workspace, arguments, false)?;
    if channel.archived {
        return Err("is_archived".into());
    }
    let id = channel.id.clone();
    channel.topic = (topic.clone(), by.clone(), at);
    let text = format!("<@{by}> set the channel topic: {topic}");
    let mut notice = Message::new(&id, Author::User(by), text);
    notice.subtype = Some("channel_topic");
    workspace.post(notice);
    Ok(json!({"channel": object(workspace, &id)}))
}
