"""Thermostat, spectrometer and Modbus drivers against devices that nobody of ours simulates."""

import asyncio
import struct

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.errors import DeviceFault, ReadbackMismatch
from drivers.registry import Lines
from tests.drivers.foreign.devices import Device, wired
from tests.services.broker import free_port

HEAD = b"<?xml version='1.0' encoding='utf-8'?>\n"


class Huber(Device):
    """A Pilot ONE whose setpoint limits (30, 31) change what is written."""

    def __init__(self, low=-1000, high=10_000):
        super().__init__()
        self.values = {0x00: 2000, 0x01: 2150, 0x04: 0, 0x05: 0, 0x06: 0, 0x07: -15_100}
        self.values |= {0x0A: 0x4000, 0x13: 0, 0x14: 0, 0x16: 0, 0x1B: 17, 0x1C: 0}
        self.values |= {0x30: low, 0x31: high, 0x3C: 0, 0x40: 0, 0x41: 0}

    def requests(self):
        return [t.decode() for t in self.cut(rb"(\{M[0-9A-F]{2}(?:\*{4}|[0-9A-F]{4}))\r\n")]

    def answer(self, request):
        address, value = int(request[2:4], 16), request[4:]
        if address not in self.values:
            yield f"{{S{request[2:4]}7FFF\r\n".encode()
            return
        if value != "****":
            number = int(value, 16)
            number -= 0x10000 if number >= 0x8000 else 0
            if address == 0:
                number = min(max(number, self.values[0x30]), self.values[0x31])
            self.values[address] = number
        yield f"{{S{request[2:4]}{self.values[address] & 0xFFFF:04X}\r\n".encode()


async def test_a_setpoint_the_thermostat_keeps_is_confirmed():
    device = Huber()
    async with wired(device, "huber-pilot-one") as bath:
        assert device.values[0x14] == 0  # connecting switches nothing on
        assert await bath.set_temperature(-5.25) == -5.25
        assert (device.values[0x00], device.values[0x14]) == (-525, 1)
        await bath.make_safe()
        assert device.values[0x14] == 0


async def test_a_setpoint_that_a_limit_of_the_thermostat_changes_is_never_taken_for_ours():
    device = Huber(high=10_000)
    async with wired(device, "huber-pilot-one") as bath:
        with pytest.raises((ReadbackMismatch, DeviceFault, ValueError), match="100"):
            await bath.set_temperature(120.0)
        assert device.values[0x14] == 0  # it does not heat to another temperature


async def test_an_absent_sensor_is_no_temperature():
    device = Huber()
    async with wired(device, "huber-pilot-one") as bath:
        process, inside = await bath.poll(["process", "bath"])
        assert (process.value, process.reason) == (None, "sentinel")
        assert inside.value == 21.5


class Spinsolve(Device):
    """An NMR that writes what the sheet prints, cut where the test says."""

    def __init__(self, size, folder):
        super().__init__()
        self.size, self.folder = size, folder

    def requests(self):
        return [t.decode() for t in self.cut(rb"\s*(.*?</Message>)")]

    def answer(self, request):
        said = b"".join(HEAD + f"<Message>{text}</Message>".encode() for text in self.told(request))
        for k in range(0, len(said), self.size):
            yield said[k : k + self.size]
            if k % (16 * self.size) == 0:
                yield 0.001

    def told(self, request):
        """Return the documents of the answer; notifications of others come in between."""
        state = (
            '<StatusNotification timestamp="09:37:52"><State protocol="1D PROTON" status="{}"'
            ' dataFolder="{}" /></StatusNotification>'
        )
        if "HardwareRequest" in request:
            yield (
                '<StatusNotification timestamp="09:37:49"><Progress protocol="SHIM" percentage="50"'
                ' secondsRemaining="5" /></StatusNotification>'
            )
            yield (
                "<HardwareResponse><ConnectedToHardware>true</ConnectedToHardware>"
                "<SpinsolveSoftware>1.18.1.3062</SpinsolveSoftware>"
                "<SpinsolveType>Spinsolve 60</SpinsolveType></HardwareResponse>"
            )
        elif "EstimateDurationRequest" in request:
            yield '<EstimateDurationResponse durationInSeconds="0.2" />'
        elif "<Start" in request:
            yield state.format("Running", "")
            yield state.format("Ready", "C:\\Data\\1")
            yield (
                '<StatusNotification timestamp="09:37:53"><Completed protocol="1D PROTON"'
                ' completed="true" successful="true" /></StatusNotification>'
            )


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
async def test_a_spectrometer_s_documents_are_whole_however_they_are_cut(tmp_path, size):
    folder = tmp_path / "1"
    folder.mkdir()
    lines = "\n".join(f"{12 - k * 0.1:.4f},{k % 5}.0" for k in range(120))
    (folder / "spectrum.csv").write_text("ppm,intensity\n" + lines + "\n")
    device = Spinsolve(size, tmp_path)
    options = {"data_root": {"C:\\Data": str(tmp_path)}, "points": 120}
    async with wired(device, "magritek-spinsolve", options) as nmr:
        spectrum = await nmr.acquire("run 12")
        assert spectrum.y.shape == (120,)
        assert spectrum.axis[0] < spectrum.axis[-1]
    assert any("<Sample>run 12</Sample>" in request for request in device.heard)


def floats(*values):
    return [word for value in values for word in struct.unpack(">2H", struct.pack(">f", value))]


def eurotherm(unit):
    """Return an EPC3000 with one decimal at 25.0 degC, as registers."""
    blocks = {
        1: [250, 300, 0, 0, 300],
        11: [0, 2500],
        26: [300],
        35: [0],
        75: [0],
        107: [0x0111],
        199: [1],
        276: [0],
        0x8002: floats(25.03, 30.0, 0.0, 0.0, 30.0),
        0x8016: floats(0.0, 250.0),
    }
    data = [SimData(a, values=v, datatype=DataType.REGISTERS) for a, v in blocks.items()]
    return SimDevice(unit, simdata=data)


def keller(unit):
    data = [
        SimData(0, values=floats(0.0, 1.2345, 0.0, 24.0, 23.75, 0.0), datatype=DataType.REGISTERS)
    ]
    return SimDevice(unit, simdata=data)


async def opened(lines, name, driver, port, options):
    instrument = lines.instrument(name, driver, port, options, {})
    await lines.open(name)
    await instrument.identify()
    await instrument.prepare()
    return instrument


@pytest.mark.parametrize("scheme", ["modbus-tcp", "socket"])
async def test_a_controller_behind_pymodbus_is_read_set_and_made_safe(scheme):
    port = free_port()
    framer = FramerType.SOCKET if scheme == "modbus-tcp" else FramerType.RTU
    server = ModbusTcpServer(eurotherm(3), framer=framer, address=("127.0.0.1", port))
    await server.listen()
    lines = Lines()
    try:
        url = f"{scheme}://127.0.0.1:{port}"
        oven = await opened(lines, "oven", "eurotherm-epc3000", url, {"address": 3})
        assert [r.value for r in await oven.poll(["temperature", "running"])] == [25.0, False]
        assert await oven.set_temperature(62.5) == 62.5
        assert [r.value for r in await oven.poll(["setpoint", "running"])] == [62.5, True]
        await oven.check()
        await oven.make_safe()
        assert (await oven.poll(["running"]))[0].value is False
    finally:
        await lines.close()
        await server.shutdown()


async def test_two_units_behind_one_pymodbus_server_share_a_line():
    port = free_port()
    units = [eurotherm(1), keller(2)]
    server = ModbusTcpServer(units, framer=FramerType.RTU, address=("127.0.0.1", port))
    await server.listen()
    lines = Lines()
    try:
        url = f"socket://127.0.0.1:{port}"
        block = await opened(lines, "block", "eurotherm-3216", url, {"address": 1})
        gauge = await opened(lines, "gauge", "keller-x-line", url, {"address": 2})
        async with asyncio.TaskGroup() as tasks:
            polls = [
                tasks.create_task(unit.poll(names))
                for _ in range(10)
                for unit, names in ((block, ["temperature"]), (gauge, ["pressure", "temperature"]))
            ]
        for k, poll in enumerate(polls):
            wanted = [pytest.approx(1.2345), 23.75] if k % 2 else [25.0]
            assert [r.value for r in poll.result()] == wanted
    finally:
        await lines.close()
        await server.shutdown()
