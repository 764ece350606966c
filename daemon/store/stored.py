"""What a record holds of a campaign: experiments, suggestions and the campaign, as they stand."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.experiment.record import ExperimentRecord, ResponseValue, Status
from daemon.store.recorder import ENDED_CAMPAIGNS

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


def loads(text: str | None) -> JsonObject:
    """Return a JSON column; one that is empty holds nothing."""
    return json.loads(text) if text else {}


def experiment_of(row: sqlite3.Row) -> StoredExperiment:
    """Return the experiment of a row."""
    parts = (loads(row[name]) for name in ("requested", "commanded", "achieved", "responses"))
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
        blameless=bool(later(row, "blameless")),
    )


def suggestion_of(row: sqlite3.Row) -> StoredSuggestion:
    """Return the suggestion of a row."""
    return StoredSuggestion(
        row["id"],
        row["state"],
        loads(row["point"]),
        loads(row["predicted"]),
        row["reason"] or "",
        row["origin"] or "planner",
        row["experiment"],
        later(row, "instead_of") or "",
        loads(later(row, "verdict")),
    )


def later(row: sqlite3.Row, name: str) -> str | None:
    """Return a column that files of earlier versions do not have."""
    return row[name] if name in row.keys() else None  # noqa: SIM118  # a row is no mapping


def _response(value: Mapping[str, Any]) -> ResponseValue:
    return ResponseValue(
        value.get("value"), value.get("sd"), value.get("quality", "failed"), value.get("reason", "")
    )
