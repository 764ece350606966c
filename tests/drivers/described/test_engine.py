"""Each feature of a text description, at work between driver and simulated instrument."""

import asyncio

import pytest

from drivers.errors import (
    Busy,
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    NoReply,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.signal import Lane, Limits, Quality
from tests.drivers.described.rig import connected, saved

pytestmark = pytest.mark.virtual

BASE = """
title = "Thing"
source = "made up"
identity = "who"
{top}
[fields]
_name = {{ type = "text", like = "THING .+", start = "THING 1" }}
value = {{ unit = "bar", start = 1.23 }}
{fields}
[exchanges]
who = {{ send = "WHO", reply = "{{_name}}" }}
value = {{ send = "VAL", reply = "V{{value:0.00}}" }}
{exchanges}
{rest}
"""


def thing(top="framing.reply_end = '\\r\\n'", fields="", exchanges="", rest=""):
    top = top.replace("'", '"')
    return BASE.format(top=top, fields=fields, exchanges=exchanges, rest=rest)


FRAMINGS = {
    "line": "framing = { send_end = '\\r', reply_end = '\\r\\n' }",
    "start and end": (
        "framing = { send_start = '\\u0002', send_end = '\\u0003', reply_start = '\\u0002',"
        " reply_end = '\\u0003' }"
    ),
    "prompt": "framing = { send_end = '\\r', prompt = '\\r\\n[:>]', prints = '\\r\\n:' }",
    "document": "framing = { send_end = '</q>', send_start = '<q>', document = '</a>' }",
    "silence": "framing = { send_end = '\\r', silence_s = 0.05 }",
}


@pytest.mark.parametrize("name", [name for name in FRAMINGS if name != "document"])
async def test_every_framing_carries_the_same_exchange(name, tmp_path):
    path = saved(tmp_path, thing(FRAMINGS[name]))
    async with connected(path) as (instrument, wire):
        wire.state.hold({"value": 1.5})
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.5
        wire.state.hold({"value": -2.25})
        (reading,) = await instrument.poll(["value"])
        assert reading.value == -2.25


async def test_a_document_ends_with_its_closing_tag(tmp_path):
    text = thing(FRAMINGS["document"]).replace('"{_name}"', '"<a>{_name}</a>"')
    path = saved(tmp_path, text.replace('"V{value:0.00}"', '"<a>V{value:0.00}</a>"'))
    async with connected(path) as (instrument, wire):
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.23
        assert wire.texts == ["<q>VAL</q>"]


LENGTHS = [
    "",
    "checksum = { kind = 'crc16-xmodem', form = 'binary', covers_start = true }",
    "checksum = { kind = 'xor8', form = 'HEX' }",
]


@pytest.mark.parametrize("checksum", LENGTHS)
@pytest.mark.parametrize("length", ["{ at = 1 }", "{ at = 1, size = 2, order = 'low', adds = 3 }"])
async def test_frames_with_a_length_field_say_it_in_both_directions(length, checksum, tmp_path):
    framing = "framing = { send_start = '#', send_end = '', reply_start = '#', length = "
    path = saved(tmp_path, thing(f"{framing}{length} }}\n{checksum}"))
    async with connected(path) as (instrument, wire):
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.23
        if not checksum and "size" not in length:
            assert wire.sent == [b"#\x05VAL"]


async def test_frames_of_fixed_length_are_cut_by_it(tmp_path):
    text = thing("framing = { send_end = '\\r', fixed = 8 }").replace(
        "V{value:0.00}", "V{value:0000.00}"
    )
    text = text.replace("THING 1", "THING 12")
    async with connected(saved(tmp_path, text)) as (instrument, _wire):
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.23


CHECKSUMS = [
    "checksum = { kind = 'xor8' }",
    "checksum = { kind = 'sum8', form = 'hex' }",
    "checksum = { kind = 'inverse-sum8', form = 'decimal' }",
    "checksum = { kind = 'crc16-modbus', order = 'low' }",
    "checksum = { kind = 'crc16-xmodem', form = 'binary', place = 'after-end', covers_end = true }",
    "checksum = { kind = 'crc16-ccitt-false', form = 'binary', place = 'after-end' }",
]


@pytest.mark.parametrize("checksum", CHECKSUMS)
async def test_damaged_replies_are_refused_where_there_is_a_checksum(checksum, tmp_path):
    path = saved(tmp_path, thing(FRAMINGS["start and end"] + "\n" + checksum))
    async with connected(path) as (instrument, wire):
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.23

        def damage(reply):
            return [(0.0, reply.replace(b"V1", b"V7"))]

        wire.line.trouble = damage
        (reading,) = await instrument.poll(["value"])
        assert (reading.value, reading.reason) == (None, "fault")
        with pytest.raises(GarbledReply, match="checksum is"):
            await instrument.value.read()


async def test_two_on_a_line_answer_to_their_own_address_only(tmp_path):
    top = "framing.reply_end = '\\r\\n'\naddress = { send = '#{address:00}', reply = '>{address:00}' }"
    path = saved(tmp_path, thing(top))
    async with connected(path, {"address": 7}) as (instrument, wire):
        await instrument.poll(["value"])
        assert wire.texts == ["#07VAL\r"]
        assert instrument.reply_to("VAL", b">07V1.00") == "V1.00"
        assert instrument.reply_to("VAL", b">08V1.00") is None


ERRORS = """
[[errors]]
reply = "E1"
is = "busy"
[[errors]]
reply = "E2"
is = "fault"
says = "motor hot"
[[errors]]
reply = "E3"
is = "no-value"
[[errors]]
reply = "E{_code}"
says = "code"
then = "CLEAR"
when = "any"
"""


async def answered(tmp_path, reply):
    """Return what reading the value raises, or gives, when the wire answers this to VAL."""
    path = saved(tmp_path, thing(fields='_code = { type = "int" }', rest=ERRORS))
    async with connected(path) as (instrument, wire):
        wire.line.trouble = lambda said: [(0.0, reply if said.startswith(b"V1") else said)]
        try:
            return await instrument.value.read(), wire.texts
        except InstrumentError as fault:
            return fault, wire.texts


@pytest.mark.parametrize(
    ("reply", "fault", "says"),
    [
        (b"E1\r\n", Busy, "'VAL' is answered 'E1'"),
        (b"E2\r\n", DeviceFault, r"'VAL' is answered 'E2' \(motor hot\)"),
        (b"E7\r\n", CommandRejected, r"'VAL' is answered 'E7' \(code\)"),
        (b"V1.2.3\r\n", GarbledReply, "no float"),
        (b"who?\r\n", NoReply, r"but b'who\?"),
    ],
)
async def test_error_replies_are_named_faults(reply, fault, says, tmp_path):
    found, _ = await answered(tmp_path, reply)
    assert type(found) is fault
    with pytest.raises(fault, match=says):
        raise found


async def test_an_error_reply_may_say_that_there_is_no_value(tmp_path):
    found, _ = await answered(tmp_path, b"E3\r\n")
    assert (found.value, found.reason) == (None, "sentinel")


async def test_after_an_error_reply_its_buffer_is_cleared_where_that_is_asked_for(tmp_path):
    _, sent = await answered(tmp_path, b"E9\r\n")
    assert sent == ["VAL\r", "CLEAR\r"]


async def test_another_instrument_is_told_by_its_name(tmp_path):
    path = saved(tmp_path, thing(rest=ERRORS.replace("{_code}", "9")))
    async with connected(path, prepare=False) as (instrument, wire):
        wire.state.values["_name"] = "OTHER 2"
        with pytest.raises(
            WrongInstrument, match=r"answers 'OTHER 2' to 'WHO', expected '{_name}'"
        ):
            await instrument.identify()


SWITCH = """
on = { type = "bool" }
level = { limits = [0, 10] }
trim = { limits = [0, 5], start = 2.0 }
"""
SWITCHED = """
on = { send = "ON?", reply = "O{on}" }
start = { send = "GO", reply = "OK", sets = { on = true } }
stop = { send = "HALT", reply = "OK", sets = { on = false }, retry = "idempotent" }
both = { send = "BOTH", reply = "B{level:0.0},{trim:0.0}" }
set_both = { send = "SET {level:0.0},{trim:0.0}", reply = "OK" }
"""


async def test_bare_requests_stand_for_values(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path) as (instrument, wire):
        assert (await instrument.on.set(True)).value is True
        assert wire.texts == ["GO\r", "ON?\r"]
        assert (await instrument.on.set(False)).value is False
        assert wire.texts == ["HALT\r", "ON?\r"]


async def test_a_request_of_two_values_keeps_the_other_one(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path) as (instrument, wire):
        assert (await instrument.level.set(4.5)).value == 4.5
        assert wire.texts == ["BOTH\r", "SET 4.5,2.0\r", "BOTH\r"]


async def test_one_query_fills_all_signals_of_its_reply(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path) as (instrument, wire):
        readings = await instrument.poll(["level", "trim", "on"])
        assert [r.value for r in readings] == [0.0, 2.0, False]
        assert wire.texts == ["BOTH\r", "ON?\r"]


async def test_an_idempotent_command_is_sent_again_and_others_are_not(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path) as (instrument, wire):
        lost = []

        def lose_one(reply):
            if reply.startswith(b"OK") and not lost:
                lost.append(reply)
                return []
            return [(0.0, reply)]

        wire.line.trouble = lose_one
        await instrument.on.set(False)
        assert wire.texts.count("HALT\r") == 2
        lost.clear()
        with pytest.raises(NoReply, match="no reply to b'GO"):
            await instrument.on.set(True)
        assert wire.texts == ["GO\r"]


async def test_rounding_never_leads_over_a_limit(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path, limits={"level": Limits(0, 0.96)}) as (instrument, wire):
        with pytest.raises(OutOfRange, match="level 1 "):
            await instrument.level.set(0.96)
        assert wire.texts == []


async def test_an_instrument_that_holds_another_value_is_a_mismatch(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED))
    async with connected(path) as (instrument, wire):
        wire.state.hold({"level": 3.0})
        with pytest.raises(ReadbackMismatch, match=r"level was set to 4.5 , reads back 3.0"):
            await instrument.level.set(4.5)


REFUSED = """
[[alarms]]
field = "state"
like = "refused.*"
is = "rejected"
says = "refused"
[[alarms]]
field = "state"
like = "broken"
[simulated]
needs = { on = true }
"""


async def test_what_became_of_a_refused_write_is_asked_for(tmp_path):
    fields = SWITCH + 'state = { type = "text", like = "[a-z ]+", start = "well" }'
    exchanges = SWITCHED + 'state = { send = "ST", reply = "S:{state}" }'
    path = saved(tmp_path, thing(fields=fields, exchanges=exchanges, rest=REFUSED))
    async with connected(path) as (instrument, wire):
        wire.line.trouble = lambda said: [(0.0, said)]
        wire.state.values["on"] = True
        wire.state.hold({"level": 3.0, "state": "refused value"})
        with pytest.raises(
            CommandRejected, match=r"refused: 'refused value' \(level was set to 4.5"
        ):
            await instrument.level.set(4.5)
        await instrument.check()  # that is no fault of the instrument
        wire.state.hold({"state": "broken"})
        with pytest.raises(DeviceFault, match="state: 'broken'"):
            await instrument.check()


async def test_bits_of_a_word_are_signals(tmp_path):
    fields = '_word = { type = "int", bits = { hot = 0, open = 3 } }'
    exchanges = 'word = { send = "W", reply = "W{_word:XX}" }'
    rest = '[[alarms]]\nfield = "open"\nequals = true\nsays = "cover open"'
    path = saved(tmp_path, thing(fields=fields, exchanges=exchanges, rest=rest))
    async with connected(path) as (instrument, wire):
        wire.state.values["_word"] = 0x09
        assert [r.value for r in await instrument.poll(["hot", "open"])] == [True, True]
        assert wire.texts == ["W\r"]
        with pytest.raises(DeviceFault, match="cover open: True"):
            await instrument.check()
        wire.state.values["_word"] = 0x01
        await instrument.check()


PUSHED = """
[[unsolicited]]
line = "MASS {mass:0.00} g"
every_s = 1.0
[[unsolicited]]
line = "ALARM {_code}"
is = "fault"
says = "see 7.3"
[[unsolicited]]
line = "HELLO"
is = "ignore"
"""


async def test_values_that_come_unasked_are_the_newest_or_stale(tmp_path):
    fields = 'mass = { unit = "g" }\n_code = { type = "int", start = 4 }'
    path = saved(tmp_path, thing(fields=fields, rest=PUSHED))
    async with connected(path) as (instrument, wire):
        (reading,) = await instrument.poll(["mass"])
        assert (reading.value, reading.reason) == (None, "stale")
        await asyncio.sleep(1.1)
        (reading,) = await instrument.poll(["mass"])
        assert (reading.value, reading.quality) == (123.46, Quality.GOOD)
        assert wire.texts == []
        assert instrument.bus.counters.stray == 0
        wire.line.disturb("i", "silent")
        await asyncio.sleep(3.5)
        (reading,) = await instrument.poll(["mass"])
        assert (reading.value, reading.reason) == (None, "stale")


async def test_an_alarm_that_comes_unasked_answers_nothing_and_is_told_until_prepared_anew(
    tmp_path,
):
    fields = 'mass = { unit = "g" }\n_code = { type = "int", start = 4 }'
    path = saved(tmp_path, thing(fields=fields, rest=PUSHED))
    async with connected(path) as (instrument, wire):
        await instrument.check()
        wire.line.trouble = lambda said: [(0.0, b"HELLO\r\nALARM 4\r\n" + said)]
        (reading,) = await instrument.poll(["value"])
        assert reading.value == 1.23
        for _ in range(2):
            with pytest.raises(DeviceFault, match=r"said unasked: 'ALARM 4' see 7.3"):
                await instrument.check()
        wire.line.trouble = lambda said: [(0.0, said)]
        await instrument.prepare()
        await instrument.check()


async def test_a_write_is_followed_by_the_silence_the_file_asks_for(tmp_path):
    path = saved(
        tmp_path,
        thing(
            "line.settle_s = 0.3\nframing.reply_end = '\\r\\n'", fields=SWITCH, exchanges=SWITCHED
        ),
    )
    async with connected(path) as (instrument, _wire):
        began = asyncio.get_running_loop().time()
        await instrument.on.set(True)
        assert asyncio.get_running_loop().time() - began > 0.3


async def test_a_slow_exchange_has_a_deadline_of_its_own(tmp_path):
    exchanges = 'slow = { send = "SLOW", reply = "L{late:0.0}", timeout_s = 5.0 }'
    path = saved(tmp_path, thing(fields="late = {}", exchanges=exchanges))
    async with connected(path) as (instrument, wire):
        wire.line.trouble = lambda said: [(3.0, said)]
        assert (await instrument.late.read()).value == 0.0
        with pytest.raises(NoReply, match="within 1 s"):
            await instrument.value.read()


MEMORY = """
kept = { limits = [0, 10], memory = "eeprom" }
burnt = { limits = [0, 10], memory = "once" }
"""
KEPT = """
kept = { send = "K", reply = "K{kept:0.0}" }
set_kept = { send = "K {kept:0.0}", reply = "OK" }
burnt = { send = "B", reply = "B{burnt:0.0}" }
set_burnt = { send = "B {burnt:0.0}", reply = "OK" }
"""


async def test_what_wears_out_the_memory_is_written_only_to_change_it(tmp_path):
    path = saved(tmp_path, thing(fields=MEMORY, exchanges=KEPT))
    async with connected(path) as (instrument, wire):
        for value in (2.0, 2.0, 2.04, 3.0):
            assert (await instrument.kept.set(value)).value == round(value, 1)
        assert [text for text in wire.texts if text.startswith("K ")] == ["K 2.0\r", "K 3.0\r"]
        assert wire.state.memory_writes == 2


async def test_what_can_be_written_once_is_changed_once(tmp_path):
    path = saved(tmp_path, thing(fields=MEMORY, exchanges=KEPT))
    async with connected(path) as (instrument, wire):
        await instrument.burnt.set(2.0)
        await instrument.burnt.set(2.0)
        with pytest.raises(CommandRejected, match=r"burnt may be written once and holds 2.0"):
            await instrument.burnt.set(3.0)
        assert wire.state.memory_writes == 1


async def test_an_instrument_set_otherwise_than_expected_is_refused(tmp_path):
    fields = '_unit = { type = "text", like = "[A-Z]+", start = "BAR", expect = "BAR" }'
    path = saved(
        tmp_path, thing(fields=fields, exchanges='unit = { send = "U", reply = "U:{_unit}" }')
    )
    async with connected(path) as (instrument, wire):
        wire.state.values["_unit"] = "PSI"
        with pytest.raises(DeviceFault, match="unit is 'PSI', expected 'BAR'"):
            await instrument.prepare()


WATCHED = """
watchdog = { field = "_dog", default = 30, range = [10, 60], feed = "again" }
safe = [{ on = false }]
framing.reply_end = '\\r\\n'
"""


async def test_a_watchdog_is_armed_fed_in_time_and_bites_when_nobody_speaks(tmp_path):
    fields = SWITCH + '_dog = { type = "int", unit = "s" }'
    exchanges = SWITCHED + 'dog = { send = "DOG {_dog}", reply = "OK" }'
    path = saved(tmp_path, thing(WATCHED, fields=fields, exchanges=exchanges))
    async with connected(path) as (instrument, wire):
        await instrument.on.set(True)
        wire.texts  # noqa: B018
        for _ in range(60):
            await instrument.poll(["value"])
            await asyncio.sleep(1)
        assert 5 <= wire.texts.count("DOG 30\r") <= 7
        assert wire.state.values["on"] is True
        await asyncio.sleep(31)
        assert wire.state.values["on"] is False


async def test_a_watchdog_that_is_off_is_not_written(tmp_path):
    fields = SWITCH + '_dog = { type = "int", unit = "s" }'
    exchanges = SWITCHED + 'dog = { send = "DOG {_dog}", reply = "OK" }'
    path = saved(tmp_path, thing(WATCHED, fields=fields, exchanges=exchanges))
    async with connected(path, {"watchdog_s": 0}) as (instrument, wire):
        await instrument.prepare()
        await instrument.poll(["value"])
        assert not [text for text in wire.texts if text.startswith("DOG")]


VALVE = """
role.kind = "valve"
framing.reply_end = '\\r\\n'
"""


async def test_a_valve_is_turned_and_waited_for(tmp_path):
    fields = 'position = { type = "int", limits = [1, 6], start = 1 }'
    exchanges = 'at = { send = "CP", reply = "CP{position:00}" }\ngo = { send = "GO{position:00}" }'
    path = saved(tmp_path, thing(VALVE, fields=fields, exchanges=exchanges))
    async with connected(path) as (valve, wire):
        assert valve.positions == 6
        assert await valve.turn(4) == 4
        assert wire.part.at == 4
        with pytest.raises(OutOfRange):
            await valve.turn(7)
        wire.part.turn = lambda position: None  # stuck
        with pytest.raises(ReadbackMismatch, match="position was set to 2 , reads back 4"):
            await valve.turn(2)


PUMP = """
role.kind = "pump"
prepare = [{ _most = 'limits.pressure.high' }]
safe = [{ flow = 0.0 }]
framing.reply_end = '\\r\\n'
"""


async def test_a_pump_without_a_switch_stops_by_no_flow_and_holds_its_own_limit(tmp_path):
    fields = """
flow = { unit = "mL/min", wire_unit = "uL/min", limits = [0, 5] }
pressure = { unit = "bar" }
_most = { unit = "bar" }
"""
    exchanges = """
flow = { send = "F?", reply = "F{flow:0}" }
set_flow = { send = "F {flow:0}", reply = "OK" }
pressure = { send = "P?", reply = "P{pressure:0.0}" }
most = { send = "M {_most:0}", reply = "OK" }
"""
    path = saved(tmp_path, thing(PUMP, fields=fields, exchanges=exchanges))
    limits = {"flow": Limits(0, 2), "pressure": Limits(0, 20)}
    async with connected(path, limits=limits) as (pump, wire):
        assert wire.state.values["_most"] == 20.0
        assert (pump.max_flow_ml_min, pump.min_flow_ml_min) == (2.0, 0.001)
        assert pump.rounded_flow(0.12345) == 0.123
        assert await pump.set_flow(1.5) == 1.5
        assert wire.part.flow == 1.5
        await pump.stop()
        assert wire.part.flow == 0.0
        await pump.set_flow(1.0)
        await pump.make_safe()
        assert wire.part.flow == 0.0


async def test_one_step_of_the_safe_state_that_fails_does_not_keep_the_others(tmp_path):
    fields = SWITCH + "other = { limits = [0, 1] }"
    exchanges = SWITCHED + 'oops = { send = "OOPS", reply = "NEVER" }'
    top = "safe = ['oops', { on = false }]\nframing.reply_end = '\\r\\n'"
    text = thing(top, fields=SWITCH, exchanges=exchanges)
    path = saved(tmp_path, text)
    assert fields
    async with connected(path) as (instrument, wire):
        await instrument.on.set(True)
        wire.line.trouble = lambda said: [] if said.startswith(b"NEVER") else [(0.0, said)]
        with pytest.raises(NoReply, match="OOPS"):
            await instrument.make_safe()
        assert wire.state.values["on"] is False


async def test_a_line_in_doubt_is_proven_before_what_cannot_be_read_back(tmp_path):
    fields = "dose = { limits = [0, 9] }"
    path = saved(tmp_path, thing(fields=fields, exchanges='dose = { send = "D {dose:0}" }'))
    async with connected(path) as (instrument, wire):
        (reading,) = await instrument.poll(["dose"])
        assert (reading.value, reading.reason) == (None, "stale")
        reading = await instrument.dose.set(4)
        assert (reading.value, reading.quality) == (4.0, Quality.UNCERTAIN)
        sent = wire.texts
        assert sent.index("D 4\r") > 0
        assert sent.count("D 4\r") == 1
        assert sent[-1] != "D 4\r"
        wire.line.disturb("i", "silent")
        with pytest.raises(NoReply):
            await instrument.dose.set(5)
        assert "D 5\r" not in wire.texts


async def test_in_a_trip_the_command_goes_first(tmp_path):
    fields = SWITCH + "dose = { limits = [0, 9] }"
    exchanges = SWITCHED + 'dose = { send = "D {dose:0}" }'
    path = saved(tmp_path, thing(fields=fields, exchanges=exchanges))
    async with connected(path) as (instrument, wire):
        await instrument.dose.set(4, Lane.TRIP)
        assert wire.texts[0] == "D 4\r"


OPTIONS = """
[options.head]
default = "small"
choices.small = {}
[options.head.choices.big]
fields.level.limits = [0, 100]
exchanges.set_both.send = "SET {level:000},{trim:0.0}"
exchanges.both.reply = "B{level:000},{trim:0.0}"
"""


async def test_an_option_changes_the_description(tmp_path):
    path = saved(tmp_path, thing(fields=SWITCH, exchanges=SWITCHED, rest=OPTIONS))
    async with connected(path, {"head": "big"}) as (instrument, wire):
        assert (await instrument.level.set(40)).value == 40
        assert "SET 040,2.0\r" in wire.texts
        specs = type(instrument).signal_specs(instrument.options)
        assert specs["level"].limits == Limits(0, 100)
    async with connected(path) as (instrument, wire):
        with pytest.raises(OutOfRange):
            await instrument.level.set(40)
