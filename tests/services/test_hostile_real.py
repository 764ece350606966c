"""Drivers on hostile pseudo-terminals and sockets, on the wall clock: a sample of the contract."""

import asyncio
import random

import pytest

from drivers.registry import dial_real
from simulators.wire import hostile
from simulators.wire.pty import PtyServer
from simulators.wire.tcp import TcpServer
from tests.contract import troubles
from tests.contract.cases import WIRED
from tests.contract.watch import Watched

TIMEOUT_S, ROUNDS_S = 0.25, 1.5
TERMINALS = ("eurotherm-3216", "harvard-pump11-elite", "new-era-ne1000", "tecan-cavro")
SOCKETS = ("eurotherm-epc3000 on modbus-tcp", "huber-pilot-one", "sensirion-slf3s on socket")


class Real(Watched):
    """A watched bench whose hostile line is a terminal or a socket of this machine."""

    server = None

    def _dial(self, port, spec):
        del port
        return dial_real(self.where, spec)

    def _watch_deadlines(self):
        """Do not: nothing here asserts a wall time."""

    async def serve(self):
        if self.case.framing == "serial":
            self.server = PtyServer(self.line)
            self.where = self.server.path
        else:
            self.server = TcpServer(self.line)
            await self.server.open()
            self.where = f"{self.case.port.partition('//')[0]}//{self.server.endpoint}"

    async def close(self):
        await super().close()
        closing = self.server.close()
        if closing is not None:
            await closing


SAMPLE = [
    next(case for case in WIRED if str(case).startswith(name)) for name in (*TERMINALS, *SOCKETS)
]


def short(bench, rng):
    """Return the troubles, none of which lasts."""
    kinds = troubles.noticeable(bench, rng)
    kinds["stalling"] = hostile.Stalling(rng, 4 * TIMEOUT_S, 0.3)
    if "endless noise" in kinds:
        kinds["endless noise"] = hostile.Endless(bench.line, troubles.NO_TEXT[:32], 0.01, 0.5)
    return kinds


@pytest.mark.parametrize("case", SAMPLE, ids=str)
async def test_nothing_false_comes_through_a_real_wire(case, tmp_path):
    case = case.with_options(timeout_s=TIMEOUT_S)
    bench = Real(case, tmp_path)
    await bench.serve()
    rng = random.Random(1)
    try:
        await bench.connect()
        await bench.poll()
        assert bench.found.values > 0
        bench.line.trouble = hostile.Mixed(rng, short(bench, rng), 0.7)
        until = asyncio.get_running_loop().time() + ROUNDS_S
        while asyncio.get_running_loop().time() < until:
            await bench.hostile_round(rng)
    finally:
        bench.calm()
        await bench.close()
    assert bench.found.wrong == []
    assert bench.found.faults > 0
