"""Two simulated syringe pumps on one line that feed one line of the plant, taking turns.

Options: ``of`` names the simulated instrument of both, ``first`` and ``second`` their options. What
either infuses goes into the plant, from the bottle; what it withdraws comes from the bottle as
well, and the plant does not see it.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock, PumpPort
from simulators.wire.line import Framing, Send, Session, WireInstrument


class _Side:
    """One head of the two; the plant gets what both push."""

    def __init__(self, plant: PumpPort, flows: list[float], which: int) -> None:
        self._plant, self._flows, self._which = plant, flows, which

    def set_flow(self, ml_min: float) -> None:
        """Displace at this rate; withdrawals are drawn from the bottle beside the plant."""
        self._flows[self._which] = ml_min
        self._plant.set_flow(sum(max(flow, 0.0) for flow in self._flows))

    def displaced_ml(self) -> float:
        """Return what the two have displaced together."""
        return self._plant.displaced_ml()

    def pressure_bar(self) -> float:
        """Return the pressure of the line, which both see."""
        return self._plant.pressure_bar()

    def stalled(self) -> bool:
        """Return whether it pushes against a line that does not yield."""
        return self._flows[self._which] > 0 and self._plant.stalled()


class _Sessions:
    """One host talking to both."""

    def __init__(self, sessions: list[Session]) -> None:
        self._sessions = sessions

    def receive(self, data: bytes) -> None:
        """Take bytes; each pump answers what is for it."""
        for session in self._sessions:
            session.receive(data)

    def close(self) -> None:
        """The host has gone."""
        for session in self._sessions:
            session.close()


class SimTwinPumps:
    """Two pumps in one."""

    role: ClassVar[Role] = "pump"
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name = name
        plant, flows = need(ports.pump, name, "pump"), [0.0, 0.0]
        (point,) = entry_points(group="taylord.simulators", name=options["of"])
        factory: Any = point.load()
        self.members: list[Any] = [
            factory(name, options[key], Ports(pump=_Side(plant, flows, which)), clock)
            for which, key in enumerate(("first", "second"))
        ]
        first: WireInstrument = self.members[0]
        self.latency_s = first.latency_s

    def session(self, send: Send, framing: Framing) -> _Sessions:
        """Return a session with a host; every byte reaches both pumps."""
        return _Sessions([member.session(send, framing) for member in self.members])

    def power_cycle(self) -> None:
        """Interrupt the power of both."""
        for member in self.members:
            member.power_cycle()
