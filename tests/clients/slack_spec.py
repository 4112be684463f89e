"""Checks answers and events of the Slack simulator against Slack's published descriptions.

Reads JSON lines, {"method": NAME, "body": ANSWER} or {"event": TYPE, "body": EVENT}, and writes a
line for each fault. The argument is the folder of the descriptions. They are of 2021, so what
Slack has added since is listed below; everything else must be as described.
"""

import json
import re
import sys
from pathlib import Path

from jsonschema import Draft4Validator

# Fields that Slack's documentation has now and the description of 2021 has not.
NEWER_FIELDS = {
    "app_id",  # messages of apps
    "bot_id",
    "bot_profile",
    "edited",  # messages that were changed
    "errors",  # conversations.kick
    "image_36",  # icons of messages under another name
    "image_48",
    "image_72",
    "metadata",  # messages with include_all_metadata
    "parent_user_id",  # replies
    "reactions",
    "response_metadata",  # the cursor of conversations.history
    "subtype",
}


def alternatives(schema):
    """The description writes alternatives as a list of `items` on what is no array."""
    if isinstance(schema, list):
        return [alternatives(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: alternatives(value) for key, value in schema.items()}
    if isinstance(schema.get("items"), list) and schema.get("type") != "array":
        schema["anyOf"] = schema.pop("items")
    elif isinstance(schema.get("items"), list):
        schema["items"] = {"anyOf": schema["items"]}
    return schema


def excused(error):
    """Whether the fault is only that the description is old."""
    if error.validator == "anyOf":
        branches = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        return any(all(excused(e) for e in branch) for branch in branches.values())
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return {key for key in error.instance if key not in known} <= NEWER_FIELDS
    return False


def faults(name, schema, definitions, body):
    validator = Draft4Validator(dict(schema, definitions=definitions))
    for error in validator.iter_errors(body):
        if not excused(error):
            where = "/".join(map(str, error.path))
            yield f"{name}: at {where or 'the top'}: {error.message[:300]}"


def main():
    folder = Path(sys.argv[1])
    web = json.loads((folder / "slack_web_openapi_v2.json").read_text())
    events = json.loads((folder / "slack_events_api_async_v1.json").read_text())
    definitions = alternatives(web["definitions"])
    wrapper = events["components"]["schemas"]["GenericEventWrapper"]
    checked = 0
    for line in sys.stdin:
        row = json.loads(line)
        body = row["body"]
        if "event" in row:
            checked += 1
            topic = re.sub("_", ".", row["event"])
            if topic not in events["topics"]:
                print(f"{row['event']}: no such event is described")
            for fault in faults(row["event"], wrapper, {}, body):
                print(fault)
            continue
        path = web["paths"].get("/" + row["method"])
        if path is None:
            continue  # newer than the description
        checked += 1
        (operation,) = path.values()
        answer = operation["responses"]["200" if body["ok"] else "default"]
        for fault in faults(row["method"], alternatives(answer["schema"]), definitions, body):
            print(fault)
    print(f"checked {checked}", file=sys.stderr)


main()
