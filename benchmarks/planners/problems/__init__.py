"""The benchmark's problems, by name: factors, a noise-free truth, noise, and what counts as best.

Written from published facts (each module cites them) and sharing no code with the simulators.
"""

from benchmarks.planners.problems.case import Case
from benchmarks.planners.problems.catalyst import CATALYST
from benchmarks.planners.problems.consecutive import CONSECUTIVE
from benchmarks.planners.problems.constrained import CONSTRAINED
from benchmarks.planners.problems.hidden import HIDDEN
from benchmarks.planners.problems.mixture import FLARE, SOLVENTS
from benchmarks.planners.problems.snar import SNAR, SNAR_TWO
from benchmarks.planners.problems.suzuki import SUZUKI, SUZUKI_TWO
from benchmarks.planners.problems.targets import TARGETS, WINDOW

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        SNAR,
        SNAR_TWO,
        CATALYST,
        SUZUKI,
        SUZUKI_TWO,
        CONSECUTIVE,
        SOLVENTS,
        FLARE,
        CONSTRAINED,
        HIDDEN,
        TARGETS,
        WINDOW,
    )
}

__all__ = ["CASES", "Case"]
