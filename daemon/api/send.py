"""``taylord send``: one command over MQTT, and its reply."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from secrets import token_hex
from typing import Any

from daemon.api.broker import Broker, BrokerLost, Received
from daemon.api.client import connect
from daemon.api.parse import ID_RULE, MAX_BYTES, valid_id
from daemon.errors import ConfigError, TaylordError
from daemon.timebase import outside_work

JsonObject = dict[str, Any]


DEAF = (
    "{0} does not let us subscribe to {1} (it says {2}), so that no reply would be heard; nothing"
    " was sent: let this client subscribe to it in the broker's access list"
)


class NoAnswer(TaylordError):
    """The broker or the daemon did not answer; whether the command was done is not known."""

    code = "timeout"


def broker_at(address: str) -> Broker:
    """Return the broker of ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT``; raise ConfigError."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, "1883"
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError([f"--broker: must be HOST:PORT, got {address!r}"])
    return Broker(host.strip("[]"), int(port))


def arguments_of(text: str) -> JsonObject:
    """Return the JSON object given on the command line; raise ConfigError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"arguments: are not JSON: {error}; given: {text[:80]!r}"]) from None
    if not isinstance(value, dict):
        raise ConfigError([f"arguments: must be a JSON object such as {{}}, got {text[:80]!r}"])
    return value


async def send(
    broker: Broker,
    rig: str,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    prefix: str = "taylord",
    timeout_s: float = 10.0,
) -> JsonObject:
    """Send one command and return the daemon's reply (CONTRACT, MQTT).

    Raises NoAnswer when the broker cannot be reached, or no reply comes in time; ConfigError when
    rig or verb cannot be part of a topic, or the command is too long.
    """
    root, command = f"{prefix}/{rig}", dict(arguments)
    command.setdefault("id", f"send-{token_hex(8)}")
    id_ = str(command["id"])
    if not valid_id(id_):
        raise ConfigError([f"arguments: {ID_RULE}, got {id_!r}"])
    payload = json.dumps(command).encode()
    _check(rig, verb, payload)
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(broker, root, verb, id_, payload)
    except TimeoutError:
        raise NoAnswer(
            f"no reply from rig {rig!r} at {broker} within {timeout_s:g} s"
            " (is the daemon running, and is the rig's name right?)"
        ) from None
    except BrokerLost as error:
        raise NoAnswer(f"the broker cannot be used: {error} (check --broker)") from error


def _check(rig: str, verb: str, payload: bytes) -> None:
    for name, text in (("RIG", rig), ("VERB", verb)):
        if not text or any(c in text for c in "+#/\0"):
            raise ConfigError([f"{name}: must be a name without '/', '+' and '#', got {text!r}"])
    if len(payload) > MAX_BYTES:
        size = len(payload)
        raise ConfigError([f"arguments: make {size} bytes; a command has at most {MAX_BYTES}"])


async def _exchange(broker: Broker, root: str, verb: str, id_: str, payload: bytes) -> JsonObject:
    # 3.1.1: every broker knows it, and the answer comes on a topic of our own anyway
    async with connect(broker, five=False) as connection:
        reply = f"{root}/reply/{id_}"
        if refusal := await connection.subscribe(reply):
            raise NoAnswer(DEAF.format(broker, reply, refusal))
        await connection.publish(f"{root}/cmd/{verb}", payload)
        with outside_work():
            return await _first(connection.messages())


async def _first(messages: AsyncIterator[Received]) -> JsonObject:
    async for message in messages:
        return json.loads(message.payload)
    raise BrokerLost("the connection ended before the reply came")
