"""Readings as rows: small numbers instead of names, microseconds instead of text."""

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.store.documents import clean
from daemon.timebase import Timebase
from drivers.signal import Reading, Value

Statement = tuple[str, tuple[Any, ...]]
ReadingRow = tuple[int, int, Value | None, int]  # signal, UTC in us, value, quality

ADD_READING = "INSERT OR REPLACE INTO readings (signal, t_us, value, quality) VALUES (?, ?, ?, ?)"
_INT_LIMIT = 2**63


class Telemetry:
    """The numbers of signals and qualities; signals have new ones at every start."""

    def __init__(
        self,
        boot: str,
        timebase: Timebase,
        *,
        next_signal: int = 1,
        qualities: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._boot, self._next_signal = boot, next_signal
        self._qualities = dict(qualities or {})
        self._signals: dict[str, int] = {}
        # readings are many: their time is one multiplication, not a datetime
        self._origin_us = round(timebase.utc(0.0).timestamp() * 1e6)

    def rows(self, readings: Sequence[Reading], declare: list[Statement]) -> list[ReadingRow]:
        """Return the rows of readings; what they need declared first is added to ``declare``."""
        rows: list[ReadingRow] = []
        for reading in readings:
            signal = self._signals.get(reading.signal)
            if signal is None:
                signal = self._declare_signal(reading, declare)
            quality = self._qualities.get((reading.quality, reading.reason))
            if quality is None:
                quality = self._declare_quality(reading, declare)
            value = reading.value
            if isinstance(value, int) and not -_INT_LIMIT <= value < _INT_LIMIT:
                value = float(value)  # SQLite's integers have 64 bits
            elif isinstance(value, str):
                value = clean(value)
            rows.append((signal, self._origin_us + round(reading.t * 1e6), value, quality))
        return rows

    def _declare_signal(self, reading: Reading, declare: list[Statement]) -> int:
        number = self._signals[reading.signal] = self._next_signal
        self._next_signal += 1
        declare.append(
            (
                "INSERT OR REPLACE INTO signals (id, boot, name, unit) VALUES (?, ?, ?, ?)",
                (number, self._boot, clean(reading.signal), clean(reading.unit)),
            )
        )
        return number

    def _declare_quality(self, reading: Reading, declare: list[Statement]) -> int:
        key = (str(reading.quality), reading.reason)
        number = self._qualities[key] = max(self._qualities.values(), default=-1) + 1
        declare.append(
            (
                "INSERT OR REPLACE INTO qualities (id, quality, reason) VALUES (?, ?, ?)",
                (number, key[0], clean(key[1])),
            )
        )
        return number
