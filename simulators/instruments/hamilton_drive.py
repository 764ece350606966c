"""What moves in a Microlab 600 or an MVP: a plunger with its valve, or a valve alone.

Acts are buffered and then done one after the other; a halt keeps what was left to do. The plunger
is what the plant's pump displaces while the valve leads there: dispensing through the output,
drawing through the input; other ways are a bottle and a stroke that the plant knows nothing of.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from simulators.ports import Clock, PumpPort, ValvePort

STROKE, LONGEST = 48000, 52800  # steps
VALVE_S = 0.25  # for the built-in valve
_LOOK_S = 0.05


@dataclass
class Act:
    """One act: ``valve`` (to a place), ``plunger`` (to a step, at s per stroke), or ``wait``."""

    kind: str
    to: int = 0
    seconds: float = 0.0
    place: str = ""


class Drive:
    """One side: does its acts in order; subclasses know how."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.buffer: list[Act] = []
        self.initialised = True
        self.syringe_error = self.valve_error = False
        self._queue: deque[Act] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._halted = False

    @property
    def busy(self) -> bool:
        """Return whether something moves (or a delay runs)."""
        return self._timer is not None

    @property
    def waiting(self) -> bool:
        """Return whether acts wait for ``R`` or ``$``."""
        return bool(self.buffer or self._halted)

    def execute(self) -> None:
        """Do what is buffered (``R``)."""
        self._queue += self.buffer
        self.buffer.clear()
        self._halted = False
        self._next()

    def halt(self) -> None:
        """Stop where it is (``K``); what is left can be resumed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._break_off()
        self._halted = bool(self._queue)

    def resume(self) -> None:
        """Go on after a halt (``$``)."""
        self._halted = False
        if not self.busy:
            self._next()

    def clear(self) -> None:
        """Forget what was to come (``V``)."""
        self.buffer.clear()
        if not self.busy:
            self._queue.clear()
            self._halted = False

    def reset(self) -> None:
        """Lose power: everything stops, and must be initialised again."""
        self.halt()
        self.clear()
        self.initialised = self.syringe_error = self.valve_error = False

    def look(self) -> None:
        """Notice a stall."""

    def _next(self) -> None:
        self._timer = None
        if self._queue:
            self._begin(self._queue[0])

    def _begin(self, act: Act) -> None:
        self._after(act.seconds, self._done)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _done(self) -> None:
        self._queue.popleft()
        self._next()

    def _break_off(self) -> None:
        """Take up a halt in the middle of the first act."""


class SyringeDrive(Drive):
    """A plunger and its valve; begins initialised and full, as the plant's syringe does."""

    def __init__(self, pump: PumpPort, clock: Clock, volume_ml: float) -> None:
        super().__init__(clock)
        self._pump, self._volume = pump, volume_ml
        self.valve = "O"
        self._steps, self._rate, self._since = float(STROKE), 0.0, 0.0  # rate: steps/s

    @property
    def steps(self) -> int:
        """Return where the plunger is."""
        self._count()
        return round(self._steps)

    def planned(self) -> int:
        """Return where the plunger will be after what is buffered."""
        goals = [act.to for act in self.buffer if act.kind == "plunger"]
        return goals[-1] if goals else self.steps

    def look(self) -> None:
        """Stop with an error when the motor is stalled."""
        if self._rate and self._pump.stalled():
            self._fail()

    def _fail(self) -> None:
        self.halt()
        self.clear()
        self.syringe_error = True

    def _begin(self, act: Act) -> None:
        if act.kind == "plunger":
            self._push(act)
        elif act.kind == "valve":
            self._after(VALVE_S, lambda: self._turned(act.place))
        elif act.kind == "init":
            self._push(Act("plunger", 0, act.seconds), at_all=True)
        else:
            super()._begin(act)

    def _turned(self, place: str) -> None:
        self.valve = place
        self._done()

    def _push(self, act: Act, *, at_all: bool = False) -> None:
        if not (self.initialised or at_all) or not 0 <= act.to <= LONGEST:
            self._queue.clear()
            self.syringe_error = True
            self._timer = None
            return
        rate = STROKE / act.seconds
        way = act.to - self._steps
        self._move(rate if way > 0 else -rate)
        self._after(abs(way) / rate, lambda: self._arrived(act.to))

    def _arrived(self, goal: int) -> None:
        self._move(0.0)
        self._steps = float(goal)
        if self._queue[0].kind == "init":
            self.initialised, self.syringe_error, self.valve_error = True, False, False
        self._done()

    def _break_off(self) -> None:
        self._move(0.0)

    def _move(self, rate: float) -> None:
        """Run at this rate, steps/s; up draws."""
        self._count()
        self._rate = rate
        through = (rate < 0 and self.valve == "O") or (rate > 0 and self.valve == "I")
        flow = -rate / STROKE * self._volume * 60.0
        self._pump.set_flow(flow if through else 0.0)

    def _count(self) -> None:
        now = self.clock()
        self._steps += self._rate * (now - self._since)
        self._since = now


class ValveDrive(Drive):
    """The rotor of an MVP."""

    def __init__(self, valve: ValvePort, clock: Clock) -> None:
        super().__init__(clock)
        self._rotor = valve
        self._until = 0.0

    @property
    def position(self) -> int:
        """Return where the rotor is."""
        return self._rotor.position()

    def _begin(self, act: Act) -> None:
        if act.kind == "wait":
            super()._begin(act)
            return
        if act.kind == "init":
            self.initialised, self.valve_error = True, False
        elif not self.initialised:
            self._queue.clear()
            self.valve_error, self._timer = True, None
            return
        self._rotor.turn(act.to)
        self._until = self.clock() + 2.0  # then it has not made it
        self._after(_LOOK_S, lambda: self._watch(act.to))

    def _watch(self, goal: int) -> None:
        if self._rotor.position() == goal:
            self._done()
        elif self.clock() < self._until:
            self._after(_LOOK_S, lambda: self._watch(goal))
        else:
            self._queue.clear()
            self.valve_error, self._timer = True, None
