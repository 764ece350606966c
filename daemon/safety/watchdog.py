"""Tells systemd how the daemon is: READY, STATUS, WATCHDOG, STOPPING (sd_notify(3)).

The watchdog is fed only while every heartbeat is on time, so a stalled loop, line, poller or store
writer has systemd restart the daemon, and ``ExecStopPost=taylord safe`` make the rig safe between.
"""

import asyncio
import os
import socket
from collections.abc import Mapping

import structlog

from daemon.safety.heartbeat import Heartbeats

log = structlog.get_logger(__name__)


class Notifier:
    """The service manager's notify socket; does nothing when there is none."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Notifier":
        """Return the notifier that systemd has asked for, if it has."""
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        ours = usec.isdigit() and int(usec) > 0 and pid in ("", str(os.getpid()))
        return cls(environ.get("NOTIFY_SOCKET", ""), int(usec) / 1e6 if ours else None)

    def ready(self, status: str = "") -> None:
        """Say that the daemon is up: sockets open, instruments asked."""
        self._send("READY=1", status)

    def stopping(self, status: str = "") -> None:
        """Say that the daemon is going down."""
        self._send("STOPPING=1", status)

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self._send("", text)

    def feed(self) -> None:
        """Feed the watchdog once."""
        self._send("WATCHDOG=1", "")

    def _send(self, message: str, status: str) -> None:
        lines = [
            line for line in (message, f"STATUS={_one_line(status)}" if status else "") if line
        ]
        if not self._address or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:  # the manager is busy or gone; the daemon goes on
            log.warning("notify.failed", error=str(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class Watchdog:
    """Feeds the watchdog while every heartbeat is on time."""

    def __init__(self, notifier: Notifier, heartbeats: Heartbeats) -> None:
        self._notifier, self._heartbeats = notifier, heartbeats
        self._late: list[str] = []

    async def run(self) -> None:
        """Feed until cancelled, three times per watchdog period; return at once without one."""
        if self._notifier.watchdog_s is None:
            return
        while True:
            self._tick()
            await asyncio.sleep(self._notifier.watchdog_s / 3)

    def _tick(self) -> None:
        late = self._heartbeats.late()
        if not late:
            self._notifier.feed()
        if late != self._late:
            self._late = late
            text = f"waiting for {', '.join(late)}" if late else "all tasks on time"
            self._notifier.status(text)
            log.error("watchdog.late", tasks=late) if late else log.info("watchdog.on_time")
