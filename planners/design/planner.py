"""The planner ``design``: classical and optimal designs by name, worked off run by run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from planners.base import Observation, Problem, Suggestion, Tabular
from planners.design import factorial, mixture, optimal, spread
from planners.design.arrange import Run, arranged
from planners.design.coded import MAX_RUNS, centre_rows
from planners.design.feasible import fitted, in_the_middle
from planners.design.model import MODELS
from planners.errors import BadOption, CannotSuggest
from planners.factors import Array
from planners.problem import nearest
from planners.tables import different, left_rows

MIXTURES = ("simplex-lattice", "simplex-centroid", "extreme-vertices")
OPTIMAL = ("d-optimal", "i-optimal")
KINDS = (
    *("latin-hypercube", "sobol", "full", "fractional", "central-composite", "box-behnken"),
    *OPTIMAL,
    *MIXTURES,
)
_BOXES = ("full", "fractional", "central-composite", "box-behnken")
_ONLY_OF = {  # options of some kinds; the others are of all
    "n_runs": ("latin-hypercube", "sobol", *OPTIMAL),
    "levels": ("full", *MIXTURES),
    "resolution": ("fractional",),
    "alpha": ("central-composite",),
    "degree": ("simplex-lattice", "extreme-vertices"),
    "model": OPTIMAL,
    "infeasible": (*_BOXES, *MIXTURES),
}
_N_RUNS = 12  # of designs that fill the space, where the number is not given
_CENTRES = {"central-composite": 3, "box-behnken": 3}
_RESOLUTIONS = {"III": 3, "IV": 4, "V": 5, "3": 3, "4": 4, "5": 5}

Table = tuple[Array, str]  # rows of the unit cube, and what they are in words


@dataclass(frozen=True)
class Design(Tabular):
    """A table of runs chosen beforehand: factorial, response surface, optimal, mixture, spread.

    ``kind`` names the table (the page docs/planners/design.md says what each is for). It follows
    from the problem, the options and ``seed`` alone, so it is the same at every call; rows already
    in the history are passed over, and nothing is left when all are done.
    """

    kind: str = "latin-hypercube"
    n_runs: int | None = None
    levels: int = 2
    resolution: str | int = "IV"
    alpha: str = "face"
    degree: int = 2
    model: str = "quadratic"
    centre_points: int | None = None
    replicates: int = 1
    blocks: int = 1
    order: str = "random"
    infeasible: str = "replace"
    seed: int = 0

    def __post_init__(self) -> None:
        faults = _word_fault("kind", self.kind, KINDS)
        faults += _word_fault("alpha", self.alpha, ("face", "rotatable"))
        faults += _word_fault("model", self.model, MODELS)
        faults += _word_fault("infeasible", self.infeasible, ("replace", "drop", "refuse"))
        faults += [] if faults else self._idle_faults()
        if str(self.resolution).upper() not in _RESOLUTIONS:
            faults.append(f"resolution: must be III, IV or V, got {self.resolution!r}")
        if not self.order.startswith("by:"):
            faults += _word_fault("order", self.order, ("random", "standard", "by:FACTOR"))
        for name, least, most in (
            *(("n_runs", 1, MAX_RUNS), ("levels", 2, 20), ("degree", 1, 10)),
            *(("centre_points", 0, 100), ("replicates", 1, 100), ("blocks", 1, 100)),
            ("seed", 0, 2**64),
        ):
            given = getattr(self, name)
            if given is not None and not least <= given <= most:
                faults.append(f"{name}: must be {least} to {most}, got {given}")
        if faults:
            raise BadOption(faults)

    def _idle_faults(self) -> list[str]:
        """Return what was set that the kind would pass over in silence."""
        return [
            f"{f.name}: kind {self.kind} does not take it, only {', '.join(_ONLY_OF[f.name])}"
            for f in fields(self)
            if self.kind not in _ONLY_OF.get(f.name, KINDS) and getattr(self, f.name) != f.default
        ]

    def size(self, problem: Problem) -> int:
        """Return how many runs the design has, replicates and centre points with them.

        An optimal design is not looked for: its size is known before it is.
        """
        if self.kind not in OPTIMAL:
            return len(self.table(problem)[0])
        rng = np.random.default_rng(self.seed)
        rows = optimal.size(problem, self.model, self.n_runs, rng)
        return _allowed(rows * self.replicates + len(self._centres(problem, rng)[0]))

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # every planner gets one; this one has its own
    ) -> Sequence[Suggestion]:
        """Return the next runs, each with its number; the first also says what the design is.

        Raises CannotSuggest when the problem is not one for this kind, and BadOption.
        """
        runs, said = self.table(problem)
        rows = np.array([run.row for run in runs])
        left = left_rows(problem, rows, history)
        chosen = _in_order(runs, left, different(rows, left, n))
        blocks = max((run.block for run in runs), default=1)
        notes = [_note(runs, i, blocks) for i in chosen]
        if notes:
            notes[0] = f"{said}; {notes[0]}"
            notes[-1] += _waiting(runs, left, chosen) if len(chosen) < n else ""
        return [
            Suggestion(problem.scale(rows[i]), note=note)
            for i, note in zip(chosen, notes, strict=True)
        ]

    def table(self, problem: Problem) -> tuple[list[Run], str]:
        """Return all runs in their order, and what the design is in words."""
        rng = np.random.default_rng(self.seed)
        rows, said = self._scheme(problem, rng)
        repaired = ""
        if self.kind not in OPTIMAL:  # these are feasible, and replicates are meant
            rows, repaired = fitted(problem, rows, self.infeasible, rng)
        table = np.vstack([rows] * self.replicates)
        labels = [
            f", replicate {k + 1}" if self.replicates > 1 else ""
            for k in range(self.replicates)
            for _ in rows
        ]
        centres, displaced = self._centres(problem, rng)
        table = np.vstack([table, centres])
        labels += [", centre point"] * len(centres)
        _allowed(len(table))
        runs = arranged(problem, table, labels, len(centres), self.blocks, self.order, rng)
        few = f"{len(runs)} runs are too few for {self.blocks} blocks"
        fewer = few if self.blocks > len(runs) else ""
        return runs, "; ".join(words for words in (said, repaired, displaced, fewer) if words)

    def _centres(self, problem: Problem, rng: np.random.Generator) -> Table:
        wanted = self.centre_points
        count = _CENTRES.get(self.kind, 0) if wanted is None else wanted
        if not count:
            return np.empty((0, problem.dimension)), ""
        return in_the_middle(problem, centre_rows(problem, count), rng)

    def _scheme(self, problem: Problem, rng: np.random.Generator) -> Table:
        n_runs = self.n_runs or _N_RUNS
        resolution = _RESOLUTIONS[str(self.resolution).upper()]
        makers: dict[str, Callable[[], Table]] = {
            "latin-hypercube": lambda: spread.latin_hypercube(problem, n_runs, rng),
            "sobol": lambda: spread.sobol(problem, n_runs, rng),
            "full": lambda: factorial.full(problem, self.levels),
            "fractional": lambda: factorial.fractional(problem, resolution),
            "central-composite": lambda: factorial.central_composite(problem, self.alpha),
            "box-behnken": lambda: factorial.box_behnken(problem),
        }
        if self.kind in makers:
            return makers[self.kind]()
        if self.kind in MIXTURES:
            return mixture.mixture(problem, self.kind, self.degree, self.levels)
        return optimal.optimal(problem, self.kind, self.model, self.n_runs, rng)


def _allowed(runs: int) -> int:
    """Return the number of runs; raise CannotSuggest where it is more than a design may have."""
    if runs > MAX_RUNS:
        raise CannotSuggest(f"the design would take {runs} runs, more than {MAX_RUNS}")
    return runs


def _note(runs: Sequence[Run], number: int, blocks: int) -> str:
    run = runs[number]
    block = f", block {run.block} of {blocks}" if blocks > 1 else ""
    return f"run {number + 1} of {len(runs)}{block}{run.label}"


def _in_order(runs: Sequence[Run], left: Sequence[int], chosen: list[int]) -> list[int]:
    """Return the chosen runs up to the end of the first block of which some must wait."""
    late = [runs[i].block for i in left if i not in chosen]
    return [i for i in chosen if not late or runs[i].block <= min(late)]


def _waiting(runs: Sequence[Run], left: Sequence[int], chosen: Sequence[int]) -> str:
    """Return how many replicates of chosen runs wait, though more were asked for, and what else."""
    last = runs[chosen[-1]].block
    same = sum(i not in chosen and runs[i].block <= last for i in left)
    if not same:
        return ""
    they = "1 replicate of these waits" if same == 1 else f"{same} replicates of these wait"
    later = any(runs[i].block > last for i in left)
    return f"; {they} for the next question" + f", and so does block {last + 1}" * later


def _word_fault(key: str, given: str, allowed: Sequence[str]) -> list[str]:
    if given in allowed:
        return []
    return [f"{key}: must be one of {', '.join(allowed)}, got {given!r}{nearest(given, allowed)}"]
