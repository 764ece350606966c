"""A stretch of line and a pan that tests fill, and simulated sensors on them."""

import asyncio

from simulators.instruments.base import Ports


class Spot:
    """Where a sensor sits: mL/min, degC, g."""

    def __init__(self, flow=1.25, degc=23.0, mass=123.45):
        self.flow, self.degc, self.air, self.mass = flow, degc, False, mass

    def flow_ml_min(self):
        return self.flow

    def temperature_degc(self):
        return self.degc

    def gas(self):
        return self.air

    def mass_g(self):
        return self.mass


def sensing(cls, name, spot, options=None):
    """Return a simulated sensor at a spot."""
    clock = asyncio.get_running_loop().time
    return cls(name, options or {}, Ports(flow=spot, balance=spot), clock)
