"""What a campaign remembers: suggestions and experiments; rebuilt from the store on a restart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from typing import Any

from daemon.experiment.record import ExperimentRecord, ResponseValue

MEASURED = frozenset({"ok", "suspect"})
COUNTED = MEASURED | {"failed"}  # towards a campaign's number of experiments


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A point the planner (or a person) asked for."""

    id: str
    point: Mapping[str, Any]
    predicted: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reason: str = ""
    origin: str = "planner"  # or "command"
    instead_of: str = ""  # the rejected one that somebody asked again for
    verdict: Mapping[str, Any] = field(default_factory=dict[str, Any])  # by, reason, fix

    def document(self, state: str, **more: Any) -> dict[str, Any]:
        """Return the ``suggestion`` event of this state."""
        return {
            "id": self.id,
            "state": state,
            "point": dict(self.point),
            "predicted": dict(self.predicted),
            "reason": self.reason,
            "origin": self.origin,
            **({"instead_of": self.instead_of} if self.instead_of else {}),
            **({"verdict": dict(self.verdict)} if self.verdict else {}),
            **more,
        }

    @property
    def wish(self) -> Mapping[str, Any]:
        """Return what to hold when asking again in its place; empty when nobody wished that."""
        return {} if self.verdict.get("given_up") else self.verdict.get("fix") or {}


@dataclass
class Memory:
    """The records so far, the suggestions waiting, and the counters ids come from."""

    records: dict[str, ExperimentRecord] = field(default_factory=dict[str, ExperimentRecord])
    waiting: list[Suggestion] = field(default_factory=list[Suggestion])
    proposed: dict[str, Suggestion] = field(default_factory=dict[str, Suggestion])  # to approve
    vetoed: list[Suggestion] = field(default_factory=list[Suggestion])
    wishes: list[Suggestion] = field(default_factory=list[Suggestion])  # rejected, ask again
    n_suggested: int = 0

    def next_suggestion_id(self) -> str:
        """Return the next suggestion's id: ``s-0001`` and so on."""
        self.n_suggested += 1
        return f"s-{self.n_suggested:04d}"

    def next_experiment_id(self) -> str:
        """Return the next experiment's id: ``e-0001`` and so on."""
        return f"e-{len(self.records) + 1:04d}"

    @property
    def done(self) -> int:
        """Return how many experiments count towards the campaign's number."""
        return sum(record.status in COUNTED for record in self.records.values())

    def in_a_row(self, status: str, *, since: int) -> int:
        """Return how many of the last experiments, of those after the first ``since``, ended so.

        A refused one has moved nothing: it neither is a failure nor ends a row of them.
        """
        ends = MEASURED if status == "failed" else COUNTED
        last = list(self.records.values())[since:][::-1]
        row = takewhile(lambda record: record.status not in ends, last)
        return sum(record.status == status for record in row)


def with_result(
    record: ExperimentRecord, responses: Mapping[str, ResponseValue]
) -> ExperimentRecord:
    """Return a record with an offline analysis added."""
    return replace(record, responses={**record.responses, **responses})


def amended_document(record: ExperimentRecord, by: str) -> dict[str, Any]:
    """Return the ``experiment`` event of a record that ended, and has a result more now.

    It has no times: those of a record of an earlier start are no times of this one.
    """
    document = {**asdict(record), "state": record.status, "amended_by": by}
    return {k: v for k, v in document.items() if k not in {"started", "finished"}}
