"""The event log as JSON lines: the same seed gives the same bytes (DESIGN 3.2).

A line has the event's number, kind, data, and its time in s since the start of its run; no wall
time and no boot id is in it. Keys are sorted, so that equal documents are equal bytes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from daemon.store.documents import to_json
from daemon.store.reader import Reader


def lines(reader: Reader) -> Iterator[str]:
    """Yield every event of the directory as one line of JSON, without the line's end."""
    for row in reader.rows("SELECT seq, t, kind, data FROM events ORDER BY seq"):
        event = {
            "seq": row["seq"],
            "t": row["t"],
            "kind": row["kind"],
            "data": json.loads(row["data"]),
        }
        yield to_json(event, sort_keys=True)


def event_log(directory: str | Path) -> bytes:
    """Return the whole log of a data directory."""
    with Reader(directory) as reader:
        return "".join(f"{line}\n" for line in lines(reader)).encode()
