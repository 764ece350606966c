"""The simulated Omron controllers: the sheet's frames, and what the manual says of writing."""

import pytest

from simulators.instruments.omron import SimOmronE5cc
from simulators.wire.modbus import crc16
from tests.simulators.parts import FakeHeater, Host, clock, hexed, ports

pytestmark = pytest.mark.virtual

ENABLE = "01 06 00 00 00 01 48 0A"
RUN, STOP = "01 06 00 00 01 00", "01 06 00 00 01 01"


def rtu(text):
    frame = hexed(text)
    return frame + crc16(frame).to_bytes(2, "little")


@pytest.fixture
async def block():
    return FakeHeater(temperature=100.0)


@pytest.fixture
async def controller(block):
    return SimOmronE5cc("block", {}, ports(heater=block), clock)


@pytest.fixture
async def host(controller):
    async with Host(controller) as host:
        yield host


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 03 00 00 00 02 C4 0B", "01 03 04 00 00 03 E8 FA 8D"),
        ("01 03 20 00 00 01 8F CA", "01 03 02 03 E8 B8 FA"),
        (ENABLE, ENABLE),
        ("01 06 00 00 01 01 49 9A", "01 06 00 00 01 01 49 9A"),
        ("01 08 00 00 12 34 ED 7C", "01 08 00 00 12 34 ED 7C"),
        ("01 06 21 03 02 58 73 6C", "01 86 04 43 A3"),
    ],
)
async def test_the_sheet_s_frames(host, request_, reply):
    assert await host.ask(hexed(request_)) == hexed(reply)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("01 06 21 03 02 58 73 6C", "01 06 21 03 02 58 73 6C"),
        (
            "01 10 01 0A 00 04 08 00 00 03 E8 FF FF FC 18 8D E9",
            "01 10 01 0A 00 04 E0 34",
        ),
        ("01 10 21 05 00 02 04 03 E8 FC 18 66 BB", "01 10 21 05 00 02 5B F5"),
    ],
)
async def test_the_sheet_s_writes_once_writing_is_on(host, controller, request_, reply):
    await host.ask(hexed(ENABLE))
    assert await host.ask(hexed(request_)) == hexed(reply)
    if "21 03" in request_:
        assert controller.setpoint == 60.0
    else:
        assert (controller.values[0x010A], controller.values[0x010C]) == (1000, -1000)


@pytest.mark.parametrize(
    ("request_", "exception"),
    [
        ("01 03 00 01 00 02", "01 83 02"),
        ("01 03 00 00 00 01", "01 83 03"),
        ("01 03 0F 00 00 02", "01 83 02"),
        ("01 03 2F 00 00 01", "01 83 02"),
        ("01 06 01 06 02 58", "01 86 02"),  # function 06 in the four-byte space
        ("01 10 01 06 00 03 06 00 00 02 58 00 00", "01 90 03"),
        ("01 06 20 00 02 58", "01 86 02"),
        ("01 06 21 03 7F FF", "01 86 03"),
        ("01 06 00 00 01 02", "01 86 03"),
        ("01 06 00 00 55 00", "01 86 03"),
        ("01 04 00 00 00 02", "01 84 01"),
    ],
)
async def test_what_is_refused_and_how(host, request_, exception):
    await host.ask(hexed(ENABLE))
    assert await host.ask(rtu(request_)) == rtu(exception)


async def test_run_and_stop_drive_the_block(host, block):
    await host.ask(hexed(ENABLE))
    await host.ask(hexed("01 06 21 03 02 58 73 6C"))
    assert block.goal is None
    assert await host.ask(rtu(RUN)) == rtu(RUN)
    assert block.goal == 60.0
    assert await host.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 02 00 00 00")
    await host.ask(rtu(STOP))
    assert block.goal is None
    assert await host.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 03 00 00 00")


async def test_manual_drives_the_output(host, block, controller):
    await host.ask(hexed(ENABLE))
    await host.ask(rtu("01 06 26 00 01 F4"))  # 50.0 %
    await host.ask(rtu("01 06 00 00 09 01"))
    await host.ask(rtu(RUN))
    assert block.goal == pytest.approx(136.0)
    assert await host.ask(rtu("01 03 20 04 00 01")) == rtu("01 03 02 01 F4")
    controller.values[0x0600] = 0
    await host.ask(rtu(RUN))
    assert block.goal is None


async def test_backup_mode_wears_the_memory_and_ram_mode_does_not(host, controller):
    await host.ask(hexed(ENABLE))
    await host.ask(hexed("01 06 21 03 02 58 73 6C"))
    assert controller.memory_writes == 1
    await host.ask(rtu("01 06 00 00 04 01"))
    await host.ask(rtu("01 06 21 03 03 20"))
    assert (controller.memory_writes, controller.setpoint) == (1, 80.0)
    controller.power_cycle()
    assert controller.setpoint == 60.0


async def test_saving_the_ram_keeps_it_over_a_power_cut(host, controller):
    await host.ask(hexed(ENABLE))
    await host.ask(rtu("01 06 00 00 04 01"))
    await host.ask(rtu("01 06 21 03 03 20"))
    await host.ask(rtu("01 06 00 00 05 00"))
    controller.power_cycle()
    assert controller.setpoint == 80.0


async def test_a_software_reset_is_not_answered(host, controller):
    await host.ask(hexed(ENABLE))
    assert await host.ask(rtu("01 06 00 00 06 00")) == b""
    assert controller.flags["writing"] == 0
    assert await host.ask(hexed(ENABLE)) == hexed(ENABLE)


async def test_a_broken_sensor_is_a_status_bit_and_stops_the_heating(host, block):
    await host.ask(hexed(ENABLE))
    await host.ask(hexed("01 06 21 03 02 58 73 6C"))
    await host.ask(rtu(RUN))
    block.temperature = block.power = float("nan")
    assert await host.ask(rtu("01 03 00 02 00 02")) == rtu("01 03 04 02 00 00 40")
    assert await host.ask(rtu("01 03 20 04 00 01")) == rtu("01 03 02 00 00")
    await host.ask(rtu(RUN))
    assert block.goal is None


async def test_the_short_space_cannot_hold_what_the_long_one_can(host, block):
    block.temperature = 4000.0
    assert await host.ask(rtu("01 03 00 00 00 02")) == rtu("01 03 04 00 00 9C 40")
    assert await host.ask(rtu("01 03 20 00 00 02")) == rtu("01 03 04 7F FF 00 00")
