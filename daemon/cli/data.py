"""``taylord export``: data out of a data directory."""

import argparse
from pathlib import Path

from daemon.cli.output import data_directory, tell

LEFT_OUT = (
    "left out what says nothing of its conditions (cut short, or an instrument was lost;"
    " --format json has it)"
)


def export(arguments: argparse.Namespace) -> int:
    """Write the experiments of a data directory to a file."""
    from daemon.store.export import STANDARD_OUTPUT, silent_runs
    from daemon.store.export import export as write
    from daemon.store.reader import Reader

    directory = data_directory(Path(arguments.data), "as DATA")
    count = write(directory, arguments.out, arguments.format, replace=arguments.force)
    where = "standard output" if arguments.out == STANDARD_OUTPUT else arguments.out
    tell(f"{where}: {count} experiments")
    with Reader(directory) as reader:
        mute = [experiment.id for experiment in silent_runs(reader)]
    if mute and arguments.format == "csv":
        tell(f"{where}: {LEFT_OUT}: {', '.join(mute)}")
    return 0
