"""Drives the simulated Twilio with Twilio's own client library, and checks the hooks that it
sends with Twilio's own validator.

The client's hosts (`conversations.twilio.com` …) are all answered by the simulator: the HTTP
client puts its address in their place and changes nothing else.
"""

import base64
import json
import os
import threading
import urllib.request
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

BASE = os.environ["BASE_URL"]
SERVICE = os.environ["SERVICE_SID"]
SENDER = "whatsapp:+14155550000"


class Local(TwilioHttpClient):
    """Twilio's HTTP client with the simulator's address for every host of Twilio."""

    def request(self, method, url, *arguments, **named):
        parts = urlsplit(url)
        if parts.hostname.endswith(".twilio.com"):
            url = BASE + url.split(parts.netloc, 1)[1]
        return super().request(method, url, *arguments, **named)


def client(password=None):
    return Client(
        os.environ["API_KEY_SID"],
        password or os.environ["API_KEY_SECRET"],
        os.environ["ACCOUNT_SID"],
        http_client=Local(),
    )


def refused(code, status, act):
    try:
        act()
    except TwilioRestException as error:
        assert (error.code, error.status) == (code, status), error
        return error
    raise AssertionError(f"not refused with {code}")


def control(path, body):
    request = urllib.request.Request(
        BASE + "/_simulator/" + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def groups(service):
    one = service.conversations.create(friendly_name="Team", unique_name="team", attributes="{}")
    assert one.state == "active" and one.chat_service_sid == SERVICE
    assert one.date_created.tzinfo is not None
    error = refused(50353, 409, lambda: service.conversations.create(unique_name="team"))
    assert "unique name" in error.msg
    member = service.conversations("team").participants.create(
        messaging_binding_address="whatsapp:+14155550101",
        messaging_binding_proxy_address=SENDER,
        attributes='{"name": "Maya"}',
    )
    assert member.messaging_binding["proxy_address"] == SENDER
    other = service.conversations.create(friendly_name="Other")
    error = refused(
        50416,
        409,
        lambda: service.conversations(other.sid).participants.create(
            messaging_binding_address="whatsapp:+14155550101",
            messaging_binding_proxy_address=SENDER,
        ),
    )
    assert one.sid in error.msg
    found = service.participant_conversations.list(address="whatsapp:+14155550101")
    assert [place.conversation_sid for place in found] == [one.sid]
    assert [c.sid for c in service.conversations.list()] == [one.sid, other.sid]
    assert service.conversations(other.sid).delete()
    return one


def messages(service):
    talk = service.conversations("team").messages
    for number in range(120):
        made = talk.create(author="ops", body=f"message {number}")
        assert made.index == number
    listed = talk.list()
    assert [one.index for one in listed] == list(range(120))
    newest = talk.list(order="desc", limit=3)
    assert [one.body for one in newest] == ["message 119", "message 118", "message 117"]
    first = talk.page(page_size=50)
    assert first.next_page().next_page_url and len(list(first.next_page())) == 50
    changed = talk(listed[0].sid).update(body="changed")
    assert talk(listed[0].sid).fetch().body == changed.body == "changed"
    assert talk(listed[1].sid).delete()
    refused(50500, 404, lambda: talk(listed[1].sid).fetch())
    # The member has never written: free-form text fails, and the receipt says why.
    receipt = talk(listed[0].sid).delivery_receipts.list()[0]
    assert (receipt.status, receipt.error_code) == ("failed", 63016)
    template = client().content.v1.content_and_approvals.list()[0]
    assert template.approval_requests["status"] == "approved"
    sent = talk.create(content_sid=template.sid, content_variables='{"1": "Ann"}')
    assert talk(sent.sid).delivery_receipts.list()[0].status == "delivered"
    inbox = urllib.request.urlopen(BASE + "/_simulator/inbox?address=whatsapp:%2B14155550101")
    assert json.load(inbox)["inbox"][0]["body"].startswith("Ann has news")


def others(service):
    stranger = client("wrong").conversations.v1
    refused(20003, 401, lambda: stranger.conversations("team").fetch())
    refused(50350, 404, lambda: service.conversations("nobody").fetch())
    user = service.users.create(identity="ops", friendly_name="Operations")
    assert service.users(user.sid).fetch().identity == "ops"
    assert len(service.roles.list()) == 2
    refused(
        21211, 400, lambda: client().messages.create(to="nonsense", from_="+14155550001", body="x")
    )
    direct = client().messages.create(to="+14155550102", from_="+14155550001", body="Hello")
    assert client().messages(direct.sid).fetch().status == "delivered"
    control("faults", {"kind": "rate_limited", "number": 3, "times": 1})
    refused(20429, 429, lambda: service.conversations("team").fetch())


class Hooks(BaseHTTPRequestHandler):
    """Takes hooks as Twilio's documentation says: the validator first."""

    validator = RequestValidator(os.environ["AUTH_TOKEN"])
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = parse_qs(body, keep_blank_values=True)
        form = {name: values[0] for name, values in form.items()}
        url = f"http://127.0.0.1:{self.server.server_port}{self.path}"
        signature = self.headers["X-Twilio-Signature"]
        valid = self.validator.validate(url, form, signature)
        forged = self.validator.validate(url, dict(form, Body="forged"), signature)
        self.seen.append((form["EventType"], valid and not forged))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def hooks(service):
    server = HTTPServer(("127.0.0.1", 0), Hooks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/webhooks/twilio?key=a%20b"
    service.configuration.webhooks().update(
        pre_webhook_url=url,
        post_webhook_url=url,
        filters=["onMessageAdd", "onMessageAdded", "onParticipantAdded"],
        method="POST",
    )
    assert service.configuration.webhooks().fetch().post_webhook_url == url
    said = {"address": "whatsapp:+14155550101", "conversation": "team", "text": "Grüße & +1"}
    assert control("say", said)["message"]["body"] == "Grüße & +1"
    service.conversations("team").participants.create(
        identity="ops", x_twilio_webhook_enabled="true"
    )
    control("idle", {})
    server.shutdown()
    assert Hooks.seen == [
        ("onMessageAdd", True),
        ("onMessageAdded", True),
        ("onParticipantAdded", True),
    ], Hooks.seen


def signatures():
    """The other way round: what the library signs, the simulator's `sign` signs alike."""
    validator = RequestValidator(os.environ["AUTH_TOKEN"])
    cases = [
        ("https://example.com/", {}),
        ("https://example.com:8443/a?b=c&d=%C3%BC", {"Body": "Grüße", "A": "", "a": "z"}),
        ("http://127.0.0.1:8080/webhooks/twilio", {"Body": "line\r\nline", "Media": "[{}]"}),
    ]
    for url, params in cases:
        signature = validator.compute_signature(url, params)
        assert len(base64.b64decode(signature)) == 20
        print(json.dumps({"url": url, "params": params, "signature": signature}))


def log(twilio):
    """What phones write stands in the account's log, newest first, whether or not it is told."""
    stranger, sender = "+14155550170", "+14155550001"
    for number in range(5):
        control("say", {"address": stranger, "sender": sender, "text": f"knock {number}"})
    told = twilio.messages.list(to=sender, from_=stranger)
    assert [one.body for one in told] == [f"knock {number}" for number in reversed(range(5))]
    one = told[0]
    assert (one.direction, one.status, one.num_media) == ("inbound", "received", "0"), one.status
    assert one.date_sent.tzinfo is not None and one.date_created <= one.date_sent
    assert one.sid == twilio.messages(one.sid).fetch().sid
    page = twilio.messages.page(to=sender, from_=stranger, page_size=2)
    assert [one.body for one in page] == ["knock 4", "knock 3"]
    page = page.next_page()
    assert [one.body for one in page] == ["knock 2", "knock 1"]
    assert [one.body for one in page.next_page()] == ["knock 0"]
    assert [one.body for one in page.previous_page()] == ["knock 4", "knock 3"]
    day = timedelta(days=1)
    between = {"to": sender, "from_": stranger}
    assert len(twilio.messages.list(date_sent_after=one.date_sent - day, **between)) == 5
    assert len(twilio.messages.list(date_sent_after=one.date_sent, **between)) >= 1
    assert twilio.messages.list(date_sent_after=one.date_sent + day, **between) == []
    assert twilio.messages.list(date_sent_before=one.date_sent - day, **between) == []
    assert len(twilio.messages.list(date_sent=one.date_sent.date(), **between)) == 5
    assert twilio.messages(told[0].sid).media.list() == []


def codes(twilio):
    verify = twilio.verify.v2.services(os.environ["VERIFY_SID"])
    refused(60200, 400, lambda: verify.verifications.create(to="12", channel="sms"))
    refused(20404, 404, lambda: verify.verification_checks.create(to="+14155550160", code="123456"))
    sent = verify.verifications.create(to="+14155550160", channel="sms")
    assert (sent.status, sent.channel, sent.to) == ("pending", "sms", "+14155550160"), sent.status
    again = verify.verifications.create(to="+14155550160", channel="sms")
    assert again.sid == sent.sid and len(again.send_code_attempts) == 2
    with urllib.request.urlopen(BASE + "/_simulator/inbox?address=%2B14155550160", timeout=20) as shown:
        code = json.load(shown)["inbox"][-1]["body"].rsplit(" ", 1)[1]
    wrong = "000000" if code != "000000" else "111111"
    told = verify.verification_checks.create(verification_sid=sent.sid, code=wrong)
    assert (told.status, told.valid) == ("pending", False)
    attempt = again.send_code_attempts[-1]["attempt_sid"]
    assert twilio.verify.v2.verification_attempts(attempt).fetch().conversion_status == "unconverted"
    told = verify.verification_checks.create(to="+14155550160", code=code)
    assert (told.status, told.valid) == ("approved", True)
    assert twilio.verify.v2.verification_attempts(attempt).fetch().conversion_status == "converted"
    refused(20404, 404, lambda: verify.verification_checks.create(to="+14155550160", code=code))
    sent = verify.verifications.create(to="+14155550160", channel="whatsapp")
    for _ in range(5):
        verify.verification_checks.create(verification_sid=sent.sid, code="0000000")
    refused(60202, 429, lambda: verify.verification_checks.create(verification_sid=sent.sid, code="0000000"))
    for _ in range(4):
        verify.verifications.create(to="+14155550160", channel="whatsapp")
    refused(60203, 429, lambda: verify.verifications.create(to="+14155550160", channel="whatsapp"))


def main():
    service = client().conversations.v1.services(SERVICE)
    groups(service)
    messages(service)
    others(service)
    hooks(service)
    log(client())
    codes(client())
    signatures()


main()
