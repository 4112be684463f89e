//! Views, shortcuts and the Home tab, as people use them: the hands of a test, before a form.

use serde_json::{Value, json};

use super::outbox::Kind;
use super::respond::{self, Request};
use super::views::View;
use super::workspace::Workspace;
use super::{Failed, Run, Simulator, Ts, blocks};

/// The result of something a person did.
type Done<T = ()> = Result<T, Failed>;

impl Simulator {
    /// A view as it is now.
    #[must_use]
    pub fn view(&self, id: &str) -> Option<View> {
        self.shared.workspace().views.get(id).cloned()
    }

    /// The modal that somebody has before them, if there is one.
    #[must_use]
    pub fn on_screen(&self, user: &str) -> Option<View> {
        self.shared.workspace().views.on_screen(user).cloned()
    }

    /// The channel of the messages that somebody and the app have with each other, once they have
    /// any.
    #[must_use]
    pub fn direct(&self, user: &str) -> Option<String> {
        self.shared.workspace().directs.get(user).cloned()
    }

    /// Somebody uses a shortcut of the app's on a message.
    ///
    /// # Errors
    /// There is no such message or user.
    pub fn message_shortcut(
        &self,
        channel: &str,
        user: &str,
        ts: Ts,
        callback_id: &str,
    ) -> Done<Run> {
        let payload = {
            let workspace = self.shared.workspace();
            let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
            let message = place.message(ts).ok_or(Failed::Unknown("message"))?;
            let mut payload = respond::interaction(&workspace, "message_action", user)?;
            payload["callback_id"] = callback_id.into();
            payload["action_ts"] = Ts::at(workspace.now()).to_string().into();
            payload["message_ts"] = ts.to_string().into();
            payload["message"] = message.object(&workspace.options.identity, false).into();
            payload["channel"] = json!({"id": channel, "name": place.name});
            payload
        };
        Ok(respond::start(&self.shared, Request::new(Kind::Interactive, channel, user, payload)))
    }

    /// Somebody looks at the app's Home tab.
    ///
    /// # Errors
    /// There is no such user.
    pub fn open_home(&self, user: &str) -> Done {
        let mut workspace = self.shared.workspace();
        let channel = workspace.direct(user).ok_or(Failed::Unknown("user"))?;
        let mut event = json!({
            "type": "app_home_opened", "user": user, "channel": channel, "tab": "home",
        });
        let home = workspace.views.home(user).and_then(|id| workspace.views.get(id));
        if let Some(home) = home {
            event["view"] = home.object(&workspace.options.identity);
        }
        workspace.emit(&channel, event);
        Ok(())
    }

    /// Somebody's Home tab, once the app has published it.
    #[must_use]
    pub fn home(&self, user: &str) -> Option<View> {
        let workspace = self.shared.workspace();
        workspace.views.get(workspace.views.home(user)?).cloned()
    }

    /// Somebody types into a field of a view; an empty text empties it.
    ///
    /// # Errors
    /// There is no such view or field, or the text is too long for it.
    pub fn type_in(&self, view: &str, block: &str, text: &str) -> Done {
        let mut workspace = self.shared.workspace();
        let view = workspace.views.get_mut(view).ok_or(Failed::Unknown("view"))?;
        let element = &view.input(block).ok_or(Failed::Unknown("field"))?["element"];
        let most = element["max_length"].as_u64().unwrap_or(3000);
        if element["type"] != "plain_text_input" || text.chars().count() as u64 > most {
            return Err(Failed::NotTaken(block.to_owned()));
        }
        let filled = json!({"type": "plain_text_input", "value": text});
        match text.is_empty() {
            true => view.filled.remove(block),
            false => view.filled.insert(block.to_owned(), filled),
        };
        Ok(())
    }

    /// Somebody types into a menu of a view whose choices the app gives; what it gives, by value
    /// and label.
    ///
    /// # Errors
    /// There is no such menu, Slack would not ask yet, or the app gave nothing that Slack takes.
    pub async fn search(&self, view: &str, block: &str, text: &str) -> Done<Vec<(String, String)>> {
        let asked = {
            let workspace = self.shared.workspace();
            let shown = workspace.views.get(view).ok_or(Failed::Unknown("view"))?;
            let element = &shown.input(block).ok_or(Failed::Unknown("field"))?["element"];
            let kind = element["type"].as_str().unwrap_or_default();
            let least = element["min_query_length"].as_u64().unwrap_or(3);
            if !kind.ends_with("external_select") || (text.chars().count() as u64) < least {
                return Err(Failed::NotTaken(block.to_owned()));
            }
            let mut payload = respond::interaction(&workspace, "block_suggestion", &shown.user)?;
            payload["action_id"] = element["action_id"].clone();
            payload["block_id"] = block.into();
            payload["value"] = text.into();
            payload["container"] = json!({"type": "view", "view_id": view});
            payload["view"] = shown.object(&workspace.options.identity);
            self.shared.outbox.ask(Kind::Interactive, payload)
        };
        let answer = asked.await?.unwrap_or_default();
        if !blocks::options(&answer).is_empty() {
            return Err(Failed::NotTaken(block.to_owned()));
        }
        let options = answer["options"].as_array().cloned().unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = options.iter().map(|one| (word(&one["value"]), word(&one["text"]["text"])));
        let shown = shown.collect();
        let mut workspace = self.shared.workspace();
        let view = workspace.views.get_mut(view).ok_or(Failed::Unknown("view"))?;
        view.offered.insert(block.to_owned(), options);
        Ok(shown)
    }

    /// Somebody chooses from a menu of a view, by values: from its own choices, from those that the
    /// app gave last, or a channel. Where the form depends on it, the app hears of it.
    ///
    /// # Errors
    /// There is no such menu, or no such choice in it.
    pub fn choose(&self, view: &str, block: &str, values: &[&str]) -> Done<Option<Run>> {
        let (user, payload) = {
            let mut workspace = self.shared.workspace();
            let Some(action) = chosen(&mut workspace, view, block, values)? else {
                return Ok(None);
            };
            let view = workspace.views.get(view).ok_or(Failed::Unknown("view"))?;
            (view.user.clone(), in_view(&workspace, view, action)?)
        };
        let request = Request::new(Kind::Interactive, "", &user, payload);
        Ok(Some(respond::start(&self.shared, request)))
    }

    /// Somebody presses a button in a view.
    ///
    /// # Errors
    /// There is no such view or button.
    pub fn press_in_view(&self, view: &str, action_id: &str) -> Done<Run> {
        let (user, payload) = {
            let workspace = self.shared.workspace();
            let view = workspace.views.get(view).ok_or(Failed::Unknown("view"))?;
            let button = view.button(action_id).ok_or(Failed::Unknown("button"))?;
            let action = json!({"type": "button", "block_id": "b1", "action_id": action_id,
                "text": button["text"], "value": button["value"]});
            (view.user.clone(), in_view(&workspace, view, action)?)
        };
        Ok(respond::start(&self.shared, Request::new(Kind::Interactive, "", &user, payload)))
    }

    /// Somebody presses a button that stands under something that only they see, or under a message.
    ///
    /// # Errors
    /// There is no such message, button or user.
    pub fn press_button(&self, channel: &str, user: &str, ts: Ts, action_id: &str) -> Done<Run> {
        let payload = {
            let workspace = self.shared.workspace();
            let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
            let whisper = place.ephemerals.iter().find(|one| one.ts == ts && one.user == user);
            let message = place.message(ts);
            let blocks = match (whisper, message) {
                (Some(whisper), _) => &whisper.blocks,
                (None, Some(message)) => &message.blocks,
                (None, None) => return Err(Failed::Unknown("message")),
            };
            let button = blocks.as_ref().and_then(|all| super::views::button(all, action_id));
            let button = button.ok_or(Failed::Unknown("button"))?;
            let mut payload = respond::interaction(&workspace, "block_actions", user)?;
            payload["channel"] = json!({"id": channel, "name": place.name});
            payload["container"] = json!({
                "type": "message", "message_ts": ts, "channel_id": channel,
                "is_ephemeral": whisper.is_some(),
            });
            if let Some(message) = message.filter(|_| whisper.is_none()) {
                payload["message"] = message.object(&workspace.options.identity, true).into();
            }
            payload["actions"] = json!([{
                "type": "button", "action_id": action_id, "block_id": "b1",
                "value": button["value"], "text": button["text"],
                "action_ts": Ts::at(workspace.now()).to_string(),
            }]);
            payload
        };
        let request = Request::new(Kind::Interactive, channel, user, payload);
        Ok(respond::start(&self.shared, Request { original: Some(ts), ..request }))
    }

    /// Somebody sends a view off with what stands in it.
    ///
    /// # Errors
    /// There is no such view, or Slack does not send it: a field has to be filled in first.
    pub fn send_off(&self, view: &str) -> Done<Run> {
        let values = {
            let workspace = self.shared.workspace();
            let shown = workspace.views.get(view).ok_or(Failed::Unknown("view"))?;
            if !shown.open || shown.view["submit"].is_null() {
                return Err(Failed::Unknown("button"));
            }
            match shown.missing() {
                Some(block) => return Err(Failed::NotTaken(block)),
                None => shown.values(),
            }
        };
        self.submit(view, &values)
    }

    /// Somebody closes a view. The app hears of it where it wanted to.
    ///
    /// # Errors
    /// There is no such view.
    pub fn close(&self, view: &str) -> Done<Option<Run>> {
        let (user, payload) = {
            let mut workspace = self.shared.workspace();
            let shown = workspace.views.get_mut(view).ok_or(Failed::Unknown("view"))?;
            shown.open = false;
            let shown = shown.clone();
            if shown.view["notify_on_close"] != true {
                return Ok(None);
            }
            let mut payload = respond::interaction(&workspace, "view_closed", &shown.user)?;
            payload["view"] = shown.object(&workspace.options.identity);
            payload["is_cleared"] = false.into();
            (shown.user, payload)
        };
        let request = Request::new(Kind::Interactive, "", &user, payload);
        Ok(Some(respond::start(&self.shared, request)))
    }
}

/// Puts what was chosen into a menu. The action that the app hears of, where it does.
fn chosen(
    workspace: &mut Workspace,
    view: &str,
    block: &str,
    values: &[&str],
) -> Done<Option<Value>> {
    let channels: Vec<String> = workspace.channels.keys().cloned().collect();
    let at = Ts::at(workspace.now()).to_string();
    let view = workspace.views.get_mut(view).ok_or(Failed::Unknown("view"))?;
    let input = view.input(block).ok_or(Failed::Unknown("field"))?;
    let (element, dispatch) = (input["element"].clone(), input["dispatch_action"] == true);
    let kind = element["type"].as_str().unwrap_or_default();
    let own = element["options"].as_array().cloned();
    let mut offered = own.or_else(|| view.offered.get(block).cloned()).unwrap_or_default();
    // What was chosen from an earlier search stays chosen.
    let before = view.filled.get(block).and_then(|filled| filled["selected_options"].as_array());
    offered.extend(before.into_iter().flatten().cloned());
    let option = |value: &&str| offered.iter().find(|one| one["value"] == *value).cloned();
    let mut options = values.iter().map(option);
    let value = match (kind, values) {
        ("conversations_select", [one]) if channels.iter().any(|id| id == one) => {
            json!({"selected_conversation": one})
        }
        ("static_select" | "external_select", [_]) => {
            let one = options.next().flatten();
            json!({"selected_option": one.ok_or(Failed::Unknown("choice"))?})
        }
        (menu, _) if menu.starts_with("multi_") => {
            let many: Option<Vec<Value>> = options.collect();
            json!({"selected_options": many.ok_or(Failed::Unknown("choice"))?})
        }
        _ => return Err(Failed::Unknown("choice")),
    };
    let mut value = value;
    value["type"] = element["type"].clone();
    view.filled.insert(block.to_owned(), value.clone());
    let mut action = value;
    action["action_id"] = element["action_id"].clone();
    action["block_id"] = block.into();
    action["action_ts"] = at.into();
    Ok(dispatch.then_some(action))
}

/// The payload of something used in a view.
fn in_view(workspace: &Workspace, view: &View, mut action: Value) -> Done<Value> {
    let mut payload = respond::interaction(workspace, "block_actions", &view.user)?;
    if action["action_ts"].is_null() {
        action["action_ts"] = Ts::at(workspace.now()).to_string().into();
    }
    payload["container"] = json!({"type": "view", "view_id": view.id});
    payload["view"] = view.object(&workspace.options.identity);
    payload["actions"] = json!([action]);
    Ok(payload)
}
