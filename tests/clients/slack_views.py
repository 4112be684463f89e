"""Checks views with Slack's own models of them, slack_sdk: JSON lines on its input, a view each.

Whatever a model refuses is written on its output, a line each.
"""

import json
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, InputBlock
from slack_sdk.models.views import View


def faults(given):
    view = View(**given)
    yield from refused(view)
    blocks = Block.parse_all(given["blocks"])
    if len(blocks) != len(given["blocks"]):
        yield "a block is none that slack_sdk knows"
    for block in blocks:
        yield from refused(block)
        for element in [block.element] if isinstance(block, InputBlock) else getattr(block, "elements", []):
            yield from refused(element)


def refused(model):
    try:
        model.validate_json()
    except SlackObjectFormationError as error:
        yield f"{type(model).__name__}: {error}"


checked = 0
for line in sys.stdin:
    checked += 1
    for fault in faults(json.loads(line)):
        print(fault)
print(f"checked {checked}", file=sys.stderr)
