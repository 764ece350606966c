"""Which of the scans that an analyser publishes is the one that is waited for.

A scan that was asked for is told by its id. One that comes by itself must have begun after it was
wanted: an analyser that was cut off from the broker sends its old scans when it is back, all at
once. That shows by the time they carry: the device's clock may be wrong by years, but not by
another amount with each message. Repeats (a broker delivers twice, in any order) are told by their
bytes.
"""

from collections import deque
from datetime import datetime
from typing import Any

from drivers.analysers.mqtt_shapes import NotAScan, Scan, parsed_json, scan_id, scan_of

REMEMBERED = 64  # messages
ANY = ""  # the id that is waited for when scans come by themselves
SHOWN = 60  # bytes of a message, for people


class Scans:
    """The scans of one analyser; one at most is waited for."""

    def __init__(self, scan_s: float) -> None:
        self.found: Scan | NotAScan | None = None  # what was waited for
        self.instead, self.last = "", b""  # what came instead at last, and how it began
        self.missed = 0  # scans whose sequence numbers never came
        self._wanted: str | None = None
        self._not_before = 0.0  # scans that end earlier began before they were wanted
        self._heard: deque[int] = deque(maxlen=REMEMBERED)
        self._seq: int | None = None
        self._lateness = Lateness(0.5 * scan_s)

    def want(self, identity: str, not_before: float) -> None:
        """Wait for the scan of this id (ANY: the next) that comes at this loop time or later."""
        self.found, self.instead, self.last = None, "", b""
        self._wanted, self._not_before = identity, not_before

    def forget(self) -> None:
        """Wait for nothing."""
        self.found = self._wanted = None

    def take(self, payload: bytes, now: float) -> bool:
        """Take a message; return whether the wait is over."""
        if self._is_repeat(payload):
            return False
        try:
            document = parsed_json(payload)
        except ValueError as error:
            return self._pass_over(payload, f"a message that is no JSON ({error})")
        self._count(document)
        late = self._lateness.is_late(document, now)
        if self._wanted is None or now < self._not_before:
            return False
        if self._wanted != ANY and scan_id(document) != self._wanted:
            return self._pass_over(payload, "a scan with another id")
        if self._wanted == ANY and late:
            return self._pass_over(payload, "a scan that was measured before it was wanted")
        try:
            self.found = scan_of(document)
        except NotAScan as error:
            self.found = error
        return True

    def _pass_over(self, payload: bytes, what: str) -> bool:
        self.instead, self.last = what, payload[:SHOWN]
        return False

    def _is_repeat(self, payload: bytes) -> bool:
        mark = hash(payload)
        if mark in self._heard:
            return True
        self._heard.append(mark)
        return False

    def _count(self, document: Any) -> None:
        """Count gaps in the sequence."""
        seq = document.get("seq") if isinstance(document, dict) else None
        if not isinstance(seq, int):
            return
        before, self._seq = self._seq, seq
        if before is not None and seq > before + 1:
            self.missed += seq - before - 1


class Lateness:
    """How late messages come, by the clock of a device whose offset nobody knows."""

    def __init__(self, slack_s: float) -> None:
        self._slack_s = slack_s
        self._least_s = self._last_s = float("inf")

    def is_late(self, document: Any, now: float) -> bool:
        """Return whether a message (key ``t``) took longer than others; ``now`` is loop time, s.

        Two in a row that are late by the same amount are not: the device's clock was set.
        """
        t = document.get("t") if isinstance(document, dict) else None
        try:
            lag_s = now - datetime.fromisoformat(str(t)).timestamp()
        except (ValueError, OverflowError):
            return False
        again = abs(lag_s - self._last_s) <= self._slack_s
        self._last_s = lag_s
        self._least_s = lag_s if again else min(self._least_s, lag_s)
        return lag_s - self._least_s > self._slack_s
