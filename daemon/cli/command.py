"""One command of the table: its name, what it does, where it lives, and its arguments."""

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
