"""The planner ``simplex``: climbs by reflecting a simplex of runs, without any model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from planners.base import Observation, Problem, Proposing, Response, Suggestion
from planners.errors import BadOption, CannotSuggest
from planners.factors import Array
from planners.problem import nearest
from planners.simplex.moves import Replay, Rules
from planners.simplex.runs import Runs, Scenario, Wanted
from planners.simplex.space import Space

_GUESSES = {
    "middling": "in case the run under way turns out middling",
    "good": "in case the run under way turns out better than all",
    "bad": "in case the run under way turns out worse than all",
}


@dataclass(frozen=True)
class Simplex(Proposing):
    """Nelder and Mead's simplex for noisy experiments: climbs one response without a model.

    The simplex is replayed over the history at every question. It starts at ``start`` (a point, or
    some of its factors; else the middle, with the best level of each name) with edges of ``size``,
    and ends when no edge is longer than ``tolerance``, both in shares of the factors' ranges.
    ``response`` says which one to climb, the first otherwise. With ``remeasure`` the best is run
    again now and then and its runs averaged; failed runs are worse than all others.
    """

    response: str | None = None
    start: Any = None
    size: float = 0.25
    tolerance: float = 0.02
    remeasure: bool = True

    def __post_init__(self) -> None:
        faults = [
            f"{name}: must be above 0 and at most 1, got {given:g}"
            for name, given in (("size", self.size), ("tolerance", self.tolerance))
            if not 0.0 < given <= 1.0
        ]
        if not faults and self.tolerance >= self.size:
            faults.append(f"tolerance: must be below size, got {self.tolerance:g}")
        if self._start() is None:
            faults.append(
                'start: must be an object of factors\' values, as JSON {"temperature": 75},'
                f" got {self.start!r:.80}"
            )
        if faults:
            raise BadOption(faults)

    def _start(self) -> Mapping[str, Any] | None:
        """Return the start as a mapping, None when it is none."""
        given = self.start or {}
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except (ValueError, RecursionError):
                return None
        return given if isinstance(given, Mapping) else None

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # every planner gets one; nothing here is drawn
    ) -> Sequence[Suggestion]:
        """Return the next points, each with the move it belongs to.

        While runs are under way, and for all but the first of several points, the moves are those
        that follow if they turn out middling, good or bad. Raises BadOption, and CannotSuggest
        when there is nothing to climb.
        """
        response = self._response(problem)
        space = Space(problem)
        start = space.start(self._start(), np.random.default_rng(0))
        runs = Runs(problem, response, history)
        alone = f"; climbs {response.name} alone" if self._unasked(problem) else ""
        at_start = self._elsewhere(problem, runs) + alone
        found: list[Suggestion] = []
        rows: list[Array] = []
        while len(found) < n:
            wanted = self._next(space, runs, start, rows)
            if wanted is None:
                break
            row, note = wanted
            note += at_start if note == "start" else ""
            found.append(Suggestion(problem.scale(row), note=note))
            rows.append(row)
            runs.wait_for(row)
        return found

    def _next(
        self, space: Space, runs: Runs, start: Array, taken: Sequence[Array]
    ) -> tuple[Array, str] | None:
        """Return the next run that is not taken, and why; None when there is none."""
        rules = Rules(self.size, self.tolerance, self.remeasure)
        for scenario in get_args(Scenario):
            runs.take(scenario)
            try:
                Replay(space, runs, rules).run(start)
            except Wanted as wanted:
                if not any(np.allclose(wanted.row, row, atol=1e-6) for row in taken):
                    guess = f" ({_GUESSES[scenario]})" if runs.guessed else ""
                    return wanted.row, wanted.why + guess
        return None

    def _elsewhere(self, problem: Problem, runs: Runs) -> str:
        """Return how to begin at the best run, for when none of the history is at the start."""
        if (best := runs.best) is None or self.start:
            return ""
        point = {name: _written(value) for name, value in problem.scale(best).items()}
        option = f"--option 'start={json.dumps(point, ensure_ascii=False)}'"
        return f", where no run was yet; {option} begins at the best run so far"

    def _unasked(self, problem: Problem) -> bool:
        """Return whether there are responses that it passes over without being told to."""
        return self.response is None and len(problem.responses) > 1

    def _response(self, problem: Problem) -> Response:
        names = [response.name for response in problem.responses]
        if not names:
            raise CannotSuggest("simplex needs a response to improve, and this problem has none")
        if self.response is None:
            return problem.responses[0]
        if self.response not in names:
            near = nearest(self.response, names)
            raise BadOption(
                [f"response: no response {self.response!r}{near}; they are {', '.join(names)}"]
            )
        return problem.responses[names.index(self.response)]


def _written(value: Any) -> Any:
    """Return a factor's value as a person would write it."""
    if isinstance(value, Mapping):
        return {part: _written(amount) for part, amount in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value
