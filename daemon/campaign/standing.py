"""How a campaign stands: its most probable best experiments, in numbers and in words.

The experiment that read most is the luckiest one of those that are good. The most probable best is
the one of which a model of all experiments together expects most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from daemon.experiment.record import ExperimentRecord
from daemon.settings.conditions import flat, value_text
from planners.rounding import beside, counted, rounded, spread

JsonObject = dict[str, Any]
SHOWN = 5  # experiments of a front told in words; all are in the numbers


@dataclass(frozen=True, slots=True)
class Standing:
    """The best experiments as JSON rows, best first, and the expected regret, None if unknown.

    Rows have ``experiment``, ``point``, ``predicted`` (response -> mean, sd) and ``probability``,
    and ``outside`` where the space does not hold the point any more.
    """

    best: tuple[JsonObject, ...] = ()
    regret: float | None = None
    done: int = 0
    lacking: tuple[str, ...] = ()  # responses with fewer good values than a best one needs
    otherwise: Mapping[str, str] = field(
        default_factory=dict[str, str]
    )  # factor -> how it comes out

    @property
    def text(self) -> str:
        """Return it in words."""
        if not self.best:
            which = f" (not yet: {', '.join(self.lacking)})" if self.lacking else ""
            return f"no best experiment yet: every response needs two good values{which}"
        lines = [_line(row, front=len(self.best) > 1) for row in self.best[:SHOWN]]
        if len(self.best) > SHOWN:
            lines.append(f"and {counted(len(self.best) - SHOWN, 'experiment')} more on the front")
        if self.regret is not None:
            elsewhere = any(row.get("outside") for row in self.best)
            than = " than the best experiment inside the space" if elsewhere else ""
            lines.append(f"the best possible is expected {rounded(self.regret, 3)} better{than}")
        return "\n".join(lines)

    def document(self) -> JsonObject:
        """Return the ``standing`` event."""
        return {
            "best": list(self.best),
            "regret": self.regret,
            "done": self.done,
            "text": self.text,
            "remarks": list(self.otherwise.values()),
        }


def standing_of(
    answer: Mapping[str, Any],
    records: Sequence[ExperimentRecord],
    done: int,
    lacking: Sequence[str] = (),
    otherwise: Mapping[str, str] = MappingProxyType({}),
) -> Standing:
    """Return what the planner's process answered, with experiments by their names.

    ``otherwise`` says of factors that they come out otherwise than asked (``planners.offset``).
    """
    rows: list[JsonObject] = []
    for run in answer["best"]:
        if run["index"] < len(records):  # behind them are points that nobody has run
            record = records[run["index"]]
            measured = {n: r.value for n, r in record.responses.items() if n in run["predicted"]}
            row: JsonObject = {"experiment": record.id, "measured": measured}
            told = ("point", "predicted", "probability", "outside")
            rows.append(row | {k: run[k] for k in told if k in run})
    return Standing(tuple(rows), answer["regret"], done, tuple(lacking), dict(otherwise))


def _line(row: Mapping[str, Any], *, front: bool) -> str:
    point = ", ".join(f"{name} {_short(value)}" for name, value in flat(row["point"]))
    guesses = "; ".join(
        f"{name} {_measured(row['measured'].get(name), guess['sd'])},"
        f" expected {spread(guess['mean'], guess['sd'])}"
        for name, guess in row["predicted"].items()
    )
    where = ", on the front" if front else ""
    where += ", outside the space as it is now" if row.get("outside") else ""
    return f"{row['experiment']}{where} ({point}): {guesses}; probability {row['probability']:.0%}"


def _measured(value: float | None, sd: float) -> str:
    return "not measured" if value is None else f"measured {beside(value, sd)}"


def _short(value: Any) -> str:
    return rounded(value) if isinstance(value, float) else value_text(value)
