"""Instruments that speak in lines of text: commands are rows of a table.

A subclass marks its methods with :func:`on`; the method gets the groups of the pattern and returns
the reply without its end, or None for silence. Framing is here, meaning is in the subclass.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from simulators.ports import Clock
from simulators.wire.line import Framing, Send

F = TypeVar("F", bound=Callable[..., str | None])

_MAX_LINE = 4096  # bytes without an end before they are thrown away
_REMEMBERED = 256  # different lines whose row is remembered


def on(pattern: str) -> Callable[[F], F]:
    """Mark a method as the answer to every line that matches the whole pattern."""

    def mark(method: F) -> F:
        method.__dict__["answers"] = re.compile(pattern)
        return method

    return mark


class AsciiServer:
    """The base of text instruments; sans-I/O."""

    request_end: ClassVar[bytes] = b"\r"
    reply_end: ClassVar[bytes] = b"\r\n"
    gap_s: ClassVar[float | None] = None  # a pause that makes the instrument forget a half command
    latency_s: float = 0.01
    exclusive: bool = False
    _rows: ClassVar[list[tuple[re.Pattern[str], str]]] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [
            (method.__dict__["answers"], name)
            for name, method in vars(cls).items()
            if "answers" in getattr(method, "__dict__", {})
        ]
        cls._rows = own + cls._rows

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self._known: dict[str, tuple[Callable[..., str | None], tuple[Any, ...]]] = {}

    def answer(self, line: str) -> str | None:
        """Return the reply to one line (without its end), or None for silence."""
        known = self._known.get(line)
        if known is None:
            known = self._find(line)
            if len(self._known) < _REMEMBERED:
                self._known[line] = known
        method, groups = known
        return method(*groups)

    def unknown(self) -> str | None:
        """Return the reply to a line that matches no row; silence by default."""
        return None

    def session(self, send: Send, framing: Framing) -> "AsciiSession":
        """Return a session with a host; the framing is the same on every medium."""
        del framing
        return AsciiSession(self, send)

    def _find(self, line: str) -> tuple[Callable[..., str | None], tuple[Any, ...]]:
        for pattern, name in self._rows:
            if found := pattern.fullmatch(line):
                return getattr(self, name), found.groups()
        return self.unknown, ()


class AsciiSession:
    """Cuts the host's bytes into lines, and sends the answers."""

    def __init__(self, server: AsciiServer, send: Send) -> None:
        self._server, self._send = server, send
        self._pending = b""
        self._last = float("-inf")

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete line."""
        server = self._server
        now = server.clock()
        if self._pending and server.gap_s is not None and now - self._last > server.gap_s:
            self._pending = b""
        self._last = now
        *lines, self._pending = (self._pending + data).split(server.request_end)
        if len(self._pending) > _MAX_LINE:
            self._pending = b""
        for line in lines:
            reply = server.answer(line.decode("latin-1"))
            if reply is not None:
                self._send(reply.encode("latin-1") + server.reply_end)

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""
