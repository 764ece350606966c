"""The oddities of the instruments that come as descriptions, on their simulated twins."""

import asyncio

import pytest

from drivers.described.load import SHIPPED
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    InstrumentError,
    OutOfRange,
    ReadbackMismatch,
    WrongInstrument,
)
from drivers.registry import Lines
from drivers.signal import Lane, Limits
from simulators.wire.memory import MemoryEnd
from tests.drivers.described.rig import connected

pytestmark = pytest.mark.virtual


def shipped(name):
    return SHIPPED / f"{name}.toml"


# --- Julabo


async def test_julabo_keeps_a_quarter_of_a_second_between_commands():
    async with connected(shipped("julabo")) as (bath, wire):
        began = asyncio.get_running_loop().time()
        await bath.set_temperature(55.5)
        assert wire.texts == ["out_sp_00 55.5\r", "in_sp_00\r", "out_mode_05 1\r", "in_mode_05\r"]
        assert asyncio.get_running_loop().time() - began > 4 * 0.25
        assert wire.part.goal == 55.5


async def test_julabo_tells_a_refused_setpoint_by_its_status():
    async with connected(shipped("julabo")) as (bath, wire):
        wire.state.cells["setpoint"]._limits = (0, 100)  # of the unit's own
        with pytest.raises(CommandRejected, match="refused: '-11 VALUE TOO LARGE'"):
            await bath.set_temperature(150.0)
        assert wire.part.goal is None
        await bath.check()  # told once; no fault of the instrument


async def test_julabo_faults_are_those_of_its_status():
    async with connected(shipped("julabo")) as (bath, wire):
        await bath.check()
        wire.state.hold({"status": "-01 LOW LEVEL ALARM"})
        with pytest.raises(DeviceFault, match="fault: '-01 LOW LEVEL ALARM'"):
            await bath.check()
        wire.state.hold({"status": "00"})  # CORIO, whatever it does
        await bath.check()


async def test_julabo_at_an_address_hears_and_says_it():
    async with connected(shipped("julabo"), {"address": 32}) as (bath, wire):
        assert await bath.identify() == "JULABO CRYOCOMPACT CF31 VERSION 5.0"
        assert wire.texts == ["A032_version\r"]


async def test_julabo_without_external_sensor_has_no_value():
    async with connected(shipped("julabo")) as (bath, wire):
        wire.line.trouble = lambda said: [(0.0, b"---.--\r\n" if said[:1].isdigit() else said)]
        assert (await bath.external.read()).reason == "sentinel"


# --- IKA


async def test_ika_stops_heating_and_stirring_when_the_host_dies():
    async with connected(shipped("ika-namur")) as (plate, wire):
        await plate.set_temperature(60.0)
        await plate.stirring.set(True)
        assert wire.part.goal == 60.0
        for _ in range(90):
            await plate.poll(["temperature"])
            await asyncio.sleep(1)
        assert wire.part.goal == 60.0
        assert 4 <= wire.texts.count("OUT_WD1@60\r\n") <= 6
        await asyncio.sleep(61)
        assert wire.part.goal is None
        assert wire.state.values["stirring"] is False


async def test_ika_leaves_a_tenth_of_a_second_after_a_write():
    async with connected(shipped("ika-namur"), {"watchdog_s": 0}) as (plate, wire):
        loop = asyncio.get_running_loop()
        at = []
        wire.line.trouble = lambda said: [(0.0, said)] if at.append(loop.time()) is None else []
        began = loop.time()
        await plate.setpoint.set(60.0)
        assert wire.texts == ["OUT_SP_1 60\r\n", "IN_SP_1\r\n"]
        assert at[-1] - began == pytest.approx(0.1)


async def test_ika_start_and_stop_stand_between_answered_questions_and_are_sent_twice():
    async with connected(shipped("ika-namur"), {"watchdog_s": 0}) as (plate, wire):
        await plate.heat_off()
        sent = wire.texts
        assert sent.count("STOP_1\r\n") == 2
        assert (sent[0], sent[-1]) == ("IN_NAME\r\n", "IN_PV_2\r\n")
        await plate.make_safe()
        assert wire.texts[0] == "STOP_1\r\n"  # in a trip acting comes first


async def test_ika_with_an_external_sensor_measures_there():
    async with connected(shipped("ika-namur"), {"sensor": "external"}) as (plate, wire):
        (reading,) = await plate.poll(["temperature"])
        assert wire.texts == ["IN_PV_1\r\n"]
        assert reading.value == 23.8


async def test_ika_answers_with_another_index_are_no_answers():
    async with connected(shipped("ika-namur"), {"watchdog_s": 0}) as (plate, _wire):
        assert plate.reply_to("IN_PV_2", b"31.0 2 ") == "31.0 2"
        (reading,) = [plate.temperature.parsed("31.0 2")]
        assert reading == 31.0
        with pytest.raises(InstrumentError, match="no float"):
            plate.temperature.parsed("31.0 1")


# --- Lauda


async def test_lauda_goes_to_its_safe_state_when_nobody_speaks():
    async with connected(shipped("lauda"), {"watchdog_s": 20}) as (bath, wire):
        await bath.set_temperature(40.0)
        for _ in range(60):
            await bath.poll(["temperature"])
            await asyncio.sleep(1)
        assert wire.part.goal == 40.0
        assert not [
            text for text in wire.texts if text.startswith("OUT_SP_08")
        ]  # any word feeds it
        await asyncio.sleep(21)
        assert wire.part.goal is None


async def test_lauda_watchdog_can_be_switched_off():
    async with connected(shipped("lauda"), {"watchdog_s": 0}) as (bath, wire):
        await bath.set_temperature(40.0)
        await asyncio.sleep(1000)
        assert wire.part.goal == 40.0


@pytest.mark.parametrize("digits", [b"25.50", b"025.50", b"25.5"])
async def test_lauda_pads_its_digits_as_it_likes(digits):
    async with connected(shipped("lauda")) as (bath, wire):
        wire.line.trouble = lambda said: [(0.0, digits + b"\r\n")]
        assert (await bath.temperature.read()).value == 25.5


async def test_lauda_without_external_probe_has_no_value():
    async with connected(shipped("lauda")) as (bath, wire):
        wire.line.trouble = lambda said: [(0.0, b"ERR_33\r\n")]
        assert (await bath.external.read()).reason == "sentinel"


async def test_lauda_status_is_a_fault():
    async with connected(shipped("lauda")) as (bath, wire):
        wire.state.hold({"status": -1})
        with pytest.raises(DeviceFault, match="see STAT"):
            await bath.check()


# --- SSI


async def test_ssi_sends_four_digits_that_no_head_changes():
    async with connected(shipped("ssi-nextgen-pump")) as (pump, wire):
        assert await pump.set_flow(1.5) == 1.5
        assert wire.texts[:3] == ["FO0150\r", "CS\r", "RU\r"]
        assert wire.part.flow == 1.5
        assert pump.flow_step_ml_min == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("digits", "sent", "most"),
    [("x.xx", "FL150", 9.99), ("xx.x", "FL015", 99.9), ("x.xxx", "FM1500", 9.999)],
)
async def test_ssi_digits_are_an_option(digits, sent, most):
    async with connected(shipped("ssi-nextgen-pump"), {"digits": digits}) as (pump, wire):
        await pump.set_flow(1.5)
        assert wire.texts[0] == f"{sent}\r"
        assert pump.max_flow_ml_min == most


async def test_ssi_with_the_digits_of_another_head_does_not_start():
    async with connected(shipped("ssi-nextgen-pump"), {"digits": "x.xx"}) as (pump, wire):
        before = wire.state.put
        wire.state.put = lambda values: before(
            {k: 10 * v if k == "_rate" else v for k, v in values.items()}
        )
        with pytest.raises(ReadbackMismatch, match=r"_rate was set to 0[.]5 mL/min, reads back"):
            await pump.set_flow(0.5)
        assert wire.part.flow == 0.0


async def test_ssi_holds_the_pressure_limit_and_stops_by_itself():
    limits = {"pressure": Limits(0, 20)}
    async with connected(shipped("ssi-nextgen-pump"), limits=limits) as (pump, wire):
        assert wire.state.values["_upper"] == pytest.approx(20.0, abs=0.05)
        await pump.set_flow(1.0)
        wire.state.hold({"pressure": 25.0})
        await asyncio.sleep(2)
        assert wire.part.flow == 0.0
        with pytest.raises(DeviceFault, match="upper pressure limit hit"):
            await pump.check()
        (reading,) = await pump.poll(["flow"])
        assert reading.value == 0.0


async def test_ssi_clears_the_buffer_after_an_error():
    async with connected(shipped("ssi-nextgen-pump")) as (pump, wire):
        wire.line.trouble = lambda said: [(0.0, b"Er/" if said == b"OK/" else said)]
        with pytest.raises(CommandRejected, match="'RU' is answered 'Er'"):
            await pump.running.set(True, Lane.COMMAND)
        assert wire.texts == ["RU\r", "#\r"]


async def test_ssi_pressure_is_psi_on_the_wire():
    async with connected(shipped("ssi-nextgen-pump")) as (pump, wire):
        wire.line.trouble = lambda said: [(0.0, b"OK,1250,1.50/")]
        (reading,) = await pump.poll(["pressure"])
        assert reading.value == pytest.approx(86.18446)


# --- Watlow


async def test_watlow_speaks_fahrenheit_low_word_first():
    async with connected(shipped("watlow-ez-zone")) as (zone, wire):
        await zone.set_temperature(75.0)
        assert wire.part.goal == pytest.approx(75.0, abs=1e-4)
        assert bytes.fromhex("01 10 08 70 00 02 04 00 00 43 27") in [s[:11] for s in wire.sent]


@pytest.mark.parametrize(("held", "option"), [(15, "F"), (30, "C")])
async def test_watlow_set_to_other_degrees_is_refused(held, option):
    async with connected(shipped("watlow-ez-zone"), {"degrees": option}) as (zone, wire):
        wire.state.values["_degrees"] = held
        with pytest.raises(DeviceFault, match="register 2490: 30 is degF, 15 is degC"):
            await zone.prepare()


async def test_watlow_in_celsius_measures_the_same():
    async with connected(shipped("watlow-ez-zone"), {"degrees": "C"}) as (zone, _wire):
        (reading,) = await zone.poll(["temperature"])
        assert reading.value == pytest.approx(23.75)


async def test_watlow_memory_is_spared():
    async with connected(shipped("watlow-ez-zone")) as (zone, wire):
        for _ in range(5):
            await zone.set_temperature(75.0)
        assert wire.state.memory_writes == 2  # the setpoint, and the mode
        await zone.heat_off()
        assert wire.part.goal is None
        with pytest.raises(OutOfRange):
            await zone.set_temperature(1300.0)


async def test_watlow_sensor_error_is_a_fault_unless_it_is_not_looked_at():
    async with connected(shipped("watlow-ez-zone")) as (zone, wire):
        await zone.check()
        wire.state.values["_sensor"] = 65
        with pytest.raises(DeviceFault, match="sensor error: 65"):
            await zone.check()
    async with connected(shipped("watlow-ez-zone"), {"sensor": "unchecked"}) as (zone, _wire):
        await zone.check()


async def test_watlow_reads_in_few_frames_and_no_register_that_is_not_named():
    async with connected(shipped("watlow-ez-zone")) as (zone, wire):
        await zone.poll(["temperature", "setpoint", "running", "power"])
        read = [(int.from_bytes(s[2:4], "big"), int.from_bytes(s[4:6], "big")) for s in wire.sent]
        assert read == [(360, 2), (1880, 1), (1904, 2), (2160, 2)]


async def test_watlow_is_no_other_modbus_instrument(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(
        'title = "Other"\nsource = "made up"\nmodbus = {}\n[fields]\nlevel = { at = 4, scale = 0.1 }\n'
    )
    async with connected(path) as (_other, wire):
        lines = Lines(lambda _port, _spec: MemoryEnd(wire.line))
        watlow = lines.instrument("w", "watlow-ez-zone", "/dev/ttyUSB0", {}, {})
        await lines.open("w")
        with pytest.raises(WrongInstrument, match="is no Watlow"):
            await watlow.identify()
        await lines.close()
