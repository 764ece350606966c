"""``taylord wire``: a person at the line of one instrument.

Queries that the driver declares, or has asked itself, go through the driver: it frames them, finds
the reply and says what it means. Everything else may set or move something; it is sent only with
leave (``--allow-writes``), as typed, and the first frame that comes back is shown as the driver
takes it. Limits and interlocks belong to the daemon: nothing here goes through the guard.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from daemon.finding.questions import Queries, declares, signals_in
from daemon.finding.transcript import Transcript, shown, text_of
from daemon.finding.typed import Mistyped, Typed, parse
from daemon.trace.byhand import raw_exchange
from drivers.bus import Bus
from drivers.errors import InstrumentError
from drivers.modbus import ModbusInstrument
from drivers.probes import Address
from drivers.registers import Span
from drivers.roles import Instrument
from drivers.signal import Lane, Value
from drivers.table import BadValue

LISTEN_MAX_S = 600.0
HELP = """\
signals                what the instrument has, and which query asks for it
read SIGNAL            ask for one signal; poll: for all that are polled
identify, check        who is there; whether it reports a fault
PRESSURE?              a query as text: the driver adds line end, address and checksum
\\x02text\\r             with escapes the bytes are sent as given (\\r \\n \\t \\0 \\\\ \\xNN)
hex 02 30 0D           the same in hexadecimal; text WORDS: text that begins like a command
registers 1 5 [input]  Modbus: read 5 registers from 1 on (0-based), holding or input
listen S               show what comes by itself, for so many seconds
prepare, set SIGNAL VALUE   only with --allow-writes, as is all that is no known query
quit                   end"""
ASKING = frozenset({"read", "poll", "identify", "check", "registers"})

Call = Callable[..., Awaitable[Any]]


class Console:
    """Does what is typed, one line after the other."""

    def __init__(
        self,
        instrument: Instrument,
        bus: Bus,
        transcript: Transcript,
        *,
        allow_writes: bool,
        call: Call,
        timeout_s: float,
        address: Address = None,
    ) -> None:
        """``call`` makes a call of (instrument's name, what, arguments, function)."""
        self._instrument, self._bus, self._said = instrument, bus, transcript
        self._allowed, self._call, self._timeout_s = allow_writes, call, timeout_s
        self._queries = Queries(instrument, bus.port, address)

    async def do(self, line: str) -> bool:
        """Do one line; return whether to go on."""
        self._said.sent.clear()
        typed: Typed | None = None
        try:
            typed = parse(line)
            if typed is None:
                return True
            self._said.add("typed", typed.line, line=typed.line)
            if typed.command in {"quit", "exit"}:
                return False
            await (self._command(typed) if typed.command else self._request(typed))
        except Mistyped as error:
            self._said.add("mistake", str(error), message=str(error))
        except InstrumentError as error:
            self._said.fault(error)
        finally:
            if typed is not None and typed.command in ASKING:
                self._queries.data.update(self._said.sent)
        return True

    # --- commands

    async def _command(self, typed: Typed) -> None:
        commands: Mapping[str, Callable[[Sequence[str]], Awaitable[None]]] = {
            "help": self._help,
            "signals": self._signals,
            "read": self._read,
            "poll": self._poll,
            "identify": self._identify,
            "check": self._check,
            "registers": self._registers,
            "listen": self._listen,
            "prepare": self._prepare,
            "set": self._set,
        }
        await commands[typed.command](typed.words)

    async def _help(self, _: Sequence[str]) -> None:
        for row in HELP.splitlines():
            self._note(row)

    async def _signals(self, _: Sequence[str]) -> None:
        asked = {name: text for text, names in self._queries.texts.items() for name in names}
        for name, signal in self._instrument.signals.items():
            spec = signal.spec
            limits = f" {spec.limits}" if spec.limits else ""
            by = f", asked by {asked[name]}" if name in asked else ""
            writes = ", can be set" if spec.writable else ""
            self._note(f"{name}: {spec.kind.__name__} {spec.unit}{limits}{writes}{by}")
        if more := [text for text, names in self._queries.texts.items() if not names]:
            self._note(f"other known queries: {', '.join(map(repr, more))}")

    async def _read(self, words: Sequence[str]) -> None:
        (name,) = self._exactly(words, 1, "read SIGNAL")
        self._said.reading(await self._signal(name).read(Lane.COMMAND))

    async def _poll(self, _: Sequence[str]) -> None:
        signals = self._instrument.signals.items()
        names = [name for name, signal in signals if signal.spec.poll_s is not None]
        for reading in await self._instrument.poll(names):
            self._said.reading(reading)

    async def _identify(self, _: Sequence[str]) -> None:
        identity = await self._instrument.identify()
        self._said.add("reply", identity, identity=identity)

    async def _check(self, _: Sequence[str]) -> None:
        await self._instrument.check()
        self._note("it reports no fault")

    async def _prepare(self, _: Sequence[str]) -> None:
        if self._may("prepare sets limits, modes and watchdogs"):
            await self._instrument.prepare()
            self._note("prepared as after each connect")

    async def _set(self, words: Sequence[str]) -> None:
        name, value = self._exactly(words, 2, "set SIGNAL VALUE")
        signal = self._signal(name)
        if self._may(f"set {name} acts on the instrument"):
            self._said.reading(await signal.set(_value(value, signal.spec.kind), Lane.COMMAND))

    async def _listen(self, words: Sequence[str]) -> None:
        (seconds,) = self._exactly(words, 1, "listen SECONDS")
        try:
            await asyncio.sleep(min(max(float(seconds), 0.0), LISTEN_MAX_S))
        except ValueError:
            raise Mistyped(f"listen SECONDS: {seconds!r} is no number") from None

    async def _registers(self, words: Sequence[str]) -> None:
        instrument = self._instrument
        if not isinstance(instrument, ModbusInstrument):
            raise Mistyped(f"{instrument.name} does not speak Modbus")
        span = _span(words)
        if not declares(instrument, span) and not self._may(
            f"the driver's map does not have all of these {span.count} registers"
        ):
            return

        read = partial(
            instrument.read_registers,
            span.start,
            span.count,
            lane=Lane.COMMAND,
            function=span.function,
        )
        place = (span.start, span.count, span.function)
        held: tuple[int, ...] = await self._call(instrument.name, "registers", place, read)
        words_shown = " ".join(f"{register:04X}" for register in held)
        self._said.add("reply", words_shown, registers=list(held))
        for _, reading in signals_in(instrument, span, held):
            self._said.reading(reading)

    # --- requests

    async def _request(self, typed: Typed) -> None:
        if typed.data is not None:
            if typed.data in self._queries.data or self._may(f"{text_of(typed.data)!r} {UNKNOWN}"):
                await self._raw(typed.data, None)
            return
        if typed.text in self._queries.texts:
            await self._ask(typed.text)
        elif self._may(f"{typed.text!r} {UNKNOWN}"):
            await self._raw(self._framed(typed.text), typed.text)

    async def _ask(self, text: str) -> None:
        """Ask a known query through the driver."""
        ask: Call = cast("Any", self._instrument).ask  # the known texts are those of ask()
        reply = await self._call(self._instrument.name, "ask", (text,), ask, text)
        self._understood(text, cast("str", reply))

    async def _raw(self, data: bytes, text: str | None) -> None:
        """Send bytes as they are, wait for one frame; it is for the driver to say what it means."""
        name, timeout_s = self._instrument.name, self._timeout_s
        exchange = partial(raw_exchange, self._bus, name, data, timeout_s)
        try:
            reply = await self._call(name, "wire", (data.hex(), timeout_s), exchange)
        finally:
            if doubt := getattr(self._instrument, "doubt", None):
                doubt()  # more may come: the driver must not take it for its next reply
        frame = bytes.fromhex(reply)
        reply_to = getattr(self._instrument, "reply_to", None)
        if reply_to is None or text is None:
            self._said.add("reply", f"one frame: {shown(frame)}", frame=frame.hex(" "))
            return
        meaning = reply_to(text, frame)
        if meaning is None:
            self._note("the driver does not take this frame for a reply to that")
        else:
            self._understood(text, cast("str", meaning))

    def _understood(self, text: str, reply: str) -> None:
        self._said.add("reply", f"the driver reads {reply!r}", reply=reply)
        for name, value in self._queries.values(text, reply).items():
            signal: Any = self._instrument.signals[name]
            bad = isinstance(value, BadValue)
            self._said.reading(signal.bad(value.reason) if bad else signal.reading(value))

    def _framed(self, text: str) -> bytes:
        encoded = getattr(self._instrument, "encoded", None)
        if encoded is None:
            raise Mistyped(f"{self._instrument.name} speaks no text: give all bytes by hex")
        try:
            return cast("bytes", encoded(text))
        except ValueError as error:
            raise Mistyped(f"{text!r} cannot be framed by the driver: {error}") from None

    # --- helpers

    def _may(self, what: str) -> bool:
        """Return whether something that may act is allowed; say why when it is not."""
        if not self._allowed:
            message = f"{what}: nothing was sent (--allow-writes sends it all the same)"
            self._said.add("refused", message, message=message)
        return self._allowed

    def _signal(self, name: str) -> Any:
        if name not in self._instrument.signals:
            known = ", ".join(self._instrument.signals)
            raise Mistyped(f"no signal {name!r}; there are {known}")
        return self._instrument.signals[name]

    @staticmethod
    def _exactly(words: Sequence[str], count: int, usage: str) -> Sequence[str]:
        if len(words) != count:
            raise Mistyped(f"write {usage}")
        return words

    def _note(self, text: str) -> None:
        self._said.add("note", text, text=text)


UNKNOWN = "is no query that the driver declares or has asked itself; it may set or move something"


def _value(text: str, kind: type) -> Value:
    """Return what was typed in the type of its signal; raise Mistyped."""
    if kind is str:
        return text
    if kind is bool:
        words = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
        if text.lower() not in words:
            raise Mistyped(f"{text!r} is neither true nor false")
        return words[text.lower()]
    try:
        return float(text) if kind is float else int(text)
    except ValueError:
        raise Mistyped(f"{text!r} is no number") from None


def _span(words: Sequence[str]) -> Span:
    """Return the registers that ``START [COUNT] [input]`` means; raise Mistyped."""
    numbers = [word for word in words if word != "input"]
    function = 4 if len(numbers) < len(words) else 3
    try:
        start, count = int(numbers[0], 0), int(numbers[1], 0) if len(numbers) > 1 else 1
    except (IndexError, ValueError):
        raise Mistyped("write registers START [COUNT] [input], START 0-based") from None
    if not (0 <= start <= 0xFFFF and 1 <= count <= 125 and start + count <= 0x10000):
        raise Mistyped("registers are 0 to 65535, at most 125 at once")
    return Span(function, start, count)
