import asyncio
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ascii import AsciiInstrument, AsciiSignal
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
)
from drivers.options import SerialOptions
from drivers.roles import Instrument
from drivers.signal import Lane, Limits, Quality
from drivers.table import MethodSignal, checked
from simulators.virtualtime import VirtualTimeLoop
from tests.drivers.core.exemplar import ExemplarBath
from tests.drivers.core.peer import Peer, bus_to

pytestmark = pytest.mark.virtual


class FarBath:
    """What an Exemplar bath does with its requests."""

    def __init__(self):
        self.setpoint, self.running, self.status, self.temperature = "25.00", "0", "1", "24.87"
        self.stubborn = False

    def __call__(self, request):
        name, _, value = request.decode().strip().partition(" ")
        if value and not self.stubborn:
            setattr(self, {"SP": "setpoint", "RUN": "running"}[name], value)
        held = {
            "PV?": self.temperature,
            "SP?": self.setpoint,
            "RUN?": self.running,
            "STAT?": self.status,
        }
        return [(0.01, held[name].encode() + b"\r\n")] if name in held else []


class Wide(AsciiInstrument):
    """Every kind of signal, and a protocol whose replies say nothing."""

    fence, fence_reply = "WHO?", "me|I am W"
    commands_answer = True

    level = AsciiSignal(int, read="L?", write="L{:d}", limits=(0, 9))
    mode = AsciiSignal(str, read="M?", write="M{}", choices=("slow", "fast"))
    note = AsciiSignal(str, read="N?", write="N{}")
    flow = AsciiSignal(
        float, "mL/min", read="F?", write="F{:d};", scale=0.001, tolerance=0.002, limits=(0, 0.3)
    )
    inside = AsciiSignal(float, "degC", read="T?", reply=r"I(\S+) O\S+", no_value=("---",))
    outside = AsciiSignal(float, "degC", read="T?", reply=r"I\S+ O(\S+)", poll_s=None)
    doubled = MethodSignal(float, read="_doubled", doc="twice the level")

    async def _doubled(self, lane):
        return 2.0 * float((await self.level.read(lane)).value or 0)


@pytest.fixture
def far():
    return FarBath()


@pytest.fixture
def peer(far):
    return Peer(far)


@pytest.fixture
async def bus(peer):
    bus = bus_to(peer)
    await bus.open()
    yield bus
    await bus.close()


@pytest.fixture
def bath(bus):
    return ExemplarBath("bath-1", bus, SerialOptions(), {})


@pytest.fixture
def wide(bus):
    return Wide("w", bus, SerialOptions(timeout_s=0.5), {})


def answers(**replies):
    """Return a script that answers by the first letter; unknown letters stay silent."""
    return lambda request: (
        [(0.01, replies[c].encode() + b"\r\n")] if (c := chr(request[0])) in replies else []
    )


# --- the exemplar of the style guide


async def test_setpoint_beyond_the_limit_never_reaches_the_wire(bath, far, peer):
    with pytest.raises(OutOfRange, match=r"limits are \[-20, 200\] degC"):
        await bath.setpoint.set(250.0)
    assert far.setpoint == "25.00"
    assert peer.requests == []


async def test_a_setpoint_is_written_once_and_read_back(bath, peer):
    reading = await bath.setpoint.set(60)
    assert (reading.signal, reading.value, reading.unit) == ("bath-1.setpoint", 60.0, "degC")
    assert peer.requests == [b"SP 60.00\r", b"SP?\r"]


async def test_a_rounded_setpoint_is_compared_as_it_was_sent(bath):
    assert (await bath.setpoint.set(60.123)).value == 60.12


async def test_a_setpoint_the_instrument_ignores_is_a_mismatch(bath, far):
    far.stubborn = True
    with pytest.raises(ReadbackMismatch, match=r"set to 60.0 degC, reads back 25.0"):
        await bath.setpoint.set(60)


async def test_a_switch_takes_true_false_and_their_numbers(bath):
    assert (await bath.running.set(True)).value is True
    assert (await bath.running.set(0)).value is False


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "60", None])
async def test_what_is_no_number_never_reaches_the_wire(bath, peer, value):
    with pytest.raises(OutOfRange, match="must be a finite number"):
        await bath.setpoint.set(value)
    assert peer.requests == []


@pytest.mark.parametrize("value", ["1", 2, None, math.nan])
async def test_what_is_no_truth_value_never_reaches_the_wire(bath, peer, value):
    with pytest.raises(OutOfRange, match="must be true or false"):
        await bath.running.set(value)
    assert peer.requests == []


async def test_a_signal_without_a_write_form_cannot_be_set(bath, peer):
    with pytest.raises(OutOfRange, match="temperature cannot be set"):
        await bath.temperature.set(20.0)
    assert peer.requests == []


async def test_an_instrument_is_a_mapping_of_its_signals_in_table_order(bath):
    assert list(bath.signals) == ["temperature", "setpoint", "running"]
    assert bath.signals["setpoint"].spec.limits == Limits(-20, 200)
    assert bath.signals["setpoint"].full_name == "bath-1.setpoint"
    assert ExemplarBath.temperature.name == "temperature"
    assert isinstance(bath, Instrument)


async def test_poll_reads_the_wanted_signals(bath):
    readings = await bath.poll(["running", "temperature"])
    assert [(r.signal, r.value, r.quality) for r in readings] == [
        ("bath-1.running", False, Quality.GOOD),
        ("bath-1.temperature", 24.87, Quality.GOOD),
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
async def test_a_temperature_that_is_no_number_is_a_bad_reading(bath, far, text):
    far.temperature = text
    reading = await bath.temperature.read()
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "nan")


async def test_an_unintelligible_answer_is_a_fault_of_that_signal_alone(bath, far):
    far.temperature = "hot"
    with pytest.raises(GarbledReply, match="answer b'hot' to b'PV\\?' is not valid: no float"):
        await bath.temperature.read()
    hot, running = await bath.poll(["temperature", "running"])
    assert (hot.value, hot.reason, running.value) == (None, "fault", False)


async def test_a_silent_instrument_fails_the_whole_poll_after_two_attempts(bath, peer):
    peer.script = lambda _: []
    with pytest.raises(NoReply):
        await bath.poll(["temperature"])
    assert len(peer.requests) == 2


async def test_the_alarm_and_the_safe_state_are_the_drivers_own(bath, far):
    await bath.check()
    await bath.prepare()
    far.running = "1"
    await bath.make_safe()
    assert far.running == "0"
    far.status = "-3"
    with pytest.raises(DeviceFault, match="alarm '-3'"):
        await bath.check()
    assert await bath.identify() == "ExemplarBath (has no identity query)"


async def test_configured_limits_narrow_the_drivers_own(bus):
    bath = ExemplarBath("b", bus, SerialOptions(), {"setpoint": Limits(0, 300)})
    assert bath.setpoint.spec.limits == Limits(0, 200)
    with pytest.raises(OutOfRange):
        await bath.setpoint.set(-5)
    with pytest.raises(ValueError, match=r"lie outside the instrument's \[-20, 200\]"):
        ExemplarBath("b", bus, SerialOptions(), {"setpoint": Limits(201, 300)})
    with pytest.raises(ValueError, match="unknown signal 'flow'; known are temperature"):
        ExemplarBath("b", bus, SerialOptions(), {"flow": Limits(0, 1)})
    free = ExemplarBath("b", bus, SerialOptions(), {"temperature": Limits(0, 1)})
    assert free.temperature.spec.limits == Limits(0, 1)


def test_the_exemplar_is_as_short_as_promised():
    import inspect

    from tests.drivers.core import exemplar

    assert len(inspect.getsource(exemplar).splitlines()) <= 35


# --- the rest of the table


async def test_whole_numbers_texts_and_choices(wide, peer):
    peer.script = answers(L="7", M="fast", N="anything")
    assert (await wide.level.set(7)).value == 7
    assert (await wide.level.set(7.0)).value == 7
    assert (await wide.mode.set("fast")).value == "fast"
    assert (await wide.note.set("anything")).value == "anything"
    with pytest.raises(OutOfRange, match=r"must be a whole number, got 7\.5"):
        await wide.level.set(7.5)
    with pytest.raises(OutOfRange, match="must be one of slow, fast, got 'turbo'"):
        await wide.mode.set("turbo")
    with pytest.raises(OutOfRange, match="must be a text, got 7"):
        await wide.note.set(7)


async def test_scaled_values_carry_the_wires_digits(wide, peer):
    peer.script = answers(F="124")
    assert (await wide.flow.set(0.1237)).value == 0.124
    assert peer.requests[0] == b"F124;\r"
    assert (await wide.flow.set(0.123)).value == 0.124, "within the tolerance"


async def test_rounding_never_leads_over_a_limit(bus, peer):
    wide = Wide("w", bus, SerialOptions(), {"flow": Limits(0, 0.1237)})
    with pytest.raises(OutOfRange, match=r"flow 0.124 mL/min is refused"):
        await wide.flow.set(0.1237)
    assert peer.requests == []


async def test_a_limit_that_the_digits_can_hold_is_allowed(wide, peer):
    peer.script = answers(F="300")
    assert (await wide.flow.set(0.3)).value == 0.3


async def test_signals_of_one_reply_are_asked_once(wide, peer):
    peer.script = answers(T="I20.5 O---", L="4", W="me")
    inside, outside, doubled = await wide.poll(["inside", "outside", "doubled"])
    assert (inside.value, doubled.value) == (20.5, 8.0)
    assert (outside.value, outside.reason) == (None, "fault")
    assert peer.requests == [b"T?\r", b"WHO?\r", b"L?\r"]  # what is garbled leaves doubt


async def test_the_word_for_no_value_is_a_bad_reading(wide, peer):
    peer.script = answers(T="I--- O3")
    assert (await wide.inside.read()).reason == "sentinel"
    assert (await wide.poll(["inside"]))[0].reason == "sentinel"


async def test_a_reply_of_another_shape_is_garbled(wide, peer):
    peer.script = answers(T="hello")
    with pytest.raises(GarbledReply):
        await wide.inside.read()


async def test_a_method_signal_fails_alone_too(wide, peer):
    peer.script = answers(L="x")
    assert (await wide.poll(["doubled"]))[0].reason == "fault"


async def test_noise_that_is_not_ascii_is_no_answer(bath, peer):
    peer.script = lambda _: [(0.01, b"\xff\xfe\r\n")]
    with pytest.raises(NoReply, match="came"):
        await bath.temperature.read()


async def test_a_measuring_instrument_has_nothing_to_make_safe(wide, peer):
    await wide.make_safe()
    await wide.prepare()
    await wide.check()
    assert peer.requests == []


# --- the fence


class Tagless(Wide):
    """Only the fence is recognised; all else looks alike."""

    def reply_to(self, request, frame):
        text = super().reply_to(request, frame)
        is_name = text is not None and text.startswith("I am")
        return text if is_name == (request == "WHO?") else None


async def test_however_late_a_reply_it_never_answers_the_next_question(bus, peer):
    """Replies come in order; the first 5 s late, with three timeouts in between."""
    tagless = Tagless("w", bus, SerialOptions(timeout_s=0.5), {})
    loop = asyncio.get_running_loop()
    known = {"L": "3", "N": "old", "W": "I am W"}

    def script(request):
        at = max(5.0, loop.time() + 0.01)
        return [(at - loop.time(), known[chr(request[0])].encode() + b"\r\n")]

    peer.script = script
    faults = 0
    value = None
    while value is None:
        try:
            value = (await tagless.level.read()).value
        except NoReply:
            faults += 1
        if faults == 1:
            with pytest.raises(NoReply):
                await tagless.note.read()
    assert value == 3
    assert (await tagless.note.read()).value == "old"
    assert faults > 2


async def test_a_refused_command_leaves_no_doubt(bus, peer):
    class Refusing(Wide):
        def reply_to(self, request, frame):
            if frame == b"NO":
                raise CommandRejected(self.name, "refused")
            return super().reply_to(request, frame)

    peer.script = answers(L="NO")
    with pytest.raises(CommandRejected):
        await Refusing("w", bus, SerialOptions(), {}).level.set(3)
    assert peer.requests == [b"L3\r"]


async def test_a_lost_command_is_not_sent_again_and_fences_the_next_query(wide, peer):
    peer.script = answers(W="me", M="fast")
    with pytest.raises(NoReply):
        await wide.level.set(3)
    await wide.mode.read()
    assert peer.requests == [b"L3\r", b"WHO?\r", b"M?\r"]


async def test_a_trip_acts_before_it_clears_doubts(wide, peer):
    peer.script = answers(M="fast", W="me")
    with pytest.raises(NoReply):
        await wide.tell("L3")
    await wide.tell("M1", lane=Lane.TRIP)
    await wide.ask("M?", lane=Lane.TRIP)
    assert peer.requests == [b"L3\r", b"M1\r", b"WHO?\r", b"M?\r"]


# --- properties


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none()))
def test_checked_values_are_inside_the_limits_or_refused(value):
    spec = ExemplarBath.setpoint.spec(Limits(-20, 200))
    with suppress(OutOfRange):
        assert -20 <= checked("b", spec, value) <= 200


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.01, 0.2, 0.49, 0.5, 0.51, 0.7, 1.4, 3.0, None]), max_size=12))
def test_whatever_the_delays_and_losses_a_reply_belongs_to_its_question(delays):
    """The far end answers in order, each answer late by its delay; None: never."""
    loop = VirtualTimeLoop()
    pending, free_at = list(delays), 0.0

    def script(request):
        nonlocal free_at
        delay = pending.pop(0) if pending else 0.01
        if delay is None:
            return []
        free_at = max(free_at, loop.time() + delay)
        text = b"I am W" if request == b"WHO?\r" else request.strip()
        return [(free_at - loop.time(), text + b"\r\n")]

    async def questions():
        bus = bus_to(Peer(script))
        await bus.open()
        tagless = Tagless("w", bus, SerialOptions(timeout_s=0.5), {})
        for i in range(12):
            with suppress(NoReply):
                assert await tagless.ask(f"Q{i}") == f"Q{i}"
        assert await tagless.ask("last") == "last"
        await bus.close()

    loop.run_until_complete(questions())
    loop.close()
