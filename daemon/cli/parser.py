"""The commands as a table: name, what it does, where it lives, arguments."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from daemon import __version__
from daemon.cli.command import Command
from daemon.cli.planning_table import PLANNING
from daemon.cli.rig_table import RIG
from daemon.cli.steering_table import STEERING

if TYPE_CHECKING:
    from daemon.planning.process import Process

COMMANDS = (*RIG, *STEERING, *PLANNING)


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
