"""The latest reading of every signal; one that is too old has no value any more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from daemon.rig.parts import is_thermostat
from daemon.safety.table import HEATER_STALE_S, stale_after_s
from drivers.roles import Instrument
from drivers.signal import Quality, Reading, SignalSpec


class Latest:
    """Latest readings by full name; ``stale_s`` None: the reading never ages (pushed signals)."""

    def __init__(
        self, specs: Mapping[str, SignalSpec], stale_s: Mapping[str, float | None], now: float
    ) -> None:
        self._stale_s = stale_s
        self._readings = {
            name: Reading(name, None, spec.unit, now, Quality.BAD, "stale")
            for name, spec in specs.items()
        }

    def take(self, group: Sequence[Reading]) -> None:
        """Take a group of readings."""
        for reading in group:
            self._readings[reading.signal] = reading

    def get(self, signal: str, now: float) -> Reading:
        """Return the last reading; bad with reason ``stale`` when too old; KeyError if unknown."""
        reading = self._readings[signal]
        limit = self._stale_s.get(signal)
        if limit is None or now - reading.t <= limit or reading.quality is Quality.BAD:
            return reading
        return replace(reading, value=None, quality=Quality.BAD, reason="stale")

    def all(self, now: float) -> list[Reading]:
        """Return the latest reading of every signal."""
        return [self.get(signal, now) for signal in self._readings]


def stale_limits(
    specs: Mapping[str, SignalSpec], instruments: Mapping[str, Instrument]
) -> dict[str, float | None]:
    """Return the age at which each signal is stale: three polls, and 5 s for what is heated."""
    limits = {name: stale_after_s(spec.poll_s) for name, spec in specs.items()}
    for name, instrument in instruments.items():
        if is_thermostat(instrument) and f"{name}.temperature" in limits:
            limits[f"{name}.temperature"] = HEATER_STALE_S
    return limits
