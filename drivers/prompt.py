"""A wait that ends at once: whoever waits goes on inside the call that wakes it.

asyncio lets a waiting task go on in the next turn of the loop, which costs as much as an exchange
is worth, and comes late when the loop is busy. A callback of the loop that has nothing else to do
may let it go on there and then.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

_set_result = asyncio.Future.set_result  # looked up once: super() costs as much as the call


class Prompt(asyncio.Future[None]):
    """A future that one task awaits, at once after it was made; it has no result."""

    __slots__ = ("_context", "_then")
    _then: Callable[[Any], object]
    _context: Context

    def add_done_callback(
        self, fn: Callable[[Any], object], /, *, context: Context | None = None
    ) -> None:
        """Take the one that waits."""
        self._then, self._context = fn, context or copy_context()

    def set_result(self, result: None = None, /) -> None:
        """Let it go on in the next turn of the loop."""
        super().set_result(result)
        self.get_loop().call_soon(self._then, self, context=self._context)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the wait; the task goes on in the next turn of the loop."""
        cancelled = super().cancel(msg)
        if cancelled:
            self.get_loop().call_soon(self._then, self, context=self._context)
        return cancelled

    def at_once(self) -> None:
        """Let it go on now; only as the last act of a callback, never inside a task."""
        _set_result(self, None)
        self._context.run(self._then, self)
