"""Serial lines on pseudo-terminals, for programs that want a device file; real time only.

The line keeps the far end open itself, so that programs may come and go as on a real port. Bytes
that nobody reads are lost when the terminal's buffer is full, as a UART's are.

A terminal has eight bits and no parity. Asked for others it takes the rest of what is asked, and
refuses only when that changes nothing: the second program that opens it for 7E1. So that every one
changes something, a flag that programs clear and that does nothing here is set whenever bytes come.
"""

import asyncio
import os
import termios
import tty
from contextlib import suppress

from simulators.wire.line import Host, Line

_CHUNK = 4096
_LFLAG = 3  # place of the local flags among the settings


class PtyServer:
    """One line on one pseudo-terminal; ``path`` is what to open."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._ours, self._theirs = os.openpty()
        for end in (self._ours, self._theirs):
            tty.setraw(end)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._host: Host | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ours, self._read)

    def close(self) -> None:
        """Remove the terminal; whoever has it open reads its end."""
        if self._ours < 0:
            return
        self._loop.remove_reader(self._ours)
        if self._host is not None:
            self._host.close()
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = self._theirs = -1

    def _read(self) -> None:
        """Hand bytes to the instruments; bytes for an unplugged line go nowhere."""
        try:
            data = os.read(self._ours, _CHUNK)
        except BlockingIOError:
            return
        self._differ()
        if self._host is None:
            with suppress(ConnectionRefusedError):  # unplugged: silence is what a cable gives
                self._host = self._line.connect(self._write, self._lose)
        if self._host is not None:
            self._host.write(data)

    def _differ(self) -> None:
        """Set a flag that has no meaning in raw mode."""
        settings = termios.tcgetattr(self._theirs)
        if not settings[_LFLAG] & termios.ECHOE:
            settings[_LFLAG] |= termios.ECHOE
            termios.tcsetattr(self._theirs, termios.TCSANOW, settings)

    def _write(self, data: bytes) -> None:
        with suppress(BlockingIOError):  # full: nobody reads
            os.write(self._ours, data)

    def _lose(self) -> None:
        self._host = None
