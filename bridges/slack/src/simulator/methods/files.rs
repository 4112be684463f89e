//! `files.*`: the upload in three steps, and what a file is.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::files::Upload;
use super::super::{Author, Message, StoredFile};
use super::{Answer, Arguments, Refusal, Workspace, joined, ts};

/// The most bytes of one file (Slack takes 1 GB; a simulator need not).
const FILE_BYTES: usize = 32 << 20;

pub(super) fn get_upload_url(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let name = arguments.text("filename").ok_or("invalid_arguments")?;
    let length: Option<usize> = arguments.text("length").and_then(|text| text.parse().ok());
    let length = length.filter(|length| *length > 0).ok_or("invalid_arguments")?;
    if length > FILE_BYTES {
        return Err("file_upload_size_restricted".into());
    }
    let (id, token) = (workspace.id("F"), workspace.nonce());
    let url = format!("{}/upload/v1/{id}/{token}", workspace.base);
    workspace.files.begin(Upload { id: id.clone(), token, name, length, bytes: None });
    Ok(json!({"upload_url": url, "file_id": id}))
}

pub(super) fn complete_upload(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let listed = arguments.json("files").map_err(|()| "invalid_arguments")?;
    let listed = listed.as_ref().and_then(Value::as_array).ok_or("invalid_arguments")?;
    let wanted: Vec<(&str, Option<&str>)> = listed
        .iter()
        .filter_map(|file| Some((file["id"].as_str()?, file["title"].as_str())))
        .collect();
    if wanted.is_empty() || wanted.len() != listed.len() {
        return Err("invalid_arguments".into());
    }
    if !wanted.iter().all(|(id, _)| workspace.files.has_come(id)) {
        return Err("file_not_found".into());
    }
    let message = shared_in(workspace, arguments)?;
    let mut files = Vec::new();
    for (id, title) in wanted {
        let upload = workspace.files.finish(id).ok_or("file_not_found")?;
        files.push(stored(workspace, upload, title));
    }
    let app = workspace.options.identity.clone();
    let objects: Vec<_> = files.iter().map(|file| file.object(&app)).collect();
    if let Some(mut message) = message {
        message.files = files;
        workspace.share(message);
    }
    Ok(json!({"files": objects}))
}

/// The message that the files stand in, where a channel was named.
fn shared_in(workspace: &mut Workspace, arguments: &Arguments) -> Result<Option<Message>, Refusal> {
    let Some(channel) = arguments.text("channel_id").or_else(|| arguments.text("channel")) else {
        return Ok(None);
    };
    let channel = joined(workspace, &arguments.with("channel", &channel), false)?;
    if channel.archived {
        return Err("is_archived".into());
    }
    let id = channel.id.clone();
    let text = arguments.text("initial_comment").unwrap_or_default();
    let mut message = Message::new(&id, super::chat::author(workspace, arguments)?, text);
    message.thread_ts = ts(arguments, "thread_ts", "invalid_thread_ts")?;
    if message.author == Author::APP {
        message.subtype = Some("file_share");
    }
    Ok(Some(message))
}

fn stored(workspace: &mut Workspace, upload: Upload, title: Option<&str>) -> Arc<StoredFile> {
    let user = workspace.options.identity.user.clone();
    let bytes = upload.bytes.unwrap_or_default();
    workspace.store_file(upload.id, &upload.name, title, &user, bytes)
}

pub(super) fn info(workspace: &mut Workspace, arguments: &Arguments) -> Answer {
    let id = arguments.text("file").ok_or("file_not_found")?;
    let file = workspace.files.get(&id).ok_or("file_not_found")?;
    let file = file.object(&workspace.options.identity);
    Ok(json!({"file": file, "comments": [], "response_metadata": {"next_cursor": ""}}))
}
