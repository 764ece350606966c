"""``taylord export``: experiments or readings as CSV or JSON.

The CSV of experiments is a history for ``taylord suggest --history``: a column per factor (as
requested) and response, ``status`` and ``<response>.sd``; an empty field was not measured. What
taylord knows beyond that follows in further columns, and points that people rejected in further
rows, as failed ones: a planner that reads the file asks for them no more. Runs that say nothing of
their conditions have no row, as a running campaign's planner is not told of them: a history knows
no other word for them than ``failed``, and that would keep a planner away. The JSON has them all.
The file appears whole or not at all.
"""

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

from daemon.errors import ConfigError, StoreFailed
from daemon.store.ledger import in_use
from daemon.store.reader import Reader
from daemon.store.schema import FIXED, Name, dotted
from daemon.store.standing import awaited_in, best, front
from daemon.store.stored import StoredExperiment

# what a history may say of an experiment (CONTRACT, problems); the rest are failures to a planner
_HISTORY_STATUS = {"ok": "ok", "suspect": "suspect", "pending": "pending", "running": "pending"}
STANDARD_OUTPUT = "-"
Table = Literal["experiments", "readings", "events"]


def export(
    directory: str | Path,
    out: str | Path,
    format: Literal["csv", "json"] = "csv",  # noqa: A002 (CONTRACT's word)
    *,
    table: Table = "experiments",
    replace: bool = False,
) -> int:
    """Write ``out``, or standard output where it is ``-``; return the number of rows.

    Raises ConfigError when there is no data, or ``out`` exists and ``replace`` is not set;
    StoreFailed when it cannot be written.
    """
    target = None if str(out) == STANDARD_OUTPUT else Path(out)
    if target is not None:
        _check(target, replace=replace)
    with Reader(directory) as reader:

        def write(file: IO[str]) -> int:
            if format == "json":
                return _write_json(file, reader, table)
            return _write_csv(file, *_sheet(reader, table))

        return _printed(write) if target is None else _written(target, write)


def _check(target: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise ConfigError([f"{target}: is a directory; name a file"])
    if not target.parent.is_dir():
        raise ConfigError([f"{target}: there is no directory {str(target.parent)!r}"])
    if target.exists() and not replace:
        raise ConfigError([f"{target}: exists already (choose another name, or use --force)"])


def _printed(write: Callable[[IO[str]], int]) -> int:
    """Print it as a whole; whoever reads may have enough of it sooner."""
    whole = io.StringIO()
    count = write(whole)
    try:
        sys.stdout.write(whole.getvalue())
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is printed
    return count


def _written(target: Path, write: Callable[[IO[str]], int]) -> int:
    """Write beside the target and move it into place when it is whole."""
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise StoreFailed(f"{target}: cannot be written: {error.strerror}") from error
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 (a descriptor)
            count = write(file)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except OSError as error:
        raise StoreFailed(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return count


def _write_csv(file: IO[str], header: list[str], rows: Iterable[list[Any]]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow(["" if value is None else value for value in row])
        count += 1
    return count


def _sheet(reader: Reader, table: Table) -> tuple[list[str], Iterator[list[Any]]]:
    if table == "experiments":
        return _history(reader)
    columns = {
        "readings": ["time_utc", "signal", "value", "unit", "quality", "reason"],
        "events": ["seq", "time_utc", "kind", "data"],
    }[table]
    sql = f"SELECT {', '.join(columns)} FROM v_{table}"  # noqa: S608 (our own names)
    return columns, (list(row) for row in reader.rows(sql))


def _history(reader: Reader) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the experiments with the planner's columns first."""
    variable = [name for name in reader.columns().expressions() if name not in FIXED]
    fixed = ["id", "status", "started", "finished"]
    further = ["outcome", "reason", "campaign", "boot"]
    header = [*fixed, *variable, *further]
    mute = {_key_of(experiment) for experiment in silent_runs(reader)}

    def rows() -> Iterator[list[Any]]:
        for row in reader.rows("SELECT * FROM v_experiments ORDER BY n"):
            known = dict(row)
            if (known["campaign"], known["boot"], known["id"]) in mute:
                continue
            known["status"] = _HISTORY_STATUS.get(known["outcome"], "failed")
            yield [known[name] for name in header]
        for told in rejected(reader):
            point = {dotted(name): value for name, value in _flat(told["point"])}
            known = point | {key: told[key] for key in ("id", "campaign", "reason")}
            known |= {"status": "failed", "outcome": "vetoed"}
            yield [known.get(name) for name in header]

    return header, rows()


def silent_runs(reader: Reader) -> list[StoredExperiment]:
    """Return the runs that say nothing of their conditions.

    They were cut short, or lost to a cable or an analyser.
    """
    ended = not in_use(reader.directory)
    return [e for e in reader.experiments() if e.blameless or e.cut_short(ended=ended)]


def _key_of(experiment: StoredExperiment) -> tuple[str | None, str, str]:
    return experiment.campaign, experiment.boot, experiment.id


def rejected(reader: Reader) -> Iterator[dict[str, Any]]:
    """Give the points that people rejected, and why: to a planner they are not to be run."""
    sql = "SELECT DISTINCT campaign FROM suggestions WHERE campaign IS NOT NULL ORDER BY campaign"
    for (campaign,) in list(reader.rows(sql)):
        for told in reader.suggestions(campaign):
            if told.state == "vetoed":
                said = (told.verdict.get("by"), told.verdict.get("reason"))
                yield {
                    "id": told.id,
                    "campaign": campaign,
                    "point": told.point,
                    "by": said[0],
                    "reason": ": ".join(filter(None, said)) or None,
                    "fix": told.verdict.get("fix") or {},
                }


def _flat(point: Mapping[str, Any]) -> Iterator[tuple[Name, Any]]:
    for name, value in point.items():
        if isinstance(value, Mapping):
            yield from (((name, part), amount) for part, amount in value.items())
        else:
            yield (name, None), value


def _write_json(file: IO[str], reader: Reader, table: Table) -> int:
    if table != "experiments":
        header, rows = _sheet(reader, table)
        listed = [dict(zip(header, row, strict=True)) for row in rows]
        json.dump({"rig": reader.meta().get("rig"), table: listed}, file, indent=1)
        return len(listed)
    document = experiments_document(reader)
    json.dump(document, file, indent=1)
    return len(document["experiments"])


def experiments_document(reader: Reader, *, every: bool = True) -> dict[str, Any]:
    """Return the experiments, and the best of the last campaign (CONTRACT, ``demo --json``).

    ``every`` False leaves out those of earlier campaigns, whose ids are the same.
    """
    campaign = reader.campaign()
    own = [e.document() for e in campaign.experiments] if campaign else []
    own_id = campaign.id if campaign else None
    listed = own
    if every or campaign is None:
        listed = [e.document() | {"campaign": e.campaign} for e in reader.experiments()]
    objectives = (campaign.problem or {}).get("responses", []) if campaign else []
    return {
        "rig": reader.meta().get("rig"),
        "planner": campaign.planner if campaign else None,
        "state": campaign.state if campaign else "idle",
        "experiments": listed,
        "rejected": [r for r in rejected(reader) if every or r["campaign"] == own_id],
        "best": best(own, objectives),
        "front": front(own, objectives) if len(objectives) > 1 else [],
        "standing": (campaign.standing or None) if campaign else None,
        "awaited": awaited_in(reader.meta(), campaign.experiments if campaign else ()),
        "data": str(reader.directory),
    }
