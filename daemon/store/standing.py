"""Which experiments stand out: the best one, the front of several objectives, those that wait."""

import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from daemon.campaign.awaited import Awaited, awaited
from daemon.store.stored import StoredExperiment

JsonObject = dict[str, Any]


def losses(
    document: Mapping[str, Any], objectives: Sequence[Mapping[str, Any]]
) -> list[float] | None:
    """Return one number per objective, smaller is better; None when a response is missing.

    ``document`` is one experiment (CONTRACT, ``demo --json``); only experiments of status ``ok``
    with responses of quality ``ok`` count.
    """
    if document["status"] != "ok":
        return None
    out: list[float] = []
    for objective in objectives:
        response = document["responses"].get(objective["name"]) or {}
        value = response.get("value")
        if value is None or response.get("quality") != "ok":
            return None
        out.append(_loss(float(value), objective))
    return out


def _loss(value: float, objective: Mapping[str, Any]) -> float:
    match objective.get("goal", "maximise"):
        case "minimise":
            return value
        case "target":
            low, high = (objective.get(key) for key in ("low", "high"))
            below = (-inf if low is None else float(low)) - value
            above = value - (inf if high is None else float(high))
            return max(below, above, 0.0)
        case _:
            return -value


def front(
    documents: Sequence[JsonObject], objectives: Sequence[Mapping[str, Any]]
) -> list[JsonObject]:
    """Return the experiments no other one beats in every objective, in order."""
    scored = [(doc, loss) for doc in documents if (loss := losses(doc, objectives)) is not None]
    if not objectives:
        return []
    return [doc for doc, loss in scored if not any(_dominates(other, loss) for _, other in scored)]


def best(
    documents: Sequence[JsonObject], objectives: Sequence[Mapping[str, Any]]
) -> JsonObject | None:
    """Return the best experiment of a single objective; None for several, or when none counts."""
    if len(objectives) != 1:
        return None
    scored = [(loss, doc) for doc in documents if (loss := losses(doc, objectives)) is not None]
    return min(scored, key=lambda pair: pair[0], default=(None, None))[1]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def awaited_in(meta: Mapping[str, str | None], experiments: Sequence[StoredExperiment]) -> Awaited:
    """Return what people are still to hand in; of the responses that the last start knew."""
    late = json.loads(meta.get("campaign") or "{}").get("late", ())
    return awaited(late, experiments)
