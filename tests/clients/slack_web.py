"""Drives the Slack simulator with Slack's own Python library, slack_sdk.

The environment names where it is: API_URL, CONTROL_URL, BOT_TOKEN, CHANNEL, USER. Whatever the
library makes of the simulator must be what it makes of Slack.
"""

import json
import os
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

API, CONTROL, TOKEN, CHANNEL, USER = (
    os.environ[name] for name in ("API_URL", "CONTROL_URL", "BOT_TOKEN", "CHANNEL", "USER")
)


def control(path, body):
    request = urllib.request.Request(
        CONTROL + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def refused(call, error):
    """The call must raise the library's exception with this error."""
    try:
        call()
    except SlackApiError as raised:
        assert raised.response["error"] == error, (raised.response.data, error)
        return raised.response
    raise AssertionError(f"not refused with {error}")


client = WebClient(token=TOKEN, base_url=API)


def identity():
    me = client.auth_test()
    assert me["bot_id"] and me["team_id"], me.data
    assert "chat:write" in me.headers["x-oauth-scopes"], me.headers
    refused(WebClient(token="xoxb-wrong", base_url=API).auth_test, "invalid_auth")
    refused(WebClient(base_url=API).auth_test, "not_authed")


def posts():
    payload = {"event_type": "partyline_delivery", "event_payload": {"id": "01J"}}
    post = client.chat_postMessage(
        channel=CHANNEL, text="on my way", username="Noor",
        icon_url="https://pictures.example/noor.png", metadata=payload, unfurl_links=False,
    )
    ts = post["ts"]
    history = client.conversations_history(channel=CHANNEL, include_all_metadata=True, limit=1)
    assert history["messages"][0]["metadata"] == payload, history.data
    client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts, reply_broadcast=True)
    replies = client.conversations_replies(channel=CHANNEL, ts=ts)
    assert [m["text"] for m in replies["messages"]] == ["on my way", "reply"], replies.data
    client.chat_update(channel=CHANNEL, ts=ts, text="here")
    client.reactions_add(channel=CHANNEL, timestamp=ts, name="eyes")
    refused(lambda: client.reactions_add(channel=CHANNEL, timestamp=ts, name="eyes"), "already_reacted")
    assert client.reactions_get(channel=CHANNEL, timestamp=ts)["message"]["text"] == "here"
    client.chat_postEphemeral(channel=CHANNEL, user=USER, text="psst")
    client.chat_delete(channel=CHANNEL, ts=replies["messages"][1]["ts"])
    refused(lambda: client.chat_postMessage(channel="C0NOWHERE0", text="x"), "channel_not_found")
    refused(lambda: client.chat_postMessage(channel=CHANNEL, text=""), "no_text")


def pages():
    names = {f"page-{n}" for n in range(5)}
    for name in names:
        client.conversations_create(name=name)
    listed = set()
    for page in client.conversations_list(limit=2):  # the library follows the cursors
        listed |= {channel["name"] for channel in page["channels"]}
    assert names <= listed, listed
    mine = {channel["id"] for page in client.users_conversations(user=USER, limit=1) for channel in page["channels"]}
    assert CHANNEL in mine and not mine & {channel["id"] for channel in client.conversations_list()["channels"] if channel["name"] in names}, mine
    people = [user["id"] for page in client.users_list(limit=1) for user in page["members"]]
    assert USER in people and len(people) == len(set(people)), people
    said = [control("say", {"channel": CHANNEL, "user": USER, "text": str(n)})["ts"] for n in range(7)]
    read = []
    for page in client.conversations_history(channel=CHANNEL, oldest=said[1], limit=2):
        read += [message["ts"] for message in page["messages"]]
    assert read == said[:1:-1], (read, said)


def files():
    done = client.files_upload_v2(
        channel=CHANNEL, filename="quay.txt", content="fish and chips", initial_comment="menu"
    )
    info = client.files_info(file=done["file"]["id"])["file"]
    request = urllib.request.Request(
        info["url_private_download"], headers={"authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b"fish and chips"


def rates():
    fault = {"fault": "rate_limited", "target": "chat.postMessage", "seconds": 1}
    control("faults", fault)
    answer = refused(lambda: client.chat_postMessage(channel=CHANNEL, text="fast"), "ratelimited")
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1", answer.headers
    control("faults", fault)
    patient = WebClient(
        token=TOKEN, base_url=API, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)]
    )
    assert patient.chat_postMessage(channel=CHANNEL, text="patient")["ok"]


def views():
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = client.views_publish(user_id=USER, view=home)["view"]
    client.views_publish(user_id=USER, view=home, hash=first["hash"])
    refused(lambda: client.views_publish(user_id=USER, view=home, hash=first["hash"]), "hash_conflict")
    button = {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}
    wrong = {"type": "home", "blocks": [{"type": "actions", "elements": [button]}]}
    answer = refused(lambda: client.views_publish(user_id=USER, view=wrong), "invalid_arguments")
    assert "blocks/0/elements/text" in answer["response_metadata"]["messages"][0], answer.data
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
    refused(lambda: client.views_open(trigger_id="1.2.3", view=modal), "invalid_trigger_id")
    refused(lambda: client.views_push(trigger_id="1.2.3", view=modal), "invalid_trigger_id")
    refused(lambda: client.views_update(view_id="V0NOTHING0", view=modal), "not_found")
    told = client.chat_postMessage(channel=USER, text="between the two of us")
    assert told["channel"].startswith("D"), told.data
    refused(lambda: client.chat_postMessage(channel=CHANNEL, text="x", blocks=wrong["blocks"]), "invalid_blocks")


def response_address(url):
    answer = WebhookClient(url).send(text="all well", response_type="in_channel")
    assert (answer.status_code, answer.body) == (200, "ok"), answer.body


for part in (identity, posts, pages, files, views, rates):
    part()
    print(part.__name__, flush=True)
response_address(os.environ["RESPONSE_URL"])
