"""Reads a data directory, while the daemon runs or afterwards; never writes to it."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from daemon.errors import ConfigError, DataUnusable, StoreFailed
from daemon.store.schema import FILE_NAME, LAST_END, SCHEMA, Columns
from daemon.store.stored import (
    JsonObject,
    StoredCampaign,
    StoredExperiment,
    StoredSuggestion,
    experiment_of,
    later,
    loads,
    suggestion_of,
)


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
        return tuple(experiment_of(row) for row in self.rows(sql, campaign))

    def suggestions(self, campaign: str) -> tuple[StoredSuggestion, ...]:
        """Return the suggestions of a campaign in the order they were proposed."""
        sql = "SELECT * FROM suggestions WHERE campaign = ? ORDER BY n"
        return tuple(suggestion_of(row) for row in self.rows(sql, campaign))

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
            loads(row["problem"]) or None,
            row["planner"],
            row["seed"],
            row["wanted"],
            row["config_hash"],
            row["started"],
            row["finished"],
            self.experiments(row["id"]),
            self.suggestions(row["id"]),
            loads(later(row, "space")),
            loads(later(row, "standing")),
            later(row, "fault") or "",
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
                "arguments": loads(row["arguments"]),
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
