"""The commands as a table: name, what it does, where it lives, arguments."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from daemon import DATA_ROOT, __version__
from daemon.cli.command import (
    BROKER,
    CONFIG,
    DATA,
    JSON,
    RESET_TRIP,
    SEED,
    SIMULATE,
    SPEED,
    TIMEOUT,
    TRACE,
    Command,
    arg,
    seconds,
)
from daemon.cli.steering_table import STEERING

if TYPE_CHECKING:
    from daemon.planning.process import Process

COMMANDS = (
    Command(
        "demo",
        "run a whole campaign on the built-in simulated rig, in virtual time",
        "campaigns:demo",
        (
            arg("--rig", choices=["flow"], default="flow", help="which built-in rig"),
            arg("--experiments", type=int, metavar="N", help="how many experiments (default: 40)"),
            SEED,
            DATA,
            JSON,
        ),
        plans=True,
    ),
    Command(
        "run",
        "run the daemon on a rig",
        "campaigns:run",
        (
            CONFIG,
            RESET_TRIP,
            SIMULATE,
            SPEED,
            DATA,
            TRACE,
            arg("--once", action="store_true", help="end with the campaign"),
            SEED,
            JSON,
        ),
        plans=True,
    ),
    Command(
        "resume",
        "continue an interrupted campaign",
        "campaigns:resume",
        (
            CONFIG,
            RESET_TRIP,
            SIMULATE,
            SPEED,
            DATA,
            TRACE,
            arg("--once", action="store_true", help="end with the campaign"),
            JSON,
        ),
        plans=True,
    ),
    Command(
        "experiment",
        "one experiment at given conditions",
        "campaigns:experiment",
        (
            CONFIG,
            arg(
                "--set",
                action="append",
                default=[],
                metavar="NAME=VALUE",
                dest="conditions",
                help="a condition; repeat",
            ),
            RESET_TRIP,
            SIMULATE,
            SPEED,
            DATA,
            TRACE,
            SEED,
            JSON,
        ),
    ),
    Command(
        "simulate",
        "serve only the simulated instruments, in real time, until SIGTERM",
        "rigs:simulate",
        (CONFIG, arg("--endpoints", metavar="FILE", help="write the endpoints here as JSON"), SEED),
    ),
    Command(
        "check",
        "list every fault of a configuration, and how good its soft sensors are",
        "rigs:check",
        (
            CONFIG,
            arg(
                "--connect",
                action="store_true",
                help="also ask each instrument who it is; moves nothing",
            ),
            TRACE,
            JSON,
        ),
    ),
    Command(
        "scan",
        "list ports, and the instruments that answer harmless questions on them",
        "finding:scan",
        (
            arg(
                "--port",
                nargs="+",
                action="extend",
                default=[],
                metavar="PORT",
                help="a device, or socket://HOST:PORT, modbus-tcp://HOST:PORT"
                " (default: all serial ports of this machine)",
            ),
            arg(
                "--drivers",
                nargs="+",
                action="extend",
                default=[],
                metavar="NAME",
                help="ask for instruments of these drivers only: quicker (default: all)",
            ),
            arg("--modbus", action="store_true", help="also look for Modbus units, by reads alone"),
            arg("--units", metavar="A-B", help="which Modbus units (default: 1-16)"),
            arg("--list", action="store_true", help="only list the ports; nothing is opened"),
            JSON,
        ),
    ),
    Command(
        "wire",
        "an interactive console on an instrument's line: send, see bytes, see what they mean",
        "wire:wire",
        (
            CONFIG,
            arg("instrument", metavar="INSTRUMENT", help="its name in the configuration"),
            arg(
                "--allow-writes",
                action="store_true",
                help="also send what is no known query: it may set or move something, past all"
                " limits and interlocks",
            ),
            SIMULATE,
            TRACE,
            JSON,
        ),
    ),
    Command(
        "replay",
        "run a recording as a test of the drivers; ends with 3 at a difference",
        "replaying:replay",
        (arg("trace", metavar="TRACE", help="a file that --trace has written"), JSON),
    ),
    Command(
        "safe",
        "drive everything to its safe state, now",
        "rigs:safe",
        (
            CONFIG,
            arg("--within", type=seconds, default=25.0, metavar="S", help="try for so long"),
            arg("--data", metavar="DIR", help="also what the daemon that died had, by its record"),
            JSON,
        ),
    ),
    Command(
        "status",
        "state of a rig from its data directory",
        "rigs:status",
        (arg("--data", metavar="DIR", default=DATA_ROOT, help="data directory"), JSON),
    ),
    Command(
        "send",
        "one MQTT command to a running daemon, and its reply",
        "rigs:send",
        (
            arg("rig", metavar="RIG"),
            arg("verb", metavar="VERB", help="ping, get, set, campaign.hold, trip, …"),
            arg(
                "payload",
                metavar="JSON",
                nargs="?",
                default="{}",
                help="arguments as a JSON object",
            ),
            BROKER,
            TIMEOUT,
        ),
    ),
    *STEERING,
    Command(
        "suggest",
        "ask a planner alone; no rig needed",
        "knowledge:suggest",
        (
            arg("problem", metavar="PROBLEM.json"),
            arg("--history", metavar="FILE.csv", help="what was measured so far"),
            arg("-n", type=int, default=1, metavar="N", help="how many points"),
            arg("--planner", metavar="NAME", help="an installed planner (default: bayes)"),
            arg(
                "--command",
                dest="program",
                metavar="'PROGRAM ARGUMENT …'",
                help="ask this program instead, as a campaign does",
            ),
            arg(
                "--timeout",
                type=seconds,
                default=600.0,
                metavar="S",
                help="wait this long for the program (default: 600)",
            ),
            arg(
                "--option",
                action="append",
                default=[],
                metavar="K=V",
                help="an option of the planner; repeat",
            ),
            arg(
                "--fix",
                action="append",
                default=[],
                metavar="NAME=VALUE",
                help="hold a factor at a value; repeat",
            ),
            arg(
                "--shared",
                action="append",
                default=[],
                metavar="NAME",
                help="one value of this factor for all N points; repeat",
            ),
            arg(
                "--out",
                metavar="FILE.csv",
                help="write the points here as well, to fill in the results",
            ),
            arg(
                "--plots",
                metavar="DIR",
                help="write pictures of the model here (PNG; needs matplotlib)",
            ),
            arg("--seed", type=int, default=0, metavar="N"),
            JSON,
        ),
        instead="--history",
    ),
    Command(
        "select",
        "which model describes a table of runs best, and how far to believe it",
        "selecting:select",
        (
            arg("table", metavar="DATA.csv", help="one row per run, one column per factor"),
            arg("--response", required=True, metavar="NAME", help="the column to explain"),
            arg("--factors", metavar="A,B", help="the columns to explain it by (default: all)"),
            arg("--problem", metavar="FILE.json", help="take factors and transforms from here"),
            arg("--group", metavar="NAME", help="rows of equal value here are left out together"),
            arg(
                "--transform",
                action="append",
                default=[],
                metavar="NAME=KIND",
                help="log, or reciprocal_kelvin of degC (reciprocal_kelvin_from_K); repeat",
            ),
            arg(
                "--mend",
                choices=["none", "drop", "ratios"],
                default="none",
                help="components that add up to a constant: leave one out, or take log-ratios",
            ),
            arg("--predict", metavar="FILE.csv", help="conditions to predict with the model"),
            arg("--quick", action="store_true", help="only a few fast kinds of models"),
            JSON,
        ),
    ),
    Command(
        "export",
        "data out of a data directory",
        "data:export",
        (
            arg("data", metavar="DATA", help="data directory"),
            arg("--format", choices=["csv", "json"], default="csv"),
            arg("--out", metavar="PATH", required=True),
            arg("--force", action="store_true", help="replace an existing file"),
        ),
    ),
    Command(
        "drivers", "installed drivers, with their signals and options", "knowledge:drivers", (JSON,)
    ),
    Command("planners", "installed planners, with their options", "knowledge:planners", (JSON,)),
    Command(
        "schema",
        "JSON Schema of configuration and problem, AsyncAPI of the MQTT topics",
        "knowledge:schema",
        (arg("what", choices=["config", "problem", "mqtt"]),),
    ),
    Command(
        "init",
        "write a starting configuration with comments",
        "knowledge:init",
        (
            arg("dir", metavar="DIR", nargs="?", default="."),
            arg(
                "--example",
                metavar="NAME",
                help="which rig: flow (default), heated-block, catalysts (chooses among feeds)",
            ),
            arg(
                "--planners",
                action="store_true",
                help="write programs that ask other people's planners instead, and a rig with one",
            ),
        ),
    ),
)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ``run`` is the function of the command. Exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="taylord",
        description="Runs flow reactors: instruments, experiments, planners, simulators.",
    )
    parser.add_argument("--version", action="version", version=f"taylord {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.does, description=_sentence(command.does)
        )
        for names, options in command.arguments:
            sub.add_argument(*names, **options)
        sub.set_defaults(run=_later(command))
    arguments, spare = parser.parse_known_args(argv)
    if spare:
        commands.choices[arguments.command].error(_too_many(arguments.command, spare))
    return arguments


def _too_many(name: str, spare: Sequence[str]) -> str:
    """Return what is wrong with words that no argument of a command takes."""
    instead = next(command.instead for command in COMMANDS if command.name == name)
    words = [word for word in spare if not word.startswith("-")]
    advice = f"; did you mean {instead} {words[0]}?" if instead and words else ""
    return f"unrecognized arguments: {' '.join(spare)}{advice}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _later(command: Command) -> Callable[[argparse.Namespace], int]:
    module, _, function = command.runs.partition(":")

    def run(arguments: argparse.Namespace) -> int:
        with _planning(command) as arguments.planning:
            from importlib import import_module

            return int(getattr(import_module(f"daemon.cli.{module}"), function)(arguments))

    return run


def _planning(command: Command) -> "AbstractContextManager[Process | None]":
    """Start what plans before the command is imported: the two take about as long."""
    if not command.plans:
        return nullcontext()
    from daemon.planning.process import early

    return early()
