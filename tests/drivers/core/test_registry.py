import subprocess
import sys

import pytest
from pydantic import ValidationError

from drivers.bus import Bus
from drivers.errors import LinkLost
from drivers.registry import Lines, driver_class, driver_names
from drivers.signal import Limits
from drivers.transport import dial
from drivers.transport.serial import SerialTransport
from tests.drivers.core.peer import Peer

pytestmark = pytest.mark.virtual

SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}
PORT = "/dev/ttyUSB0"


@pytest.fixture
def peers():
    return []


@pytest.fixture
def lines(peers):
    def dial_peer(_port, _line):
        peers.append(Peer())
        return peers[-1]

    return Lines(dial_peer)


def pump(lines, name="p", address=0, port=PORT, **options):
    more = {"address": address, "syringe": SYRINGE, **options}
    return lines.instrument(name, "new-era-ne1000", port, more, {})


def test_drivers_are_found_by_name():
    assert "new-era-ne1000" in driver_names()
    assert driver_class("knauer-azura-pump").__name__ == "AzuraPump"
    with pytest.raises(ValueError, match=r"no driver 'acme'; installed are .*huber-pilot-one"):
        driver_class("acme")


async def test_instruments_on_one_port_share_one_bus_opened_once(lines, peers):
    first, second = pump(lines, "p1", 1), pump(lines, "p2", 2)
    assert first.bus is second.bus is lines.link("p1")
    assert list(lines.buses) == [PORT]
    assert peers == []
    await lines.open("p1")
    await lines.open("p2")
    assert len(peers) == 1
    await lines.close()
    assert peers[0].closed == 1


async def test_two_instruments_at_one_address_are_refused(lines):
    pump(lines, "p1", 1)
    with pytest.raises(ValueError, match="p2 and p1 are both on /dev/ttyUSB0 at address 1"):
        pump(lines, "p2", 1)


async def test_two_point_to_point_instruments_on_one_port_are_refused(lines):
    lines.instrument("a", "knauer-azura-pump", PORT, {}, {})
    with pytest.raises(ValueError, match=r"b and a are both on /dev/ttyUSB0$"):
        lines.instrument("b", "knauer-azura-pump", PORT, {}, {})


async def test_neighbours_must_agree_in_their_line_settings(lines):
    pump(lines, "p1", 1)
    with pytest.raises(ValueError, match="p2 cannot share /dev/ttyUSB0"):
        pump(lines, "p2", 2, baud_rate=9600)


async def test_options_and_limits_are_checked_before_anything_opens(lines, peers):
    with pytest.raises(ValidationError, match="volum_ml"):
        pump(lines, syringe={"diameter_mm": 1, "volum_ml": 1})
    with pytest.raises(ValueError, match="unknown signal 'temperature'"):
        lines.instrument("a", "knauer-azura-pump", PORT, {}, {"temperature": Limits(0, 1)})
    assert peers == []


async def test_configured_rate_and_echo_reach_the_line(lines):
    line = pump(lines, baud_rate=9600, echo=True).bus.line
    assert (line.baud_rate, line.echo) == (9600, True)


async def test_a_port_that_does_not_open_is_a_lost_link_of_that_instrument():
    peer = Peer()
    peer.refuse = OSError("in use by another process")
    lines = Lines(lambda _port, _line: peer)
    pump(lines)
    with pytest.raises(LinkLost, match="p: /dev/ttyUSB0: in use by another process"):
        await lines.open("p")
    await lines.close()


def test_without_a_broker_an_mqtt_instrument_is_refused(lines):
    with pytest.raises(ValueError, match="needs an MQTT broker"):
        lines.instrument("nmr", "mqtt-analyser", "lab/nmr", {}, {})


async def test_an_mqtt_link_that_cannot_be_opened_looks_after_itself():
    class Link:
        connected = True
        port = "lab/nmr"

        def subscribe(self, _filter, _handler):
            self.subscribed = True

    link = Link()
    lines = Lines(dial_mqtt=lambda _port: link)
    lines.instrument("nmr", "mqtt-analyser", "lab/nmr", {}, {})
    await lines.open("nmr")
    await lines.close()
    assert lines.link("nmr") is link
    assert lines.buses == {}


def test_real_ports_are_dialled_by_default():
    lines = Lines()
    lines.instrument("a", "knauer-azura-pump", PORT, {}, {})
    bus = lines.link("a")
    assert isinstance(bus, Bus)
    assert isinstance(bus._dial(PORT, bus.line), SerialTransport)
    assert dial(PORT, bus.line).description == PORT


def test_looking_a_driver_up_imports_neither_pyserial_nor_pymodbus_nor_aiomqtt():
    code = (
        "import sys; from drivers.registry import driver_names, driver_class;"
        "[driver_class(name) for name in driver_names()];"
        "print([m for m in ('serial', 'pymodbus', 'aiomqtt')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
