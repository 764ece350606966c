"""The AsyncAPI document describes the API there is."""

import json

import jsonschema
import pytest

from daemon.api.commands import VERBS
from daemon.api.schema import schema


def resolved(document, node):
    """The node with every reference into the document replaced."""
    if isinstance(node, dict):
        if "$ref" in node:
            target = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            return resolved(document, target)
        return {key: resolved(document, value) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(document, item) for item in node]
    return node


def test_every_reference_leads_somewhere_and_it_is_plain_json():
    document = schema()
    assert json.loads(json.dumps(document)) == document
    assert document["asyncapi"].startswith("3.")
    assert resolved(document, document)


def test_every_verb_is_an_operation_with_its_channel():
    document = schema()
    for verb in VERBS:
        operation = resolved(document, document["operations"][f"command.{verb}"])
        assert operation["action"] == "receive"
        assert operation["channel"]["address"] == f"taylord/{{rig}}/cmd/{verb}"
        assert operation["reply"]["channel"]["address"] == "taylord/{rig}/reply/{id}"


@pytest.mark.parametrize(
    ("verb", "payload", "valid"),
    [
        ("set", {"id": "a", "signal": "b.c", "value": 1.5}, True),
        ("set", {"id": "a", "signal": "b.c", "value": 1.5, "more": 1}, False),
        ("set", {"signal": "b.c", "value": 1.5}, False),
        ("experiment.submit", {"id": "a", "conditions": {"r": {"Pt": 1}}}, True),
        ("experiment.submit", {"id": "a", "conditions": {}}, False),
        ("result.submit", {"id": "a", "experiment": "e", "responses": {"y": {"value": 1}}}, True),
        ("result.submit", {"id": "a", "experiment": "e", "responses": {"y": {}}}, False),
        ("ping", {"id": ""}, False),
    ],
)
def test_the_schema_of_a_command_says_what_the_daemon_takes(verb, payload, valid):
    document = schema()
    shape = resolved(document, document["components"]["messages"][f"command.{verb}"]["payload"])
    assert jsonschema.Draft7Validator(shape).is_valid(payload) is valid
