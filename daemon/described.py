"""Description files as the daemon sees them: both readers of a file, and every fault they find.

The driver is made by ``drivers.described``, the simulated instrument by ``simulators.described``;
the two share no code, and the examples of the file are run through both.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.errors import ConfigError
from daemon.settings.wording import fault_lines

SUFFIX = ".toml"
OWN_KEYS = {"fields", "exchanges", "modbus"}  # which no configuration has


def is_description(name: str) -> bool:
    """Return whether a driver's name is that of a description file."""
    return name.endswith(SUFFIX)


def looks_described(path: str) -> bool:
    """Return whether a file is a description, and not a configuration."""
    from drivers.described.load import BadDescription, read

    try:
        raw = read(Path(path))
    except BadDescription:
        return False
    return "instruments" not in raw and bool(OWN_KEYS & raw.keys())


def examples_in(path: Path) -> int:
    """Return how many examples a description has."""
    from drivers.described.load import read

    return len(read(path).get("examples", []))


def description_faults(path: Path) -> list[str]:
    """Return every fault of a description file, ``KEY.PATH: …``, those of its examples last."""
    from drivers.described.examples import example_faults as of_driver
    from drivers.described.faults import faults_of
    from drivers.described.load import BadDescription, read
    from drivers.described.model import Description
    from simulators.described.examples import example_faults as of_simulator

    try:
        raw = read(path)
        faults = faults_of(raw)
    except BadDescription as bad:
        return bad.faults
    except ValidationError as error:
        return fault_lines(Description, error)
    if not faults:
        faults = list(of_driver(raw, path.stem))
    return faults or list(of_simulator(path))


def broken(name: str) -> list[str]:
    """Return the faults of a description that a configuration names, ``FILE: KEY.PATH: …``."""
    return [f"{name}: {fault}" for fault in description_faults(Path(name))]


def driver(name: str) -> Any:
    """Return the driver class of a description file; raise ConfigError with every fault."""
    from drivers.described.load import described

    try:
        stamp = Path(name).stat().st_mtime_ns
    except OSError:
        stamp = 0
    if faults := _found(name, stamp):
        raise ConfigError(list(faults))
    return described(Path(name))


@lru_cache(maxsize=64)
def _found(name: str, stamp: int) -> tuple[str, ...]:
    """Return the faults of a file as it was at its time stamp."""
    del stamp
    return tuple(broken(name))


def simulated(name: str) -> Any:
    """Return what makes simulated instruments of a description file; raise ConfigError."""
    from simulators.described.instrument import Described

    driver(name)  # finds the faults
    return Described(Path(name))
