"""``taylord schema mqtt``: the API as an AsyncAPI 3 document, made from the code it describes."""

from typing import Any

from daemon import __version__
from daemon.api.commands import VERBS, Verb
from daemon.api.parse import ID_RULE, MAX_BYTES, MAX_ID
from daemon.api.server import PUBLISHED

JsonObject = dict[str, Any]

ERROR_CODES = (
    "bad-request",
    "unknown-verb",
    "unknown-signal",
    "out-of-range",
    "refused",
    "not-connected",
    "timeout",
    "fault",
)
_TIME = {"type": "string", "format": "date-time", "description": "UTC, with milliseconds"}
_TEXT = {"type": "string"}
_ENVELOPE: JsonObject = {
    "boot": {"type": "string", "description": "id of this start of the daemon"},
    "seq": {"type": "integer", "minimum": 1, "description": "a gap means dropped messages"},
}


def schema() -> JsonObject:
    """Return the whole document, JSON-ready."""
    channels, operations, messages = _said()
    shapes: JsonObject = {}
    for verb in VERBS.values():
        key = f"command.{verb.name}"
        channels[key] = _channel(f"cmd/{verb.name}", key)
        messages[key] = _command(verb, shapes)
        operations[key] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{_pointer(key)}"},
            "summary": verb.doc,
            "bindings": {"mqtt": {"qos": 1, "retain": False}},
            "reply": {"channel": {"$ref": "#/channels/reply"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "taylord",
            "version": __version__,
            "description": "MQTT interface of the daemon of one flow or droplet reactor.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": shapes},
    }


def _said() -> tuple[JsonObject, JsonObject, JsonObject]:
    """Return channels, operations and messages of what the daemon publishes."""
    channels: JsonObject = {}
    operations: JsonObject = {}
    messages: JsonObject = {}
    for key, (address, payload, qos, retain) in _PUBLISHED.items():
        channels[key] = _channel(address, key)
        messages[key] = {"name": key, "payload": payload}
        operations[f"publish.{key}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{_pointer(key)}"},
            "bindings": {"mqtt": {"qos": qos, "retain": retain}},
        }
    return channels, operations, messages


def _channel(address: str, message: str) -> JsonObject:
    full = f"taylord/{{rig}}/{address}"
    names = [part.split("}")[0] for part in full.split("{")[1:]]
    return {
        "address": full,
        "messages": {"message": {"$ref": f"#/components/messages/{_pointer(message)}"}},
        "parameters": {name: {"description": _PARAMETERS[name]} for name in names},
    }


def _pointer(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _object(required: dict[str, Any], **optional: Any) -> JsonObject:
    return {
        "type": "object",
        "required": [*required, *_ENVELOPE],
        "properties": {**required, **optional, **_ENVELOPE},
    }


def _command(verb: Verb, shapes: JsonObject) -> JsonObject:
    """Return the message of a verb; shapes its arguments refer to are added to ``shapes``."""
    arguments = verb.arguments.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes.update(arguments.get("$defs", {}))
    properties = {"id": {"type": "string", "minLength": 1, "maxLength": MAX_ID}}
    payload = {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", *arguments.get("required", [])],
        "properties": {**properties, **arguments.get("properties", {})},
        "description": f"{ID_RULE}; at most {MAX_BYTES} bytes.",
    }
    return {"name": verb.name, "summary": verb.doc, "payload": payload}


_PARAMETERS = {
    "rig": "name of the rig in its configuration",
    "id": "id of the command",
    "instrument": "name of the instrument",
    "signal": "short name of the signal",
}

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"enum": list(ERROR_CODES)}, "message": _TEXT},
}

_COUNT = {"type": "integer", "minimum": 0}
_LINES = {
    "type": "object",
    "description": "by port; shares and rates of the last minute, counts since the start",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "instruments": {"type": "array", "items": _TEXT},
            "state": {"enum": ["open", "lost", "closed"]},
            "utilisation": {"type": "number", "minimum": 0, "maximum": 1},
            "exchanges_per_s": {"type": "number", "minimum": 0},
            "timeouts": _COUNT,
            "garbled": _COUNT,
            "stray": _COUNT,
            "late_polls": _COUNT,
            "missed_polls": _COUNT,
            "late": {
                "type": "object",
                "description": "signals late in the last minute, by full name",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "late": _COUNT,
                        "missed": _COUNT,
                        "worst_s": {"type": "number", "minimum": 0},
                    },
                },
            },
        },
    },
}

# key -> topic below taylord/<rig>/, payload, QoS, retained
_PUBLISHED: dict[str, tuple[str, JsonObject, int, bool]] = {
    "status": (
        "status",
        _object({"state": {"enum": ["online", "offline"]}, "version": _TEXT, "since": _TIME}),
        1,
        True,
    ),
    "state": ("state", _object({"t": _TIME}, lines=_LINES), 1, True),
    "signals": (
        "signals",
        _object(
            {
                "signals": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["unit", "type", "limits", "writable", "poll_s"],
                        "properties": {
                            "unit": _TEXT,
                            "type": {"enum": ["float", "int", "bool", "str"]},
                            "limits": {"type": ["array", "null"], "items": {"type": "number"}},
                            "writable": {"type": "boolean"},
                            "poll_s": {"type": ["number", "null"]},
                        },
                    },
                }
            }
        ),
        1,
        True,
    ),
    "scan": (
        "scan",
        _object(
            {
                "t": _TIME,
                "values": {"type": "object"},
                "bad": {"type": "object", "additionalProperties": _TEXT},
            }
        ),
        0,
        False,
    ),
    "signal": (
        "signal/{instrument}/{signal}",
        {"description": "the bare value; empty when it is bad; off by default"},
        0,
        True,
    ),
    "reply": (
        "reply/{id}",
        {
            "oneOf": [
                _object({"id": _TEXT, "ok": {"const": True}, "result": {"type": "object"}}),
                _object(
                    {"id": {"type": ["string", "null"]}, "ok": {"const": False}, "error": _ERROR}
                ),
            ],
            "description": "or on the response topic of MQTT 5, with the correlation data",
        },
        1,
        False,
    ),
    **{
        f"event.{kind}": (f"event/{kind}", _object({"t": _TIME, "kind": {"const": kind}}), 1, False)
        for kind in sorted(PUBLISHED)
    },
}
