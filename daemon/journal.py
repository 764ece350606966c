"""Log lines for systemd's journal, which reads a line's priority from its first characters.

``journalctl -p warning`` then shows what matters. The journal has times of its own, so lines go
there without one; those in the data directory keep theirs.
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}  # sd-daemon(3)

Line = MutableMapping[str, Any]


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether the stream is the one that systemd has connected to its journal."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or in memory
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class ToJournal:
    """The last step of a line: the text that ``render`` makes, each row with its priority."""

    def __init__(self, render: Any) -> None:
        self._render = render

    def __call__(self, logger: Any, name: str, line: Line) -> str:
        """Return the text of one line."""
        priority = PRIORITIES.get(str(line.get("level")), PRIORITIES["info"])
        line.pop("time", None)
        text = str(self._render(logger, name, line))
        return "\n".join(f"<{priority}>{row}" for row in text.splitlines())
