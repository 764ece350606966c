"""A response that is foretold from online signals (``kind = "soft_sensor"``).

It learns from a CSV file of evenly spaced rows, with the signals in every row and a result where a
sample was analysed offline, and answers for the moment at which the analyser's sample was taken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import ClassVar, cast

import numpy as np

from daemon.analysis.estimate import AnalysisFailed, Estimate
from daemon.analysis.responses import Measured
from daemon.errors import ConfigError
from planners.errors import BadHistory, CannotSuggest
from planners.softsensor import SoftSensor, fit_sensor, read_table


@dataclass(frozen=True)
class SoftSensorResponse:
    """The ``column`` of a training file, foretold from ``signals`` by locally weighted PLS.

    ``signals`` are full names (``bath.temperature``), and columns of the file ``training``, whose
    rows are ``interval`` s apart. ``lags`` and ``delay`` (from a sample to its offline result) are
    counted in rows. ``components`` and ``localness`` (lambda) are chosen by validation where 0.
    Raises ConfigError when the file or these options are of no use.
    """

    files: ClassVar = ("training",)  # counts from the configuration's folder
    signals: Sequence[str]
    training: str
    column: str
    interval: float
    lags: Sequence[int] = (0,)
    delay: int = 0
    components: int = 0
    localness: float = 0.0
    unit: str = ""
    sensor: SoftSensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if faults := self._faults():
            raise ConfigError([f"responses.soft_sensor.{fault}" for fault in faults])
        object.__setattr__(self, "sensor", self._learned())

    @property
    def note(self) -> str:
        """Return how well it foretells, by its validation."""
        sensor, found = self.sensor, self.sensor.validation
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"foretells {found.n} of {len(sensor.y)} results with r2 {found.r2:.2f}, r2LM"
            f" {found.r2_last:.2f} and a root mean square error of {found.rmse:.3g}{unit}"
            f" ({sensor.components} components, lambda {sensor.localness:g})"
        )

    @property
    def doubt(self) -> str:
        """Return why it is not worth believing; empty when it is."""
        return self.sensor.doubt

    def _faults(self) -> list[str]:
        if faults := list(self._of_another_type()):
            return faults
        faults = [] if self.signals else ["signals: name at least one"]
        if not self.interval > 0:
            faults.append(f"interval: must be > 0 s, got {self.interval}")
        if not self.lags or any(lag < 0 for lag in self.lags):
            faults.append(f"lags: must be whole numbers of rows from 0 up, got {list(self.lags)}")
        named = {"delay": self.delay, "components": self.components, "localness": self.localness}
        return faults + [f"{n}: must be >= 0, got {v}" for n, v in named.items() if v < 0]

    def _of_another_type(self) -> Iterator[str]:
        """Give the options that are no list, text or number where they must be; a file has any."""
        for name, part in (("signals", str), ("lags", int)):
            given = getattr(self, name)
            listed = cast("list[object]", given) if isinstance(given, list | tuple) else [None]
            if any(type(one) is not part for one in listed):
                what = "names of signals" if part is str else "whole numbers"
                yield f"{name}: must be a list of {what}, got {given!r}"
        for name in ("training", "column", "unit"):
            if not isinstance(given := getattr(self, name), str):
                yield f"{name}: must be text, got {given!r}"
        for name in ("interval", "localness"):
            given = getattr(self, name)
            if type(given) not in {int, float} or not isfinite(given):
                yield f"{name}: must be a finite number, got {given!r}"
        for name in ("delay", "components"):
            if type(given := getattr(self, name)) is not int:
                yield f"{name}: must be a whole number, got {given!r}"

    def _learned(self) -> SoftSensor:
        at = f"responses.soft_sensor.training: {self.training}"
        try:
            lines = Path(self.training).read_text(encoding="utf-8-sig").splitlines()
            table = read_table(lines, self.signals, self.column)
            return fit_sensor(
                table, self.lags, self.delay, self.components or None, self.localness or None
            )
        except BadHistory as error:
            raise ConfigError(error.under(at)) from None
        except CannotSuggest as error:
            raise ConfigError([f"{at}: {error}"]) from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError([f"{at}: cannot be read: {reason}"]) from None

    def evaluate(self, measured: Measured) -> Estimate:
        """Return the foretold result; its sd is that of the validation, or more outside of it.

        Raises AnalysisFailed when a signal has no reading at one of the lags, and when the sensor
        is worse than repeating the last measurement.
        """
        read = [
            measured.read(signal, lag * self.interval)
            for lag in self.lags
            for signal in self.signals
        ]
        row = np.array(read, dtype=float)
        try:
            value = self.sensor.predict(row)
        except CannotSuggest as error:
            raise AnalysisFailed(str(error)) from None
        return Estimate(value, self.sensor.uncertainty(row), self.sensor.stranger(row))
