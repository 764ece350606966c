"""Commands done once: by id, in order, recorded before they act.

Verbs that act are done one after the other, in the order they came, each after its document is in
the store. Verbs that only make the rig safer, and questions, wait for nothing. The same id again is
answered with the first answer, also after a restart of the daemon.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from daemon.api.commands import Commands
from daemon.api.parse import Command, Fault, Incoming, parse
from daemon.errors import StoreFailed, TaylordError
from daemon.events import Event, EventBus
from daemon.store.documents import plain
from drivers.errors import InstrumentError

log = structlog.get_logger(__name__)

ORIGIN = "mqtt"
MAX_REMEMBERED = 10_000  # ids whose answers are kept
MAX_QUESTIONS = 500  # of these, ids of verbs that change nothing: asked again they do no harm
MAX_WAITING = 200  # commands at once; beyond it only safe verbs are taken

Answer = Callable[[dict[str, Any]], None]
Commit = Callable[[Event], Awaitable[None]]
JsonObject = dict[str, Any]


@dataclass
class _Entry:
    """A command that was taken, and its reply once there is one."""

    verb: str
    arguments: JsonObject
    reply: JsonObject | None = None
    expires: float | None = None  # loop time, s
    asking: list[Answer] = field(default_factory=list[Answer])

    def settle(self, reply: JsonObject) -> None:
        self.reply = reply
        asking, self.asking = self.asking, []
        for answer in asking:
            answer(reply)


class Dispatcher:
    """Takes messages, does commands, gives answers."""

    def __init__(
        self,
        commands: Commands,
        events: EventBus,
        commit: Commit,
        remembered: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._commands, self._events, self._commit = commands, events, commit
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._questions: deque[str] = deque()  # the keys of those that change nothing
        self._queue: asyncio.Queue[tuple[Command, _Entry]] = asyncio.Queue()
        self._working = 0
        self._tasks: asyncio.TaskGroup | None = None
        for row in remembered:
            self._remember(row)

    async def run(self) -> None:
        """Do what is taken, until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            while True:
                command, entry = await self._queue.get()
                await self._do(command, entry)

    def take(self, incoming: Incoming, answer: Answer) -> None:
        """Take one message; ``answer`` is called with the reply, now or later, exactly once."""
        parsed = parse(incoming)
        if isinstance(parsed, Fault):
            answer(refusal(parsed.id, parsed.code, parsed.message))
            return
        key = _key(parsed)
        known = self._entries.get(key)
        if known is not None:
            self._again(parsed, known, answer)
            return
        if self._working >= MAX_WAITING and not parsed.verb.safe:
            text = f"{self._working} commands are waiting already; try again later"
            answer(refusal(parsed.id, "refused", text))
            return
        entry = _Entry(parsed.verb.name, parsed.plain, asking=[answer])
        if incoming.expires_s is not None:
            entry.expires = asyncio.get_running_loop().time() + incoming.expires_s
        self._entries[key] = entry
        if not parsed.verb.acts:
            self._questions.append(key)
        self._forget_old()
        self._start(parsed, entry)

    def _start(self, command: Command, entry: _Entry) -> None:
        self._working += 1
        if self._tasks is None or (command.verb.acts and not command.verb.safe):
            self._queue.put_nowait((command, entry))
        else:
            work = self._do(command, entry)
            self._tasks.create_task(work, name=f"command {command.verb.name}")

    def _again(self, command: Command, known: _Entry, answer: Answer) -> None:
        """Answer an id that was used before; an id is for one command only."""
        if (known.verb, known.arguments) != (command.verb.name, command.plain):
            text = f"the id {command.id!r} was used for another command ({known.verb})"
            answer(refusal(command.id, "bad-request", text))
        elif known.reply is not None:
            answer(known.reply)
        else:
            known.asking.append(answer)

    async def _do(self, command: Command, entry: _Entry) -> None:
        """Record, perform, answer; a fault of one command never ends the others."""
        try:
            if entry.expires is not None and asyncio.get_running_loop().time() >= entry.expires:
                entry.settle(refusal(command.id, "refused", "the command expired while it waited"))
                return
            try:
                await self._record(command)
            except StoreFailed as error:  # nothing was done: the same id may be tried again
                self._entries.pop(_key(command), None)
                entry.settle(refusal(command.id, error.code, f"nothing was done: {error}"))
                return
            reply = await self._perform(command)
            if command.verb.acts:
                self._tell(command, _outcome(reply), reply=reply)
            entry.settle(reply)
        finally:
            self._working -= 1

    async def _record(self, command: Command) -> None:
        """Put an acting command into the record; safety does not wait for the disk."""
        if not command.verb.acts:
            return
        event = self._tell(command, "accepted")
        if not command.verb.safe:
            await self._commit(event)

    async def _perform(self, command: Command) -> JsonObject:
        method = getattr(self._commands, command.verb.method)
        try:
            result = await method(command.arguments)
            return {"id": command.id, "ok": True, "result": plain(result)}
        except (TaylordError, InstrumentError) as error:
            return refusal(command.id, error.code, str(error))
        except TimeoutError:
            return refusal(command.id, "timeout", f"{command.verb.name} took too long")
        except Exception as error:
            # a bug behind one verb must not end the night: it is answered, and shouted into the log
            log.exception("command.crashed", id=command.id, verb=command.verb.name)
            return refusal(command.id, "fault", f"internal error: {type(error).__name__}: {error}")

    def _tell(self, command: Command, outcome: str, reply: JsonObject | None = None) -> Event:
        document: JsonObject = {
            "id": command.id,
            "origin": ORIGIN,
            "verb": command.verb.name,
            "arguments": command.plain,
            "outcome": outcome,
        }
        if reply is not None:
            document["reply"] = reply
        return self._events.emit("command", **document)

    def _remember(self, row: Mapping[str, Any]) -> None:
        """Take over a command of an earlier start (``Reader.answered``)."""
        entry = _Entry(row["verb"], dict(row["arguments"]), row["reply"])
        if entry.reply is None:
            text = "the daemon ended while this command was under way; what came of it is unknown"
            entry.reply = refusal(row["id"], "fault", text)
        self._entries[_named_key(row["id"], row["verb"])] = entry

    def _forget_old(self) -> None:
        while len(self._questions) > MAX_QUESTIONS:  # they must not push out what acts
            self._entries.pop(self._questions.popleft(), None)
        while len(self._entries) > MAX_REMEMBERED:
            oldest = next((k for k, e in self._entries.items() if e.reply is not None), None)
            if oldest is None:
                return
            del self._entries[oldest]


def refusal(id: str | None, code: str, message: str) -> JsonObject:  # noqa: A002 (CONTRACT's word)
    """Return the reply of a command that was not done."""
    return {"id": id, "ok": False, "error": {"code": code, "message": message}}


def _outcome(reply: Mapping[str, Any]) -> str:
    return "done" if reply["ok"] else str(reply["error"]["code"])


def _key(command: Command) -> str:
    return _named_key(command.id, command.verb.name)


def _named_key(id: str, verb: str) -> str:  # noqa: A002 (CONTRACT's word)
    # a client that uses an id twice must still be able to trip the rig
    return f"{verb} {id}" if verb == "trip" else id
