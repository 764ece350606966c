"""What a described instrument does to the plant, and what it measures there."""

from collections.abc import Callable, Mapping
from math import isnan

from simulators.described.sheet import Sheet
from simulators.described.values import Value
from simulators.instruments.base import Ports, need

Read = Callable[[], float]
Act = Callable[[Mapping[str, Value]], None]


class Coupling:
    """The plant side of one role: ``measured`` by field name, and ``act`` on what is set."""

    def __init__(self, sheet: Sheet, name: str, ports: Ports) -> None:
        self._sheet = sheet
        self.measured: dict[str, Read] = {}
        self.act: Act = lambda _values: None
        getattr(self, f"_join_{sheet.role}")(name, ports)
        self.measured = {
            sheet.named(quantity): read
            for quantity, read in self.measured.items()
            if sheet.named(quantity) in sheet.fields
        }

    def _join_heater(self, name: str, ports: Ports) -> None:
        heater, sheet = need(ports.heater, name, "heater"), self._sheet
        self.measured = {
            "temperature": heater.temperature_degc,
            "power": lambda: 100.0 * heater.power_fraction(),
        }
        setpoint, running = sheet.named("setpoint"), sheet.named("running")

        def act(values: Mapping[str, Value]) -> None:
            on = bool(values.get(running, True))
            heater.set_goal(float(values[setpoint]) if on else None)

        self.act = act

    def _join_pump(self, name: str, ports: Ports) -> None:
        pump, sheet = need(ports.pump, name, "pump"), self._sheet
        self.measured = {
            "pressure": pump.pressure_bar,
            "dispensed": pump.displaced_ml,
            "stalled": lambda: float(pump.stalled()),
        }
        flow, running = sheet.named("flow"), sheet.named("running")
        before = 0.0

        def act(values: Mapping[str, Value]) -> None:
            nonlocal before
            now = float(values[flow]) if values.get(running, True) else 0.0
            if now != before:  # a call would clear a stall
                pump.set_flow(now)
            before = now

        self.act = act

    def _join_valve(self, name: str, ports: Ports) -> None:
        valve, position = need(ports.valve, name, "valve"), self._sheet.named("position")
        self.measured = {"position": valve.position}
        self._turned: Value | None = None

        def act(values: Mapping[str, Value]) -> None:
            if values[position] != self._turned:
                self._turned = values[position]
                valve.turn(int(values[position]))

        self.act = act

    def _join_flow(self, name: str, ports: Ports) -> None:
        meter = need(ports.flow, name, "flow")
        self.measured = {"flow": meter.flow_ml_min, "temperature": meter.temperature_degc}

    def _join_pressure(self, name: str, ports: Ports) -> None:
        tap = need(ports.pressure, name, "pressure")
        self.measured = {"pressure": tap.pressure_bar, "temperature": tap.temperature_degc}

    def _join_balance(self, name: str, ports: Ports) -> None:
        self.measured = {"mass": need(ports.balance, name, "balance").mass_g}


def known(number: float) -> float | None:
    """Return a measured number, None when the sensor is dead."""
    return None if isnan(number) else number
