"""Calls the daemon's webhooks as Twilio does, signed by Twilio's own library.

First the hook before a message is added, then the hook after it, with what the first one's answer
made of the message; then the second one once more, and once under another account's token. Prints
what the daemon answered, as one line of JSON.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

from twilio.request_validator import RequestValidator

URL = os.environ["WEBHOOK_URL"]
TOKEN = os.environ["AUTH_TOKEN"]
COMMON = {
    "AccountSid": os.environ["ACCOUNT_SID"],
    "ChatServiceSid": os.environ["SERVICE_SID"],
    "ConversationSid": os.environ["CONVERSATION_SID"],
    "Author": os.environ["AUTHOR"],
    "ParticipantSid": os.environ["PARTICIPANT_SID"],
    "Source": "WHATSAPP",
}


def call(params, token=TOKEN):
    """The status and the body of the daemon's answer."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": RequestValidator(token).compute_signature(URL, params),
    }
    request = urllib.request.Request(URL, urllib.parse.urlencode(params).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


add = COMMON | {"EventType": "onMessageAdd", "Body": os.environ["BODY"], "Attributes": "{}"}
add_status, answer = call(add)
answer = json.loads(answer or "{}")
added = COMMON | {
    "EventType": "onMessageAdded",
    "Body": answer.get("body", add["Body"]),
    "Attributes": answer.get("attributes", add["Attributes"]),
    "MessageSid": os.environ["MESSAGE_SID"],
    "Index": os.environ["INDEX"],
    "DateCreated": os.environ["DATE_CREATED"],
    "RetryCount": "0",
}
print(
    json.dumps(
        {
            "add": add_status,
            "answer": answer,
            "added": call(added)[0],
            "repeated": call(added)[0],
            "forged": call(added, "0" * 32)[0],
        }
    )
)
