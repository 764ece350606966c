"""``taylord export``: data out of a data directory."""

import argparse
import sys
from pathlib import Path

from daemon.cli.output import data_directory


def export(arguments: argparse.Namespace) -> int:
    """Write the experiments of a data directory to a file."""
    from daemon.store.export import export as write

    directory = data_directory(Path(arguments.data), "as DATA")
    count = write(directory, arguments.out, arguments.format, replace=arguments.force)
    print(f"{arguments.out}: {count} experiments", file=sys.stderr)
    return 0
