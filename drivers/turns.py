"""Turns on a line: one holder at a time, the most urgent lane first, in order inside a lane."""

import asyncio
from collections import deque

from drivers.signal import Lane

PATIENCE = 8  # commands in a row before one waiting poll goes: readings must not go stale


class Turns:
    """A lock with lanes; costs nothing but a flag when nobody else wants the line."""

    def __init__(self) -> None:
        self._held = False
        self._queues: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in Lane}
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
        turn = asyncio.get_running_loop().create_future()
        self._queues[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given to us just before
                self.give_back()
            raise

    def give_back(self) -> None:
        """Hand the line to the next in turn, or free it."""
        if not any(self._queues.values()):
            self._held = False
            return
        while (lane := self._next_lane()) is not None:
            turn = self._queues[lane].popleft()
            if not turn.done():  # else its task was cancelled while it waited
                self._count(lane)
                turn.set_result(None)
                return
        self._held = False

    def waiting(self, lane: Lane) -> bool:
        """Return whether somebody waits in this lane."""
        return any(not turn.done() for turn in self._queues[lane])

    def _next_lane(self) -> Lane | None:
        """Return the lane to serve, or None when nobody waits."""
        impatient = self._commands_in_a_row >= PATIENCE and self._queues[Lane.POLL]
        if impatient and not self._queues[Lane.TRIP]:
            return Lane.POLL
        return next((lane for lane, queue in self._queues.items() if queue), None)

    def _count(self, lane: Lane) -> None:
        if lane is Lane.COMMAND and self._queues[Lane.POLL]:
            self._commands_in_a_row += 1
        elif lane is Lane.POLL:
            self._commands_in_a_row = 0
