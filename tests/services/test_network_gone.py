"""A network that loses packets between daemon and instrument: real TCP to a host of its own.

Nobody is told when a cable is cut: both ends keep their half of the connection, and the kernel sends
again for a while what was not acknowledged.
"""

import asyncio

import pytest

from drivers.errors import NoReply
from drivers.transport import dial
from drivers.transport.base import LineSpec
from simulators.wire.tcp import TcpServer
from tests.daemon.rig.night import Night, pump
from tests.drivers.instruments.rig import FakePump
from tests.services.network import Network

NOTICED_S = 6.0  # 3 s of doubt, and the exchanges in it
FAR_TOO_LONG_S = 30.0  # keepalive gives up after 10 s


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


@pytest.fixture
async def far_pump(network):
    """A pump at the far host: its plant part and its port."""
    part = FakePump()
    line = pump(part)
    line.framing = "tcp"
    server = TcpServer(line)
    await server.open(listener=network.listen())
    yield part, f"socket://{server.endpoint}"
    await server.close()


async def test_a_cut_cable_is_noticed_and_nothing_is_done_when_it_is_mended(network, far_pump):
    part, port = far_pump
    async with Night(port) as night:
        await night.becomes(up=True)
        await night.rig.guard.set_flow("pump", 1.0)
        network.cut()
        with pytest.raises(NoReply):
            await night.rig.guard.set_flow("pump", 2.0)
        await night.becomes(up=False, within_s=NOTICED_S)
        assert "no reply" in night.connection["message"]
        assert part.flow == pytest.approx(1.0)  # it runs on: nobody can tell it
        network.mend()
        await night.becomes(up=True, within_s=10.0)  # the kernel's own pauses come on top
        assert [state for state, _ in night.tells()] == ["connected", "reconnecting", "connected"]
        await asyncio.sleep(12.0)  # whatever was on its way has come, or never will
        assert part.flow == pytest.approx(1.0)  # as it was: what failed has not been done late
        assert night.rig.latest("pump.flow").value == pytest.approx(1.0)


async def test_replies_that_are_lost_alone_are_the_same_to_the_daemon(network, far_pump):
    part, port = far_pump
    async with Night(port) as night:
        await night.becomes(up=True)
        network.swallow_replies(True)
        with pytest.raises(NoReply):
            await night.rig.guard.set_flow("pump", 2.0)
        await night.becomes(up=False, within_s=NOTICED_S)
        network.swallow_replies(False)
        await night.becomes(up=True, within_s=10.0)
        await asyncio.sleep(12.0)
        assert part.flow == 0.0
        assert night.rig.latest("pump.flow").value == 0.0


async def test_an_idle_connection_to_a_host_that_is_gone_ends(network):
    with network.listen() as listener:
        transport = dial(f"socket://{network.far}:{listener.getsockname()[1]}", LineSpec())
        await transport.open()
        network.cut()
        with pytest.raises(OSError, match=r"timed out|no route|unreachable"):
            async with asyncio.timeout(FAR_TOO_LONG_S):
                await transport.read()
        await transport.close()


async def test_what_had_not_come_when_the_connection_was_given_up_never_comes(network):
    """Else an old command could be done after the new connection has seen to a known state."""
    with network.listen() as listener:
        transport = dial(f"socket://{network.far}:{listener.getsockname()[1]}", LineSpec())
        await transport.open()
        there, _ = listener.accept()
        with there:
            await transport.write(b"FLOW:1\r")
            assert await asyncio.to_thread(there.recv, 100) == b"FLOW:1\r"
            network.cut()
            await transport.write(b"ON\r")
            await transport.close()
            network.mend()
            there.settimeout(15.0)
            try:
                late = await asyncio.to_thread(there.recv, 100)
            except (TimeoutError, ConnectionError):
                late = b""
        assert late == b""
