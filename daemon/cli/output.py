"""What commands print, and where data directories are."""

import json
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from daemon.errors import ConfigError

FILE_NAME = "taylord.sqlite"


def have_streams() -> None:
    """Open what the caller has closed (``>&-``): the next file would else take its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- to the end
            os.set_inheritable(nowhere.fileno(), True)  # nor shall it in processes of ours
            setattr(sys, name, nowhere)


def tell(text: object) -> None:
    """Print on standard error; where that cannot be written, what is under way goes on."""
    with suppress(OSError, ValueError):  # a full disk, a terminal that is gone, a closed stream
        print(text, file=sys.stderr, flush=True)


@contextmanager
def patiently(text: str, *, quiet: bool = False, after_s: float = 5.0) -> Generator[None]:
    """Tell ``text`` while what is done here takes longer than ``after_s``, unless ``quiet``."""
    patience = threading.Timer(after_s, tell, [text])
    patience.daemon = True
    if not quiet:
        patience.start()
    try:
        yield
    finally:
        patience.cancel()


def why_not_written(*, failed: bool = False) -> OSError | None:
    """Write out what standard output still holds; return why that cannot be.

    After a command that ``failed`` on something, a line's end more tells whether it was that. What
    is held then is dropped: the interpreter would try, and complain, once more at its end.
    """
    try:
        sys.stdout.flush()
        if failed:
            os.write(sys.stdout.fileno(), b"\n")
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return error
    return None


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
