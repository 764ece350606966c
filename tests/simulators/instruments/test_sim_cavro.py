"""The Cavro pump as its sheet describes it, in both framings."""

import asyncio

import pytest

from simulators.instruments.cavro import SimCavroPump
from simulators.instruments.cavro_program import Wrong, parsed
from simulators.instruments.cavro_wire import addressed
from tests.simulators.parts import FakePump, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual
SPEEDS = (5, 5800)


@pytest.fixture
async def motor():
    return FakePump()


def pump(motor, **options):
    options = {"syringe": {"volume_ml": 5.0}, **options}
    return SimCavroPump("pump", options, ports(pump=motor), clock)


@pytest.fixture
async def sim(motor):
    return pump(motor, initialised=True)


@pytest.fixture
async def host(sim):
    async with Host(sim) as host:
        yield host


@pytest.fixture
async def fresh(motor):
    async with Host(pump(motor)) as host:
        yield host


async def dt(host, text, within=0.05):
    return await host.ask(f"/1{text}\r".encode(), within)


# --- frames of the sheet


async def test_the_sheet_s_dt_session(fresh, motor):
    assert await fresh.ask(hexed("2F 31 41 33 30 30 30 52 0D"), 0.05) == b"/0g\x03\r\n"
    assert await fresh.ask(hexed("2F 31 5A 52 0D"), 0.05) == hexed("2F 30 40 03 0D 0A")
    assert motor.flow > 0, "what is in the syringe goes out"
    await asyncio.sleep(15)
    assert await dt(fresh, "Q") == hexed("2F 30 60 03 0D 0A")
    assert motor.flow == 0.0
    assert await dt(fresh, "V5800A3000R") == hexed("2F 30 40 03 0D 0A")
    await asyncio.sleep(5)
    assert await dt(fresh, "?") == hexed("2F 30 60 33 30 30 30 03 0D 0A")


async def test_the_sheet_s_pick_up(fresh, motor):
    await dt(fresh, "ZR", 15)
    assert await dt(fresh, "IP1000OR", 0.5) == b"/0@\x03\r\n"
    assert motor.flow < 0
    await asyncio.sleep(5)
    assert await dt(fresh, "?") == b"/0`1000\x03\r\n"
    assert await dt(fresh, "?6") == b"/0`o\x03\r\n"


async def test_the_sheet_s_oem_session(fresh, sim):
    assert await fresh.ask(hexed("02 31 31 5A 52 03 09"), 15) == hexed("02 30 40 03 71")
    assert await fresh.ask(hexed("02 31 34 51 03 55"), 0.05) == hexed("02 30 60 03 51")
    async with Host(sim) as full:
        reply = hexed("02 30 60 33 30 30 30 03 52")
        assert await full.ask(hexed("02 31 32 3F 03 3D"), 0.05) == reply


async def test_the_sheet_s_repetition_is_answered_and_not_executed(host, sim):
    await dt(host, "V5800A0R", 5)
    first, again = (
        hexed("02 31 33 41 33 30 30 30 52 03 13"),
        hexed("02 31 3B 41 33 30 30 30 52 03 1B"),
    )
    await host.ask(first, 5)
    done = len(sim.executed)
    assert await host.ask(again, 0.05) == hexed("02 30 60 03 51")
    assert len(sim.executed) == done


async def test_a_repetition_of_what_never_arrived_is_executed(host, sim):
    await host.ask(hexed("02 31 3B 41 33 30 30 30 52 03 1B"), 0.05)
    assert sim.executed == ["A3000"]


async def test_the_sheet_s_plunger_overload(host, motor):
    await dt(host, "V100A0R")
    motor.is_stalled = True
    assert await host.ask(hexed("02 31 34 51 03 55"), 0.05) == hexed("02 30 69 03 58")
    motor.is_stalled = False
    assert await dt(host, "A0R") == b"/0i\x03\r\n", "nothing works until a new Z"
    assert await dt(host, "ZR", 15) == b"/0@\x03\r\n"
    assert await dt(host, "Q") == b"/0`\x03\r\n"


# --- addresses


def test_addresses_of_one_pump_pairs_fours_and_all():
    assert addressed(0, "1") == (True, True)
    assert addressed(14, "?") == (True, True)
    assert addressed(9, ":") == (True, True)
    assert addressed(1, "A") == (True, False)
    assert addressed(2, "A") == (False, False)
    assert addressed(7, "U") == (True, False)
    assert addressed(5, "_") == (True, False)


async def test_a_group_is_obeyed_and_not_answered(host, sim):
    assert await host.ask(b"/AV100R\r", 0.05) == b""
    assert sim.settings["V"] == 100
    assert await host.ask(b"/2?\r", 0.05) == b""


async def test_a_damaged_frame_is_not_answered_and_the_next_is(host, sim):
    assert await host.ask(hexed("02 31 31 41 30 52 03 FF"), 0.05) == b""
    assert sim.executed == []
    assert await host.ask(b"\x02\x03\x01/1Q\r", 0.05) == b"/0`\x03\r\n"


# --- strings


async def test_a_string_without_r_waits_for_it(host, sim):
    assert await dt(host, "V100") == b"/0`\x03\r\n"
    assert await dt(host, "F") == b"/0`1\x03\r\n"
    await dt(host, "R")
    assert (await dt(host, "F"), sim.settings["V"]) == (b"/0`0\x03\r\n", 100)
    await dt(host, "V200R")
    await dt(host, "X")
    assert sim.executed == ["V100", "V200", "V200"]


async def test_an_out_of_range_move_is_accepted_and_the_error_comes_with_the_next_status(host):
    assert await dt(host, "P10R") == b"/0`\x03\r\n"
    assert await dt(host, "Q") == b"/0c\x03\r\n"
    assert await dt(host, "Q") == b"/0`\x03\r\n"


@pytest.mark.parametrize(
    ("text", "status"), [("J5R", "b"), ("V0R", "c"), ("AR", "c"), ("G2R", "d"), ("gV100R", "d")]
)
async def test_wrong_strings_are_refused_at_once(host, text, status):
    assert await dt(host, text) == f"/0{status}\x03\r\n".encode()


async def test_only_the_top_speed_is_taken_during_a_move(host, motor):
    await dt(host, "V10A0R")
    assert motor.flow == pytest.approx(0.5)
    assert await dt(host, "A0R") == b"/0O\x03\r\n"
    assert await dt(host, "V20R") == b"/0@\x03\r\n"
    assert motor.flow == pytest.approx(1.0)
    assert await dt(host, "?2") == b"/0@20\x03\r\n"


async def test_terminate_stops_at_once_where_it_is(host, motor):
    await dt(host, "V100A0R")
    await asyncio.sleep(10)
    assert await dt(host, "T") == b"/0`\x03\r\n"
    assert motor.flow == 0.0
    assert 2400 <= int((await dt(host, "?"))[3:-3]) <= 2510


async def test_a_move_in_lower_case_does_not_set_busy(host):
    assert await dt(host, "V10a0R") == b"/0`\x03\r\n"


async def test_loops_and_waits(host, sim):
    await dt(host, "gM500D10P10G3R", 0.4)
    assert sim.busy
    await asyncio.sleep(3)
    assert not sim.busy
    assert await dt(host, "gD1G0R") == b"/0c\x03\r\n"
    assert await dt(host, "gD1P1G900R") == b"/0c\x03\r\n"


async def test_the_plunger_may_not_move_in_bypass(host):
    await dt(host, "BR", 1)
    await dt(host, "A0R")
    assert await dt(host, "Q") == b"/0k\x03\r\n" or await dt(host, "?6") == b"/0`b\x03\r\n"


async def test_fine_increments_are_eight_to_a_coarse_one(host):
    await dt(host, "N1R")
    assert await dt(host, "?") == b"/0`24000\x03\r\n"


async def test_liquid_moves_only_where_the_valve_connects(host, motor):
    await dt(host, "IV100A0R", 1)
    assert motor.flow == 0.0, "it goes back into the bottle"


async def test_a_pump_without_valve_has_none_to_turn(motor):
    async with Host(pump(motor, initialised=True, valve="none")) as host:
        assert await dt(host, "IR") == b"/0b\x03\r\n"
        await dt(host, "V100A0R")
        assert motor.flow > 0


async def test_a_power_cut_stops_it_and_it_forgets_where_it_is(host, sim, motor):
    await dt(host, "V100A0R")
    sim.power_cycle()
    assert motor.flow == 0.0
    assert (await dt(host, "Q")) == b"/0g\x03\r\n"


def test_a_string_is_read_into_steps():
    assert [(s.letter, s.number) for s in parsed("IP100O", SPEEDS)] == [
        ("I", 0),
        ("P", 100),
        ("O", 0),
    ]
    with pytest.raises(Wrong):
        parsed("Z3", SPEEDS)
    with pytest.raises(Wrong):
        parsed("P-1", SPEEDS)
