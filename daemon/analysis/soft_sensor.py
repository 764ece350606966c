"""A response that is foretold from online signals (``kind = "soft_sensor"``).

It learns from a CSV file of evenly spaced rows, with the signals in every row and a result where a
sample was analysed offline, and answers for the moment at which the analyser's sample was taken.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import ClassVar, cast

import numpy as np

from daemon.analysis.estimate import AnalysisFailed, Estimate
from daemon.analysis.responses import Measured
from daemon.errors import ConfigError
from daemon.experiment.watch import KEEP_S
from daemon.units import to_unit
from planners.errors import BadHistory, CannotSuggest
from planners.softsensor import SoftSensor, fit_sensor, read_table


@dataclass(frozen=True)
class SoftSensorResponse:
    """The ``column`` of a training file, foretold from ``signals`` by locally weighted PLS.

    ``signals`` are full names (``bath.temperature``), and columns of the file ``training``, whose
    rows are ``interval`` s apart. ``lags`` and ``delay`` (from a sample to its offline result) are
    counted in rows. ``components`` and ``localness`` (lambda) are chosen by validation where 0.
    ``interval`` may be text with a unit, such as ``1 min``.
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
        if isinstance(self.interval, str):
            with suppress(ValueError):  # what cannot be converted is told below, as it was given
                object.__setattr__(self, "interval", to_unit(self.interval, "s"))
        if faults := self._faults():
            raise ConfigError([f"responses.soft_sensor.{fault}" for fault in faults])
        object.__setattr__(self, "sensor", self._learned())

    @property
    def note(self) -> str:
        """Return how well it foretells, by its validation."""
        sensor, found = self.sensor, self.sensor.validation
        unit = f" {self.unit}" if self.unit else ""
        never = "; in the file never varies, and so says nothing: "
        idle = never + ", ".join(sensor.idle) if sensor.idle else ""
        return (
            f"foretells {found.n} of {len(sensor.y)} results with r2 {found.r2:.2f}, r2LM"
            f" {found.r2_last:.2f} and a root mean square error of {found.rmse:.3g}{unit}"
            f" ({sensor.components} components, lambda {sensor.localness:g})"
            f"{idle}"
        )

    @property
    def doubt(self) -> str:
        """Return why it is not worth believing; empty when it is."""
        return self.sensor.doubt

    def _faults(self) -> list[str]:
        if faults := list(self._of_another_type()):
            return faults
        faults = [] if self.signals else ["signals: name at least one"]
        if not self.training.strip() or "\0" in self.training:
            faults.append(f"training: name a CSV file, got {self.training!r}")
        if self.column in self.signals:
            faults.append(f"column: {self.column!r} is one of the signals; name the results")
        if not self.interval > 0:
            faults.append(f"interval: must be > 0 s, got {self.interval}")
        if not self.lags or any(lag < 0 for lag in self.lags):
            faults.append(f"lags: must be whole numbers of rows from 0 up, got {list(self.lags)}")
        elif (back := max(self.lags) * self.interval) > KEEP_S:
            faults.append(
                f"lags: {max(self.lags)} rows of {self.interval:g} s are {back:g} s, and signals"
                f" are kept for {KEEP_S:g} s"
            )
        for name in ("signals", "lags"):
            if twice := [one for one, n in Counter(getattr(self, name)).items() if n > 1]:
                faults.append(f"{name}: {', '.join(map(str, twice))} is there more than once")
        named = {"delay": self.delay, "components": self.components, "localness": self.localness}
        faults += [f"{n}: must be >= 0, got {v}" for n, v in named.items() if v < 0]
        if not faults and self.components > (most := len(self.signals) * len(self.lags)):
            faults.append(
                f"components: must be at most {most}, signals times lags, got {self.components}"
            )
        return faults

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
                more = " (s, or text such as '1 min')" if name == "interval" else ""
                yield f"{name}: must be a finite number, got {given!r}{more}"
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

        It is suspect when a signal lies a whole range of the training outside.

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
        sensor = self.sensor
        return Estimate(value, sensor.uncertainty(row), sensor.stranger(row), sensor.lost(row))
