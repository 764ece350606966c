"""Plug-ins: what is installed under the entry-point groups of CONTRACT, planners and drivers."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from daemon.described import driver, is_description, simulated
from daemon.errors import ConfigError

Group = Literal[
    "taylord.drivers",
    "taylord.planners",
    "taylord.simulators",
    "taylord.chemistries",
    "taylord.responses",
]


@cache
def _installed(group: Group) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: Group) -> list[str]:
    """Return the installed names of a group, sorted."""
    return sorted(_installed(group))


def load(group: Group, name: str) -> Any:
    """Import and return a plug-in; raise ConfigError when it is unknown or does not import.

    A driver or simulated instrument may be the path of a description file (``.toml``).
    """
    if group in ("taylord.drivers", "taylord.simulators") and is_description(name):
        return driver(name) if group == "taylord.drivers" else simulated(name)
    point = _installed(group).get(name)
    if point is None:
        raise ConfigError([f"{name!r} is not an installed plug-in of {group}"])
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            [f"plug-in {name!r} ({point.value}) cannot be loaded: {error}"]
        ) from error
