"""What is fuzzed, without a fuzzer: hypothesis (``test_fuzz_*``) and atheris call these.

A codec takes any bytes, however cut, and gives bytes. A driver takes any bytes for replies, and
gives values of the declared kind, bad readings or named faults. A simulated instrument takes any
bytes for requests.
"""

import math
import os
import tempfile
from pathlib import Path

from drivers.codec.dle import DleCodec
from drivers.codec.fixed import FixedCodec
from drivers.codec.length import LengthCodec
from drivers.codec.line import LineCodec
from drivers.codec.mark import MarkCodec
from drivers.codec.oem import OemCodec
from drivers.codec.prompt import PromptCodec
from drivers.codec.shdlc import ShdlcCodec
from drivers.codec.silence import SilenceCodec
from drivers.codec.stx_etx import PacketCodec, StxEtxCodec
from drivers.codec.tail import TailCodec
from drivers.errors import InstrumentError
from drivers.modbus_frames import RtuCodec, TcpCodec
from drivers.roles import FlowController, Pump, Thermostat, Valve
from drivers.signal import Reading
from simulators.virtualtime import run
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

LONGEST = 16  # of a frame in the text codecs here
CODECS = {
    "dle": lambda: DleCodec(LONGEST),
    "fixed": lambda: FixedCodec(6, b"{S", b"\n"),
    "length": lambda: LengthCodec(1, start=b"\x02", max_frame=LONGEST),
    "length of two bytes": lambda: LengthCodec(0, 2, 2, order="low", max_frame=LONGEST),
    "line": lambda: LineCodec(b"\r\n", LONGEST),
    "kept line": lambda: LineCodec(b"</M>", LONGEST, keep=True),
    "mark": lambda: MarkCodec(b"*#", b"\r\n", LONGEST),
    "oem": lambda: OemCodec(LONGEST),
    "packet": lambda: PacketCodec(LONGEST),
    "packet or text": lambda: PacketCodec(LONGEST, text_from=ord("0")),
    "prompt": lambda: PromptCodec(rb"^[0-9]*[:<>*]", LONGEST),
    "rtu": RtuCodec,
    "shdlc": ShdlcCodec,
    "silence": lambda: SilenceCodec(0.05, LONGEST),
    "stx": lambda: StxEtxCodec(LONGEST),
    "tail": lambda: TailCodec(b"\r", 2, LONGEST),
    "modbus tcp": TcpCodec,
}
EXAMPLES = int(os.environ.get("TAYLORD_FUZZ", "12"))  # of each driver; more for a night
HELD = 2200  # bytes at most that any codec here keeps of what it cannot use
WHOLE_ONLY = frozenset({"mark", "prompt"})  # a pause inside a frame is part of these framings


def frames_of(codec, pieces):
    """Return the frames of a stream that comes in these pieces."""
    found = []
    for piece in pieces:
        codec.feed(piece)
        while (frame := codec.next_frame()) is not None:
            assert isinstance(frame, bytes)
            found.append(frame)
    if isinstance(codec, SilenceCodec):
        codec.fall_silent()
        found += [frame] if (frame := codec.next_frame()) is not None else []
    return found


def held_by(codec):
    """Return how many bytes a codec holds."""
    return sum(len(value) for value in vars(codec).values() if isinstance(value, bytearray))


def mutated(reply, edits):
    """Return a reply after edits: (where, how many bytes are taken out, what is put in)."""
    wire = bytearray(reply)
    for where, out, put in edits:
        at = where % (len(wire) + 1)
        wire[at : at + out] = put
    return bytes(wire)


async def _talk(bench):
    """Do with an instrument all that reads its replies; named faults are what may come."""
    instrument = bench.instrument
    signals = instrument.signals
    acts = [instrument.identify, instrument.prepare, instrument.check]
    acts += [lambda name=name: instrument.poll([name]) for name in signals]
    if isinstance(instrument, Pump):
        acts += [lambda: instrument.set_flow(0.5), instrument.stop]
    if isinstance(instrument, Thermostat):
        acts += [lambda: instrument.set_temperature(40.0), instrument.heat_off]
    if isinstance(instrument, Valve):
        acts += [lambda: instrument.turn(2)]
    if isinstance(instrument, FlowController):
        acts += [lambda: instrument.setpoint.set(0.5)]
    for act in [*acts, instrument.make_safe]:
        try:
            got = await act()
        except InstrumentError:
            continue
        for reading in got if isinstance(got, list | tuple) else ():
            _check(reading, signals[reading.signal.partition(".")[2]].spec)


def _check(reading, spec):
    """Raise AssertionError when a reading is not of its kind."""
    assert isinstance(reading, Reading)
    assert reading.value is None or isinstance(reading.value, spec.kind), reading
    assert not isinstance(reading.value, float) or math.isfinite(reading.value), reading


def fuzz_driver(case, edits_of):
    """Talk to an instrument whose replies are edited: ``edits_of()`` gives the next edits."""

    async def talk():
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(case, Path(folder))
            await bench.lines.open("i")
            bench.line.trouble = lambda reply: ((0.0, mutated(reply, edits_of())),)
            await _talk(bench)
            await bench.close()

    run(talk())


def requests_of(case):
    """Return what a driver sends while it is talked to."""
    sent = []

    async def talk():
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(case, Path(folder))
            await bench.lines.open("i")
            await _talk(bench)
            sent.extend(dict.fromkeys(bench.sent))
            await bench.close()

    run(talk())
    return sent


def fuzz_simulator(case, pieces):
    """Send these bytes to a simulated instrument; return how much it answered."""
    heard = bytearray()

    async def talk():
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(case, Path(folder))
            session = bench.sim.session(heard.extend, case.framing)
            for piece in pieces:
                session.receive(piece)
            session.close()

    run(talk())
    return len(heard)


__all__ = [
    "CODECS",
    "EXAMPLES",
    "HELD",
    "WHOLE_ONLY",
    "WIRED",
    "frames_of",
    "fuzz_driver",
    "fuzz_simulator",
    "held_by",
    "mutated",
    "requests_of",
]
