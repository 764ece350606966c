"""``taylord replay``: a recording as a test of drivers and parsers.

The recorded calls are made of the real drivers again, in order and at their times on a clock that
jumps; what was received is given back when it came, after what was sent before it. What the
drivers send is compared with what was sent, and the readings and faults that result with those
recorded. The first difference ends the replay: what follows it would follow from it.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from daemon.errors import ConfigError
from daemon.trace.byhand import BY_HAND, again
from daemon.trace.form import CALL, DONE, RECEIVED, SENT, Record, argument_of, outcome
from daemon.trace.played import PlayedLine
from daemon.trace.reading import Trace
from drivers.bus import Bus
from drivers.errors import InstrumentError
from drivers.registry import Lines
from drivers.roles import Instrument
from drivers.signal import Limits

GRACE_S = 30.0  # on the jumping clock: later than that the driver does not do it at all
FILES = frozenset({"acquire"})  # calls whose result comes by a file that is not in the trace


class Differs(Exception):
    """The replay differs from the recording here."""

    def __init__(self, record: Record, where: str, recorded: object, replayed: object) -> None:
        super().__init__(where)
        self.difference = {
            "t": record["t"],
            "where": where,
            "recorded": recorded,
            "replayed": replayed,
        }


@dataclass(slots=True)
class Seen:
    """What came of the calls of one instrument."""

    calls: int = 0
    readings: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    faults: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    identity: str = ""

    def take(self, t: float, do: str, result: Record) -> None:
        """Count what a call gave."""
        self.calls += 1
        if "fault" in result:
            self.faults.append({"t": t, "call": do, **result})
        gives = result.get("gives")
        if do == "identify" and isinstance(gives, str):
            self.identity = gives
        for reading in gives if isinstance(gives, list) else [gives]:
            if isinstance(reading, dict) and "signal" in reading:
                self._count(reading)

    def _count(self, reading: dict[str, Any]) -> None:
        short = reading["signal"].partition(".")[2]
        row = self.readings.setdefault(
            short, {"n": 0, "bad": 0, "last": None, "unit": reading["unit"], "reasons": []}
        )
        row["n"] += 1
        if reading["value"] is None:
            row["bad"] += 1
            if reading["reason"] not in row["reasons"]:
                row["reasons"].append(reading["reason"])
        else:
            row["last"] = reading["value"]


@dataclass(slots=True)
class Replayed:
    """What came of a replay; ``difference`` is None when it matches the recording."""

    difference: dict[str, Any] | None
    instruments: dict[str, Seen]
    sent: int = 0
    compared: int = 0  # results
    duration_s: float = 0.0


async def replay(trace: Trace) -> Replayed:
    """Replay a trace on the running loop, which should be a virtual one; raise ConfigError."""
    player = _Player(trace)
    try:
        difference = await player.play()
    finally:
        await player.close()
    return Replayed(difference, player.seen, player.sent, player.compared, trace.duration_s)


class _Player:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._played = {number: PlayedLine(port) for number, port in trace.ports.items()}
        by_port = {line.port: line for line in self._played.values()}
        self._lines = Lines(lambda port, _line: by_port[port].transport())
        self._instruments = {row["name"]: self._made(row) for row in trace.instruments}
        self._calls: dict[int, tuple[Record, asyncio.Task[Record]]] = {}
        self._began = asyncio.get_running_loop().time()
        self.seen = {name: Seen() for name in self._instruments}
        self.sent = self.compared = 0

    def _made(self, row: Record) -> Instrument:
        limits = {signal: Limits(low, high) for signal, (low, high) in row["limits"].items()}
        port = self._trace.ports[row["line"]]
        try:
            return self._lines.instrument(row["name"], row["driver"], port, row["options"], limits)
        except (ValueError, TypeError) as error:
            what = " ".join(str(error).split())
            raise ConfigError(
                [f"{self._trace.path}: {row['name']}: cannot be made: {what}"]
            ) from None

    async def play(self) -> dict[str, Any] | None:
        """Play all events; return the first difference, or None."""
        try:
            for record in self._trace.events:
                await self._until(record["t"])
                await self._event(record)
            if self._trace.ended == "closed":
                self._require_nothing_more()
        except Differs as differs:
            return differs.difference
        return None

    async def close(self) -> None:
        """Cancel what goes on, and close the lines."""
        tasks = [task for _, task in self._calls.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._lines.close()

    async def _until(self, t: float) -> None:
        rest = self._began + t - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, rest))

    async def _event(self, record: Record) -> None:
        kind = record["k"]
        if kind == CALL:
            self._begin(record)
        elif kind == DONE:
            await self._end(record)
        else:
            await self._on_line(record, self._played[record["line"]])

    async def _on_line(self, record: Record, line: PlayedLine) -> None:
        kind = record["k"]
        bus = self._lines.buses[line.port]
        if kind == SENT:
            await self._compare_sent(record, line)
        elif kind == RECEIVED:
            line.feed(bytes.fromhex(record["hex"]))
        elif kind == "open":
            await bus.open()
        elif kind == "closed":
            await bus.close()
        elif kind == "lost":
            line.lose(record.get("why", "") or "lost")

    async def _compare_sent(self, record: Record, line: PlayedLine) -> None:
        self.sent += 1
        wanted = bytes.fromhex(record["hex"])
        sent = await line.next_sent(GRACE_S)
        if sent != wanted:
            replayed = "nothing" if sent is None else repr(sent)
            raise Differs(record, f"sent on {line.port}", repr(wanted), replayed)

    def _begin(self, record: Record) -> None:
        instrument = self._instruments.get(record["of"])
        if instrument is None:
            raise ConfigError([f"{self._trace.path}: call {record['n']}: no such instrument"])
        bus = self._lines.link(record["of"])
        task = asyncio.create_task(_made(instrument, bus, record), name=f"call {record['n']}")
        self._calls[record["n"]] = (record, task)

    async def _end(self, record: Record) -> None:
        if record["n"] not in self._calls:
            raise ConfigError([f"{self._trace.path}: done {record['n']}: there was no such call"])
        call, task = self._calls.pop(record["n"])
        where = f"{call['of']}.{call['do']}({', '.join(map(str, call['with']))})"
        by_file = call["do"] in FILES and "gives" in record
        if record.get("cancelled") or by_file:
            task.cancel()
            await asyncio.wait([task])
            if by_file:
                self.seen[call["of"]].take(record["t"], call["do"], record)
            return
        done, _ = await asyncio.wait([task], timeout=GRACE_S)
        if not done:
            task.cancel()
            await asyncio.wait([task])
            raise Differs(record, where, _shown(record), "does not end")
        result = task.result()
        self.seen[call["of"]].take(record["t"], call["do"], result)
        self.compared += 1
        if _shown(result) != _shown(record):
            raise Differs(record, where, _shown(record), _shown(result))

    def _require_nothing_more(self) -> None:
        for line in self._played.values():
            if line.sent:
                at, data = line.sent[0]
                record = {"t": round(at - self._began, 6)}
                raise Differs(record, f"sent on {line.port}", "nothing", repr(data))


async def _made(instrument: Instrument, bus: Bus, record: Record) -> Record:
    """Make a recorded call; return how it ended, as a recording notes it."""
    arguments = [argument_of(a) for a in record["with"]]
    named = {key: argument_of(a) for key, a in record.get("named", {}).items()}
    target: Any = instrument
    if record["do"] in {"read", "set"}:
        target = instrument.signals[arguments.pop(0)]
    try:
        if record["do"] in BY_HAND:
            return {"gives": outcome(await again(instrument, bus, record["do"], arguments))}
        return {"gives": outcome(await getattr(target, record["do"])(*arguments, **named))}
    except InstrumentError as error:
        return {"fault": type(error).__name__, "says": error.what}
    except Exception as error:  # noqa: BLE001 -- a driver's own mistake is what a replay may show
        return {"broken": repr(error)}


def _shown(result: Record) -> Any:
    """Return what is compared of a result: not the words of a fault, which may be improved."""
    for key in ("fault", "broken"):
        if key in result:
            return {key: result[key]}
    return result.get("gives")
