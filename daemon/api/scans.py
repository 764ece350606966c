"""Scans: the readings of about a second, together."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.timebase import Timebase
from drivers.signal import Quality, Reading


class Scan:
    """Collects the last reading of each signal since the last scan."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}
        self._said: dict[str, bytes] = {}

    def add(self, readings: Sequence[Reading]) -> None:
        """Take a group of readings."""
        for reading in readings:
            self._readings[reading.signal] = reading

    def take(self) -> dict[str, Reading]:
        """Return what came since the last call."""
        readings, self._readings = self._readings, {}
        return readings

    def document(self, readings: Mapping[str, Reading], timebase: Timebase) -> dict[str, Any]:
        """Return the content of ``scan``: values of what can be used, reasons of what is bad."""
        good = {name: r.value for name, r in readings.items() if not _bad(r)}
        bad = {name: r.reason or "bad" for name, r in readings.items() if _bad(r)}
        newest = max(reading.t for reading in readings.values())
        return {"t": timebase.iso(newest), "values": good, "bad": bad}

    def news(self, readings: Mapping[str, Reading]) -> dict[str, Reading]:
        """Return the readings whose bare value differs from the last one published."""
        out: dict[str, Reading] = {}
        for name, reading in readings.items():
            value = bare_value(reading)
            if self._said.get(name) != value:
                self._said[name] = value
                out[name] = reading
        return out


def bare_value(reading: Reading) -> bytes:
    """Return a value without any wrapping; nothing when it is bad, which clears the topic."""
    if _bad(reading):
        return b""
    if isinstance(reading.value, str):
        return reading.value.encode("utf-8", "replace")
    return json.dumps(reading.value).encode("ascii")


def _bad(reading: Reading) -> bool:
    return reading.value is None or reading.quality is Quality.BAD
