"""The one door for all that acts: limits, state, interlocks, then the driver, then read-back.

Out of range is refused, never clamped. A command is recorded before it is acted on, and so is its
outcome afterwards. What leads towards safety (a stop, less flow, heat off) is never held up by a
trip, an interlock or a disk. A trip cancels what is in flight, so that no command that waited for
the line can restart what the trip has stopped.
"""

import asyncio

from daemon.errors import OutOfLimits, Refused, UnknownSignal
from daemon.events import EventBus
from daemon.rig.acts import Acts, Commit, no_commit
from daemon.rig.checks import Checks, Surroundings, finite, of_kind, whole
from daemon.rig.parts import (
    is_analyser,
    is_flow_controller,
    is_pump,
    is_syringe_pump,
    is_thermostat,
    is_valve,
)
from drivers.errors import ReadbackMismatch
from drivers.roles import FlowController, Instrument, Pump, Spectrum, Thermostat, Valve
from drivers.signal import Lane, Reading, Value

SETPOINT_SLACK_K = 0.1  # coarser than any setpoint's resolution


class Guard:
    """Implements ``daemon.rig.api.GuardPort``."""

    def __init__(self, rig: Surroundings, events: EventBus, commit: Commit = no_commit) -> None:
        self._rig, self._events = rig, events
        self._checks, self._acts = Checks(rig), Acts(rig, events, commit)
        self._flows: dict[str, float] = {}  # last confirmed setpoints, mL/min
        self._set: set[str] = set()  # other signals that were set

    async def set_flow(self, pump: str, ml_min: float) -> float:
        """Deliver this flow; 0 stops; return the read-back."""
        instrument = self._checks.role(pump, is_pump, "a pump")
        flow = finite(f"{pump}.flow", ml_min)
        if flow == 0.0:
            self._rig.commanded(f"{pump}.flow", None)
            await self._acts.towards_safety("set_flow", pump, instrument.stop)
            self._flows[pump] = 0.0
            self._rig.commanded(f"{pump}.flow", 0.0)
            return 0.0

        def check() -> None:
            self._checks.may_act(pump)
            self._checks.within(f"{pump}.flow", flow)
            self._checks.way_open(pump)
            if flow > self._flows.get(pump, 0.0):
                self._checks.not_violated(raises_flow=True)

        arguments = {"pump": pump, "ml_min": flow}
        return await self._acts.act(
            "set_flow", arguments, check, lambda: self._deliver(instrument, flow)
        )

    async def set_temperature(self, thermostat: str, degc: float) -> float:
        """Set and switch on; return the read-back."""
        instrument = self._checks.role(thermostat, is_thermostat, "a thermostat")
        setpoint = finite(f"{thermostat}.setpoint", degc)

        def check() -> None:
            self._checks.may_act(thermostat)
            self._checks.within(f"{thermostat}.setpoint", setpoint)
            self._checks.fresh(instrument)
            if self._rig.heat_needs_flow and not any(self._flows.values()):
                raise Refused(f"{thermostat}: no pump delivers, and reactor.heat_needs_flow is set")
            self._checks.not_violated()

        arguments = {"thermostat": thermostat, "degc": setpoint}
        return await self._acts.act(
            "set_temperature", arguments, check, lambda: self._heat(instrument, setpoint)
        )

    async def heat_off(self, thermostat: str) -> None:
        """Switch temperature control off."""
        instrument = self._checks.role(thermostat, is_thermostat, "a thermostat")
        self._control(thermostat, None)
        await self._acts.towards_safety("heat_off", thermostat, instrument.heat_off)
        self._rig.heating(thermostat, False)
        self._rig.commanded(f"{thermostat}.running", 0.0)

    async def refill(self, pump: str, volume_ml: float, flow_ml_min: float) -> None:
        """Refill a syringe; return when done."""
        instrument = self._checks.role(pump, is_syringe_pump, "a syringe pump")
        volume, flow = finite("volume_ml", volume_ml), finite("flow_ml_min", flow_ml_min)

        def check() -> None:
            self._checks.may_act(pump)
            if volume <= 0 or flow <= 0:
                raise OutOfLimits(f"{pump}: a refill needs volume and flow above 0")
            self._checks.within(f"{pump}.flow", flow)
            self._checks.not_violated()

        async def work() -> None:
            self._flows[pump] = 0.0
            self._rig.commanded(f"{pump}.flow", None)
            await instrument.refill(volume, flow)

        arguments = {"pump": pump, "volume_ml": volume, "flow_ml_min": flow}
        await self._acts.act("refill", arguments, check, work)

    async def turn(self, valve: str, position: int) -> int:
        """Turn a valve; return the read-back when it is there.

        A valve is not turned away from a pump that delivers through it.
        """
        instrument = self._checks.role(valve, is_valve, "a valve")
        goal = whole(f"{valve}.position", position)

        def check() -> None:
            self._checks.may_act(valve)
            self._checks.within(f"{valve}.position", goal)
            self._checks.way_free(valve, goal, self._flows)
            self._checks.not_violated()

        arguments = {"valve": valve, "position": goal}
        return await self._acts.act("turn", arguments, check, lambda: self._turn(instrument, goal))

    async def acquire(self, analyser: str, label: str) -> Spectrum:
        """Take one measurement."""
        instrument = self._checks.role(analyser, is_analyser, "an analyser")

        def check() -> None:
            self._checks.may_act(analyser)

        arguments = {"analyser": analyser, "label": label}
        return await self._acts.act("acquire", arguments, check, lambda: instrument.acquire(label))

    async def set_signal(self, signal: str, value: Value) -> Reading:
        """Write one signal by its full name; return the read-back.

        Flows, positions, setpoints and the running flag of a thermostat take the way of their own
        methods.
        """
        name, _, short = signal.partition(".")
        if signal not in self._rig.specs:
            raise UnknownSignal(f"no signal {signal!r} on this rig")
        instrument, spec = self._rig.instrument(name), self._rig.specs[signal]
        if not spec.writable:
            raise Refused(f"{signal} can only be read")
        value = of_kind(signal, spec, value)
        if is_pump(instrument) and short == "flow":
            return self._reading(signal, await self.set_flow(name, float(value)))
        if is_valve(instrument) and short == "position":
            return self._reading(signal, await self.turn(name, int(value)))
        if is_thermostat(instrument) and short == "setpoint":
            return self._reading(signal, await self.set_temperature(name, float(value)))
        if is_thermostat(instrument) and short == "running":
            return await self._set_running(name, bool(value))
        if is_flow_controller(instrument) and short == "setpoint" and value == 0:
            return await self._close(instrument, signal)
        return await self._set_plain(instrument, signal, value)

    def cancel_acts(self) -> None:
        """Cancel every command in flight, synchronously; their callers get Tripped."""
        self._acts.cancel()
        for pump in self._flows:
            self._rig.commanded(f"{pump}.flow", None)
        self._flows.clear()
        for signal in self._set:
            self._rig.commanded(signal, None)
        self._set.clear()

    async def _close(self, controller: FlowController, signal: str) -> Reading:
        """Let no flow through any more; like stopping a pump, that waits for nothing."""
        await self._acts.towards_safety("set", controller.name, controller.close_flow)
        self._rig.commanded(signal, 0.0)
        return self._reading(signal, 0.0)

    async def _set_plain(self, instrument: Instrument, signal: str, value: Value) -> Reading:
        name, _, short = signal.partition(".")

        def check() -> None:
            self._checks.may_act(name)
            if isinstance(value, int | float):
                self._checks.within(signal, float(value))
            self._checks.not_violated()

        async def work() -> Reading:
            self._set.add(signal)
            self._rig.commanded(signal, None)
            reading = await instrument.signals[short].set(value, Lane.COMMAND)
            if isinstance(reading.value, float):
                self._rig.commanded(signal, reading.value)
            return reading

        return await self._acts.act("set", {"signal": signal, "value": value}, check, work)

    async def _set_running(self, thermostat: str, on: bool) -> Reading:
        signal = f"{thermostat}.running"
        if not on:
            await self.heat_off(thermostat)
            return self._reading(signal, False)
        setpoint = self._rig.latest(f"{thermostat}.setpoint")
        if not isinstance(setpoint.value, int | float):
            raise Refused(f"{thermostat} has no known setpoint to switch on at; set one instead")
        await self.set_temperature(thermostat, float(setpoint.value))
        return self._reading(signal, True)

    async def _deliver(self, pump: Pump, flow: float) -> float:
        signal = f"{pump.name}.flow"
        self._rig.commanded(signal, None)
        readback = await pump.set_flow(flow)
        slack = pump.flow_step_ml_min + 1e-3 * flow
        if not abs(readback - flow) <= slack:
            raise ReadbackMismatch(pump.name, f"was set to {flow:g} mL/min and holds {readback:g}")
        self._flows[pump.name] = flow
        self._rig.commanded(signal, readback)
        return readback

    async def _turn(self, valve: Valve, goal: int) -> int:
        readback = await valve.turn(goal)
        self._events.readings([self._reading(f"{valve.name}.position", readback)])
        if readback != goal:
            raise ReadbackMismatch(valve.name, f"was turned to {goal} and is at {readback}")
        return readback

    async def _heat(self, thermostat: Thermostat, setpoint: float) -> float:
        self._rig.heating(thermostat.name, True)  # from the first byte on it may be
        self._control(thermostat.name, None)
        readback = await thermostat.set_temperature(setpoint)
        if not abs(readback - setpoint) <= SETPOINT_SLACK_K:
            what = f"was set to {setpoint:g} degC and holds {readback:g}"
            raise ReadbackMismatch(thermostat.name, what)
        self._control(thermostat.name, readback)
        return readback

    def _control(self, thermostat: str, degc: float | None) -> None:
        """Note what a thermostat is to control to; None: it is being told, or told to stop."""
        self._set |= {f"{thermostat}.setpoint", f"{thermostat}.running"}
        self._rig.commanded(f"{thermostat}.setpoint", degc)
        self._rig.commanded(f"{thermostat}.running", None if degc is None else 1.0)

    def _reading(self, signal: str, value: Value) -> Reading:
        now = asyncio.get_running_loop().time()
        return Reading(signal, value, self._rig.specs[signal].unit, now)
