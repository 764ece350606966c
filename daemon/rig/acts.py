"""Acts of the guard: recorded before and after, and cancelled together by a trip.

A command is recorded before it is acted on, and so is its outcome afterwards. What leads towards
safety is recorded, and waits for no disk. A trip cancels what is in flight, so that no command that
waited for the line can restart what the trip has stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from daemon.errors import TaylordError, Tripped
from daemon.events import Event, EventBus
from daemon.rig.checks import Surroundings
from drivers.errors import InstrumentError

T = TypeVar("T")
Commit = Callable[[Event], Awaitable[None]]
_origin: ContextVar[str] = ContextVar("origin", default="daemon")


@contextmanager
def acting_for(origin: str) -> Generator[None]:
    """Name who asks for the commands given inside (``experiment 17``, ``mqtt``, ``cli``)."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


async def no_commit(_event: Event) -> None:
    """Record nothing: for a rig without a store."""


class Acts:
    """The acts of one guard."""

    def __init__(self, rig: Surroundings, events: EventBus, commit: Commit) -> None:
        self._rig, self._events, self._commit = rig, events, commit
        self._scopes: set[asyncio.Timeout] = set()
        self._count = 0

    def cancel(self) -> None:
        """Cancel every act in flight, synchronously; their callers get Tripped."""
        scopes, self._scopes = self._scopes, set()
        now = asyncio.get_running_loop().time()
        for scope in scopes:
            scope.reschedule(now)

    async def act(
        self,
        verb: str,
        arguments: Mapping[str, Any],
        check: Callable[[], None],
        work: Callable[[], Awaitable[T]],
    ) -> T:
        """Check, record, check again (the disk took its time), act, record the outcome."""
        document = self._document(verb, arguments)
        try:
            check()
            await self._commit(self._tell(document, "pending"))
            check()
        except (TaylordError, InstrumentError) as error:
            self._tell(document, "refused", str(error))
            raise
        try:
            result = await self._in_scope(work)
        except (TaylordError, InstrumentError) as error:
            self._tell(document, "failed", str(error))
            raise
        self._tell(document, "done")
        return result

    async def _in_scope(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work where a trip can cancel it."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._scopes.add(scope)
                try:
                    return await work()
                finally:
                    self._scopes.discard(scope)
        except TimeoutError:
            if not scope.expired():
                raise
            self._rig.require_released()
            raise Tripped("the rig was driven safe while the command was under way") from None

    async def towards_safety(
        self, verb: str, instrument: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Act without waiting for anything but the instrument; record before and after."""
        document = self._document(verb, {"instrument": instrument, "value": 0})
        self._tell(document, "pending")
        try:
            self._rig.require_connected(instrument)
            await work()
        except InstrumentError as error:
            self._tell(document, "failed", str(error))
            raise
        self._tell(document, "done")

    def _document(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._count += 1
        return {
            "id": f"act-{self._count}",
            "origin": _origin.get(),
            "verb": verb,
            "arguments": dict(arguments),
        }

    def _tell(self, document: Mapping[str, Any], outcome: str, message: str = "") -> Event:
        return self._events.emit("command", **document, outcome=outcome, message=message)
