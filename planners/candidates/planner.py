"""A list of experiments that could be done; the next one is the most promising of them.

The list is a grid somebody made, a shelf of prepared mixtures, a catalogue of solvents with their
descriptors. Scores are those of Kaneko's adaptive design of experiments ("Introduction to design of
experiments with Python", Kodansha 2021): see :mod:`planners.candidates.scores`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from planners.base import Observation, Problem, Proposing, Suggestion
from planners.cells import NO_TEXT
from planners.errors import BadOption, CannotSuggest
from planners.listed import names_file
from planners.problem import nearest

Acquisition = Literal["auto", "probability", "ei", "mi"]
ModelKind = Literal["gp", "select"]


@dataclass(frozen=True)
class Candidates(Proposing):
    """Score a list of possible experiments by a Gaussian process, and do the best one next.

    ``points`` is the list (objects, the same as JSON text, or the text of a CSV table with a column
    for each factor), or ``file`` names a CSV or JSON file of it; without either, every point of a
    problem of few points, else ``number`` drawn ones. ``acquisition`` is the ``probability`` of
    reaching every goal at once, the expected improvement ``ei`` or mutual information ``mi`` of one
    response; ``auto`` is ``ei`` where it can be. ``model`` is a Gaussian process ``gp``, or what
    ``select`` finds to predict best. ``n_initial`` runs spread over the list come first. Runs that
    are suspect teach nothing unless ``use_suspect``.
    """

    files: ClassVar = ("file",)  # in a configuration it counts from that one's folder
    points: Any = None
    file: str | None = None
    number: int = 4096
    acquisition: str = "auto"
    model: str = "gp"
    n_initial: int | None = None
    use_suspect: bool = False
    seed: int = 0
    _listed: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        faults = [
            *_one_of("acquisition", self.acquisition, get_args(Acquisition)),
            *_one_of("model", self.model, get_args(ModelKind)),
        ]
        if self.points is not None and self.file is not None:
            faults.append("file: give either points or file, not both")
        if self.points is not None and not isinstance(self.points, str | list | tuple):
            faults.append(f"points: must be a list or its text, got {self.points!r:.80}")
        elif isinstance(self.points, str) and names_file(self.points):
            faults.append(f"points: {self.points!r} is the name of a file; give it as file")
        elif self.points is not None and not self.points:
            faults.append("points: must hold at least one point, got none")
        if not 2 <= self.number <= 100_000:
            faults.append(f"number: must be 2 to 100000, got {self.number}")
        if self.n_initial is not None and self.n_initial < 1:
            faults.append(f"n_initial: must be at least 1, got {self.n_initial}")
        if self.seed < 0:
            faults.append(f"seed: must be at least 0, got {self.seed}")
        if faults:
            raise BadOption(faults)
        object.__setattr__(self, "_listed", self._read() if self.file else self.points)

    def _read(self) -> str:
        """Return the text of the file: read once, so that what is asked later depends on nothing.

        Raises BadOption when it cannot be read.
        """
        try:
            text = Path(str(self.file)).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise BadOption([f"file: {self.file}: cannot be read: {NO_TEXT}"]) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "there is no such file"
            raise BadOption([f"file: {self.file}: cannot be read: {reason}"]) from None
        if not text.strip():
            raise BadOption([f"file: {self.file}: is empty; a header and rows are needed"])
        return text

    @property
    def listed(self) -> Any:
        """Return the list as given or read; None when there is none."""
        return self._listed

    def propose(
        self,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        rng: np.random.Generator,  # noqa: ARG002  # nothing is drawn: the same list, the same point
    ) -> Sequence[Suggestion]:
        """Return the best untried candidates, with what is expected there and why.

        Raises BadOption naming faulty candidates and an acquisition that does not suit the problem,
        CannotSuggest when the problem has no responses or no feasible point, and NothingLeft when
        only entries are left that the space does not hold any more.
        """
        if not problem.responses:
            raise CannotSuggest("candidates needs at least one response to score them by")
        self._check_acquisition(problem)
        from planners.candidates.picker import picked  # scikit-learn: only where we are asked

        return picked(self, problem, history, n)

    def _check_acquisition(self, problem: Problem) -> None:
        single = len(problem.responses) == 1 and problem.responses[0].goal != "target"
        if self.acquisition in ("ei", "mi") and not single:
            raise BadOption(
                [
                    f"acquisition: {self.acquisition} is for a single response to maximise or"
                    " minimise; take probability for targets and several responses"
                ]
            )


def _one_of(name: str, given: str, known: Sequence[str]) -> list[str]:
    if given in known:
        return []
    return [f"{name}: must be one of {', '.join(known)}, got {given!r}{nearest(given, known)}"]
