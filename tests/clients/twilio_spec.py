"""Checks answers of the Twilio simulator against Twilio's OpenAPI documents.

Reads JSON lines, {"method": "get", "path": PATH, "status": STATUS, "body": ANSWER}, and writes a
line for each fault. The first argument is the folder of the documents; with --all, every
operation of the documents that is not listed below must have been answered well once.
"""

import json
import re
import sys
from pathlib import Path

from jsonschema import Draft7Validator, FormatChecker

# What the simulator leaves out: push notifications, many services, what templates are made by,
# and chatbots.
NOT_SIMULATED = re.compile(
    r".*/(Credentials|Bindings|Notifications|LegacyContent|ApprovalRequests/whatsapp)\b.*"
    r"|(post) /v1/Services|(delete) /v1/Services/\{Sid\}"
    r"|(post) /v1/Services/\{ChatServiceSid\}/Configuration"
    r"|(post) /v1/Content|(delete) /v1/Content/\{Sid\}"
)

# Fields that Twilio's own examples have and its schemas have not.
NEWER_FIELDS = {"address_country"}

formats = FormatChecker(formats=[])


@formats.checks("date-time")
def is_date(text):
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    return not isinstance(text, str) or re.fullmatch(pattern, text) is not None


@formats.checks("uri")
def is_uri(text):
    return not isinstance(text, str) or re.match(r"https?://[^/]+/", text) is not None


@formats.checks("uri-map")
def is_uri_map(links):
    return not isinstance(links, dict) or all(is_uri(link) for link in links.values())


def plain(schema, schemas):
    """OpenAPI 3.0 as JSON Schema: references filled in, nullable as a type, nothing unknown."""
    if "$ref" in schema:
        return plain(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    out = {key: schema[key] for key in ("format", "pattern", "minLength", "maxLength") if key in schema}
    if "type" in schema:
        kinds = [schema["type"]] + (["null"] if schema.get("nullable") else [])
        out["type"] = kinds
    if "enum" in schema:
        out["enum"] = schema["enum"] + ([None] if schema.get("nullable") else [])
    if "items" in schema:
        out["items"] = plain(schema["items"], schemas)
    if "properties" in schema:
        out["properties"] = {
            name: plain(one, schemas) for name, one in schema["properties"].items()
        }
        # Twilio leaves no field out; what has no value is null.
        out["required"] = [name for name in out["properties"] if name not in NEWER_FIELDS]
        out["additionalProperties"] = False
    return out


class Operations:
    """The documents' operations, found by method and path."""

    def __init__(self, folder):
        self.known = []
        for name in ("twilio_conversations_v1.json", "twilio_content_v1.json"):
            document = json.loads((folder / name).read_text())
            schemas = document["components"]["schemas"]
            for path, item in document["paths"].items():
                pattern = re.compile(re.sub(r"\{\w+\}", r"[^/?]+", path))
                for method in ("get", "post", "delete"):
                    if method in item:
                        self.known.append((method, path, pattern, item[method], schemas))
        # `/v1/Services/…` before `/v1/…` with a placeholder in the same place.
        self.known.sort(key=lambda one: one[1].count("{"))
        self.answered = set()

    def find(self, method, path):
        for one in self.known:
            if one[0] == method and one[2].fullmatch(path):
                return one
        return None

    def missing(self):
        for method, path, *_ in self.known:
            name = f"{method} {path}"
            if name not in self.answered and not NOT_SIMULATED.fullmatch(name):
                yield f"{name}: never answered"


REFUSAL = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string", "minLength": 1},
        "more_info": {"type": "string", "format": "uri"},
        "status": {"type": "integer"},
    },
    "required": ["code", "message", "more_info", "status"],
    "additionalProperties": False,
}


def faults(operations, row):
    method, status, body = row["method"], row["status"], row["body"]
    path = row["path"].split("?")[0]
    if status >= 400:
        schema = REFUSAL
        if body and body.get("status") != status:
            yield f"{method} {path}: the body says status {body.get('status')}, HTTP {status}"
    else:
        found = operations.find(method, path)
        if found is None:
            yield f"{method} {path}: no such operation, but it was answered with {status}"
            return
        _, template, _, operation, schemas = found
        operations.answered.add(f"{method} {template}")
        answer = operation["responses"].get(str(status))
        if answer is None:
            yield f"{method} {template}: {status} is not among {list(operation['responses'])}"
            return
        content = answer.get("content", {}).get("application/json")
        if content is None:
            if body is not None:
                yield f"{method} {template}: {status} has no body"
            return
        schema = plain(content["schema"], schemas)
    for error in Draft7Validator(schema, format_checker=formats).iter_errors(body):
        where = "/".join(map(str, error.path)) or "the top"
        yield f"{method} {path} {status}: at {where}: {error.message[:300]}"


def main():
    operations = Operations(Path(sys.argv[1]))
    for line in sys.stdin:
        for fault in faults(operations, json.loads(line)):
            print(fault)
    if "--all" in sys.argv:
        for fault in operations.missing():
            print(fault)


main()
