"""Inverse design: name the result, get the conditions.

A first design spreads a few runs evenly; then one mixture model of conditions and results together
is read backwards, from the wanted results to the conditions. Where several conditions give the same
result, each further point shows another of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planners.base import Observation, Problem, Proposing, Suggestion
from planners.errors import BadOption, CannotSuggest
from planners.factors import number
from planners.factors.common import GREATEST

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "model": ("mixture", "variational", "topographic"),
    "choose": ("bic", "cv"),
    "covariance": ("auto", "full", "tied", "diag", "spherical"),
    "estimate": ("mean", "mode"),
    "forward": ("auto", "gp", "trees", "select"),
    "beyond": ("refuse", "nearest"),
}


@dataclass(frozen=True)
class Inverse(Proposing):
    """Conditions for a wanted result, by a mixture model read backwards.

    ``target`` names a wanted value by response (``{ yield = 0.8 }``, or ``yield=0.8,ph=7`` on the
    command line); without it, a response whose goal is a target aims into its range, and one to be
    maximised or minimised at the best seen. ``model`` is ``mixture`` (Gaussian mixture regression),
    ``variational`` or ``topographic``; ``components`` at most, of shape ``covariance``, are chosen
    by ``choose``. The design is the conditional ``estimate`` (mean or mode) where that passes, and
    must lie within the domain of all but the share ``outliers`` of the runs. ``forward`` is the
    other model that checks it (``select``: the one that predicts rows left out best). ``beyond``
    says what to do with a target outside everything seen. ``n_initial`` runs are spread evenly
    first (default: 3 more than the cube has columns).
    """

    target: Any = None
    model: str = "mixture"
    components: int = 6
    covariance: str = "auto"
    choose: str = "bic"
    estimate: str = "mean"
    forward: str = "auto"
    outliers: float = 0.05
    beyond: str = "refuse"
    n_initial: int | None = None
    use_suspect: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{name}: must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
            for name, allowed in _CHOICES.items()
            if getattr(self, name) not in allowed
        ]
        if self.components < 1:
            faults.append(f"components: must be at least 1, got {self.components}")
        if not 0.0 <= self.outliers < 1.0:
            faults.append(f"outliers: must be at least 0 and below 1, got {self.outliers}")
        if self.n_initial is not None and self.n_initial < 1:
            faults.append(f"n_initial: must be at least 1, got {self.n_initial}")
        if self.seed < 0:
            faults.append(f"seed: must be at least 0, got {self.seed}")
        wanted = _target(self.target)
        if wanted is None:
            faults.append(
                f"target: must be numbers by response, as yield=0.8,ph=7, got {self.target!r:.80}"
            )
        if faults:
            raise BadOption(faults)
        object.__setattr__(self, "target", wanted)

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return up to ``n`` different points that should give the target, and what to expect.

        Raises CannotSuggest when there is nothing to aim at, when no point keeps the constraints,
        and, unless ``beyond`` is ``nearest``, when the target lies outside everything seen. Raises
        BadOption when the target names no response.
        """
        if not problem.responses:
            raise CannotSuggest("inverse needs at least one response to aim at; lhs needs none")
        from planners.inverse.designer import Designer  # scikit-learn: not where we are checked
        from planners.threads import one_thread

        with one_thread():
            return Designer(self, problem, history, rng).points(n)


def _target(given: object) -> dict[str, float] | None:
    """Return the wanted values by response, or None when ``given`` is nothing of the kind."""
    if given is None or given == "":
        return {}
    pairs = _pairs(given) if isinstance(given, str) else given
    if not isinstance(pairs, Mapping):
        return None
    wanted: dict[str, float] = {}
    for name, given_value in pairs.items():
        value = number(given_value)
        if value is None or abs(value) > GREATEST:
            return None
        wanted[str(name)] = value
    return wanted


def _pairs(text: str) -> object:
    """Return ``a=1,b=2`` or a JSON object as a mapping, or None."""
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        parts = [part.partition("=") for part in text.split(",")]
        return {name.strip(): float(value) for name, _, value in parts}
    except (ValueError, RecursionError):
        return None
