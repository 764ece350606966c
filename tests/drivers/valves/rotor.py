"""A rotor of its own, and simulated valves on it."""

import asyncio

from simulators.instruments.base import Ports


class Rotor:
    """Takes 0.15 s for a turn; ``stuck`` stays where it is."""

    def __init__(self):
        self.at, self.goal, self.there_at, self.stuck, self.turns = 1, 1, 0.0, False, []

    def turn(self, position):
        now = asyncio.get_running_loop().time()
        self.at, self.goal, self.there_at = self.position(), position, now + 0.15
        self.turns.append(position)

    def position(self):
        arrived = asyncio.get_running_loop().time() >= self.there_at
        return self.goal if arrived and not self.stuck else self.at


def simulated(cls, name, rotor, options=None):
    """Return a simulated valve on a rotor."""
    return cls(name, options or {}, Ports(valve=rotor), asyncio.get_running_loop().time)
