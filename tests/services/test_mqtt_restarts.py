"""Brokers die, hang and come back; the daemon goes on, and says again what it has to say."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.api import client as client_module
from daemon.api.broker import Broker, BrokerLost
from daemon.api.client import connect
from daemon.errors import ConfigError
from simulators import virtualtime
from tests.services.broker import MOSQUITTO, BrokerProcess, broker, ends_beside, free_port
from tests.services.mqtt_rig import ROOT, Daemon, listening, quick_reconnects, running

__all__ = ["broker"]
mosquitto = pytest.mark.skipif(
    not MOSQUITTO, reason="mosquitto is not installed (apt install mosquitto)"
)
REPOSITORY = Path(__file__).parents[2]


@mosquitto
async def test_after_a_broker_restart_everything_retained_is_there_again(broker, monkeypatch):
    quick_reconnects(monkeypatch)
    with capture_logs() as logs:
        async with running(broker) as daemon:
            await daemon.until_connected()
            for _ in range(2):
                broker.kill()
                await daemon.until_connected(wanted=False)
                await asyncio.sleep(0.3)
                broker.start()  # it has forgotten everything
                await daemon.until_connected()
                async with listening(broker) as client:
                    assert (await client.until("status"))["state"] == "online"
                    await client.until("state")
                    await client.until("signals")
                    assert (await client.ask("ping", {"id": "a"}))["ok"]
    names = [line["event"] for line in logs]
    assert names.count("broker.lost") == 2  # one line per outage, however many attempts


@mosquitto
async def test_events_outlive_an_outage_and_scans_are_counted(broker, monkeypatch):
    quick_reconnects(monkeypatch)
    async with running(broker) as daemon:
        await daemon.until_connected()
        broker.kill()
        await daemon.until_connected(wanted=False)
        for i in range(30):
            daemon.bus.emit("experiment", id=f"e-{i}", state="ok")
        from tests.daemon.store.conftest import reading

        daemon.bus.readings([reading("a.b", 1.0)])
        async with asyncio.timeout(5):
            while not daemon.api.dropped.get("scan"):
                await asyncio.sleep(0.05)
        monkeypatch.setattr("daemon.api.link.BACK_OFF_S", (0.5, 0.5))
        broker.start()
        async with listening(broker, "event/#") as client:
            await daemon.until_connected()
            await client.until("event/experiment", lambda d: d["id"] == "e-29")
            ids = [json.loads(m.payload)["id"] for m in client.heard]
        assert ids == [f"e-{i}" for i in range(30)]


@mosquitto
async def test_what_a_hanging_broker_did_not_acknowledge_is_sent_again(broker, monkeypatch):
    quick_reconnects(monkeypatch)
    monkeypatch.setattr(client_module, "ACKNOWLEDGE_S", 0.5)
    async with running(broker) as daemon, listening(broker, "event/#") as client:
        await daemon.until_connected()
        broker.pause()
        try:
            for i in range(5):
                daemon.bus.emit("experiment", id=f"e-{i}", state="ok")
            await daemon.until_connected(wanted=False)
        finally:
            broker.unpause()
        await client.until("event/experiment", lambda d: d["id"] == "e-4", timeout=20)
        ids = [json.loads(m.payload)["id"] for m in client.heard]
        assert list(dict.fromkeys(ids)) == [f"e-{i}" for i in range(5)]  # at least once, in order


DAEMON = """
import asyncio, sys
sys.path.insert(0, {root!r})
from tests.services.mqtt_rig import Daemon

class At:
    host, port = "127.0.0.1", int(sys.argv[1])

async def main():
    await Daemon(At, boot=sys.argv[2]).api.run()

asyncio.run(main())
"""


def says(state, boot, document):
    return (document["state"], document["boot"]) == (state, boot)


def start_daemon(broker, boot):
    code = DAEMON.format(root=str(REPOSITORY))
    return subprocess.Popen([sys.executable, "-c", code, str(broker.port), boot], cwd=REPOSITORY)


@mosquitto
async def test_the_will_speaks_for_a_killed_daemon_and_is_armed_anew(broker):
    async with listening(broker, "status") as client:
        for boot in ("one", "two"):
            process = start_daemon(broker, boot)
            try:
                await client.until("status", partial(says, "online", boot), timeout=30)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            will = await client.until("status", partial(says, "offline", boot))
            assert {"version", "since", "seq"} <= set(will)
    async with listening(broker, "status") as later:
        assert (await later.until("status"))["state"] == "offline"  # retained


async def test_two_daemons_of_one_rig_are_told_why_they_lose_the_broker(broker, monkeypatch):
    quick_reconnects(monkeypatch)

    def told():
        return [line["error"] for line in logged if line["event"] == "broker.lost"]

    with capture_logs() as logged:
        async with running(broker, boot="one"), running(broker, boot="two"), asyncio.timeout(20):
            while not any("another daemon of this rig is on it" in why for why in told()):
                await asyncio.sleep(0.02)
    assert "another daemon" not in told()[0]


@mosquitto
async def test_a_command_that_lay_unread_while_the_daemon_stood_still_is_not_done(broker):
    async with listening(broker) as client:
        process = start_daemon(broker, "one")
        try:
            await client.until("status", partial(says, "online", "one"), timeout=30)
            await asyncio.sleep(1.5)
            process.send_signal(signal.SIGSTOP)
            for verb in ("campaign.start", "campaign.abort", "ping"):
                await client.send(verb, {"id": verb})
            await asyncio.sleep(8.0)
            process.send_signal(signal.SIGCONT)
            replies = [await client.until(f"reply/{verb}") for verb in ("campaign.abort", "ping")]
            assert all(reply["ok"] for reply in replies)
            error = (await client.until("reply/campaign.start"))["error"]
            assert error["code"] == "refused"
            assert "taylord stood still for" in error["message"]
            await asyncio.sleep(2.5)
            assert (await client.ask("campaign.start", {"id": "again"}))["ok"]
        finally:
            process.kill()
            process.wait()


@mosquitto
async def test_a_new_start_is_not_buried_under_the_will_of_a_dead_one(broker):
    async with listening(broker, "status") as client:
        old = start_daemon(broker, "old")
        await client.until("status", lambda d: d["boot"] == "old", timeout=30)
        os.kill(old.pid, signal.SIGSTOP)  # its connection stays open: a machine that lost power
        try:
            async with running(broker, boot="new") as daemon:
                await daemon.until_connected()
                await client.until("status", lambda d: (d["state"], d["boot"]) == ("online", "new"))
                await asyncio.sleep(0.3)
                async with listening(broker, "status") as later:
                    assert (await later.until("status"))["boot"] == "new"
                    assert later.heard[0].retain
        finally:
            old.send_signal(signal.SIGKILL)
            old.wait()


@mosquitto
async def test_an_ending_daemon_sends_what_waits_and_says_goodbye(broker):
    async with listening(broker, "status", "event/#") as client:
        async with running(broker) as daemon:
            await daemon.until_connected()
            daemon.bus.emit("campaign", state="complete", reason="")
        await client.until("event/campaign")
        assert (await client.until("status", lambda d: d["state"] == "offline"))["boot"] == "boot-1"


@mosquitto
async def test_a_daemon_without_a_broker_starts_and_ends_all_the_same(tmp_path, monkeypatch):
    quick_reconnects(monkeypatch)

    class Nowhere:
        host, port = "127.0.0.1", free_port()

    async with running(Nowhere) as daemon:
        await asyncio.sleep(0.3)
        assert not daemon.api.connected
        daemon.bus.emit("campaign", state="running", reason="")
        assert len(daemon.api.outbox) == 1


async def test_a_server_that_never_answers_is_let_go_cleanly(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = Broker("127.0.0.1", server.getsockname()[1])
        with pytest.raises(BrokerLost, match="timed out"):
            async with connect(where, timeout_s=0.2):
                pytest.fail("nobody answered")


async def test_a_connect_that_is_cancelled_leaves_nothing_behind():
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = Broker("127.0.0.1", server.getsockname()[1])

        async def try_it():
            async with connect(where, timeout_s=0.5):
                pytest.fail("nobody answered")

        task = asyncio.create_task(try_it())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_a_broker_of_mqtt_3_only_is_served_too(tmp_path):
    pytest.importorskip("amqtt", reason="amqtt is not installed (pip install taylord[broker])")
    old = BrokerProcess(tmp_path, "amqtt")
    old.start()
    try:
        async with running(old) as daemon:
            await daemon.until_connected()
            async with listening(old, five=False) as client:
                assert (await client.until("status"))["state"] == "online"
                assert (await client.ask("ping", {"id": "a"}))["ok"]
    finally:
        old.kill()


@mosquitto
def test_a_daemon_on_a_clock_faster_than_the_walls_is_on_the_broker_too(broker):
    async def main():
        async with running(broker) as daemon:
            await daemon.until_connected()
            for i in range(50):
                daemon.bus.emit("campaign", state="running", reason=str(i))
                await asyncio.sleep(1.0)
            assert daemon.api.connected
            assert len(daemon.api.outbox) == 0

    virtualtime.run(main(), speed=200)


@mosquitto
async def test_a_password_is_read_from_its_file(tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "rig", "secret"], check=True)
    guarded = Guarded(tmp_path)
    guarded.start()
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "wrong").write_text("guess")
    try:
        where = Broker(guarded.host, guarded.port, None, "rig", str(tmp_path / "password"))
        async with connect(where) as connection:
            await connection.publish(f"{ROOT}/x", b"1")
        with pytest.raises(BrokerLost, match=r"(?i)not authori"):
            async with connect(
                Broker(guarded.host, guarded.port, None, "rig", str(tmp_path / "wrong"))
            ):
                pytest.fail("the password was wrong")
    finally:
        guarded.kill()


class Guarded(BrokerProcess):
    """A broker that asks for a password."""

    def _command(self):
        command = super()._command()
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous false\nuser root\n"
            f"password_file {self._folder}/passwords\n"
        )
        return command


async def test_files_that_cannot_be_read_are_configuration_faults(tmp_path):
    with pytest.raises(ConfigError, match=r"mqtt.password_file: .*nothing"):
        async with connect(Broker("localhost", 1, None, "u", str(tmp_path / "nothing"))):
            pytest.fail("there is no password")
    with pytest.raises(ConfigError, match=r"mqtt.tls_ca_file: .*nothing"):
        async with connect(Broker("localhost", 1, tls_ca_file=str(tmp_path / "nothing"))):
            pytest.fail("there is no certificate")


@mosquitto
@pytest.mark.parametrize("turns", range(8))
async def test_a_daemon_ends_also_when_its_broker_ends_at_the_same_moment(turns, broker):
    daemon = Daemon(broker)
    task = asyncio.create_task(daemon.api.run())
    await daemon.until_connected()
    assert await ends_beside(broker, task, turns)
