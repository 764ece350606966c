"""Turns on a line: one holder at a time, the most urgent lane first.

Trips and commands go in order of arrival. Polls go by their deadlines, the earliest first: the
poller says by :data:`DEADLINE` until when what it asks for is wanted (its due time and one period
more), and drivers need not know. A poll without a deadline, or with a distant one, is given
``FAIR_S`` from the moment it asks, so that nobody on a line that is asked too much waits for ever
behind those that are polled more often.
"""

import asyncio
from collections import deque
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from math import inf

from drivers.signal import Lane

PATIENCE = 8  # commands in a row before one waiting poll goes: readings must not go stale
FAIR_S = 1.0

# loop time until which the polls of this task are wanted, s
DEADLINE: ContextVar[float] = ContextVar("poll deadline", default=inf)

Turn = asyncio.Future[None]


class Turns:
    """A lock with lanes; costs nothing but a flag when nobody else wants the line."""

    def __init__(self) -> None:
        self._held = False
        self._queued = False  # somebody may wait
        self._trips: deque[Turn] = deque()
        self._commands: deque[Turn] = deque()
        self._polls: list[tuple[float, int, Turn]] = []  # a heap, by deadline and arrival
        self._arrivals = count()
        self._commands_in_a_row = 0

    def try_take(self) -> bool:
        """Take the line if it is free."""
        if self._held:
            return False
        self._held = True
        return True

    async def take(self, lane: Lane) -> None:
        """Wait for the line."""
        if self.try_take():
            return
        loop = asyncio.get_running_loop()
        turn: Turn = loop.create_future()
        self._queued = True
        if lane is Lane.POLL:
            deadline = min(DEADLINE.get(), loop.time() + FAIR_S)
            heappush(self._polls, (deadline, next(self._arrivals), turn))
        else:
            (self._trips if lane is Lane.TRIP else self._commands).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given to us just before
                self.give_back()
            raise

    def give_back(self) -> None:
        """Hand the line to the next in turn, or free it."""
        while self._queued and (turn := self._next()) is not None:
            if not turn.done():  # else its task was cancelled while it waited
                turn.set_result(None)
                return
        self._held = self._queued = False

    def waiting(self, lane: Lane) -> bool:
        """Return whether somebody waits in this lane."""
        queue = self._trips if lane is Lane.TRIP else self._commands
        if lane is Lane.POLL:
            queue = [turn for _, _, turn in self._polls]
        return any(not turn.done() for turn in queue)

    def _next(self) -> Turn | None:
        """Take the next turn out of its queue; None when nobody waits."""
        trips, commands = self._trips, self._commands
        if trips:
            return trips.popleft()
        impatient = self._commands_in_a_row >= PATIENCE and self._polls
        if commands and not impatient:
            turn = commands.popleft()
            if self._polls and not turn.done():
                self._commands_in_a_row += 1
            return turn
        if not self._polls:
            return None
        _, _, turn = heappop(self._polls)
        if not turn.done():
            self._commands_in_a_row = 0
        return turn
