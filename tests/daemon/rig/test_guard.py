"""The one door: refusals before anything is sent, records before and after, trips in between."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import (
    BadRequest,
    OutOfLimits,
    Refused,
    StoreFailed,
    Tripped,
    UnknownSignal,
)
from daemon.rig.acts import acting_for
from drivers.errors import CommandRejected, NoReply, ReadbackMismatch
from drivers.signal import Limits
from tests.daemon.rig.scripted import Bench, running

pytestmark = pytest.mark.virtual

PRESSURE = {"name": "line", "signal": "pump-a.pressure", "above": 20.0}


def interlock(**changes):
    return [PRESSURE | changes]


async def test_a_flow_is_set_read_back_and_recorded():
    async with running(Bench()) as bench:
        with acting_for("experiment 17"):
            assert await bench.guard.set_flow("pump-a", 1.5) == 1.5
        assert bench["pump-a"].done == ["flow=1.5"]
        pending, done = bench.of("command")
        assert (pending["outcome"], done["outcome"]) == ("pending", "done")
        assert pending["origin"] == "experiment 17"
        assert pending["arguments"] == {"pump": "pump-a", "ml_min": 1.5}
        assert pending["id"] == done["id"]


@pytest.mark.parametrize("flow", [5.0001, -0.1, 1e9])
async def test_a_flow_outside_the_limits_never_reaches_the_wire(flow):
    async with running(Bench()) as bench:
        with pytest.raises(OutOfLimits, match=r"limits \[0, 5\] mL/min"):
            await bench.guard.set_flow("pump-a", flow)
        assert bench["pump-a"].done == []
        assert [c["outcome"] for c in bench.of("command")] == ["refused"]


@pytest.mark.parametrize("flow", [float("nan"), float("inf"), "1", None, True])
async def test_a_flow_that_is_no_number_is_a_bad_request(flow):
    async with running(Bench()) as bench:
        with pytest.raises(BadRequest, match="finite number"):
            await bench.guard.set_flow("pump-a", flow)


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_asked_the_instrument_gets_it_exactly_or_not_at_all(flow):
    from simulators.virtualtime import run

    async def ask():
        async with running(Bench()) as bench:
            try:
                await bench.guard.set_flow("pump-a", flow)
            except (OutOfLimits, BadRequest):
                assert not 0.0 <= flow <= 5.0
                assert bench["pump-a"].done == []
            else:
                assert 0.0 <= flow <= 5.0
                assert bench["pump-a"].values["flow"] == flow

    run(ask())


async def test_setpoints_beyond_the_configured_limits_are_refused():
    async with running(Bench()) as bench:
        with pytest.raises(OutOfLimits, match=r"bath.setpoint: 150 degC .* \[0, 140\]"):
            await bench.guard.set_temperature("bath", 150.0)
        with pytest.raises(OutOfLimits):
            await bench.guard.set_signal("bath.setpoint", -5.0)
        assert bench["bath"].done == []


async def test_a_command_is_recorded_before_it_is_acted_on():
    seen = []

    async def commit(event):
        await asyncio.sleep(0.5)
        seen.append((event.data["outcome"], list(bench["pump-a"].done)))

    bench = Bench(commit=commit)
    async with running(bench):
        await bench.guard.set_flow("pump-a", 1.0)
        assert seen == [("pending", [])]
        assert bench["pump-a"].done == ["flow=1"]


async def test_what_cannot_be_recorded_is_not_done_but_stops_are():
    async def commit(event):
        raise StoreFailed("no space left on device")

    async with running(Bench(commit=commit)) as bench:
        with pytest.raises(StoreFailed):
            await bench.guard.set_flow("pump-a", 1.0)
        assert bench["pump-a"].done == []
        await bench.guard.set_flow("pump-a", 0.0)
        await bench.guard.heat_off("bath")
        assert bench["pump-a"].done == ["stop"]
        assert bench["bath"].done == ["off"]


async def test_a_trip_during_the_record_refuses_the_command():
    async def commit(event):
        await asyncio.sleep(1.0)

    async with running(Bench(commit=commit)) as bench:
        asyncio.get_running_loop().call_later(0.5, bench.rig.emergency_stop, "person")
        with pytest.raises(Tripped, match="person"):
            await bench.guard.set_flow("pump-a", 1.0)
        await bench.rig.trip.settled()
        assert bench["pump-a"].done == ["safe"]


async def test_a_trip_cancels_the_command_under_way():
    async with running(Bench()) as bench:
        bench["pump-a"].takes_s = 0.4
        await asyncio.sleep(2)
        asyncio.get_running_loop().call_later(0.1, bench.rig.emergency_stop, "person")
        with pytest.raises(Tripped):
            await bench.guard.set_flow("pump-a", 1.0)
        await bench.rig.trip.settled()
        assert bench["pump-a"].done == ["safe"]
        assert [c["outcome"] for c in bench.of("command")] == ["pending", "failed"]


async def test_a_safe_drive_without_a_trip_cancels_what_is_under_way_too():
    async with running(Bench()) as bench:
        act = asyncio.create_task(bench.guard.acquire("nmr", "x"))
        await asyncio.sleep(1)
        report = await bench.rig.make_safe("abort")
        assert report.safe
        with pytest.raises(Tripped, match="driven safe"):
            await act


async def test_a_timeout_inside_a_driver_is_not_taken_for_a_trip():
    async with running(Bench()) as bench:

        async def broken(label):
            raise TimeoutError

        bench["nmr"].acquire = broken
        with pytest.raises(TimeoutError):
            await bench.guard.acquire("nmr", "x")


async def test_nothing_acts_while_tripped_but_stops_do():
    async with running(Bench()) as bench:
        bench.rig.emergency_stop("person")
        await bench.rig.trip.settled()
        for act in (
            bench.guard.set_flow("pump-a", 1.0),
            bench.guard.set_temperature("bath", 50.0),
            bench.guard.refill("pump-b", 1.0, 1.0),
            bench.guard.acquire("nmr", "x"),
            bench.guard.set_signal("pump-a.mode", "b"),
        ):
            with pytest.raises(Tripped, match="tripped by person"):
                await act
        await bench.guard.set_flow("pump-a", 0.0)
        await bench.guard.heat_off("bath")
        assert bench["pump-a"].done == ["safe", "stop"]


async def test_a_violated_interlock_refuses_before_its_delay_is_over():
    async with running(Bench(interlocks=interlock(delay_s=600, above=15.0))) as bench:
        await bench.guard.set_flow("pump-a", 2.0)
        bench["pump-a"].values["pressure"] = 15.1
        await asyncio.sleep(1.5)
        with pytest.raises(
            Refused, match=r"interlock 'line': pump-a\.pressure = 15\.1 bar is above"
        ):
            await bench.guard.set_flow("pump-b", 1.0)
        with pytest.raises(Refused, match="interlock 'line'"):
            await bench.guard.set_temperature("bath", 50.0)
        assert await bench.guard.set_flow("pump-a", 1.0) == 1.0
        await bench.guard.acquire("nmr", "harmless")


async def test_a_pressure_warning_allows_less_flow_but_not_more():
    async with running(Bench(interlocks=interlock(action="warn", above=15.0))) as bench:
        await bench.guard.set_flow("pump-a", 2.0)
        bench["pump-a"].values["pressure"] = 16.0
        await asyncio.sleep(1.5)
        with pytest.raises(Refused, match="line"):
            await bench.guard.set_flow("pump-a", 2.5)
        assert await bench.guard.set_flow("pump-a", 1.5) == 1.5
        assert await bench.guard.set_temperature("bath", 50.0) == 50.0
        bench["pump-a"].values["pressure"] = 10.0
        await asyncio.sleep(1.5)
        assert await bench.guard.set_flow("pump-a", 2.5) == 2.5


async def test_heat_needs_a_fresh_temperature():
    async with running(Bench()) as bench:
        bench["bath"].values["temperature"] = None
        await asyncio.sleep(1.5)
        with pytest.raises(Refused, match="no fresh reading"):
            await bench.guard.set_temperature("bath", 50.0)
        assert bench["bath"].done == []


async def test_heat_may_be_bound_to_flow():
    reactor = {
        "volume_ml": 1,
        "inner_diameter_mm": 1,
        "thermostat": "bath",
        "heat_needs_flow": True,
    }
    async with running(Bench(reactor=reactor)) as bench:
        with pytest.raises(Refused, match="no pump delivers"):
            await bench.guard.set_temperature("bath", 50.0)
        await bench.guard.set_flow("pump-a", 0.05)
        assert await bench.guard.set_temperature("bath", 50.0) == 50.0


async def test_heat_bound_to_flow_trips_when_the_flow_stays_away():
    reactor = {
        "volume_ml": 1,
        "inner_diameter_mm": 1,
        "thermostat": "bath",
        "heat_needs_flow": True,
    }
    feeds = [{"name": "solvent", "pump": "pump-a"}]
    async with running(Bench(reactor=reactor, feeds=feeds)) as bench:
        await bench.guard.set_flow("pump-a", 1.0)
        await bench.guard.set_temperature("bath", 50.0)
        bench["pump-a"].values["flow"] = 0.0
        await asyncio.sleep(30.0)
        assert bench.rig.trip.cause is None
        await bench.guard.set_flow("pump-a", 2.0)  # the remedy is not refused
        await asyncio.sleep(60.0)
        bench["pump-a"].values["flow"] = 0.0
        await asyncio.sleep(70.0)
        assert bench.rig.trip.cause.name == "bath heats without flow"


async def test_another_read_back_is_a_failure():
    async with running(Bench()) as bench:
        bench["pump-a"].holds = 1.2
        with pytest.raises(ReadbackMismatch, match=r"set to 1 mL/min and holds 1\.2"):
            await bench.guard.set_flow("pump-a", 1.0)
        bench["bath"].holds = float("nan")
        with pytest.raises(ReadbackMismatch, match="set to 50 degC"):
            await bench.guard.set_temperature("bath", 50.0)
        assert [c["outcome"] for c in bench.of("command")] == ["pending", "failed"] * 2


async def test_a_refill_is_checked_and_awaited():
    async with running(Bench()) as bench:
        began = asyncio.get_running_loop().time()
        await bench.guard.refill("pump-b", 5.0, 2.0)
        assert asyncio.get_running_loop().time() - began > 30
        assert bench["pump-b"].done == ["refill 5 at 2", "refilled"]
        with pytest.raises(OutOfLimits, match="above 0"):
            await bench.guard.refill("pump-b", 0.0, 2.0)
        with pytest.raises(OutOfLimits, match=r"pump-b\.flow"):
            await bench.guard.refill("pump-b", 5.0, 20.1)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda g: g.set_flow("bath", 1.0), "bath is not a pump"),
        (lambda g: g.set_flow("pump-x", 1.0), "no instrument 'pump-x'"),
        (lambda g: g.set_temperature("pump-a", 1.0), "not a thermostat"),
        (lambda g: g.refill("pump-a", 1.0, 1.0), "not a syringe pump"),
        (lambda g: g.acquire("pump-a", "x"), "not an analyser"),
        (lambda g: g.set_signal("pump-a.mode", 3), "must be str"),
        (lambda g: g.set_signal("pump-a.mode", "c"), "one of a, b"),
        (lambda g: g.set_signal("bath.running", 1.0), "must be bool"),
    ],
)
async def test_a_command_to_the_wrong_thing_is_a_bad_request(act, why):
    async with running(Bench()) as bench:
        with pytest.raises(BadRequest, match=why):
            await act(bench.guard)


async def test_a_signal_is_set_by_its_full_name():
    async with running(Bench()) as bench:
        assert (await bench.guard.set_signal("pump-a.mode", "b")).value == "b"
        assert (await bench.guard.set_signal("pump-a.flow", 1)).value == 1.0
        assert (await bench.guard.set_signal("bath.setpoint", 50.0)).value == 50.0
        assert (await bench.guard.set_signal("bath.running", False)).value is False
        await asyncio.sleep(1.5)
        assert (await bench.guard.set_signal("bath.running", True)).value is True
        assert bench["pump-a"].done == ["mode=b", "flow=1"]
        assert bench["bath"].done == ["heat to 50", "off", "heat to 50"]


async def test_a_number_outside_its_limits_is_refused_for_any_signal():
    async with running(Bench()) as bench:
        assert (await bench.guard.set_signal("pump-a.torque", 70)).value == 70
        with pytest.raises(OutOfLimits, match=r"pump-a\.torque: 101 %"):
            await bench.guard.set_signal("pump-a.torque", 101)
        assert bench["pump-a"].done == ["torque=70"]


async def test_unknown_and_read_only_signals_are_refused():
    async with running(Bench()) as bench:
        with pytest.raises(UnknownSignal, match=r"pump-a\.mood"):
            await bench.guard.set_signal("pump-a.mood", 1.0)
        with pytest.raises(Refused, match="can only be read"):
            await bench.guard.set_signal("pump-a.pressure", 1.0)


async def test_heat_cannot_be_switched_on_at_an_unknown_setpoint():
    async with running(Bench()) as bench:
        bench["bath"].values["setpoint"] = None
        await asyncio.sleep(1.5)
        with pytest.raises(Refused, match="no known setpoint"):
            await bench.guard.set_signal("bath.running", True)


async def test_what_the_instrument_refuses_is_recorded_as_failed():
    async with running(Bench()) as bench:
        bench["pump-a"].fault = CommandRejected("pump-a", "?NA")
        with pytest.raises(CommandRejected):
            await bench.guard.set_flow("pump-a", 1.0)
        bench["pump-a"].fault = NoReply("pump-a", b"STP", 1.0)
        with pytest.raises(NoReply):
            await bench.guard.set_flow("pump-a", 0.0)
        assert [c["outcome"] for c in bench.of("command")] == ["pending", "failed"] * 2


async def test_drivers_are_given_the_limits_in_force():
    reactor = {"volume_ml": 1, "inner_diameter_mm": 1, "thermostat": "bath", "max_pressure": 12}
    async with running(Bench(reactor=reactor)) as bench:
        assert bench["pump-a"].signals["flow"].spec.limits == Limits(0.0, 5.0)
        assert bench["pump-a"].signals["pressure"].spec.limits == Limits(0.0, 12.0)
        assert bench.rig.specs["bath.setpoint"].limits == Limits(0.0, 140.0)


async def test_limits_with_units_are_converted():
    instruments = {"pump-a": {"driver": "pump", "port": "a", "limits": {"flow": ["0", "1 L/h"]}}}
    async with running(Bench(instruments=instruments, reactor=None)) as bench:
        assert bench.rig.specs["pump-a.flow"].limits.high == pytest.approx(1000 / 60)
