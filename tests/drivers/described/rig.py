"""A described instrument of a text, its simulated twin, and the wire between them."""

import asyncio
from contextlib import asynccontextmanager

from daemon.described import description_faults
from drivers.registry import Lines, driver_class
from simulators.described.instrument import Described
from simulators.instruments.base import Ports
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from tests.contract.bench import Part

PORT = "/dev/ttyUSB0"


class Wire:
    """What was sent, and what the instrument is connected to."""

    def __init__(self, path, options, port=PORT):
        self.part, self.sent, self.heard = Part(), [], []
        ports = Ports(
            pump=self.part,
            heater=self.part,
            pressure=self.part,
            valve=self.part,
            flow=self.part,
            balance=self.part,
        )
        self.sim = Described(path)("i", options, ports, asyncio.get_running_loop().time)
        self.state = self.sim.state
        framing = "modbus-tcp" if port.startswith("modbus") else "serial"
        self.line = Line(port, [Station(self.sim)], framing)
        self.lines = Lines(lambda _port, _spec: _Listening(self.line, self.sent))

    @property
    def texts(self):
        """Return what was sent since the last look, as texts."""
        said, self.sent[:] = [data.decode("latin-1") for data in self.sent], []
        return said


class _Listening(MemoryEnd):
    def __init__(self, line, sent):
        super().__init__(line)
        self._sent = sent

    async def write(self, data):
        self._sent.append(data)
        await super().write(data)


def saved(tmp_path, text, name="thing.toml"):
    """Return the path of a description that is free of faults."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert description_faults(path) == []
    return path


@asynccontextmanager
async def connected(path, options=None, limits=None, *, prepare=True, port=PORT):
    """Give the instrument of a file, connected to its twin."""
    options = options or {}
    wire = Wire(path, options, port)
    instrument = wire.lines.instrument("i", str(path), port, options, limits or {})
    assert isinstance(instrument, driver_class(str(path)))
    await wire.lines.open("i")
    try:
        if prepare:
            await instrument.identify()
            await instrument.prepare()
        wire.sent.clear()
        yield instrument, wire
    finally:
        await wire.lines.close()
