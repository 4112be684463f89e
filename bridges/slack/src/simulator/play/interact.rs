//! What people give, press and send off: commands, buttons, forms and shortcuts.

use serde_json::{Value, json};

use super::Done;
use crate::simulator::outbox::Kind;
use crate::simulator::respond::{self, Request};
use crate::simulator::{Failed, Run, Simulator, Ts};

impl Simulator {
    /// Somebody gives a slash command. Returns at once; the [`Run`] tells what comes back.
    ///
    /// # Errors
    /// The app has no such command, or there is no such channel or user.
    pub fn command(&self, channel: &str, user: &str, command: &str, text: &str) -> Done<Run> {
        let payload = respond::command(&self.shared.workspace(), channel, user, command, text)?;
        Ok(respond::start(&self.shared, Request::new(Kind::Command, channel, user, payload)))
    }

    /// Somebody presses a button, or uses another element, in a message.
    ///
    /// # Errors
    /// There is no such message or user.
    pub fn press(
        &self,
        channel: &str,
        user: &str,
        ts: Ts,
        action_id: &str,
        value: &str,
    ) -> Done<Run> {
        let payload = {
            let workspace = self.shared.workspace();
            let place = workspace.channels.get(channel).ok_or(Failed::Unknown("channel"))?;
            let message = place.message(ts).ok_or(Failed::Unknown("message"))?;
            let mut payload = respond::interaction(&workspace, "block_actions", user)?;
            payload["channel"] = json!({"id": channel, "name": place.name});
            payload["message"] = message.object(&workspace.options.identity, true).into();
            payload["container"] = json!({
                "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false,
            });
            payload["actions"] = json!([{
                "type": "button", "action_id": action_id, "block_id": "b1", "value": value,
                "action_ts": Ts::at(workspace.now()),
                "text": {"type": "plain_text", "text": value, "emoji": true},
            }]);
            payload
        };
        let request = Request::new(Kind::Interactive, channel, user, payload);
        Ok(respond::start(&self.shared, Request { original: Some(ts), ..request }))
    }

    /// Somebody submits a view, with these values (`state.values`).
    ///
    /// # Errors
    /// There is no such view.
    pub fn submit(&self, view: &str, values: &Value) -> Done<Run> {
        let (user, payload) = {
            let workspace = self.shared.workspace();
            let view = workspace.views.get(view).ok_or(Failed::Unknown("view"))?;
            let mut payload = respond::interaction(&workspace, "view_submission", &view.user)?;
            payload["view"] = view.object(&workspace.options.identity);
            payload["view"]["state"] = json!({"values": values});
            payload["response_urls"] = json!([]);
            (view.user.clone(), payload)
        };
        let request = Request::new(Kind::Interactive, "", &user, payload);
        Ok(respond::start(&self.shared, Request { view: Some(view), ..request }))
    }

    /// Somebody uses a global shortcut.
    ///
    /// # Errors
    /// There is no such user.
    pub fn shortcut(&self, user: &str, callback_id: &str) -> Done<Run> {
        let payload = {
            let workspace = self.shared.workspace();
            let mut payload = respond::interaction(&workspace, "shortcut", user)?;
            payload["callback_id"] = callback_id.into();
            payload["action_ts"] = Ts::at(workspace.now()).to_string().into();
            payload
        };
        Ok(respond::start(&self.shared, Request::new(Kind::Interactive, "", user, payload)))
    }
}
