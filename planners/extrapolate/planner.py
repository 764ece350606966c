"""Extrapolative search: describe mixtures by the properties of their elements, try new elements.

After Mine et al., Nat. Commun. (2023), doi:10.1038/s41467-023-41341-3: a model that sees
properties of elements instead of their names can say something of elements no run has held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planners.base import Observation, Problem, Proposing, Suggestion
from planners.errors import BadOption, CannotSuggest
from planners.extrapolate import reading
from planners.extrapolate.descriptors import FORMS, Form


@dataclass(frozen=True)
class Extrapolate(Proposing):
    """Tree ensembles on elemental properties: mixtures of elements that no run has held yet.

    ``descriptors`` say what the model sees of a mixture: ``explorative`` (properties summed over
    the elements; speaks of unseen elements), ``conventional`` (amounts), ``exploitative`` (both)
    or ``swed`` (properties in slots by descending amount). ``amounts`` are by ``weight`` or
    ``mole``. ``properties`` (component -> property -> value) adds to the built-in table of
    elements, or overrides it. ``weights`` are the relative amounts combined in candidates, at most
    about ``candidates`` of which are looked at. ``n_initial`` runs spread over the descriptors
    come first (default: 1 more than the cube has columns, 4 to 12).
    """

    descriptors: str = "exploitative"
    amounts: str = "weight"
    properties: Mapping[str, Mapping[str, float]] | None = None
    weights: Sequence[float] | None = None
    n_initial: int | None = None
    candidates: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        faults = [
            *reading.one_of("descriptors", self.descriptors, FORMS),
            *reading.one_of("amounts", self.amounts, ("weight", "mole")),
        ]
        if self.n_initial is not None and self.n_initial < 1:
            faults.append(f"n_initial: must be at least 1, got {self.n_initial}")
        if not 16 <= self.candidates <= 100_000:
            faults.append(f"candidates: must be 16 to 100000, got {self.candidates}")
        if self.seed < 0:
            faults.append(f"seed: must be at least 0, got {self.seed}")
        if faults:
            raise BadOption(faults)
        object.__setattr__(self, "properties", reading.properties("properties", self.properties))
        object.__setattr__(self, "weights", reading.weights("weights", self.weights))

    @property
    def form(self) -> Form:
        """Return the descriptors' form."""
        return next(form for form in FORMS if form == self.descriptors)

    @property
    def table(self) -> Mapping[str, Mapping[str, float]]:
        """Return the properties given by the user."""
        return self.properties or {}

    @property
    def grid(self) -> Sequence[float]:
        """Return the relative amounts combined in candidates."""
        return self.weights or reading.WEIGHTS

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return the most promising points, with what is expected there and why.

        Raises CannotSuggest when the problem has no responses or no feasible point, BadOption for
        properties of what is no component.
        """
        if not problem.responses:
            raise CannotSuggest("extrapolate needs at least one response to improve")
        reading.check_components(problem, self.table)
        from planners.extrapolate.picker import picked  # scikit-learn: only where we are asked

        return picked(self, problem, history, n, rng)
