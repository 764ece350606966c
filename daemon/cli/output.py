"""What commands print, and where data directories are."""

import json
from pathlib import Path
from typing import Any

from daemon.errors import ConfigError

FILE_NAME = "taylord.sqlite"


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(document, indent=1))


def data_directory(path: Path, option: str = "with --data") -> Path:
    """Return the data directory meant by a path: itself, or the only one just below it.

    ``option`` says where the command takes it. Raises ConfigError when there is none, or more.
    """
    if (path / FILE_NAME).is_file():
        return path
    below = sorted(p.parent for p in path.glob(f"*/{FILE_NAME}"))
    if len(below) == 1:
        return below[0]
    if not below:
        raise ConfigError([f"{path}: holds no {FILE_NAME}; name a data directory {option}"])
    names = ", ".join(str(p) for p in below)
    raise ConfigError([f"{path}: holds several data directories ({names}); name one {option}"])
