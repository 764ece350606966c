"""The New Era pump as its sheet describes it, in both modes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.instruments.new_era import SimNewEraPump
from simulators.instruments.new_era_wire import crc16_xmodem, packet
from simulators.instruments.stepper import OutOfRange, number, written
from tests.simulators.parts import FakePump, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual


@pytest.fixture
async def motor():
    return FakePump()


@pytest.fixture
async def pump(motor):
    return SimNewEraPump("pump", {"syringe": {"diameter_mm": 26.6}}, ports(pump=motor), clock)


@pytest.fixture
async def fresh(pump):
    async with Host(pump) as host:
        yield host


@pytest.fixture
async def host(fresh):
    """A pump whose power-up alarm has been acknowledged, with its syringe set."""
    await fresh.ask(b"0\r")
    await fresh.ask(b"0DIA26.6\r")
    return fresh


@pytest.fixture
async def safe(host):
    await host.ask(b"0SAF10\r")
    return host


def data(reply):
    assert (reply[:1], reply[-1:]) == (b"\x02", b"\x03"), reply
    return reply[1:-1].decode()


async def test_a_freshly_powered_pump_answers_its_first_request_with_the_reset_alarm(fresh):
    assert await fresh.ask(b"0RAT\r") == hexed("02 30 30 41 3F 52 03")
    assert await fresh.ask(b"\r") == hexed("02 30 30 53 03")


async def test_an_invalid_request_does_not_acknowledge_the_alarm(fresh):
    assert data(await fresh.ask(b"0XYZ\r")) == "00S?"
    assert data(await fresh.ask(b"0VER\r")) == "00A?R"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"0VER\r", "00SNE1000V3.928"),
        (b"0RAT2.5MM\r", "00S"),
        (b"0DIA99\r", "00S?OOR"),
        (b"0DIA\r", "00S26.60"),
        (b"0dia 20.0\r", "00S"),
        (b"RAT500UH\r", "00S"),
        (b"0RAT12345MM\r", "00S?OOR"),
        (b"0RAT1.2345MM\r", "00S?OOR"),
        (b"0RAT100MM\r", "00S?OOR"),
        (b"0RAT.\r", "00S?OOR"),
        (b"0DIR\r", "00SINF"),
        (b"0VOL\r", "00S0.000ML"),
        (b"0DIS\r", "00SI0.000W0.000ML"),
        (b"0RUN\r", "00S?NA"),
        (b"0RUN9\r", "00S?OOR"),
        (b"0PHN\r", "00S1"),
        (b"0PHN1\r", "00S"),
        (b"0PHN9\r", "00S?OOR"),
        (b"0FUN\r", "00SRAT"),
        (b"0AL1\r", "00S"),
        (b"0LOC\r", "00S0"),
        (b"0SAF\r", "00S0"),
        (b"0SAF256\r", "00S?OOR"),
        (b"0FLY\r", "00S?"),
        (b"0CLDINF\r", "00S"),
    ],
)
async def test_the_sheet_s_requests_get_the_sheet_s_replies(host, request_, reply):
    assert data(await host.ask(request_)) == reply


async def test_settings_read_back_in_the_pump_s_own_form(host):
    await host.ask(b"0RAT2.5MM\r")
    assert data(await host.ask(b"0RAT\r")) == "00S2.500MM"
    await host.ask(b"0VOL5\r")
    assert data(await host.ask(b"0VOL\r")) == "00S5.000ML"
    await host.ask(b"0VOLUL\r")
    assert data(await host.ask(b"0VOL\r")) == "00S5.000UL"
    await host.ask(b"0AL1\r")
    assert data(await host.ask(b"0AL\r")) == "00S1"


async def test_running_pausing_stopping_show_in_status_and_motor(host, motor):
    await host.ask(b"0RAT2.5MM\r")
    assert data(await host.ask(b"0RUN\r")) == "00I"
    assert motor.flow == pytest.approx(2.5)
    assert data(await host.ask(b"0RUN\r")) == "00I?NA"
    assert data(await host.ask(b"0DIA20\r")) == "00I?NA"
    assert data(await host.ask(b"0DIRWDR\r")) == "00I?NA"
    assert data(await host.ask(b"0VOL5\r")) == "00I?NA"
    assert data(await host.ask(b"0VOLUL\r")) == "00I?NA"
    assert data(await host.ask(b"0CLDINF\r")) == "00I?NA"
    assert data(await host.ask(b"0STP\r")) == "00P"
    assert motor.flow == 0.0
    assert data(await host.ask(b"0STP\r")) == "00S"


async def test_the_rate_but_not_its_unit_may_change_while_pumping(host, motor, pump):
    await host.ask(b"0RAT2.5MM\r")
    writes = pump.stepper.memory_writes
    await host.ask(b"0RUN\r")
    assert data(await host.ask(b"0RAT5\r")) == "00I"
    assert motor.flow == pytest.approx(5.0)
    assert data(await host.ask(b"0RAT300UM\r")) == "00I?NA"
    assert data(await host.ask(b"0RAT0\r")) == "00I?OOR"
    assert pump.stepper.memory_writes == writes


async def test_dispensed_volume_is_counted_both_ways(host):
    await host.ask(b"0RAT6MM\r")
    await host.ask(b"0RUN\r", 10.001)
    assert data(await host.ask(b"0DIS\r")).startswith("00II1.00")
    await host.ask(b"0STP\r")
    await host.ask(b"0DIRREV\r")
    assert data(await host.ask(b"0DIR\r")) == "00PWDR"
    assert data(await host.ask(b"0RUN\r", 5.0)) == "00W"
    await host.ask(b"0STP\r")
    await host.ask(b"0STP\r")
    assert data(await host.ask(b"0DIS\r")).split("W")[1][:3] == "0.5"
    await host.ask(b"0CLDWDR\r")
    assert data(await host.ask(b"0DIS\r")).endswith("W0.000ML")


async def test_the_target_volume_stops_the_pump_and_only_the_status_tells(host, motor):
    await host.ask(b"0RAT6MM\r")
    await host.ask(b"0VOL1\r")
    await host.ask(b"0RUN\r")
    assert await host.hear(9.5) == b""
    assert data(await host.ask(b"0\r")) == "00S"
    assert motor.log[-1][0] - motor.log[-2][0] == pytest.approx(10.0)


async def test_a_pause_keeps_what_is_left_of_the_target(host, motor):
    await host.ask(b"0RAT6MM\r")
    await host.ask(b"0VOL1\r")
    await host.ask(b"0RUN\r", 4.0)
    await host.ask(b"0STP\r", 100.0)
    await host.ask(b"0RAT3\r")
    assert data(await host.ask(b"0RUN\r", 20.0)) == "00I"
    times = [t for t, _ in motor.log]
    assert (times[1] - times[0]) * 6 / 60 + (times[3] - times[2]) * 3 / 60 == pytest.approx(1.0)


async def test_a_rate_changed_on_the_way_keeps_the_target(host, motor):
    await host.ask(b"0RAT6MM\r")
    await host.ask(b"0VOL1\r")
    await host.ask(b"0RUN\r", 5.0)
    await host.ask(b"0RAT3\r", 20.0)
    (t0, _), (t1, _), (t2, _) = motor.log
    assert (t1 - t0) * 6 / 60 + (t2 - t1) * 3 / 60 == pytest.approx(1.0)


async def test_purging_runs_at_top_speed_until_stopped(host, motor):
    assert data(await host.ask(b"0PUR\r")) == "00X"
    assert motor.flow == pytest.approx(28.34, rel=0.01)
    assert data(await host.ask(b"0PUR\r")) == "00X?NA"
    assert data(await host.ask(b"0STP\r")) == "00S"


async def test_small_syringes_count_in_microlitres(host):
    await host.ask(b"0DIA14\r")
    assert data(await host.ask(b"0DIS\r")) == "00SI0.000W0.000UL"


async def test_a_wrong_diameter_displaces_the_wrong_volume(host, motor):
    await host.ask(b"0DIA13.3\r")
    await host.ask(b"0RAT1MM\r")
    await host.ask(b"0RUN\r")
    assert motor.flow == pytest.approx(4.0)


async def test_a_stalled_motor_is_an_alarm(host, motor):
    await host.ask(b"0RAT1MM\r")
    await host.ask(b"0RUN\r")
    motor.is_stalled = True
    assert data(await host.ask(b"0DIS\r")) == "00A?S"
    assert motor.flow == 0.0
    assert data(await host.ask(b"0\r")) == "00S"


async def test_only_the_addressed_pump_of_a_line_answers(motor):
    pumps = [
        SimNewEraPump(f"pump-{n}", {"address": n}, ports(pump=FakePump()), clock)
        for n in (0, 3, 12)
    ]
    async with Host(*pumps) as host:
        assert data(await host.ask(b"3VER\r")) == "03A?R"
        assert data(await host.ask(b"3VER\r")) == "03SNE1000V3.928"
        assert data(await host.ask(b"12\r")) == "12A?R"
        assert data(await host.ask(b"\r")) == "00A?R"
        assert await host.ask(b"7VER\r") == b""


async def test_a_burst_runs_several_pumps_and_nobody_answers():
    motors = [FakePump(), FakePump()]
    pumps = [
        SimNewEraPump(f"pump-{n}", {"address": n}, ports(pump=motor), clock)
        for n, motor in enumerate(motors)
    ]
    async with Host(*pumps) as host:
        for n in (0, 1):
            await host.ask(b"%d\r" % n)
            await host.ask(b"%dRAT1MM\r" % n)
        assert await host.ask(b"0RUN*1RUN*\r") == b""
        assert [motor.flow for motor in motors] == [1.0, 1.0]


async def test_the_address_can_be_set_whatever_it_was(host):
    assert data(await host.ask(b"*ADR7B19200\r")) == "07S"
    assert data(await host.ask(b"7\r")) == "07S"
    assert data(await host.ask(b"*RESET\r")) == "00S"


async def test_safe_mode_speaks_packets_with_a_crc(host):
    assert await host.ask(b"0SAF10\r") == hexed("02 07 30 30 53 AA A6 03")
    assert await host.ask(hexed("02 05 30 36 53 03")) == hexed("02 07 30 30 53 AA A6 03")
    assert await host.ask(hexed("02 0D 30 52 41 54 32 2E 35 4D 4D B2 AD 03")) == packet("00S")
    assert await host.ask(hexed("02 08 30 52 55 4E 44 07 03")) == hexed("02 07 30 30 49 19 DD 03")
    assert await host.ask(hexed("02 0A 30 53 41 46 31 30 63 BE 03")) == packet("00I")


async def test_the_printed_packet_returns_to_basic_mode_from_either(safe):
    back = hexed("02 08 53 41 46 30 55 43 03")
    assert await safe.ask(back) == hexed("02 30 30 53 03")
    assert await safe.ask(back) == hexed("02 30 30 53 03")
    assert await safe.ask(b"0\r") == hexed("02 30 30 53 03")


async def test_safe_mode_ignores_plain_text(safe):
    assert await safe.ask(b"0STP\r") == b""
    assert await safe.ask(packet("0")) == packet("00S")


async def test_a_bad_crc_is_a_bad_packet(safe):
    assert await safe.ask(hexed("02 05 30 36 54 03")) == packet("00S?COM")
    assert await safe.ask(hexed("02 06 33 36 53 54 03")) == b""  # for another pump


async def test_a_pause_inside_a_packet_discards_it(safe):
    whole = packet("0VER")
    assert await safe.ask(whole[:4], 0.6) == b""
    assert await safe.ask(whole[4:]) == b""
    assert await safe.ask(whole) == packet("00SNE1000V3.928")


async def test_a_stray_packet_start_behind_text_does_not_deafen_a_pump_in_basic_mode(host):
    assert await host.ask(b"noise\x02\xf0more", 0.6) == b""
    assert data(await host.ask(b"\r")) == "00S?"  # the text before it was a line of its own
    assert data(await host.ask(b"0VER\r")) == "00SNE1000V3.928"


async def test_a_packet_in_two_pieces_is_whole(safe):
    whole = packet("0VER")
    assert await safe.ask(whole[:4], 0.4) == b""
    assert await safe.ask(whole[4:]) == packet("00SNE1000V3.928")


async def test_silence_stops_the_pump_and_the_alarm_comes_unasked(safe, motor):
    await safe.ask(packet("0RAT2MM"))
    await safe.ask(packet("0RUN"))
    started = motor.log[-1][0]
    assert await safe.hear(20) == packet("00A?T")
    assert motor.log[-1][1] == 0.0
    assert motor.log[-1][0] - started == pytest.approx(10.0, abs=0.01)
    assert await safe.ask(packet("0")) == packet("00A?T")
    assert await safe.ask(packet("0")) == packet("00S")


async def test_traffic_keeps_the_pump_running(safe, motor):
    await safe.ask(packet("0RAT2MM"))
    await safe.ask(packet("0RUN"))
    for _ in range(10):
        assert await safe.ask(packet("0"), 8.0) == packet("00I")
    assert motor.flow == pytest.approx(2.0)


async def test_the_timeout_is_not_armed_after_a_power_cut(safe, pump, motor):
    await safe.ask(packet("0RAT2MM"))
    await safe.ask(packet("0RUN"))
    pump.power_cycle()
    assert motor.flow == 0.0
    assert await safe.hear(60) == hexed("02 09 30 30 41 3F 52 65 86 03")


async def test_nothing_is_said_to_a_host_that_has_gone(safe, pump):
    await safe.end.close()
    await asyncio.sleep(30)
    assert pump.alarm == "T"


def test_the_printed_crc():
    assert crc16_xmodem(b"SAF0") == 0x5543


@given(st.floats(0, 9999, allow_nan=False))
def test_what_the_pump_shows_it_also_takes(value):
    assert number(written(value)) == pytest.approx(value, rel=6e-4, abs=6e-4)


@given(st.text("0123456789.", max_size=8))
def test_a_number_has_four_digits_at_most(text):
    digits = text.replace(".", "", 1)
    try:
        assert number(text) == float(text)
        assert 1 <= len(digits) <= 4
    except OutOfRange:
        assert not 1 <= len(digits) <= 4 or len(text.partition(".")[2]) > 3
    except ValueError:
        assert "." in digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (500.0, "500."),
        (1234, "1234."),
        (12.34, "12.34"),
        (0.123, "0.123"),
        (26.6, "26.60"),
        (123.4, "123.4"),
    ],
)
def test_numbers_are_written_with_four_digits(value, text):
    assert written(value) == text


async def test_a_packet_with_an_address_sets_the_mode_of_a_pump_that_speaks_text(host):
    assert await host.ask(packet("0SAF0")) == b"\x0200S\x03"
    assert await host.ask(packet("0SAF10")) == packet("00S")
    assert await host.ask(packet("0VER")) == packet("00SNE1000V3.928")
