"""Turns events into rows: what is written, not when or by whom; those of the rig are `rig_rows`.

Every statement may be run twice with the same result, so that a write whose outcome is unknown can
simply be repeated.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from daemon.events import Event
from daemon.experiment.record import Status
from daemon.store.documents import clean, flat_names, to_json
from daemon.store.rig_rows import (
    Noted,
    alarm_rows,
    command_rows,
    connection_rows,
    optional,
    trip_rows,
)
from daemon.store.schema import Columns
from daemon.store.telemetry import Statement
from daemon.timebase import Timebase

STATUSES = frozenset(get_args(Status))
IN_FLIGHT = frozenset({"pending", "running"})
ENDED_CAMPAIGNS = frozenset({"complete", "stopped", "aborted"})


class Recorder:
    """The running numbers of one open store, and the rows of what comes in."""

    def __init__(
        self,
        boot: str,
        timebase: Timebase,
        origin_loop: float,
        *,
        next_seq: int = 1,
        columns: Columns | None = None,
        campaign: str | None = None,
        campaigns: int = 0,
    ) -> None:
        self.boot, self.campaign, self.columns = boot, campaign, columns or Columns()
        self._timebase, self._seq, self._origin_loop = timebase, next_seq, origin_loop
        self._campaigns = campaigns
        self._tables: dict[str, Callable[[Event, str], list[Statement]]] = {
            "experiment": self._experiment,
            "campaign": self._campaign_state,
            "suggestion": self._suggestion,
            "space": self._space,
            "standing": self._standing,
        }

    # -- events ------------------------------------------------------------------------------

    def event(self, event: Event) -> list[Statement]:
        """Return the rows of one event: the event itself, and what it changes."""
        time_utc = self._timebase.iso(event.t)
        seq, self._seq = self._seq, self._seq + 1
        own: Statement = (
            "INSERT OR REPLACE INTO events (seq, boot, t, time_utc, kind, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                seq,
                self.boot,
                round(event.t - self._origin_loop, 6),
                time_utc,
                event.kind,
                to_json(event.data),
            ),
        )
        if (rows := _RIG.get(event.kind)) is not None:
            return [own, *rows(event, time_utc, Noted(self.boot, seq))]
        table = self._tables.get(event.kind)
        return [own, *(table(event, time_utc) if table else ())]

    @property
    def run(self) -> str:
        """Return what experiment ids are unique within: the campaign, or this start."""
        return self.campaign or f"boot {self.boot}"

    def begin_campaign(self, time_utc: str, given: Mapping[str, Any]) -> list[Statement]:
        """Open a new campaign; its id is ``self.campaign`` from now on."""
        self._campaigns += 1
        self.campaign = f"c-{self._campaigns:04d}"
        problem = given.get("problem")
        rows: list[Statement] = [
            (
                "INSERT OR REPLACE INTO campaigns (id, boot, state, problem, planner, seed, wanted,"
                " config_hash, started, space) VALUES (?, ?, 'idle', ?, ?, ?, ?, ?, ?, ?)",
                (
                    self.campaign,
                    self.boot,
                    None if problem is None else to_json(problem),
                    optional(given.get("planner")),
                    given.get("seed"),
                    given.get("wanted"),
                    optional(given.get("config_hash")),
                    time_utc,
                    _json(given, "space"),
                ),
            )
        ]
        return rows + self._names_of_problem(problem)

    def _names_of_problem(self, problem: Mapping[str, Any] | None) -> list[Statement]:
        if not problem:
            return []
        factors: dict[str, Any] = {}
        for factor in problem.get("factors", ()):
            parts = factor.get("components")
            factors[factor["name"]] = dict.fromkeys(parts, 0.0) if parts else 0.0
        responses = {response["name"]: None for response in problem.get("responses", ())}
        return self._meet({"requested": factors, "responses": responses})

    def _campaign_state(self, event: Event, time_utc: str) -> list[Statement]:
        state = clean(event.data.get("state", ""))
        opened = [] if self.campaign else self.begin_campaign(time_utc, event.data)
        ended = state in ENDED_CAMPAIGNS
        return [
            *opened,
            (
                "UPDATE campaigns SET state = ?, reason = ?, fault = ?, finished = ? WHERE id = ?",
                (
                    state,
                    clean(event.data.get("reason", "")),
                    clean(event.data.get("fault", "")),
                    time_utc if ended else None,
                    self.campaign,
                ),
            ),
        ]

    def _space(self, event: Event, _: str) -> list[Statement]:
        """Keep the space as it is now, beside the one of the file it began with."""
        data = event.data
        both = {"configured": data.get("configured"), "current": data.get("space")}
        update = "UPDATE campaigns SET problem = ?, space = ? WHERE id = ?"
        row: Statement = (update, (_json(data, "problem"), to_json(both), self.campaign))
        return [row, *self._names_of_problem(data.get("problem"))]

    def _standing(self, event: Event, _: str) -> list[Statement]:
        update = "UPDATE campaigns SET standing = ? WHERE id = ?"
        return [(update, (to_json(event.data), self.campaign))]

    def _experiment(self, event: Event, _: str) -> list[Statement]:
        data = event.data
        if "amended_by" in data:  # only its results are new
            update = "UPDATE experiments SET responses = ? WHERE run = ? AND id = ?"
            row: Statement = (update, (_json(data, "responses"), self.run, clean(data["id"])))
            return [row, *self._meet(data)]
        state = clean(data.get("state", ""))
        status = clean(data.get("status") or (state if state in STATUSES else "running"))
        started, finished = data.get("started"), data.get("finished")
        if started is None and status != "pending":
            started = event.t
        if finished is None and status not in IN_FLIGHT:
            finished = event.t
        parts = [_json(data, key) for key in ("requested", "commanded", "achieved", "responses")]
        row = (
            _UPSERT_EXPERIMENT,
            (
                self.run,
                clean(data.get("id", "")),
                self.campaign,
                self.boot,
                status,
                state or status,
                *parts,
                optional(data.get("reason") or None),
                self._iso(started),
                self._iso(finished),
                self._offset(started),
                self._offset(finished),
                "yes" if data.get("blameless") else None,
            ),
        )
        return [row, *self._meet(data)]

    def _meet(self, data: Mapping[str, Any]) -> list[Statement]:
        """Return what makes the view anew when the data hold a name for the first time."""
        columns, before = self.columns, self.columns.count()
        for part in ("requested", "commanded", "achieved"):
            names = getattr(columns, part)
            names.update(dict.fromkeys(flat_names(data.get(part) or {})))
        columns.responses.update(dict.fromkeys(clean(name) for name in data.get("responses") or {}))
        if columns.count() == before:
            return []
        return [
            (
                "INSERT OR REPLACE INTO meta (key, value) VALUES ('columns', ?)",
                (columns.to_json(),),
            ),
            ("DROP VIEW IF EXISTS v_experiments", ()),
            (columns.view(), ()),
        ]

    def _suggestion(self, event: Event, time_utc: str) -> list[Statement]:
        data = event.data
        row: Statement = (
            "INSERT INTO suggestions (run, id, campaign, boot, state, point, predicted, reason,"
            " origin, experiment, time_utc, instead_of, verdict)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run, id) DO UPDATE SET state = excluded.state,"
            " point = COALESCE(excluded.point, point),"
            " predicted = COALESCE(excluded.predicted, predicted),"
            " reason = COALESCE(excluded.reason, reason),"
            " experiment = COALESCE(excluded.experiment, experiment),"
            " instead_of = COALESCE(excluded.instead_of, instead_of),"
            " verdict = COALESCE(excluded.verdict, verdict)",
            (
                self.run,
                clean(data.get("id", "")),
                self.campaign,
                self.boot,
                clean(data.get("state", "")),
                _json(data, "point"),
                _json(data, "predicted"),
                optional(data.get("reason") or None),
                optional(data.get("origin")),
                optional(data.get("experiment")),
                time_utc,
                optional(data.get("instead_of")),
                _json(data, "verdict"),
            ),
        )
        return [row]

    # -- small things ------------------------------------------------------------------------

    def _iso(self, t: float | None) -> str | None:
        return None if t is None else self._timebase.iso(t)

    def _offset(self, t: float | None) -> float | None:
        return None if t is None else round(t - self._origin_loop, 6)


_RIG: Mapping[str, Callable[[Event, str, Noted], list[Statement]]] = {
    "command": command_rows,
    "trip": trip_rows,
    "alarm": alarm_rows,
    "connection": connection_rows,
}
_UPSERT_EXPERIMENT = """
INSERT INTO experiments (run, id, campaign, boot, status, state, requested, commanded, achieved,
  responses, reason, started, finished, started_t, finished_t, blameless)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, id) DO UPDATE SET
  status = excluded.status, state = excluded.state, boot = excluded.boot,
  requested = COALESCE(excluded.requested, requested),
  commanded = COALESCE(excluded.commanded, commanded),
  achieved = COALESCE(excluded.achieved, achieved),
  responses = COALESCE(excluded.responses, responses),
  reason = COALESCE(excluded.reason, reason),
  started = COALESCE(started, excluded.started),
  started_t = COALESCE(started_t, excluded.started_t),
  finished = excluded.finished, finished_t = excluded.finished_t,
  blameless = excluded.blameless
"""


def _json(data: Mapping[str, Any], key: str) -> str | None:
    """Return a part as JSON text, or None when the document does not speak of it."""
    part = data.get(key)
    return to_json(part) if part else None
