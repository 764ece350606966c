"""The base of Modbus instruments on a scripted line: exceptions, echoes, wrong and late answers."""

import asyncio
from collections import deque

import pytest

from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
)
from drivers.fence import LATE_S
from drivers.modbus import GatewayNoReply, ModbusInstrument, ModbusOptions, ModbusRejected
from drivers.modbus_signal import ModbusSignal
from drivers.signal import Lane, Limits, Quality
from drivers.table import BadValue
from tests.drivers.modbus.wire import ScriptedLine, crc, frame

pytestmark = pytest.mark.virtual

READ = "01 03 00 0A 00 02 E4 09"  # 10 and 11


class Probe(ModbusInstrument):
    """A unit of two neighbours, one lonely value, and one input register."""

    level = ModbusSignal(10, unit="mm", divisor=10.0, writable=True, limits=(0, 500))
    count = ModbusSignal(11, "uint16", kind=int)
    flow = ModbusSignal(100, "float32", "mL/min", writable=True)
    raw = ModbusSignal(5, "uint16", kind=int, function=4)


@pytest.fixture
async def probe(bus_on):
    """Makes a probe on a scripted line, closed with the test."""

    async def make(replies, port="/dev/ttyS0", limits=None, **options):
        script = ScriptedLine(replies)
        checked = ModbusOptions(**options)
        bus = await bus_on(script, port, checked.line(Probe.line))
        return Probe("probe", bus, checked, limits or {}), script

    return make


def read(address, count, function=3, unit=1):
    return crc(bytes([unit, function]) + address.to_bytes(2) + count.to_bytes(2)).hex()


def says(*words, function=3, unit=1):
    body = b"".join(w.to_bytes(2) for w in words)
    return crc(bytes([unit, function, len(body)]) + body)


async def test_neighbours_come_in_one_frame_and_others_are_left_alone(probe):
    unit, script = await probe({READ: says(250, 7)})
    level, count = await unit.poll(["level", "count"])
    assert (level.value, level.unit, level.quality, count.value) == (25.0, "mm", Quality.GOOD, 7)
    assert script.sent == [frame(READ)]


async def test_an_input_register_is_read_by_function_4(probe):
    unit, _ = await probe({read(5, 1, 4): says(9, function=4)})
    assert (await unit.raw.read()).value == 9


async def test_a_refused_frame_spoils_its_own_signals_only(probe):
    unit, _ = await probe({READ: says(250, 7), read(100, 2): "01 83 02 C0 F1"})
    level, count, flow = await unit.poll(["level", "count", "flow"])
    assert (level.value, count.value) == (25.0, 7)
    assert (flow.value, flow.quality, flow.reason) == (None, Quality.BAD, "fault")


async def test_a_refusal_is_raised_when_one_signal_is_asked_for(probe):
    unit, _ = await probe({read(100, 2): "01 83 02 C0 F1"})
    with pytest.raises(ModbusRejected, match="from 0064h: exception 02, unknown register") as error:
        await unit.flow.read()
    assert error.value.exception == 2


@pytest.mark.parametrize(
    ("code", "fault", "words"),
    [
        (1, ModbusRejected, "unknown function"),
        (3, ModbusRejected, "not allowed"),
        (4, DeviceFault, "device failure"),
        (5, ModbusRejected, "still working"),
        (6, ModbusRejected, "busy"),
        (0x0A, GatewayNoReply, "no path"),
        (0x0B, NoReply, "does not answer"),
        (0x55, ModbusRejected, "unknown exception"),
    ],
)
async def test_every_exception_has_its_own_fault(code, fault, words, probe):
    unit, script = await probe({read(100, 2): crc(bytes([1, 0x83, code]))})
    with pytest.raises(fault, match=words):
        await unit.flow.read()
    assert len(script.sent) == (2 if fault is GatewayNoReply or fault is NoReply else 1)


async def test_a_silent_unit_is_asked_twice_and_then_named(probe):
    unit, script = await probe({})
    with pytest.raises(NoReply, match=r"probe: no reply to .* within 0.5 s"):
        await unit.poll(["level"])
    assert script.sent == [
        frame(read(10, 1)),
        mark(1),
    ]  # the question, a fence against late answers


async def test_a_write_is_sent_once_even_when_nobody_answers(probe):
    unit, script = await probe({})
    with pytest.raises(NoReply):
        await unit.level.set(20.0)
    assert script.sent == [frame("01 06 00 0A 00 C8 A8 5E")]


async def test_a_write_is_confirmed_by_reading_back(probe):
    write = crc(frame("01 06 00 0A 00 C8"))
    unit, script = await probe({write.hex(): write, read(10, 1): says(200)})
    assert (await unit.level.set(20.0)).value == 20.0
    assert script.sent == [write, frame(read(10, 1))]


async def test_a_float_is_written_by_function_16(probe):
    write = crc(frame("01 10 0064 0002 04 3FC00000"))
    reply = crc(frame("01 10 0064 0002"))
    unit, _ = await probe({write.hex(): reply, read(100, 2): says(0x3FC0, 0)})
    assert (await unit.flow.set(1.5)).value == 1.5


async def test_a_unit_that_keeps_another_value_is_found_out(probe):
    write = crc(frame("01 06 00 0A 00 C8"))
    unit, _ = await probe({write.hex(): write, read(10, 1): says(100)})
    with pytest.raises(ReadbackMismatch, match=r"level was set to 20\.0 mm, reads back 10\.0"):
        await unit.level.set(20.0)


async def test_a_confirmation_of_another_value_is_a_fault(probe):
    write = crc(frame("01 06 00 0A 00 C8"))
    unit, _ = await probe({write.hex(): crc(frame("01 06 00 0A 00 C9"))})
    with pytest.raises(GarbledReply, match="confirms another write"):
        await unit.level.set(20.0)


async def test_a_short_confirmation_of_many_registers_is_a_fault(probe):
    write = crc(frame("01 10 0064 0002 04 3FC00000"))
    unit, _ = await probe({write.hex(): crc(frame("01 10 0064 0001"))})
    with pytest.raises(GarbledReply):
        await unit.flow.set(1.5)


@pytest.mark.parametrize("value", [-0.1, 500.1, float("nan"), float("inf"), True])
async def test_a_value_out_of_limits_never_reaches_the_wire(value, probe):
    unit, script = await probe({})
    with pytest.raises(OutOfRange):
        await unit.level.set(value)
    assert script.sent == []


async def test_a_value_that_does_not_fit_its_register_never_reaches_the_wire(probe):
    unit, script = await probe({})
    with pytest.raises(OutOfRange, match="does not fit float32"):
        await unit.flow.set(1e39)
    assert script.sent == []


async def test_configured_limits_narrow_those_of_the_table(probe):
    unit, _ = await probe({}, limits={"level": Limits(10, 600)})
    assert unit.level.spec.limits == Limits(10, 500)
    with pytest.raises(OutOfRange):
        await unit.level.set(5.0)


async def test_limits_of_an_unknown_signal_are_refused(probe):
    with pytest.raises(ValueError, match="unknown signal 'depth'"):
        await probe({}, limits={"depth": Limits(0, 1)})


async def test_a_signal_that_is_not_writable_is_refused(probe):
    unit, script = await probe({})
    with pytest.raises(OutOfRange, match="cannot be set"):
        await unit.count.set(3)
    assert script.sent == []


@pytest.mark.parametrize(
    "stray",
    [
        says(1, 2, unit=9),  # another unit
        says(1, 2, function=4),  # another function
        says(1),  # another count
        crc(frame("01 06 00 0A 00 C8")),  # another function still
        crc(frame("09 83 02")),  # another unit's refusal
        b"\xff\x00\x13",  # noise
    ],
)
async def test_an_answer_to_something_else_is_passed_over(stray, probe):
    unit, _ = await probe({READ: [stray, says(250, 7)]})
    assert [r.value for r in await unit.poll(["level", "count"])] == [25.0, 7]


async def test_an_answer_of_another_unit_alone_is_no_answer(probe):
    unit, _ = await probe({READ: says(1, 2, unit=9)})
    with pytest.raises(NoReply):
        await unit.poll(["level", "count"])


async def test_an_answer_cut_at_every_byte_is_still_one(probe):
    whole = says(250, 7)
    unit, _ = await probe({READ: [whole[i : i + 1] for i in range(len(whole))]})
    assert [r.value for r in await unit.poll(["level", "count"])] == [25.0, 7]


async def test_a_spoiled_answer_is_asked_for_again(probe):
    spoiled = says(250, 7)[:-1] + b"\x00"
    unit, script = await probe({READ: deque([spoiled, says(250, 7)]), mark(1).hex(): mark(1)})
    assert [r.value for r in await unit.poll(["level", "count"])] == [25.0, 7]
    assert len(script.sent) == 3  # a fence in between


async def test_an_echoing_converter_does_not_confirm_a_write_nobody_heard(probe):
    write = crc(frame("01 06 00 0A 00 C8"))
    echo_alone = {write.hex(): write}
    unit, _ = await probe(echo_alone, echo=True)
    with pytest.raises(NoReply):
        await unit.level.set(20.0)


async def test_an_echo_before_the_answer_is_dropped(probe):
    write = crc(frame("01 06 00 0A 00 C8"))
    ask = frame(read(10, 1))
    unit, _ = await probe({write.hex(): [write, write], ask.hex(): [ask + says(200)]}, echo=True)
    assert (await unit.level.set(20.0)).value == 20.0


def test_parity_and_rate_change_the_line():
    line = ModbusOptions(parity="E", baud_rate=19200).line(Probe.line)
    assert (line.parity, line.baud_rate) == ("E", 19200)


def tcp(transaction, pdu, unit=1):
    return transaction.to_bytes(2) + b"\0\0" + (len(pdu) + 1).to_bytes(2) + bytes([unit]) + pdu


async def test_tcp_requests_are_numbered_and_a_late_answer_is_not_taken(probe):
    pdu, late, good = frame("03 000A 0002"), frame("03 04 0001 0001"), frame("03 04 00FA 0007")
    first, second = tcp(1, pdu), tcp(2, pdu)
    replies = {first.hex(): tcp(1, good), second.hex(): [tcp(1, late), tcp(2, good)]}
    unit, script = await probe(replies, "modbus-tcp://10.0.0.1:502")
    for _ in range(2):
        assert [r.value for r in await unit.poll(["level", "count"])] == [25.0, 7]
    assert script.sent == [first, second]


async def test_tcp_transaction_numbers_begin_again_at_one(probe):
    pdu = frame("03 000A 0002")
    unit, script = await probe({}, "modbus-tcp://10.0.0.1:502")
    unit._transaction = 0xFFFF
    script.replies[tcp(1, pdu)] = tcp(1, frame("03 04 00FA 0007"))
    await unit.poll(["level", "count"])


async def test_a_trip_read_goes_on_the_trip_lane(probe):
    unit, _ = await probe({read(10, 1): says(200)})
    assert (await unit.level.read(Lane.TRIP)).value == 20.0


async def test_an_instrument_that_cannot_be_written_says_so(probe):
    unit, _ = await probe({crc(frame("01 06 00 0A 00 C8")).hex(): "01 86 03 02 61"})
    with pytest.raises(CommandRejected, match=r"writing \[200\] to 000Ah: exception 03"):
        await unit.level.set(20.0)


async def test_a_signal_without_a_value_has_none_to_fetch(probe):
    unit, _ = await probe({read(10, 1): deque([says(200), says(0x8000)])})
    assert await unit.level.fetch(Lane.POLL) == 20.0
    with pytest.raises(BadValue, match="sentinel"):
        await unit.level.fetch(Lane.POLL)


def mark(n):
    return crc(bytes([1, 8, 0, 0]) + n.to_bytes(2))


async def test_a_late_answer_is_fenced_off_by_an_echo(probe):
    late = says(111)  # RTU answers do not say which register they are of
    unit, script = await probe(
        {
            read(11, 1): deque([None, says(7)]),
            mark(1).hex(): [late, mark(1)],
        }
    )
    assert (await unit.count.read()).value == 7
    assert script.sent == [frame(read(11, 1)), mark(1), frame(read(11, 1))]


async def test_a_unit_that_echoed_once_is_believed_silent_when_it_does_not(probe):
    unit, script = await probe({read(11, 1): deque([None, says(7)]), mark(1).hex(): mark(1)})
    await unit.count.read()
    with pytest.raises(NoReply):
        await unit.count.read()
    assert mark(2) in script.sent


REFUSED = "01 88 01 87 C0"


async def test_a_unit_that_refuses_the_fence_is_believed_as_one_that_repeats_it(probe):
    replies = {read(11, 1): deque([None, says(7)]), mark(1).hex(): REFUSED}
    unit, script = await probe(replies)
    assert (await unit.count.read()).value == 7
    assert script.sent == [frame(read(11, 1)), mark(1), frame(read(11, 1))]


async def test_a_refusal_of_an_earlier_fence_is_not_taken_for_that_of_a_later_one(probe):
    """The first fence is answered late, when the second has been asked; then a question fails."""
    replies = {
        read(11, 1): deque([None, None, says(7)]),
        mark(2).hex(): REFUSED,  # may be to the first fence: from here on one is owed
        mark(3).hex(): REFUSED,
        mark(4).hex(): REFUSED,
    }
    unit, script = await probe(replies)
    with pytest.raises(NoReply):
        await unit.count.read()
    assert (await unit.count.read()).value == 7
    fences = [mark(n) for n in (1, 2, 3, 4)]
    question = frame(read(11, 1))
    assert script.sent == [question, *fences[:2], question, *fences[2:], question]


async def test_a_unit_silent_about_the_fence_is_trusted_again_when_its_doubt_is_old(probe):
    unit, script = await probe({read(11, 1): deque([None, says(7)])})
    for _ in range(2):
        with pytest.raises(NoReply):
            await unit.count.read()
    await asyncio.sleep(LATE_S)
    assert (await unit.count.read()).value == 7
    assert script.sent[-2:] == [mark(4), frame(read(11, 1))]


async def test_a_question_that_waits_while_another_fails_goes_after_the_fence(probe):
    replies = {read(10, 1): None, read(11, 1): says(7), mark(1).hex(): mark(1)}
    unit, script = await probe(replies)
    failing = asyncio.create_task(unit.level.set(20.0))
    waiting = asyncio.create_task(unit.count.read())
    with pytest.raises(NoReply):
        await failing
    assert (await waiting).value == 7
    assert script.sent[1:] == [mark(1), frame(read(11, 1))]


async def test_numbered_answers_need_no_fence(probe):
    unit, script = await probe({}, port="modbus-tcp://192.168.10.9:502")
    with pytest.raises(NoReply):
        await unit.count.read()
    assert [request[7] for request in script.sent] == [3, 3]
