"""When enough is known: the rules of ``[campaign.stop]``, and what they say when they hold."""

from collections.abc import Iterator, Mapping, Sequence
from math import erf, sqrt
from typing import Any

from daemon.campaign.memory import COUNTED, Memory
from daemon.campaign.standing import Standing
from daemon.settings.models import CampaignSettings, ObjectiveSettings
from planners.rounding import rounded, spread


def why_stop(campaign: CampaignSettings, memory: Memory, standing: Standing) -> str:
    """Return why the campaign should end now, one sentence; empty while it should go on."""
    if memory.done < campaign.stop.least or not standing.best:
        return ""
    reasons = [*_regret(campaign, standing), *_stalled(campaign, memory, standing)]
    reasons += _reached(campaign, standing)
    if not reasons:
        return ""
    return f"stopping rule: {'; '.join(reasons)}, after {memory.done} experiments"


def _regret(campaign: CampaignSettings, standing: Standing) -> Iterator[str]:
    limit = campaign.stop.regret_below
    if limit is not None and standing.regret is not None and standing.regret < limit:
        name = campaign.objectives[0].response
        best, more = standing.best[0]["experiment"], rounded(standing.regret, 3)
        yield (
            f"the best possible {name} is expected {more} better than {best}, less than"
            f" regret_below, {limit:g}"
        )


def _stalled(campaign: CampaignSettings, memory: Memory, standing: Standing) -> Iterator[str]:
    """No experiment of the last so many is the most probable best, or on the front."""
    count = campaign.stop.no_improvement
    spent = [r.id for r in memory.records.values() if r.status in COUNTED]
    best = {row["experiment"] for row in standing.best}
    if count is None or len(spent) <= count or best & set(spent[-count:]):
        return
    many = len(campaign.objectives) > 1
    what = "of the front" if many else f"on {standing.best[0]['experiment']}"
    yield f"no improvement {what} in the last {count} experiments"


def _reached(campaign: CampaignSettings, standing: Standing) -> Iterator[str]:
    """One of the best experiments is good enough in everything that is asked for."""
    stop = campaign.stop
    wanted = [o for o in campaign.objectives if o.response in stop.reached]
    wanted += [o for o in campaign.objectives if stop.targets_met and o.goal == "target"]
    for row in standing.best if wanted else ():
        chances = [_chance(row, o, stop.reached) for o in wanted]
        if min(chances) >= stop.probability:
            told = ", ".join(_told(row, o, stop.reached) for o in wanted)
            yield f"{row['experiment']} has {told}"
            return


def _chance(row: Mapping[str, Any], goal: ObjectiveSettings, reached: Mapping[str, float]) -> float:
    """Return the probability that the true response is good enough there."""
    guess = row["predicted"][goal.response]
    low, high = _bounds(goal, reached)
    return _below(high, guess) - _below(low, guess)


def _bounds(goal: ObjectiveSettings, reached: Mapping[str, float]) -> Sequence[float]:
    if goal.goal == "target":
        return (goal.low or 0.0, goal.high or 0.0)
    value = reached[goal.response]
    return (value, float("inf")) if goal.goal == "maximise" else (float("-inf"), value)


def _below(value: float, guess: Mapping[str, float]) -> float:
    if guess["sd"] <= 0:
        return float(guess["mean"] <= value)
    return 0.5 * (1.0 + erf((value - guess["mean"]) / (guess["sd"] * sqrt(2.0))))


def _told(row: Mapping[str, Any], goal: ObjectiveSettings, reached: Mapping[str, float]) -> str:
    guess = row["predicted"][goal.response]
    if goal.goal == "target":
        wanted = f"within {goal.low:g} to {goal.high:g}"
    else:
        side = "at least" if goal.goal == "maximise" else "at most"
        wanted = f"{side} {reached[goal.response]:g}"
    return f"{goal.response} {wanted} (expected {spread(guess['mean'], guess['sd'])})"
