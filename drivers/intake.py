"""What comes in on a line: bytes to frames, and frames to the exchange under way.

Frames that come while nobody listens, or that the exchange does not want, go to the unsolicited
handlers. A converter's echo of our own bytes is taken off the front.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from drivers.codec import Codec
from drivers.codec.base import Silent
from drivers.load import Counters
from drivers.prompt import Prompt

Handler = Callable[[bytes], bool | None]  # True: the frame is known, and no stray one

HEARD_MAX = 64  # bytes of a bad answer that are worth showing


class Intake:
    """The receiving side of one line."""

    def __init__(self, codec: Codec, counters: Counters) -> None:
        self.frames: deque[bytes] = deque()  # that the exchange under way has yet to look at
        self.heard_at = float("-inf")  # loop time of the last byte
        self._codec, self._counters = codec, counters
        self._silent = codec if isinstance(codec, Silent) else None
        self._silence: asyncio.TimerHandle | None = None
        self._handlers: list[Handler] = []
        self._listening = False
        self._heard = b""
        self._echo = b""  # our own bytes that a converter will send back
        self._waiter: Prompt | None = None
        self._loop: asyncio.AbstractEventLoop  # known as soon as the line is open

    def opened(self) -> None:
        """Begin with nothing heard."""
        self._loop = asyncio.get_running_loop()
        self._codec.reset()
        self._echo = b""

    def on_unsolicited(self, handler: Handler) -> None:
        """Call ``handler`` with every frame that answers nobody; True says it belongs there."""
        self._handlers.append(handler)

    def forget(self) -> None:
        """Drop half a frame."""
        self._codec.reset()

    def listen(self) -> None:
        """Keep frames for an exchange from now on."""
        self._listening = True
        self._heard = b""

    def stop(self) -> None:
        """End an exchange: what it left is for the handlers."""
        self._listening = False
        while self.frames:
            self.tell(self.frames.popleft())

    @property
    def heard(self) -> bytes:
        """Return what has come since :meth:`listen`, or the beginning of it."""
        return self._heard[:HEARD_MAX]

    def expect_echo(self, request: bytes) -> None:
        """Take these bytes off the front of what comes next."""
        self._echo = request

    def more(self) -> Prompt:
        """Return what ends when a frame has come, or :meth:`wake` is called."""
        self._waiter = waiter = Prompt(loop=self._loop)
        return waiter

    def wake(self) -> None:
        """Let the exchange look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self, data: bytes) -> None:
        """Take bytes as they came."""
        if self._took(data):
            self.wake()

    def pushed(self, data: bytes) -> None:
        """Take bytes in a callback of the loop: who waits for them goes on at once."""
        if self._took(data):
            self._wake_at_once()

    def _wake_at_once(self) -> None:
        """Let the exchange look again before this callback of the loop is over."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.at_once()

    def _took(self, data: bytes) -> bool:
        """Take bytes; return whether there is a frame for the exchange under way."""
        self.heard_at = self._loop.time()
        if self._echo:
            data = self._without_echo(data)
        self._codec.feed(data)
        if self._listening and len(self._heard) < HEARD_MAX:
            self._heard = self._heard + data if self._heard else data
        if self._silent is not None:
            self.deaf()
            wait_s = self._silent.silence_s
            self._silence = self._loop.call_later(wait_s, self._fall_silent, self._silent)
        return self._took_frames()

    def deaf(self) -> None:
        """Watch for no silence any more: the line is closed, or more has come."""
        if self._silence is not None:
            self._silence.cancel()

    def _fall_silent(self, codec: Silent) -> None:
        """Tell a codec whose frames end with a silence that there was one."""
        codec.fall_silent()
        if self._took_frames():
            self._wake_at_once()

    def _took_frames(self) -> bool:
        codec = self._codec
        if not self._listening:
            while (frame := codec.next_frame()) is not None:
                self.tell(frame)
            return False
        while (frame := codec.next_frame()) is not None:
            self.frames.append(frame)
        return bool(self.frames)

    def _without_echo(self, data: bytes) -> bytes:
        """Drop our own bytes from the front; a broken echo is left to the codec as garbage."""
        n = min(len(data), len(self._echo))
        if data[:n] != self._echo[:n]:
            self._echo = b""
            return data
        self._echo = self._echo[n:]
        return data[n:]

    def tell(self, frame: bytes) -> None:
        """Hand a frame that answers nobody to the handlers; count it unless one expects it."""
        expected = [handler(frame) for handler in self._handlers]
        self._counters.stray += True not in expected
