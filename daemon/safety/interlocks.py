"""The safety table as a pure state machine: readings and time in, raised and returned rows out.

A row is *violated* from the first reading (or silence) that breaks its rule, and *raised* once that
has lasted ``delay_s``. A signal that has never been read since the start blocks what acts and
raises an alarm, but trips nothing: nothing was started while it was unknown.

The caller feeds every group of readings, asks :meth:`Interlocks.next_deadline` when silence or a
delay will matter next, and calls :meth:`Interlocks.tick` then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from daemon.safety.rows import Action, Row, Seen, Violation, number, plainly_fine, violation
from drivers.signal import Reading


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was raised, or that returned to normal (``violation`` None)."""

    row: Row
    violation: Violation | None
    action: Action  # what to do now; a signal never read only warns


@dataclass(slots=True)
class _State:
    """Where one row stands."""

    row: Row
    started: float  # silence is counted from here until the first reading
    awake: bool
    violated: Violation | None = None
    unread: bool = True
    since: float = 0.0
    raised: Action | None = None  # the action it was raised with
    armed: bool = False  # the signal has been above ``armed_above`` since the row woke
    goal: float | None = None  # the last value of ``other``
    lowest: float = inf  # value of ``signal`` since ``goal`` changed
    same: tuple[float, float] = (inf, 0.0)  # the last value, and since when it is the same

    def sleep(self) -> None:
        """Forget what is only true of one waking."""
        self.armed, self.goal, self.lowest, self.same = False, None, inf, (inf, 0.0)

    def follow(self, value: float, goal: float | None, t: float) -> None:
        """Take a value of the signal, beside what it should be."""
        if self.row.armed_above is not None and value >= self.row.armed_above:
            self.armed = True
        if goal != self.goal:
            self.goal, self.lowest, self.same = goal, value, (value, t)
        self.lowest = min(self.lowest, value)
        if value != self.same[0]:
            self.same = (value, t)


class Interlocks:
    """All rows of one rig; times are loop times, s."""

    def __init__(self, rows: Sequence[Row], now: float) -> None:
        self._states = [_State(row, now, row.only_while is None) for row in rows]
        self._by_signal: dict[str, list[_State]] = {}
        self._sleepers: dict[str, list[_State]] = {}
        for state in self._states:
            for signal in state.row.watched:
                self._by_signal.setdefault(signal, []).append(state)
            if state.row.only_while is not None:
                self._sleepers.setdefault(state.row.only_while, []).append(state)
        self.moved = True  # a deadline may be nearer than next_deadline() last said
        self._last: dict[str, Reading] = {}
        self._good: dict[str, Reading] = {}
        self._before: dict[str, Reading] = {}  # the last good one before the last
        self._commanded: dict[str, tuple[float | None, float]] = {}
        for state in self._states:
            self._judge(state, now)

    def readings(self, group: Sequence[Reading]) -> list[Change]:
        """Take a group of readings; return the rows that changed.

        A row over two signals is judged when both are taken; a signal that comes twice in a group
        is judged twice.
        """
        changes: list[Change] = []
        touched: dict[str, float] = {}  # signal -> time of its reading
        for reading in group:
            if reading.signal in self._sleepers and number(reading) is not None:
                changes += self.flag(reading.signal, bool(reading.value), reading.t)
            if reading.signal not in self._by_signal:
                continue
            if reading.signal in touched:
                changes += self._judge_touched(touched)
                touched.clear()
            self._remember(reading)
            touched[reading.signal] = reading.t
        return changes + self._judge_touched(touched) if touched else changes

    def tick(self, now: float) -> list[Change]:
        """Let time pass; return the rows that silence or a delay has raised."""
        return [change for state in self._states for change in self._step(state, now)]

    def flag(self, signal: str, on: bool, now: float) -> list[Change]:
        """Wake or put to sleep the rows that hold only while ``signal`` is true."""
        changes: list[Change] = []
        for state in self._sleepers.get(signal, ()):
            if on is not state.awake:
                state.awake, state.started = on, now
                state.sleep()
                self.moved = True
            changes += self._step(state, now)
        return changes

    def commanded(self, signal: str, value: float | None, now: float) -> None:
        """Note the setpoint a signal should follow from now on; None: not known for the moment."""
        self._commanded[signal] = (value, now)

    def next_deadline(self) -> float | None:
        """Return the earliest time at which silence or a delay can change a row."""
        self.moved = False
        return min(self._deadlines(), default=None)

    def violated(self) -> list[tuple[Row, Violation]]:
        """Return the rows that are violated now, raised or still in their delay."""
        return [(s.row, s.violated) for s in self._states if s.violated is not None]

    def state(self) -> Mapping[str, str]:
        """Return ``normal``, ``violated`` or ``raised`` for each row by name."""
        return {s.row.name: _word(s) for s in self._states}

    def _judge_touched(self, touched: Mapping[str, float]) -> list[Change]:
        now = max(touched.values())
        states = {id(s): s for signal in touched for s in self._by_signal[signal]}
        return [change for state in states.values() for change in self._step(state, now)]

    def _remember(self, reading: Reading) -> None:
        good = self._good.get(reading.signal)
        if good is not None:
            self._before[reading.signal] = good
        if number(reading) is not None:
            self._good[reading.signal] = reading
        self._last[reading.signal] = reading

    def _readings_of(self, row: Row) -> dict[str, Reading]:
        """Return what the row goes by."""
        return self._last if row.bad_counts else self._good

    def _judge(self, state: _State, now: float) -> Violation | None:
        """Find what is wrong with one row now; ``since`` starts anew when it begins to be read."""
        unread = self._unread(state) if state.unread else None  # once read, always read
        if not state.awake:
            found = None
        elif unread is None:
            found = self._silence(state.row, now) or self._objection(state)
        elif state.row.stale_s is not None or state.row.bad_counts:
            found = Violation(f"{unread} has not been read")
        else:
            found = None
        if found is not None and (state.violated is None or (state.unread and unread is None)):
            state.since = now
        if (found is None) is not (state.violated is None) or state.unread is not (
            unread is not None
        ):
            self.moved = True
        state.violated, state.unread = found, unread is not None
        return found

    def _objection(self, state: _State) -> Violation | None:
        row = state.row
        if plainly_fine(row, self._readings_of(row)[row.signal]):
            return None
        seen = self._seen(state)
        if row.armed_above is not None and not state.armed:
            return None
        return violation(row, seen)

    def _unread(self, state: _State) -> str | None:
        known = self._readings_of(state.row)
        return next((name for name in state.row.watched if name not in known), None)

    def _seen(self, state: _State) -> Seen:
        row, known = state.row, self._readings_of(state.row)
        commanded, at = self._commands(row.commanded_of or (row.signal,))
        now, other = known[row.signal], None if row.other is None else known[row.other]
        value = number(now)
        if value is not None:
            t = max(now.t, state.started)  # not what it was before the row woke
            state.follow(value, None if other is None else number(other), t)
        before = self._before.get(row.signal)
        same_s = now.t - state.same[1]
        return Seen(now, before, other, commanded, at, state.lowest, same_s)

    def _commands(self, signals: Sequence[str]) -> tuple[float | None, float]:
        """Return what signals are to follow together, and since when.

        None while one of them is being changed, or while none was ever commanded; one that never
        was counts for nothing, so that an idle pump blinds no row.
        """
        known = [self._commanded[name] for name in signals if name in self._commanded]
        values = [value for value, _ in known if value is not None]
        total = sum(values) if known and len(values) == len(known) else None
        return total, max((at for _, at in known), default=0.0)

    def _silence(self, row: Row, now: float) -> Violation | None:
        if row.stale_s is None:
            return None
        for signal in row.watched:
            t = self._readings_of(row)[signal].t
            if now >= t + row.stale_s:
                text = f"{signal} has not been read for {now - t:.3g} s"
                return Violation(text, None, row.stale_s)
        return None

    def _step(self, state: _State, now: float) -> Iterator[Change]:
        found = self._judge(state, now)
        if found is None:
            if state.raised is not None:
                state.raised = None
                yield Change(state.row, None, state.row.action)
            return
        action = self._action(state)
        if state.raised not in (action, state.row.action) and now >= self._due(state):
            state.raised = action
            yield Change(state.row, found, action)

    def _action(self, state: _State) -> Action:
        """Return the row's action; only a warning while nothing was ever read."""
        return "warn" if state.unread and state.row.only_while is None else state.row.action

    def _due(self, state: _State) -> float:
        """Return when a violated row is raised: after its delay; for the unread, when stale."""
        if not state.unread:
            return state.since + state.row.delay_s
        return state.started + max(state.row.delay_s, state.row.stale_s or 0.0)

    def _deadlines(self) -> Iterator[float]:
        for state in self._states:
            if state.violated is not None:
                if state.raised not in (self._action(state), state.row.action):
                    yield self._due(state)
            elif state.awake and state.row.stale_s is not None:
                known = self._readings_of(state.row)
                yield min(known[name].t for name in state.row.watched) + state.row.stale_s


def _word(state: _State) -> str:
    if state.violated is None:
        return "normal"
    return "violated" if state.raised is None else "raised"
