"""Lost and found again on real pseudo-terminals and sockets: the rig's own recovery, in real time."""

import asyncio
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from daemon.errors import TaylordError
from drivers.errors import InstrumentError, NotConnected
from drivers.registry import dial_real
from simulators.instruments.huber import SimHuberPilotOne
from simulators.wire.line import Line, Station
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import TcpServer
from tests.daemon.rig.night import BACK_WITHIN_S, Night, pump
from tests.daemon.rig.shared import SharedRig
from tests.drivers.instruments.rig import FakeHeater, FakePump, simulated


@pytest.fixture
def by_id(tmp_path):
    """A stable name for whatever port the adapter has got."""
    link = tmp_path / "usb-FTDI_1234-if00-port0"

    def points_to(path):
        link.unlink(missing_ok=True)
        if path is not None:
            link.symlink_to(path)
        return str(link)

    return points_to


async def test_an_adapter_that_comes_back_under_another_number_is_found_by_its_name(by_id):
    part = FakePump()
    first = PtyServer(pump(part))
    async with Night(by_id(first.path)) as night:
        await night.becomes(up=True)
        await night.rig.guard.set_flow("pump", 1.0)
        by_id(None)
        first.close()
        part.flow = 0.0  # the cable took its power with it
        await night.becomes(up=False)
        assert (
            "unplugged" in night.connection["message"]
            or "no such port" in night.connection["message"]
        )
        for verb in (night.rig.guard.set_flow("pump", 2.0), night.rig.guard.set_flow("pump", 3.0)):
            with pytest.raises(NotConnected):
                await verb
        with pytest.raises(InstrumentError):
            await night.rig.guard.set_flow("pump", 0.0)
        other = os.openpty()  # takes the number that was free
        second = PtyServer(pump(part))
        by_id(second.path)
        await night.becomes(up=True)
        state, message = night.tells()[-1]
        assert state == "connected"
        assert message.endswith("3 commands refused meanwhile (set_flow 3); none was done later")
        await asyncio.sleep(0.5)
        assert part.flow == 0.0  # nothing was set again
        assert [state for state, _ in night.tells()] == ["connected", "reconnecting", "connected"]
    second.close()
    for end in other:
        os.close(end)


async def test_a_port_that_is_plugged_again_and_again_is_back_each_time(by_id):
    part = FakePump()
    server = PtyServer(pump(part))
    async with Night(by_id(server.path)) as night:
        for pause_s in (0.0, 0.4, 1.3):
            await night.becomes(up=True)
            by_id(None)
            server.close()
            await night.becomes(up=False)
            await asyncio.sleep(pause_s)
            server = PtyServer(pump(part))
            by_id(server.path)
        await night.becomes(up=True)
    server.close()


async def test_another_instrument_on_the_port_is_not_commanded(by_id):
    part, heater = FakePump(), FakeHeater()
    server = PtyServer(pump(part))
    async with Night(by_id(server.path)) as night:
        await night.becomes(up=True)
        by_id(None)
        server.close()
        await night.becomes(up=False)
        bath = Line("bath", [Station(simulated(SimHuberPilotOne, "bath", heater))], "serial")
        stranger = PtyServer(bath)
        by_id(stranger.path)
        await asyncio.sleep(1.5)
        assert not night.rig.connected("pump")
        with pytest.raises((NotConnected, TaylordError)):
            await night.rig.guard.set_flow("pump", 1.0)
        assert (heater.goal, part.flow) == (None, 0.0)
        by_id(None)
        stranger.close()
        server = PtyServer(pump(part))
        by_id(server.path)
        await night.becomes(up=True)
    server.close()


async def test_a_reset_connection_is_made_again():
    line = pump(FakePump())
    line.framing = "tcp"
    server = TcpServer(line)
    await server.open()
    async with Night(f"socket://{server.endpoint}") as night:
        for _ in range(3):
            await night.becomes(up=True)
            line.disturb("pump", "unplug")  # aborts: the peer gets a reset
            await night.becomes(up=False)
            line.disturb("pump", "ok")
        await night.becomes(up=True)
        states = [state for state, _ in night.tells()]
        assert states == ["connected", "reconnecting"] * 3 + ["connected"]
    await server.close()


async def test_a_peer_that_vanished_without_a_word_is_given_up_and_found_again():
    """Half open: the connection stands, and nobody is there; the instrument then listens anew."""
    line = pump(FakePump())
    line.framing = "tcp"
    server = TcpServer(line)
    await server.open()
    host, port = server.endpoint.split(":")
    night = Night(f"socket://{server.endpoint}")
    async with night:
        await night.becomes(up=True)
        line.disturb("pump", "silent")
        await night.becomes(up=False, within_s=6)
        assert "no reply" in night.connection["message"]
        accepted = len(line.hosts)
        line.disturb("pump", "ok")
        await night.becomes(up=True)
        assert accepted <= 1  # the dead connection is not kept beside the new one
    await server.close()
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


async def test_sockets_are_set_to_notice_a_peer_that_is_gone():
    listener = socket.create_server(("127.0.0.1", 0))
    transport = dial_real(f"socket://127.0.0.1:{listener.getsockname()[1]}", None)
    await transport.open()
    sock = transport._writer.get_extra_info("socket")
    idle, every, probes = (
        sock.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle + every * probes <= 10
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    await transport.close()
    listener.close()


async def test_a_second_daemon_on_the_port_is_told_who_has_it(by_id):
    part = FakePump()
    server = PtyServer(pump(part))
    async with Night(server.path) as first, Night(by_id(server.path)) as second:
        await first.becomes(up=True)
        assert second.connection["state"] == "reconnecting"
        assert "in use by another process" in second.connection["message"]
        assert "one program at a time" in second.connection["message"]
        assert first.rig.connected("pump")
    server.close()


async def test_a_program_that_took_the_port_first_is_named_and_followed_when_it_ends():
    server = PtyServer(pump(FakePump()))
    holder = await holding(server.path, exclusive=True)
    async with Night(server.path) as night:
        assert f"(process {holder.pid})" in night.connection["message"]
        await asyncio.to_thread(let_go, holder)
        await night.becomes(up=True)
    server.close()


async def test_a_program_that_asks_for_the_lock_does_not_get_the_port_of_a_daemon():
    server = PtyServer(pump(FakePump()))
    async with Night(server.path) as night:
        await night.becomes(up=True)
        script = "import serial, sys; serial.Serial(sys.argv[1], exclusive=True)"
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", script, server.path],
            capture_output=True,
            check=False,
        )
        assert b"Could not exclusively lock port" in done.stderr
    server.close()


async def test_one_dead_member_of_a_real_line_leaves_the_others_polled():
    shared = SharedRig([0.2] * 3, port="pty")
    server = PtyServer(shared.line)
    shared = SharedRig([0.2] * 3, port=server.path, dial=dial_real, options={"timeout_s": 0.3})
    server._line = shared.line
    async with shared.running():
        shared.line.disturb("p0", "silent")
        await asyncio.sleep(5)
        assert not shared.rig.connected("p0")
        assert shared.rig.connected("p1")
        since = asyncio.get_running_loop().time()
        await asyncio.sleep(3)
        assert len([t for t in shared.seen["p1.pressure"] if t > since]) > 5
        shared.line.disturb("p0", "ok")
        async with asyncio.timeout(BACK_WITHIN_S):
            while not shared.rig.connected("p0"):
                await asyncio.sleep(0.02)
    server.close()


async def holding(path, *, exclusive):
    """Start a program that has a port open."""
    script = textwrap.dedent(
        f"""
        import serial, sys
        port = serial.Serial(sys.argv[1], exclusive={exclusive})
        print("open", flush=True)
        sys.stdin.read()
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    await asyncio.to_thread(process.stdout.readline)
    return process


def let_go(process):
    process.stdin.close()
    process.wait(5)
    process.stdout.close()
