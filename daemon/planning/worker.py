"""The planner worker: asks planners in a process of their own, so that the loop never waits.

One child process (``planners.serve``), lowest in priority and with one numerics thread, is kept
between requests and started anew after any fault. It speaks JSON lines over a socket pair on this
loop, so no thread is needed, and it ends with the daemon however the daemon ends, because its
socket closes. What it answers is checked here once more: a planner's death or nonsense becomes
PlannerFailed, and nothing else.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import structlog

from daemon.errors import PlannerFailed
from daemon.planning.child import Child
from daemon.planning.process import Process
from daemon.settings.models import CampaignSettings, PlannerCommand
from daemon.timebase import outside_work, wall_s
from planners.base import Observation, Point, Predicted, Problem
from planners.errors import PlannerError
from planners.protocol import called, joined_request, read_answer, run_text
from planners.registry import takes_option

log = structlog.get_logger(__name__)

_AT_A_TIME = 4  # runs made text between two turns of the loop: 0.1 ms when nothing is in the cache
_STANDING_S = 60.0  # for a look at how things stand: nothing waits for it
_GRACE_S = 5.0  # the child keeps the time limit itself; this is for a child that cannot


@dataclass(frozen=True, slots=True)
class NamedPlanner:
    """An installed planner and its options."""

    name: str = "bayes"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timeout_s: float = 600.0

    @property
    def label(self) -> str:
        """Return how messages call it."""
        return self.name

    def request(self) -> dict[str, Any]:
        """Return its keys of a request."""
        return {"planner": self.name, "options": dict(self.options), "timeout_s": self.timeout_s}


@dataclass(frozen=True, slots=True)
class CommandPlanner:
    """A planner that is another program."""

    command: tuple[str, ...]
    timeout_s: float = 600.0
    folder: str = ""  # in which it is started; empty: the daemon's own

    @property
    def label(self) -> str:
        """Return how messages call it."""
        return called(self.command)

    def request(self) -> dict[str, Any]:
        """Return its keys of a request."""
        return {
            "command": list(self.command),
            "folder": self.folder,
            "timeout_s": self.timeout_s,
        }


def planner_of(
    campaign: CampaignSettings, costs: Mapping[str, Mapping[str, float]] = MappingProxyType({})
) -> NamedPlanner | CommandPlanner:
    """Return the planner a configuration names, told what points cost if it takes that.

    What the configuration says itself stands.
    """
    if isinstance(campaign.planner, PlannerCommand):
        program = campaign.planner
        return CommandPlanner(tuple(program.command), program.timeout_s, program.folder)
    told = {n: dict(w) for n, w in costs.items() if w and takes_option(campaign.planner, n)}
    return NamedPlanner(campaign.planner, {**told, **campaign.options})


@dataclass(frozen=True, slots=True)
class Suggested:
    """Checked points, what the planner expects at each (perhaps nothing), and its remarks.

    ``note`` is of the whole answer, ``notes`` are of the points, perhaps the same.

    ``seconds`` is real time: keep it out of anything that must be the same in every run.
    """

    points: tuple[Point, ...]
    predicted: tuple[Mapping[str, Predicted], ...]
    note: str
    seconds: float
    notes: tuple[str, ...] = ()


def _blamed(label: str, error: Exception) -> str:
    """Return whose fault it is and which; a fault that names the program itself names it once."""
    return f"{label}: {str(error).removeprefix(f'{label!r} ')}"


class PlannerWorker:
    """Asks planners, one request at a time; use as ``async with``, or call ``stop`` at the end.

    ``process`` has been started before (``daemon.planning.process``), and is ended by this one.
    """

    def __init__(self, process: Process | None = None) -> None:
        self._child = Child(process) if process is not None else None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self.warm()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """Return the id of the child process, None while there is none."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def warm(self) -> None:
        """Start the child now, so that its imports are done by the first request."""
        self._running()

    def _running(self) -> Child:
        if self._child is None:
            self._child = Child()
            log.debug("planner.started", pid=self._child.pid)
        return self._child

    async def suggest(
        self,
        planner: NamedPlanner | CommandPlanner,
        problem: Problem,
        history: Sequence[Observation],
        n: int,
        seed: int,
        shared: Sequence[str] = (),
    ) -> Suggested:
        """Return up to ``n`` different feasible points; none ends the campaign.

        An installed planner's have one value of each factor named in ``shared``. Raises
        PlannerFailed when the planner dies, stalls, refuses or answers nonsense; the next request
        starts afresh.
        """
        start = wall_s()
        async with self._turn:
            with outside_work():
                runs = await _texts(history)
                more = {**planner.request(), "shared": list(shared)}
                request = joined_request(problem, runs, n, seed, **more)
                line = await self._exchange(request, planner)
        try:
            answer = read_answer(line, problem, n)
        except PlannerError as error:
            raise PlannerFailed(_blamed(planner.label, error)) from error
        return Suggested(
            tuple(s.point for s in answer.suggestions),
            tuple(s.predicted for s in answer.suggestions),
            answer.note,
            wall_s() - start,
            tuple(s.note or answer.note for s in answer.suggestions),
        )

    async def standing(
        self, problem: Problem, whole: Problem, history: Sequence[Observation]
    ) -> Mapping[str, Any]:
        """Return the most probable best runs and the expected regret; raise PlannerFailed.

        ``whole`` is the problem with room for every run. Runs are named by their place in the
        history (``planners.bayes.standing``).
        """
        asked = NamedPlanner("standing", timeout_s=_STANDING_S)
        async with self._turn:
            with outside_work():
                runs = await _texts(history)
                more = {"ask": "standing", "whole": whole.to_json(), "timeout_s": asked.timeout_s}
                line = await self._exchange(joined_request(problem, runs, 0, 0, **more), asked)
        answer = json.loads(line)
        if "error" in answer:
            raise PlannerFailed(f"standing: {answer['error']}")
        return answer

    async def _exchange(self, request: bytes, planner: NamedPlanner | CommandPlanner) -> bytes:
        if self._child is not None and not self._child.alive:
            await self._drop(kill=False)  # it died while nobody asked: no fault of this request
        child = self._running()
        try:
            line = await child.exchange(request, planner.timeout_s + _GRACE_S)
        except PlannerFailed as error:
            await self._drop(kill=True)
            raise PlannerFailed(_blamed(planner.label, error)) from None
        except asyncio.CancelledError:
            await self._drop(kill=False)  # its late answer must not answer the next request
            raise
        if trace := _last_words(line):
            log.warning("planner.crashed", planner=planner.label, traceback=trace)
            await self._drop(kill=False)
        return line

    async def _drop(self, *, kill: bool) -> None:
        child, self._child = self._child, None
        if child is not None:
            log.debug("planner.stopped", pid=child.pid)
            await (child.kill() if kill else child.end())

    async def stop(self) -> None:
        """End the child and everything it started; a later request starts a new one."""
        with outside_work():
            await self._drop(kill=False)


async def _texts(history: Sequence[Observation]) -> list[str]:
    """Return the runs as text; a long history must not hold the loop, so others go in between."""
    texts: list[str] = []
    for run in tuple(history):
        if len(texts) % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        texts.append(run_text(run))
    return texts


def _last_words(line: bytes) -> str:
    """Return the traceback of a child that ends with this answer; empty when it goes on."""
    return str(json.loads(line).get("traceback", "")) if line.startswith(b'{"error"') else ""
