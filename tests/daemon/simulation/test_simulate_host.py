"""``taylord simulate``: the endpoints other programs find, in real time."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.errors import ConfigError, TaylordError
from daemon.settings.models import Settings
from daemon.simulate_host import hosted, simulate
from drivers.mqtt import BrokerLink, MqttPort
from drivers.registry import Lines, dial_real
from tests.daemon.simulation.rigs import flow, wide_table
from tests.services.broker import BrokerProcess


async def hang_up(writer):
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def ask(endpoint, request, end):
    host, port = endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        return await reader.readuntil(end)
    finally:
        await hang_up(writer)


async def test_the_endpoints_file_tells_where_everything_is_and_goes_at_the_end(tmp_path):
    told = asyncio.get_running_loop().create_future()
    path = tmp_path / "endpoints.json"
    host = asyncio.create_task(simulate(flow(), endpoints=path, announce=told.set_result))
    document = await told
    assert json.loads(path.read_text()) == document
    assert list(tmp_path.iterdir()) == [path]
    instruments = document["instruments"]
    assert {name: its["kind"] for name, its in instruments.items()} == {
        "pump-a": "tcp",
        "pump-b": "pty",
        "pump-c": "tcp",
        "bath": "tcp",
        "nmr": "tcp",
    }
    assert instruments["pump-b"]["address"] == 1
    assert await ask(instruments["pump-a"]["port"], b"FLOW?\n\r", b"\r") == b"FLOW:0\r"
    state = json.loads(await ask(document["state"], b"", b"\n"))
    assert state["pumps"]["pump-a"]["flow"] == 0.0
    host.cancel()
    with pytest.raises(asyncio.CancelledError):
        await host
    assert not path.exists()
    assert not Path(instruments["pump-b"]["port"]).exists()
    with pytest.raises(OSError):
        await ask(document["state"], b"", b"\n")


def without_mqtt():
    table = wide_table()
    del table["instruments"]["probe"]
    for pump in ("pump-b", "pump-d"):
        table["instruments"][pump]["safe_mode_s"] = 0  # no time is lost on finding its mode
    return Settings.model_validate(table)


async def test_every_kind_of_wire_is_served_to_the_real_transports():
    settings = without_mqtt()
    async with hosted(settings) as document:
        endpoints = document["instruments"]
        assert endpoints["block"]["kind"] == "modbus-rtu"
        assert endpoints["oven"]["kind"] == "modbus-tcp"
        assert endpoints["pump-b"]["port"] == endpoints["pump-d"]["port"]
        lines = Lines(dial_real)
        for name in ("pump-b", "pump-d", "block", "oven", "gauge", "bath"):
            its, end = settings.instruments[name], endpoints[name]
            scheme = {
                "pty": "",
                "modbus-rtu": "",
                "tcp": "socket://",
                "modbus-tcp": "modbus-tcp://",
            }
            port = scheme[end["kind"]] + end["port"]
            instrument = lines.instrument(name, its.driver, port, its.options, {})
            await lines.open(name)
            assert await instrument.identify()
        await lines.close()


async def test_faults_of_the_wire_happen_in_real_time_too():
    faults = [{"kind": "unplug", "at": 0.6, "instrument": "pump-a"}]
    async with hosted(flow(faults=faults)) as document:
        endpoint = document["instruments"]["pump-a"]["port"]
        assert await ask(endpoint, b"FLOW?\n\r", b"\r") == b"FLOW:0\r"
        await asyncio.sleep(0.7)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await ask(endpoint, b"FLOW?\n\r", b"\r")


async def test_an_endpoints_file_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(TaylordError, match=r"nowhere.*cannot be written: No such file"):
        await simulate(flow(), endpoints=tmp_path / "nowhere" / "x.json")


async def test_mqtt_instruments_need_a_broker():
    table = wide_table()
    del table["mqtt"]
    with pytest.raises(ConfigError, match="mqtt: section is missing"):
        async with hosted(Settings.model_validate(table)):
            pass


@pytest.fixture
def broker(tmp_path):
    process = BrokerProcess(tmp_path)
    process.start()
    yield process
    process.kill()


async def test_an_mqtt_device_publishes_on_a_real_broker_and_outlives_it(broker):
    table = wide_table()
    table["mqtt"] = {"host": broker.host, "port": broker.port}
    table["instruments"]["probe"]["period_s"] = 0.2
    settings = Settings.model_validate(table)
    async with hosted(settings) as document:
        assert document["instruments"]["probe"] == {
            "driver": "mqtt-analyser",
            "kind": "mqtt",
            "port": broker.address,
            "address": None,
            "topic": "lab/probe",
        }
        link = BrokerLink(broker.host, broker.port)
        lines = Lines(dial_real, lambda port: MqttPort(link, port))
        its = settings.instruments["probe"]
        probe = lines.instrument("probe", its.driver, its.port, its.options, {})
        await lines.open("probe")
        await probe.identify()
        await fresh(probe)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        await asyncio.sleep(1.0)  # longer than a reading keeps
        await fresh(probe)
        await lines.close()


async def fresh(probe):
    """Wait until the probe has a good reading."""
    async with asyncio.timeout(15):
        while (await probe.poll(["line"]))[0].value is None:
            await asyncio.sleep(0.05)


async def test_a_broker_that_wants_a_name_gets_it(tmp_path):
    from daemon.settings.models import MqttSettings
    from daemon.simulate_host import _login

    (tmp_path / "secret").write_text("pw\n")
    assert _login(MqttSettings()) == {}
    assert _login(MqttSettings(username="me")) == {"username": "me"}
    known = MqttSettings(username="me", password_file=str(tmp_path / "secret"))
    assert _login(known) == {"username": "me", "password": "pw"}
