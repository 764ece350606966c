"""Reads a data directory, while the daemon runs or afterwards; never writes to it."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from daemon.errors import ConfigError, DataUnusable, StoreFailed
from daemon.experiment.record import ExperimentRecord, ResponseValue, Status
from daemon.store.recorder import ENDED_CAMPAIGNS
from daemon.store.schema import FILE_NAME, LAST_END, SCHEMA, Columns

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredExperiment:
    """One experiment as it stands; times are UTC, offsets are s since its boot began."""

    id: str
    campaign: str | None
    boot: str
    status: Status
    requested: JsonObject
    commanded: JsonObject
    achieved: JsonObject
    responses: JsonObject
    reason: str
    started: str | None
    finished: str | None
    started_t: float | None
    finished_t: float | None
    blameless: bool = False

    def cut_short(self, *, ended: bool) -> bool:
        """Return whether it never came to an end; ``ended``: no daemon runs that could end it."""
        in_flight = self.status in {"pending", "running"}
        return self.status == "interrupted" or (ended and in_flight)

    def document(self) -> JsonObject:
        """Return the element of ``experiments`` in CONTRACT, ``demo --json``."""
        return {
            "id": self.id,
            "status": self.status,
            "requested": self.requested,
            "commanded": self.commanded,
            "achieved": self.achieved,
            "responses": self.responses,
            "started": self.started,
            "finished": self.finished,
            "reason": self.reason,
        }

    def record(self) -> ExperimentRecord:
        """Return the record the campaign remembers; its times are offsets, s."""
        return ExperimentRecord(
            self.id,
            self.status,
            self.requested,
            self.commanded,
            self.achieved,
            {name: _response(value) for name, value in self.responses.items()},
            self.started_t,
            self.finished_t,
            self.reason,
            self.blameless,
        )


@dataclass(frozen=True, slots=True)
class StoredSuggestion:
    """A point that was asked for, and how far it got."""

    id: str
    state: str  # proposed | approved | vetoed | withdrawn | started
    point: JsonObject
    predicted: JsonObject
    reason: str
    origin: str
    experiment: str | None
    instead_of: str = ""
    verdict: JsonObject = field(default_factory=dict[str, Any])  # by, reason, fix


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign, and all that belongs to it, in order."""

    id: str
    boot: str
    state: str
    reason: str
    problem: JsonObject | None
    planner: str | None
    seed: int | None
    wanted: int | None
    config_hash: str | None
    started: str
    finished: str | None
    experiments: tuple[StoredExperiment, ...]
    suggestions: tuple[StoredSuggestion, ...]
    space: JsonObject = field(default_factory=dict[str, Any])  # configured, current
    standing: JsonObject = field(default_factory=dict[str, Any])  # best, regret, done, text
    fault: str = ""  # what holds or ended it, when that is no person and no interlock

    @property
    def begun(self) -> bool:
        """Return whether an experiment was begun, or a person decided on a point or the space."""
        decided = any(s.state in {"approved", "vetoed"} for s in self.suggestions)
        edited = self.space.get("current") != self.space.get("configured")
        return bool(self.experiments) or decided or edited

    @property
    def ended(self) -> bool:
        """Return whether there is nothing to resume."""
        return self.state in ENDED_CAMPAIGNS

    @property
    def waiting(self) -> tuple[StoredSuggestion, ...]:
        """Return the suggestions proposed or approved that no experiment was begun for."""
        return tuple(s for s in self.suggestions if s.state in {"proposed", "approved"})

    @property
    def cut_short(self) -> tuple[StoredSuggestion, ...]:
        """Return the suggestions whose experiment was in flight when the daemon ended."""
        lost = {e.id for e in self.experiments if e.status in {"interrupted", "running"}}
        return tuple(s for s in self.suggestions if s.experiment in lost)


class Reader:
    """A read-only view of one data directory; use it in a ``with``."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.path = self.directory / FILE_NAME
        if not self.path.is_file():
            raise ConfigError([f"{directory}: holds no data of taylord (there is no {FILE_NAME})"])
        self._connection = _connect(self.path)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._connection.close()

    def rows(self, sql: str, *values: Any) -> Iterator[sqlite3.Row]:
        """Yield the rows of a query; raise StoreFailed when the file cannot be read."""
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise StoreFailed(f"{self.path}: cannot be read: {error}") from error

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row, or None."""
        return next(self.rows(sql, *values), None)

    def count(self, table: str) -> int:
        """Return the number of rows of one of the store's tables."""
        row = self.one(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 (our own names)
        return int(row[0]) if row else 0

    def meta(self) -> dict[str, str | None]:
        """Return what is known of the last start: rig, boot, config, config_hash, seed, version."""
        return {row["key"]: row["value"] for row in self.rows("SELECT key, value FROM meta")}

    def config(self, config_hash: str) -> str | None:
        """Return the configuration of this hash that a start had; None when none had it."""
        row = self.one("SELECT config FROM boots WHERE config_hash = ? LIMIT 1", config_hash)
        return None if row is None else row[0]

    def columns(self) -> Columns:
        """Return the names of factors and responses met so far."""
        text = self.meta().get("columns")
        return Columns.from_json(text) if text else Columns()

    def experiments(self, campaign: str | None = None) -> tuple[StoredExperiment, ...]:
        """Return the experiments of a campaign, or all, in order."""
        sql = "SELECT * FROM experiments WHERE ?1 IS NULL OR campaign = ?1 ORDER BY n"
        return tuple(_experiment(row) for row in self.rows(sql, campaign))

    def suggestions(self, campaign: str) -> tuple[StoredSuggestion, ...]:
        """Return the suggestions of a campaign in the order they were proposed."""
        sql = "SELECT * FROM suggestions WHERE campaign = ? ORDER BY n"
        return tuple(_suggestion(row) for row in self.rows(sql, campaign))

    def campaign(self, id: str | None = None) -> StoredCampaign | None:  # noqa: A002 (CONTRACT's word)
        """Return a campaign, by default the last one; None when there is none."""
        sql = "SELECT * FROM campaigns WHERE ?1 IS NULL OR id = ?1 ORDER BY rowid DESC"
        row = self.one(sql, id)
        if row is None:
            return None
        return StoredCampaign(
            row["id"],
            row["boot"],
            row["state"],
            row["reason"],
            _loads(row["problem"]) or None,
            row["planner"],
            row["seed"],
            row["wanted"],
            row["config_hash"],
            row["started"],
            row["finished"],
            self.experiments(row["id"]),
            self.suggestions(row["id"]),
            _loads(_later(row, "space")),
            _loads(_later(row, "standing")),
            _later(row, "fault") or "",
        )

    def next_index(self) -> int:
        """Return the number of experiments ever begun here, plus one."""
        return self.count("experiments") + 1

    def answered(self, origin: str, last: int) -> list[JsonObject]:
        """Return the last commands of an origin, oldest first, with what came of them."""
        sql = (
            "SELECT * FROM commands WHERE origin = ?"
            " AND (reply IS NOT NULL OR outcome = 'accepted') ORDER BY n DESC LIMIT ?"
        )
        return [
            {
                "id": row["id"],
                "verb": row["verb"],
                "arguments": _loads(row["arguments"]),
                "outcome": row["outcome"],
                "reply": json.loads(row["reply"]) if row["reply"] else None,
            }
            for row in self.rows(sql, origin, last)
        ][::-1]

    def last_died(self) -> bool:
        """Return whether the last start, if it is over, did not end in good order."""
        row = self.one(LAST_END)
        return row is not None and row["ended"] is None

    def last_trip(self) -> JsonObject | None:
        """Return the last trip, whether reset or not."""
        row = self.one("SELECT * FROM trips ORDER BY n DESC LIMIT 1")
        names = ("time_utc", "name", "signal", "value", "threshold", "action", "state", "reset_utc")
        if row is None:
            return None
        told = {name: row[name] for name in names}
        return told | {"message": json.loads(row["data"]).get("message") or ""}

    def last_of(self, kind: str) -> str | None:
        """Return the start that told the last event of a kind; None when none ever did."""
        row = self.one("SELECT boot FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1", kind)
        return None if row is None else row["boot"]

    def table(self, name: str) -> list[JsonObject]:
        """Return a small table whole (alarms, connections)."""
        return [dict(row) for row in self.rows(f"SELECT * FROM {name}")]  # noqa: S608 (our own names)


def _connect(path: Path) -> sqlite3.Connection:
    uri = path.absolute().as_uri()
    try:
        connection = _tried(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        # a directory we may not write has no room for the log's index: the file alone is whole then
        try:
            connection = _tried(f"{uri}?mode=ro&immutable=1")
        except sqlite3.Error as error:
            raise DataUnusable(f"{path}: cannot be read: {error}") from error
    except _NotBegun:
        raise ConfigError(
            [f"{path}: holds nothing yet (was the disk full at the start?)"]
        ) from None
    except sqlite3.Error as error:
        raise DataUnusable(f"{path}: cannot be read: {error}") from error
    connection.row_factory = sqlite3.Row
    return connection


class _NotBegun(sqlite3.DatabaseError):
    """The file is there and empty: a start found no room to begin the record."""


def _tried(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=5.0)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not connection.execute("SELECT * FROM sqlite_master").fetchone():
            raise _NotBegun
        if version != SCHEMA:
            raise sqlite3.DatabaseError(f"it has schema {version}, and this taylord knows {SCHEMA}")
        connection.execute("SELECT COUNT(*) FROM meta").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _loads(text: str | None) -> JsonObject:
    return json.loads(text) if text else {}


def _experiment(row: sqlite3.Row) -> StoredExperiment:
    parts = (_loads(row[name]) for name in ("requested", "commanded", "achieved", "responses"))
    return StoredExperiment(
        row["id"],
        row["campaign"],
        row["boot"],
        row["status"],
        *parts,
        reason=row["reason"] or "",
        started=row["started"],
        finished=row["finished"],
        started_t=row["started_t"],
        finished_t=row["finished_t"],
        blameless=bool(_later(row, "blameless")),
    )


def _suggestion(row: sqlite3.Row) -> StoredSuggestion:
    return StoredSuggestion(
        row["id"],
        row["state"],
        _loads(row["point"]),
        _loads(row["predicted"]),
        row["reason"] or "",
        row["origin"] or "planner",
        row["experiment"],
        _later(row, "instead_of") or "",
        _loads(_later(row, "verdict")),
    )


def _later(row: sqlite3.Row, name: str) -> str | None:
    """Return a column that files of earlier versions do not have."""
    return row[name] if name in row.keys() else None  # noqa: SIM118  # a row is no mapping


def _response(value: Mapping[str, Any]) -> ResponseValue:
    return ResponseValue(
        value.get("value"), value.get("sd"), value.get("quality", "failed"), value.get("reason", "")
    )
