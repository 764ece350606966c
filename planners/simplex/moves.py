"""The moves of the simplex, replayed from the start over the runs there are.

Nelder and Mead, Computer Journal 1965: reflection 1, expansion 2, contraction 1/2, shrinkage 1/2.
For noisy experiments a vertex that has stayed the best for as many moves as there are vertices is
measured again, and so is the best after shrinking and before the end (Parker, Cave and Barnes,
Anal. Chim. Acta 1985; Barton and Ivey, Management Science 1996); its value is the mean. A lucky
reading cannot hold the simplex for ever. Vertices that do not span the space any more are built
anew around the best.
"""

from dataclasses import dataclass

import numpy as np

from planners.factors import Array
from planners.simplex.runs import Runs
from planners.simplex.space import Space

_MAX_MOVES = 400  # replayed; a simplex this old has converged
_MAX_BUILDS = 20  # each of half the size; numbers in steps may stay flat for ever
_MAX_FRESH = 5  # simplexes begun anew after an edge was met
_FLAT = 1e-3  # least to greatest extent of a simplex that still spans the space


@dataclass(slots=True)
class Vertex:
    """A place, the row that was run for it, and its value so far."""

    place: Array
    row: Array
    value: float
    count: int = 1
    kept: int = 0  # moves since it was last measured while it was the best


@dataclass(frozen=True, slots=True)
class Rules:
    """The options that moves depend on; sizes in shares of the factors' ranges."""

    size: float
    tolerance: float
    remeasure: bool


class Replay:
    """The simplex from its start to where the next run is wanted (Wanted) or it has converged."""

    def __init__(self, space: Space, runs: Runs, rules: Rules) -> None:
        self._space, self._runs, self._rules = space, runs, rules
        self.vertices: list[Vertex] = []
        self._free = 0  # directions the simplex spans
        self._hindered = False  # by a bound or a constraint, since it was built

    def run(self, start: Array) -> Vertex:
        """Return the best vertex of a converged simplex; raise Wanted before."""
        best = self._best_levels(start)
        if not self._space.has_numbers:
            return self._confirmed(best)
        self._build(best, self._rules.size, "start")
        self._climb()
        for _ in range(_MAX_FRESH):  # noise may let two places beat each other for ever
            if not (self._hindered and self.vertices[0].value > best.value):
                break
            best = self.vertices[0]  # edges squeeze a simplex flat: does a fresh one get further?
            self._build(best, self._rules.size / 2, "a fresh simplex, as the last met an edge")
            self._climb()
        return self._confirmed(self.vertices[0])

    def _climb(self) -> None:
        """Move until the simplex is small."""
        builds = 0
        for _ in range(_MAX_MOVES):
            self._sort()
            self._remeasured()
            small = self._extent() < self._rules.tolerance or self._at_one_place()
            if small or builds == _MAX_BUILDS:
                break
            if self._flat():
                builds += 1
                self._build(self.vertices[0], self._extent() / 2, "simplex built anew")
            else:
                self._move()
        self._sort()

    def _vertex(self, place: Array, inside: Array, why: str) -> Vertex | None:
        """Return a measured vertex, None where nothing is feasible.

        Of numbers that move in steps it remembers where between them it wanted to be.
        """
        row = self._space.legal(place, inside)
        if row is None:
            return None
        value, where = self._runs.measure(row, 1, why)
        stepped = self._space.stepped
        self._hindered |= bool(np.any(np.abs(row - place)[~stepped] > 1e-9))
        between = np.where(stepped, np.clip(place, 0.0, 1.0), where)
        return Vertex(between, row, value)

    def _best_levels(self, start: Array) -> Vertex:
        """Return the start with the best level of each name, tried one factor at a time."""
        value, _ = self._runs.measure(start, 1, "start")
        best = Vertex(start, start, value)
        for column, factor in self._space.names:
            for row in self._space.levels(best.row, column, factor):
                level = factor.value(row[column : column + 1])
                value, _ = self._runs.measure(row, 1, f"start with {factor.name} {level}")
                if value > best.value:
                    best = Vertex(row, row, value)
        return best

    def _build(self, best: Vertex, size: float, why: str) -> None:
        """Make a simplex of the best and one step from it in every direction."""
        steps = self._space.steps(best.place, size)
        self._free, self._hindered = len(steps), False
        others: list[Vertex] = []
        for k, step in enumerate(steps):
            said = f"{why}: vertex {k + 2} of {len(steps) + 1}"
            vertex = self._vertex(best.place + step, best.row, said)
            if vertex is not None:
                others.append(vertex)
        self.vertices = [best, *others]

    def _sort(self) -> None:
        self.vertices.sort(key=lambda v: -v.value)  # stable: the older first

    def _remeasured(self) -> None:
        """Measure the best again when it has been the best for long."""
        best = self.vertices[0]
        if self._rules.remeasure and best.kept > len(self.vertices):
            self._again(best, "best so far, measured again: it has stayed for long")
            self._sort()
        for vertex in self.vertices[1:]:
            vertex.kept = 0
        self.vertices[0].kept += 1

    def _again(self, vertex: Vertex, why: str) -> None:
        vertex.value, _ = self._runs.measure(vertex.row, vertex.count + 1, why)
        vertex.count += 1
        vertex.kept = 0

    def _confirmed(self, best: Vertex) -> Vertex:
        if self._rules.remeasure and best.count < 2:
            self._again(best, "best found, measured again")
        return best

    def _extent(self) -> float:
        """Return the longest edge from the best in any column."""
        places = np.array([v.place for v in self.vertices])
        return float(np.max(np.abs(places - places[0])))

    def _at_one_place(self) -> bool:
        """Return whether steps of numbers leave all vertices the same run."""
        return all(np.allclose(v.row, self.vertices[0].row) for v in self.vertices)

    def _flat(self) -> bool:
        """Return whether the vertices no longer span every direction."""
        places = np.array([v.place for v in self.vertices])
        sizes = np.linalg.svd(places[1:] - places[0], compute_uv=False)
        return len(sizes) < self._free or bool(sizes[self._free - 1] < _FLAT * sizes[0])

    def _move(self) -> None:
        best, worst = self.vertices[0], self.vertices[-1]
        centre = np.mean([v.place for v in self.vertices[:-1]], axis=0)
        away = centre - worst.place

        def at(share: float, why: str) -> Vertex | None:
            return self._vertex(centre + share * away, best.row, why)

        reflected = at(1.0, "reflection of the worst vertex")
        if reflected is not None and reflected.value > best.value:
            further = at(2.0, "expansion: the reflection was the best so far")
            longer = further is not None and further.value > reflected.value
            self._replace(further if longer else reflected)
        elif reflected is not None and reflected.value > self.vertices[-2].value:
            self._replace(reflected)
        else:
            self._contract(reflected, at(*self._towards(reflected, worst)))

    def _towards(self, reflected: Vertex | None, worst: Vertex) -> tuple[float, str]:
        outside = reflected is not None and reflected.value > worst.value
        where = "outside" if outside else "inside"
        return (0.5 if outside else -0.5), f"contraction {where}: the reflection was no better"

    def _contract(self, reflected: Vertex | None, nearer: Vertex | None) -> None:
        floor = self.vertices[-1].value
        if reflected is not None:
            floor = max(floor, reflected.value)
        if nearer is not None and nearer.value > floor:
            self._replace(nearer)
        else:
            self._shrink()

    def _replace(self, vertex: Vertex | None) -> None:
        if vertex is not None:
            self.vertices[-1] = vertex

    def _shrink(self) -> None:
        """Move every vertex halfway to the best, after making sure of the best."""
        best = self.vertices[0]
        if self._rules.remeasure:
            self._again(best, "best so far, measured again before the simplex shrinks to it")
            self._sort()
            best = self.vertices[0]
        moved = [
            self._vertex((v.place + best.place) / 2, best.row, "simplex shrinks to its best")
            for v in self.vertices[1:]
        ]
        self.vertices = [best, *(v for v in moved if v is not None)]
