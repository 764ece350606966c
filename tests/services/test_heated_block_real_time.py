"""The second example in real time: terminals, Modbus RTU and a broker, host and daemon apart."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import aiomqtt
import pytest

from tests.services.broker import MOSQUITTO, BrokerProcess
from tests.services.hosting import Hosted

EXAMPLE = Path(__file__).parents[2] / "config" / "heated-block.toml"
ROOT = "taylord/block-1"

pytestmark = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)


@pytest.fixture
def broker(tmp_path):
    process = BrokerProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def hosted(tmp_path, broker):
    """The simulated instruments, in a process of their own."""
    text = EXAMPLE.read_text().replace(
        'host = "localhost"', f'host = "{broker.host}"\nport = {broker.port}'
    )
    host = Hosted(tmp_path, text)
    host.endpoints()
    yield host
    if host.process.poll() is None:
        host.end()


def wired(hosted):
    """Return the configuration with every port as the host has it; it waits to be started."""
    text = hosted.rewired()
    return text.replace("experiments = 20", 'experiments = 20\nstart = "command"')


async def command(client, verb, **arguments):
    """Give a command over MQTT; return the reply."""
    await client.subscribe(f"{ROOT}/reply/c-{verb}")
    await client.publish(f"{ROOT}/cmd/{verb}", json.dumps({"id": f"c-{verb}", **arguments}), qos=1)
    async for message in client.messages:
        if str(message.topic) == f"{ROOT}/reply/c-{verb}":
            return json.loads(message.payload)
    raise AssertionError("the broker ended")


async def test_every_signal_of_the_block_rig_is_good_within_seconds(tmp_path, broker, hosted):
    path = tmp_path / "rig.toml"
    path.write_text(wired(hosted))
    run = [sys.executable, "-m", "daemon", "run", str(path), "--data", str(tmp_path / "data")]
    daemon = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        async with asyncio.timeout(40), aiomqtt.Client(broker.host, broker.port) as client:
            await client.subscribe(f"{ROOT}/signals")
            await client.subscribe(f"{ROOT}/scan")
            polled, good, bad = set(), {}, {}
            async for message in client.messages:
                document = json.loads(message.payload)
                if str(message.topic).endswith("signals"):
                    polled = {n for n, s in document["signals"].items() if s["poll_s"]}
                else:
                    good |= document["values"]
                    bad = document["bad"]
                if polled and polled <= set(good) and not bad:
                    break
        assert {"pump-a.flow", "pump-s.flow", "block.temperature", "nmr.state"} <= polled
        assert good["block.temperature"] == pytest.approx(22.0, abs=1.0)
        assert good["line-pressure.pressure"] == pytest.approx(0.0, abs=0.2)
        assert good["nmr.state"] == "ready"
        async with asyncio.timeout(20), aiomqtt.Client(broker.host, broker.port) as client:
            reply = await command(client, "set", signal="pump-s.flow", value=1.0)
            assert reply["ok"], reply
        truth = hosted.truth()
        assert truth["pumps"]["pump-s"]["flow"] == pytest.approx(1.0, rel=0.01)
        assert truth["pumps"]["pump-a"]["flow"] == 0.0
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=20)
    assert daemon.returncode == 0, said
    assert "Traceback" not in said
    truth = hosted.truth()
    assert truth["pumps"]["pump-s"]["flow"] == 0.0  # going away leaves the rig safe
