"""What the files held that a configuration names, kept in the record from start to start.

The configuration itself is on record, and is compared. What it names by a path (the training file
of a soft sensor, the list of candidates) may be another one after a night, at the same path. Values
and points of before then come from another file than those that follow, which a reader of the
campaign must know.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import structlog

from daemon.app.plan import RunPlan
from daemon.errors import ConfigError, StoreFailed
from daemon.events import EventBus
from daemon.settings.paths import files_named
from daemon.store.reader import Reader
from daemon.store.writer import Store

KEY = "files"
CHANGED = "another file"
WHY = (
    "holds something else than at the last start: results and points of before come from the file"
    " as it was"
)
log = structlog.get_logger(__name__)


def digests(plan: RunPlan) -> dict[str, str]:
    """Return the SHA-256 of each file that is there, by its key in the configuration."""
    found: dict[str, str] = {}
    for key, path in files_named(plan.settings).items():
        with suppress(OSError):  # whoever needs it says so
            if Path(path).is_file():
                found[key] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return found


def changed_files(plan: RunPlan, now: dict[str, str]) -> list[str]:
    """Return ``KEY (PATH)`` of the files that hold something else than at the last start."""
    try:
        with Reader(plan.data) as reader:
            before = json.loads(reader.meta().get(KEY) or "{}")
    except (ConfigError, StoreFailed):
        return []
    paths = files_named(plan.settings)
    return [
        f"{key} ({paths[key]})" for key, digest in now.items() if before.get(key, digest) != digest
    ]


def keep_files(store: Store, events: EventBus, now: dict[str, str], changed: list[str]) -> None:
    """Keep what the files hold, and put on record which ones hold something else than before."""
    if now:
        store.keep(KEY, now)
    for name in changed:
        log.warning("file.changed", file=name, why=WHY)
        events.emit("decision", what=CHANGED, why=f"{name} {WHY}")
