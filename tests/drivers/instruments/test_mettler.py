"""The balance driver against the sheet's lines and the simulated balance."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    OutOfRange,
    WrongInstrument,
)
from drivers.sensors.mettler_sics import MettlerBalance, MettlerOptions
from drivers.signal import Limits
from simulators.instruments.mettler_sics import SimMettlerBalance
from tests.drivers.core.peer import Peer, bus_to
from tests.drivers.instruments.flows import Spot, sensing
from tests.drivers.instruments.rig import Wire

pytestmark = pytest.mark.virtual


@pytest.fixture
def pan():
    return Spot(mass=100.0)


@pytest.fixture
async def sim(pan):
    return sensing(SimMettlerBalance, "scale", pan)


@pytest.fixture
async def wire(sim):
    return Wire("socket://192.168.10.60:8001", sim)


@pytest.fixture
async def balance(wire):
    async with wire.driver("scale", "mettler-mt-sics") as balance:
        yield balance


class Scripted:
    """A balance that answers what a table says; a list is answered in turn."""

    def __init__(self, replies, **options):
        self.replies = {"I2": 'I2 A "XS204 Excellence 220.0090 g"', **replies}
        self.peer = Peer(self._answer)
        self.bus = bus_to(self.peer)
        self.balance = MettlerBalance("scale", self.bus, MettlerOptions(**options), {})

    def _answer(self, data):
        reply = self.replies.get(data.decode().removesuffix("\r\n"))
        if isinstance(reply, list):
            reply = reply.pop(0)
        return [] if reply is None else [(0.02, reply.encode("latin-1") + b"\r\n")]

    async def __aenter__(self):
        await self.bus.open()
        return self.balance

    async def __aexit__(self, *_):
        await self.bus.close()


async def mass(reply):
    """Return the readings of mass and stability that a line gives."""
    async with Scripted({"SI": reply}) as balance:
        return await balance.poll(("mass", "stable"))


# --- the sheet's lines


async def test_the_sheets_weights_are_read():
    for reply, grams, still in (
        ("S S     100.00 g", 100.0, True),
        ("S D     100.12 g", 100.12, False),
    ):
        weight, stable = await mass(reply)
        assert (weight.value, weight.unit, stable.value) == (grams, "g", still)


@pytest.mark.parametrize("reply", ["S +", "S -", "S I", "S L"])
async def test_a_line_without_a_weight_never_becomes_one(reply):
    weight, stable = await mass(reply)
    assert (weight.value, weight.reason, stable.value) == (None, "sentinel", None)


async def test_the_sheets_requests_are_sent():
    replies = {"SI": "S S     100.00 g", "T": "T S      12.30 g", "Z": "Z A", "I3": 'I3 A "2.10"'}
    scripted = Scripted(replies)
    async with scripted as balance:
        assert await balance.identify() == (
            "Mettler-Toledo XS204 Excellence 220.0090 g, software 2.10"
        )
        assert await balance.tare() == 12.3
        await balance.zero()
        await balance.mass.read()
    assert scripted.peer.requests == [b"I2\r\n", b"I3\r\n", b"T\r\n", b"Z\r\n", b"SI\r\n"]


async def test_the_sheets_syntax_error_is_a_refusal():
    async with Scripted({"SI": "ES", "I3": "EL"}) as balance:
        with pytest.raises(CommandRejected, match="'SI' is refused: ES, syntax error"):
            await balance.mass.read()
        assert [r.value for r in await balance.poll(("mass",))] == [None]
        assert await balance.identify() == "Mettler-Toledo XS204 Excellence 220.0090 g"


async def test_a_request_that_came_damaged_is_asked_again_and_a_command_is_not():
    async with Scripted({"SI": ["ET", "S S     100.00 g"], "T": "ET"}) as balance:
        assert (await balance.mass.read()).value == 100.0
        with pytest.raises(GarbledReply, match="it received us damaged"):
            await balance.tare()


# --- weights as balances write them


@pytest.mark.parametrize(
    ("reply", "grams"),
    [
        ("S S    -12.345 g", -12.345),
        ("S S    1.23456 kg", 1234.56),
        ("S D 123456.789 mg", 123.456789),
        ("S S   100.0[2] g", 100.02),
        ("S S  10000.0[2] g", 10000.02),
        ("S S          5 g", 5.0),
    ],
)
async def test_weights_in_other_units_and_with_brackets_are_grams(reply, grams):
    assert (await mass(reply))[0].value == pytest.approx(grams)


async def test_a_count_of_pieces_is_no_mass():
    weight, stable = await mass("S S         12 PCS")
    assert (weight.value, stable.value) == (None, None)


@pytest.mark.parametrize(
    "reply", ["S S    100.00 g", "S S     10 0.00 g", "T S     100.00 g", "\xb5"]
)
async def test_a_weight_that_has_lost_a_character_is_no_reply(reply):
    async with Scripted({"SI": reply}) as balance:
        with pytest.raises(NoReply):
            await balance.mass.read()


@given(st.text(alphabet="SDTIZ+-. 0123456789g[]k", max_size=24))
def test_no_line_crashes_the_parser_or_gives_a_weight_out_of_form(line):
    balance = MettlerBalance("scale", bus_to(Peer()), MettlerOptions(), {})
    reply = balance.reply_to("SI", line.encode())
    assert reply is None or line.strip().startswith("S ")


# --- streams and keys


async def test_a_stream_left_by_somebody_ends_and_mixes_with_no_answer(wire, sim, pan):
    async with wire.driver("scale", "mettler-mt-sics", prepare=False) as balance:
        sim.answer("SIR")
        await balance.identify()
        await balance.prepare()
        stray = balance.bus.counters.stray
        await asyncio.sleep(5)
        assert balance.bus.counters.stray <= stray + 1
        pan.mass = 50.0
        assert (await balance.mass.read()).value == 50.0


async def test_a_key_at_the_balance_disturbs_nothing(balance, sim, pan):
    asking = asyncio.create_task(balance.identify())
    await asyncio.sleep(0.001)
    sim.press_print()
    assert (await asking).startswith("Mettler-Toledo XS6002S")
    pan.mass = 20.0
    assert (await balance.mass.read()).value == 20.0


async def test_a_balance_that_was_switched_on_again_is_a_fault_until_it_is_prepared(balance, sim):
    await balance.check()
    sim.switch_on()
    await asyncio.sleep(1)
    with pytest.raises(DeviceFault, match="zero and tare are new"):
        await balance.check()
    await balance.prepare()
    await balance.check()


async def test_connecting_neither_tares_nor_zeroes(balance, sim, wire):
    await balance.identify()
    await balance.prepare()
    await balance.check()
    await balance.make_safe()
    assert (sim.tare_g, sim.zero_g) == (0.0, 0.0)
    assert {data[:2] for data in wire.sent} == {b"I2", b"I3", b"SI"}


# --- tare and zero


async def test_tare_waits_for_a_stable_weight_and_the_mass_is_net(balance, pan):
    await balance.mass.read()
    pan.mass = 250.0
    await balance.mass.read()  # it sees the bottle being put down
    assert await balance.tare() == 250.0
    pan.mass = 240.0
    assert (await balance.mass.read()).value == -10.0
    assert (await balance.tare_mass.read()).value == 250.0


async def test_a_tare_can_be_set_and_cleared_like_any_setpoint(balance, sim):
    assert (await balance.tare_mass.set(20.5)).value == 20.5
    assert (await balance.mass.read()).value == 79.5
    assert (await balance.tare_mass.set(0.0)).value == 0.0
    assert sim.tare_g == 0.0
    with pytest.raises(OutOfRange):
        await balance.tare_mass.set(-1.0)
    with pytest.raises(CommandRejected, match="wrong parameter"):
        await balance.tare_mass.set(9999.0)


async def test_zero_with_an_overload_is_refused_by_name(balance, pan):
    pan.mass = 7000.0
    with pytest.raises(CommandRejected, match="'Z' is refused: Z \\+, overload"):
        await balance.zero()


async def test_a_tare_in_a_unit_that_is_not_known_is_garbled():
    async with Scripted({"TA": "TA A      1.00 PCS", "SI": "S S     100.00 g"}) as balance:
        with pytest.raises(GarbledReply, match="no weight that is known"):
            await balance.tare_mass.read()


async def test_something_else_at_the_port_is_not_a_balance():
    async with Scripted({"I2": "ES"}) as balance:
        with pytest.raises(WrongInstrument, match="no MT-SICS balance"):
            await balance.identify()


async def test_configured_limits_hold_for_the_mass(wire):
    limits = {"mass": Limits(200, 500)}
    async with wire.driver("scale", "mettler-mt-sics", limits=limits) as balance:
        assert balance.mass.spec.limits == Limits(200, 500)
