"""Programs that know nothing of taylord, against ``taylord simulate``.

Frames are typed from the protocol sheets' example tables; Modbus goes by pymodbus' own client.
"""

import asyncio
import json
import random
import re
import struct

import aiomqtt
import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from tests.services.broker import BrokerProcess
from tests.services.hosting import Hosted, raw
from tests.services.zoo import ZOO

RIG = (
    ZOO.replace("/dev/ttyUSB2", "socket://192.0.2.2:8101")
    + """
[instruments.oven]
driver = "eurotherm-epc3000"
port = "modbus-tcp://192.0.2.3:502"
[instruments.cell]
driver = "keller-x-line"
port = "socket://192.0.2.4:4001"
[instruments.uv]
driver = "mqtt-analyser"
port = "lab/uv"
scan_s = 0.3
[mqtt]
"""
)
STX, ETX = b"\x02", b"\x03"


def rig(broker):
    """Return the configuration with this broker."""
    return f'{RIG}host = "{broker.host}"\nport = {broker.port}\n'


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, broker):
    """Every simulated instrument, hosted by one process: the endpoints."""
    folder = tmp_path_factory.mktemp("zoo")
    hosted = Hosted(folder, rig(broker))
    yield hosted.endpoints()
    if hosted.process.poll() is None:
        hosted.end()


def where(zoo, name):
    return zoo["instruments"][name]["port"]


def test_endpoints_say_kind_port_and_address_of_every_instrument(zoo, broker):
    found = {name: (its["kind"], its["address"]) for name, its in zoo["instruments"].items()}
    assert found == {
        "pump-0": ("pty", None),
        "pump-3": ("pty", 3),
        "azura": ("tcp", None),
        "bath": ("tcp", None),
        "block": ("modbus-rtu", 1),
        "gauge": ("modbus-rtu", 2),
        "oven": ("modbus-tcp", None),
        "cell": ("tcp", None),
        "nmr": ("tcp", None),
        "uv": ("mqtt", None),
    }
    assert where(zoo, "uv") == broker.address
    with raw(zoo["state"]) as wire:
        truth = json.loads(wire.ask(b"", end=b"\n"))
    assert truth["pumps"]["pump-0"]["flow"] == 0.0


def test_syringe_pumps_answer_the_frames_of_their_sheet(zoo):
    with raw(where(zoo, "pump-0")) as pump:

        def ask(request):
            return pump.ask(request, end=ETX)

        assert ask(b"0RAT\r") == bytes.fromhex("02 30 30 41 3F 52 03")  # alarm R comes first
        assert ask(b"\r") == bytes.fromhex("02 30 30 53 03")
        assert ask(b"0VER\r") == b"\x0200SNE1000V3.928\x03"
        assert ask(b"0RAT2.5MM\r") == b"\x0200S\x03"
        assert ask(b" 0 r a t \r") == b"\x0200S2.500MM\x03"
        assert ask(b"0RUN\r") == b"\x0200I\x03"
        assert re.fullmatch(rb"\x0200II0\.\d{3}W0\.000ML\x03", ask(b"0DIS\r"))
        assert ask(b"0DIA20\r") == b"\x0200I?NA\x03"
        assert ask(b"0STP\r") == b"\x0200P\x03"
        assert ask(b"0STP\r") == b"\x0200S\x03"
        assert ask(b"0DIA99\r") == b"\x0200S?OOR\x03"
        assert ask(b"0BOGUS\r") == b"\x0200S?\x03"
        assert ask(b"3DIA26.6\r") == b"\x0203A?R\x03"
        assert ask(b"3DIA26.6\r") == b"\x0203S\x03"
        assert ask(b"3DIA\r") == b"\x0203S26.60\x03"


def test_a_syringe_pump_in_safe_mode_answers_the_packets_of_its_sheet(zoo):
    with raw(where(zoo, "pump-0")) as pump:

        def ask(request, count):
            return pump.ask(bytes.fromhex(request), count=count).hex(" ").upper()

        pump.ask(b"\r", end=ETX)  # a reset alarm may be waiting
        stopped = "02 07 30 30 53 AA A6 03"
        assert pump.ask(b"0SAF10\r", count=8).hex(" ").upper() == stopped
        assert ask("02 05 30 36 53 03", 8) == stopped
        assert ask("02 0D 30 52 41 54 32 2E 35 4D 4D B2 AD 03", 8) == stopped
        assert ask("02 08 30 52 55 4E 44 07 03", 8) == "02 07 30 30 49 19 DD 03"
        assert ask("02 08 53 41 46 30 55 43 03", 5) == "02 30 30 49 03"  # basic mode again
        assert pump.ask(b"0STP\r", end=ETX) == b"\x0200P\x03"
        assert pump.ask(b"0STP\r", end=ETX) == b"\x0200S\x03"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"HEADTYPE?", rb"HEADTYPE:(10|50)"),
        (b"FLOW:750", rb"FLOW:OK"),
        (b"FLOW?", rb"FLOW:750"),
        (b"FLOW 800", rb"FLOW:OK"),
        (b"FLOW?", rb"FLOW:800"),
        (b"PRESSURE?", rb"PRESSURE:\d+"),
        (b"ON", rb"ON:OK"),
        (b"OFF", rb"OFF:OK"),
        (b"ERRORS?", rb"ERRORS:0,0,0,0,0"),
        (b"FLOW:99999", rb"ERROR:2"),
        (b"BOGUS", rb"ERROR:1"),
    ],
)
def test_the_hplc_pump_answers_the_examples_of_its_sheet(zoo, request_, reply):
    with raw(where(zoo, "azura")) as pump:
        assert re.fullmatch(reply + rb"\r", pump.ask(request_ + b"\n\r", end=b"\r"))


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"{M0007D0", rb"\{S0007D0"),
        (b"{M00F6F5", rb"\{S00F6F5"),
        (b"{M00****", rb"\{S00F6F5"),
        (b"{M00********", rb"\{S00FFFFA592"),  # -23.150 degC
        (b"{M01****", rb"\{S01[0-9A-F]{4}"),
        (b"{M07****", rb"\{S07[0-9A-F]{4}"),
        (b"{MEE****", rb"\{SEE7FFF"),
    ],
)
def test_the_thermostat_answers_the_examples_of_its_sheet(zoo, request_, reply):
    with raw(where(zoo, "bath")) as bath:
        heard = bath.ask(request_ + b"\r\n", end=b"\n")
        assert re.fullmatch(reply + rb"\r\n", heard), heard


def test_the_thermostat_meets_bad_syntax_with_silence(zoo):
    with raw(where(zoo, "bath")) as bath:
        assert bath.ask(b"{M0\r\n", end=b"\n", wait_s=0.5) == b""
        assert bath.ask(b"{m01****\r\n", end=b"\n", wait_s=0.5) == b""
        assert bath.ask(b"{M01****\r\n", end=b"\n").startswith(b"{S01")


def test_the_thermostat_answers_the_package_of_its_sheet(zoo):
    with raw(where(zoo, "bath")) as bath:
        heard = bath.ask(b"[M01B1000BB8****70\r", end=b"\r")
        assert re.fullmatch(rb"\[S01B1000BB8[0-9A-F]{6}\r", heard), heard
        assert sum(heard[:-3]) % 256 == int(heard[-3:-1], 16)
        assert bath.ask(b"[M01B0C0****96\r", end=b"\r") == b'[S01B0C0"EL"C9\r'


def modbus(wire, request, count):
    return wire.ask(bytes.fromhex(request), count=count).hex(" ").upper()


def test_the_controller_answers_the_examples_of_its_sheet(zoo):
    with raw(where(zoo, "block")) as wire:
        heard = wire.ask(bytes.fromhex("01 03 00 01 00 01 D5 CA"), count=7)
        assert heard[:3] == b"\x01\x03\x02"
        (tenths,) = struct.unpack(">h", heard[3:5])
        assert 215 <= tenths <= 225  # at ambient, one decimal
        assert len(wire.ask(bytes.fromhex("01 03 00 01 00 05 D4 09"), count=15)) == 15
        same = "01 06 00 1A 01 90 A9 F1"
        assert modbus(wire, same, 8) == same
        assert modbus(wire, "01 10 00 1A 00 01 02 01 90 A5 96", 8) == "01 10 00 1A 00 01 20 0E"
        assert modbus(wire, "01 03 00 1A 00 01 A5 CD", 7)[:14] == "01 03 02 01 90"
        (degc,) = struct.unpack(
            ">f", wire.ask(bytes.fromhex("01 03 80 02 00 02 4C 0B"), count=9)[3:7]
        )
        assert degc == pytest.approx(tenths / 10, abs=0.2)


def test_the_transmitter_answers_the_examples_of_its_sheet(zoo):
    with raw(where(zoo, "cell")) as wire:
        for request in ("01 03 00 02 00 02 65 CB", "01 03 00 08 00 02 45 C9"):
            heard = wire.ask(bytes.fromhex(request), count=9)
            assert heard[:3] == b"\x01\x03\x04"
        (degc,) = struct.unpack(">f", heard[3:7])
        assert degc == pytest.approx(22.0, abs=1.0)
        assert len(wire.ask(bytes.fromhex("01 03 00 02 00 08 E5 CC"), count=21)) == 21
        same = "01 08 00 00 03 04 E1 38"
        assert modbus(wire, same, 8) == same
        zeroed = "01 10 FF 00 00 02 71 DC"
        assert modbus(wire, "01 10 FF 00 00 02 04 00 00 00 00 B6 5B", 8) == zeroed


async def test_pymodbus_reads_and_writes_units_on_one_serial_line(zoo):
    client = AsyncModbusSerialClient(where(zoo, "block"), baudrate=9600, timeout=2)
    assert await client.connect()
    try:
        answer = await client.read_holding_registers(1, count=5, device_id=1)
        assert not answer.isError()
        assert 210 <= answer.registers[0] <= 230
        assert not (await client.write_register(26, 605, device_id=1)).isError()
        assert (await client.read_holding_registers(26, device_id=1)).registers == [605]
        answer = await client.read_holding_registers(2, count=2, device_id=2)
        (bar,) = struct.unpack(">f", struct.pack(">2H", *answer.registers))
        assert bar == pytest.approx(0.0, abs=0.2)
        refused = await client.read_holding_registers(5000, device_id=1)
        assert refused.isError()
        assert refused.exception_code == 2
    finally:
        client.close()


async def test_pymodbus_reads_and_writes_the_controller_on_ethernet(zoo):
    host, port = where(zoo, "oven").split(":")
    client = AsyncModbusTcpClient(host, port=int(port), timeout=2)
    assert await client.connect()
    try:
        answer = await client.read_holding_registers(0x8002, count=2, device_id=1)
        (degc,) = struct.unpack(">f", struct.pack(">2H", *answer.registers))
        assert degc == pytest.approx(22.0, abs=1.0)
        assert not (await client.write_registers(26, [410], device_id=1)).isError()
        assert (await client.read_input_registers(26, device_id=1)).registers == [410]
    finally:
        client.close()


HELLO = "<?xml version='1.0' encoding='utf-8'?>\n<Message>{}</Message>"


def test_the_spectrometer_answers_the_examples_of_its_sheet(zoo):
    with raw(where(zoo, "nmr")) as nmr:

        def ask(child, end=b"</Message>"):
            return nmr.ask(HELLO.format(child).encode(), end=end, wait_s=20).decode()

        heard = ask("<HardwareRequest/>")
        assert "<HardwareResponse><ConnectedToHardware>true</ConnectedToHardware>" in heard
        nmr.send(HELLO.format("<Set><Solvent>Chloroform-d1</Solvent></Set>").encode())
        heard = ask("<GetRequest><Solvent/></GetRequest>")
        assert "<GetResponse><Solvent>Chloroform-d1</Solvent></GetResponse>" in heard
        assert "<SystemIsReady>true</SystemIsReady>" in ask("<CheckShimRequest/>")
        heard = ask('<Start protocol="1D PROTON"><Option name="Scan" value="QuickScan"/></Start>')
        assert 'protocol="1D PROTON" status="Running"' in heard
        nmr.send(HELLO.format("<Abort/>").encode())
        while 'status="Ready"' not in heard:
            piece = nmr.ask(b"", end=b"</Message>", wait_s=20).decode()
            assert piece, heard
            heard += piece
        assert heard.index('status="Stopping"') < heard.index('status="Ready"')


async def test_an_mqtt_client_asks_the_analyser_for_a_scan(zoo, broker):
    async with aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe("lab/uv/#")
        seen = {}
        async with asyncio.timeout(10):
            async for message in client.messages:
                topic = str(message.topic)
                if topic == "lab/uv/status" and "asked" not in seen:
                    assert message.retain
                    assert json.loads(message.payload)["state"] == "ready"
                    seen["asked"] = True
                    await client.publish("lab/uv/cmd", '{"id": "q-17"}', qos=1)
                elif topic == "lab/uv/scan":
                    scan = json.loads(message.payload)
                    break
    assert scan["id"] == "q-17"
    assert len(scan["y"]) == scan["axis"]["n"]
    assert {"t", "seq", "unit", "meta"} <= set(scan)


async def test_garbage_on_every_port_leaves_every_instrument_answering(zoo, broker):
    noise = random.Random(7)
    for its in zoo["instruments"].values():
        if its["kind"] != "mqtt":
            with raw(its["port"]) as wire:
                for _ in range(20):
                    wire.send(noise.randbytes(97))
                await asyncio.sleep(0.05)
    async with aiomqtt.Client(broker.host, broker.port) as client:
        for payload in (b"", b"\xff\x00", b"[]", b'{"id": null}', b'{"id": {}}', b"x" * 70_000):
            await client.publish("lab/uv/cmd", payload)
    await asyncio.sleep(1.2)  # a gap ends what was half a packet
    with raw(where(zoo, "pump-0")) as wire:
        wire.ask(b"\r", end=ETX, wait_s=0.5)
        wire.ask(b"0\r", end=ETX, wait_s=0.5)
        assert b"NE1000V3.928" in wire.ask(b"0VER\r", end=ETX)
    for name, request, end in (
        ("azura", b"\n\rFLOW?\n\r", b"800\r"),
        ("bath", b"\r\n{M01****\r\n", b"\r\n"),
        ("nmr", HELLO.format("<HardwareRequest/>").encode(), b"</Message>"),
    ):
        with raw(where(zoo, name)) as wire:
            assert wire.ask(request, end=end).endswith(end), name
    for name, request in (
        ("block", "01 03 00 1A 00 01 A5 CD"),
        ("cell", "01 03 00 02 00 02 65 CB"),
    ):
        with raw(where(zoo, name)) as wire:
            assert wire.ask(bytes.fromhex(request), count=7)[:2] == b"\x01\x03", name
    with raw(where(zoo, "oven")) as wire:
        heard = wire.ask(bytes.fromhex("00 01 00 00 00 06 01 03 00 1A 00 01"), count=11)
        assert heard[:8] == bytes.fromhex("00 01 00 00 00 05 01 03")
    with raw(zoo["state"]) as wire:
        assert json.loads(wire.ask(b"\xff\xfe\x00", end=b"\n"))["t"] > 0


def test_two_hosts_run_side_by_side_and_end_cleanly(tmp_path, broker):
    config = rig(broker)
    hosts = [Hosted(tmp_path, config.replace("lab/uv", f"lab/uv-{k}"), f"e{k}") for k in (1, 2)]
    documents = [host.endpoints() for host in hosts]
    ports = [
        {its["port"] for its in document["instruments"].values()} - {broker.address}
        for document in documents
    ]
    assert not ports[0] & ports[1]
    for host, document in zip(hosts, documents, strict=True):
        code, out, said = host.end()
        assert code == 0
        assert json.loads(out) == document
        assert "Traceback" not in said
        assert not host.path.exists()
