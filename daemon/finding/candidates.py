"""Who may be asked: every driver's probes, sorted into the line settings they are asked at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from daemon import plugins
from daemon.errors import ConfigError
from drivers.probes import Probe, probes_of
from drivers.transport.base import LineSpec

MEDIA = {"socket": "socket", "modbus-tcp": "modbus-tcp"}
USUAL_RATE = 9600


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a line; ``str`` is as people write them."""

    rate: int
    data_bits: Literal[7, 8]
    parity: Literal["N", "E", "O"]
    stop_bits: Literal[1, 2]

    def __str__(self) -> str:
        return f"{self.rate} baud {self.data_bits}{self.parity}{self.stop_bits}"

    def line(self) -> LineSpec:
        """Return the line to open."""
        return LineSpec(
            baud_rate=self.rate,
            data_bits=self.data_bits,
            parity=self.parity,
            stop_bits=self.stop_bits,
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One probe of one driver."""

    driver: str
    cls: Any
    probe: Probe

    @property
    def own(self) -> Setting:
        """Return the setting that the driver uses unless it is told otherwise."""
        line: LineSpec = self.cls.line
        return Setting(line.baud_rate, line.data_bits, line.parity, line.stop_bits)

    def settings(self) -> list[Setting]:
        """Return the settings to ask at, the driver's own first."""
        parities = (self.own.parity, *self.probe.parities)
        rates = (self.own.rate, *self.probe.rates)
        each = [replace(self.own, rate=r, parity=p) for p in parities for r in rates]
        return list(dict.fromkeys(each))


def candidates(names: Iterable[str] | None = None) -> tuple[list[Candidate], list[str]]:
    """Return all probes of these drivers (default: all), and why some drivers do not load."""
    found: list[Candidate] = []
    faults: list[str] = []
    for name in plugins.names("taylord.drivers") if names is None else names:
        try:
            cls = plugins.load("taylord.drivers", name)
        except ConfigError as error:
            faults.append(str(error))
            continue
        found += [Candidate(name, cls, probe) for probe in probes_of(cls)]
    found.sort(key=lambda c: (c.probe.rank, c.driver))
    return found, faults


def without_questions(asked: Sequence[Candidate]) -> list[str]:
    """Return the drivers of single instruments on a line of their own that have no probe."""
    known = {candidate.driver for candidate in asked}
    names = [name for name in plugins.names("taylord.drivers") if name not in known]
    return [name for name in names if _has_line(name)]


def _has_line(name: str) -> bool:
    try:
        options = plugins.load("taylord.drivers", name).Options
    except ConfigError:
        return False
    return not {"topic", "of"} & set(options.model_fields)


def medium_of(port: str) -> str:
    """Return on what a port is: ``serial``, ``socket`` or ``modbus-tcp``."""
    return MEDIA.get(port.partition("://")[0], "serial")


def grouped(chosen: Sequence[Candidate]) -> dict[Setting, list[Candidate]]:
    """Return whom to ask at each setting; what most drivers call their own goes first."""
    own = Counter(candidate.own for candidate in chosen)
    groups: dict[Setting, list[Candidate]] = {}
    for candidate in chosen:
        for setting in candidate.settings():
            groups.setdefault(setting, []).append(candidate)
    order = sorted(groups, key=lambda s: (-own[s], s.rate != USUAL_RATE, -len(groups[s])))
    return {setting: groups[setting] for setting in order}
