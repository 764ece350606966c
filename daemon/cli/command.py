"""One command of the table: its name, what it does, where it lives, and its arguments."""

import argparse
from math import isfinite
from typing import Any, NamedTuple

Argument = tuple[tuple[str, ...], dict[str, Any]]


def arg(*names: str, **options: Any) -> Argument:
    """Return one argument as argparse takes it."""
    return names, options


class Command(NamedTuple):
    """One row of the command table."""

    name: str
    does: str
    runs: str  # module:function below daemon.cli, imported when the command is given
    arguments: tuple[Argument, ...] = ()
    plans: bool = False  # a planner's process starts before all else, as ``planning``
    instead: str = ""  # the option by which a word too many is probably to be given


def seconds(text: str) -> float:
    """Return a time to wait; raise ArgumentTypeError, which argparse tells beside the option."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, got {text!r}")
    return value


CONFIG = arg("config", metavar="CONFIG", help="configuration file (TOML)")
DATA = arg("--data", metavar="DIR", help="data directory (default: ./taylord-data/<rig>)")
JSON = arg("--json", action="store_true", help="print one JSON document and nothing else")
SEED = arg("--seed", type=int, metavar="N", help="seed of planner and simulation")
SIMULATE = arg(
    "--simulate", action="store_true", help="swap every port for its simulated instrument"
)
SPEED = arg("--speed", metavar="real|N|max", help="clock of a simulated run (default: real)")
RESET_TRIP = arg(
    "--reset-trip", action="store_true", help="the cause of the last trip is gone: begin released"
)
TRACE = arg(
    "--trace", metavar="FILE", help="record all bytes of every line here, for `taylord replay`"
)
BROKER = arg("--broker", metavar="HOST:PORT", default="localhost:1883", help="MQTT broker")
TIMEOUT = arg(
    "--timeout", type=seconds, default=10.0, metavar="S", help="wait this long for the reply"
)
