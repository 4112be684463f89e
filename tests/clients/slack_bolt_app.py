"""An app on Slack's own framework, slack_bolt, by socket or by HTTP, against the simulator.

The environment: API_URL, BOT_TOKEN, APP_TOKEN, SIGNING_SECRET; the argument is `socket` or
`http`. It answers messages, commands and buttons, says on its output where it listens, and ends
when its input does.
"""

import os
import sys
import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_bolt.app.app import SlackAppDevelopmentServer
from slack_sdk import WebClient

app = App(
    # By HTTP every request's signature is checked by slack_sdk's SignatureVerifier.
    signing_secret=os.environ["SIGNING_SECRET"],
    client=WebClient(token=os.environ["BOT_TOKEN"], base_url=os.environ["API_URL"]),
)


@app.message("hello")
def greet(message, say):
    say(text=f"hello <@{message['user']}>", thread_ts=message["ts"])


@app.event("message")
def changed(event):
    print("event", event.get("subtype", "message"), flush=True)


@app.event("reaction_added")
def reacted(event, client):
    item = event["item"]
    client.reactions_add(channel=item["channel"], timestamp=item["ts"], name=event["reaction"])


@app.command("/wa")
def command(ack, respond, command):
    ack(f"working on {command['text']}")
    respond(text="done", response_type="in_channel")


@app.shortcut("link_group")
def shortcut(ack, shortcut, client):
    ack()
    title = {"type": "plain_text", "text": "Link"}
    view = {"type": "modal", "callback_id": "link", "title": title, "blocks": []}
    client.views_open(trigger_id=shortcut["trigger_id"], view=view)


@app.view("link")
def submitted(ack, view):
    print("submitted", view["state"]["values"]["b"]["a"]["value"], flush=True)
    ack(response_action="clear")


@app.shortcut("reply")
def reply(ack, shortcut, client):
    ack()
    option = {"text": {"type": "plain_text", "text": "Maya"}, "value": "maya"}
    person = {"type": "external_select", "action_id": "who", "min_query_length": 1}
    view = {
        "type": "modal",
        "callback_id": "reply",
        "notify_on_close": True,
        "private_metadata": shortcut["message"]["text"],
        "title": {"type": "plain_text", "text": "Reply"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [
            {
                "type": "input",
                "block_id": "who",
                "dispatch_action": True,
                "label": {"type": "plain_text", "text": "To"},
                "element": person,
            },
            {
                "type": "input",
                "block_id": "how",
                "label": {"type": "plain_text", "text": "How"},
                "element": {"type": "static_select", "action_id": "how", "options": [option]},
            },
        ],
    }
    client.views_open(trigger_id=shortcut["trigger_id"], view=view)


@app.options("who")
def people(ack, payload):
    text = {"type": "plain_text", "text": payload["value"].upper()}
    ack(options=[{"text": text, "value": payload["value"]}])


@app.action("who")
def chosen(ack, body, action, client):
    ack()
    view = {key: body["view"][key] for key in ("type", "callback_id", "title", "submit", "blocks")}
    view["title"] = {"type": "plain_text", "text": f"To {action['selected_option']['value']}"}
    view["notify_on_close"] = True
    client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=view)


@app.view("reply")
def replied(ack, view):
    values = view["state"]["values"]
    ack(response_action="errors", errors={"how": values["who"]["who"]["selected_option"]["value"]})


@app.view_closed("reply")
def closed(ack, view):
    ack()
    print("closed", view["id"], flush=True)


@app.event("app_home_opened")
def home(event, client):
    button = {
        "type": "button",
        "action_id": "more",
        "value": "2",
        "text": {"type": "plain_text", "text": "More"},
    }
    blocks = [{"type": "actions", "elements": [button]}]
    client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})


@app.action("more")
def more(ack, body, action):
    ack()
    print("more", action["value"], body["view"]["type"], flush=True)


@app.action("retry")
def retry(ack, respond, action):
    ack()
    respond(text=f"retried {action['value']}", replace_original=True)


if sys.argv[1] == "socket":
    handler = SocketModeHandler(app, os.environ["APP_TOKEN"], ping_interval=1)
    handler.connect()
    print("listening", 0, flush=True)
else:
    server = SlackAppDevelopmentServer(0, "/slack/events", app, http_server_logger_enabled=False)
    # It is bound already, and prints of its own when it starts.
    print("listening", server._server.server_port, flush=True)
    threading.Thread(target=server.start, daemon=True).start()
sys.stdin.read()
