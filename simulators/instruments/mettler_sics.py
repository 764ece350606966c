"""Mettler-Toledo balance with MT-SICS (reference manual 11780711), on serial or TCP.

Lines in both directions end CR LF. Weights: ``ID status`` and ten characters of value, right
aligned, and the unit. ``S``, ``T`` and ``Z`` wait for a stable weight, and give up with ``I``. The
streams (``SIR``, ``SR``, ``SNR``) go on until the next command. The balance here starts at the zero
of its factory setting, as if it had been switched on with nothing on its pan.
"""

import asyncio
from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.ascii import AsciiServer, AsciiSession, on
from simulators.wire.line import Framing, Send

READABILITY_G, CAPACITY_G = 0.01, 6100.0
UNDERLOAD_G = -10.0  # the pan has been taken off
STILL_G, STILL_S = 0.012, 1.0  # no change by so much for so long is standstill
LOOK_S = 0.5
PATIENCE_S = 5.0  # for a stable weight
STREAM_S = 0.1
LEVEL_TEXT = '"0123" "2.30" "2.22" "2.33" "2.20"'


class _Unweighable(Exception):  # an answer of the protocol, not an error of the simulator
    """There is no weight; ``status`` says why."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class SimMettlerBalance(AsciiServer):
    """One balance, with a bottle on its pan."""

    role: ClassVar[Role] = "balance"
    request_end = b"\r\n"
    reply_end = b"\r\n"
    latency_s = 0.02

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        del options
        super().__init__(name, clock)
        self._port = need(ports.balance, name, "balance")
        self.model = "XS6002S Excellence 6100.09 g"
        self.serial = "1126493049"
        self.unit, self.brackets = "g", False
        self.zero_g = self.tare_g = 0.0
        self.shown = ""  # by D
        self._weight_g: float | None = None  # when it was last seen to move
        self._moved_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self.sends: list[Send] = []

    # --- the pan

    def gross_g(self) -> float:
        """Return the weight above zero; raise when there is none."""
        weight = self._port.mass_g() - self.zero_g
        if isnan(weight):
            raise _Unweighable("I")
        if weight > CAPACITY_G:
            raise _Unweighable("+")
        if self._port.mass_g() < UNDERLOAD_G:
            raise _Unweighable("-")
        self._look(weight)
        return weight

    def _look(self, weight: float) -> None:
        if self._weight_g is None:
            self._weight_g = weight
        elif abs(weight - self._weight_g) >= STILL_G:
            self._weight_g, self._moved_at = weight, self.clock()

    @property
    def stable(self) -> bool:
        """Return whether the weight stands still, as far as was looked."""
        return self.clock() - self._moved_at >= STILL_S

    def press_print(self) -> None:
        """Somebody presses the print key: the weight is sent unasked."""
        self._emit(self._weight("S"))

    def switch_on(self) -> None:
        """Somebody switches it off and on: what is on the pan is the new zero."""
        self._end_stream()
        self.zero_g, self.tare_g = self._port.mass_g(), 0.0
        self._emit(self.serial_number())

    # --- replies

    def answer(self, line: str) -> str | None:
        """Answer a line; every command ends a stream."""
        self._end_stream()
        return super().answer(line)

    def unknown(self) -> str:
        """Say that the syntax is wrong; commands are upper case."""
        return "ES"

    def session(self, send: Send, framing: Framing) -> "_Session":
        """Return a session with a host, which hears streams and keys, too."""
        del framing
        return _Session(self, send)

    def _emit(self, text: str) -> None:
        for send in tuple(self.sends):
            send(text.encode("ascii") + self.reply_end)

    def _value(self, grams: float) -> str:
        text = f"{round(grams / READABILITY_G) * READABILITY_G:.2f}"
        if self.unit == "kg":
            text = f"{grams / 1000.0:.5f}"
        if self.brackets:
            text = f"{text[:-1]}[{text[-1]}]"
        return f"{text:>10} {self.unit}"

    def _weight(self, name: str, status: str = "") -> str:
        try:
            net = self.gross_g() - self.tare_g
        except _Unweighable as why:
            return f"{name} {why.status}"
        return f"{name} {status or ('S' if self.stable else 'D')} {self._value(net)}"

    def _when_stable(self, name: str, act: Callable[[], str]) -> None:
        """Do what waits for a stable weight; give up after a while."""
        self._wait(name, act, self.clock() + PATIENCE_S)

    def _wait(self, name: str, act: Callable[[], str], until: float) -> None:
        try:
            self.gross_g()
        except _Unweighable as why:
            self._emit(f"{name} {why.status}")
            return
        if self.stable:
            self._emit(act())
        elif self.clock() >= until:
            self._emit(f"{name} I")
        else:
            self._later(LOOK_S, lambda: self._wait(name, act, until))

    def _later(self, after_s: float, act: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(after_s, act)

    def _end_stream(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- weights

    @on(r"S")
    def stable_weight(self) -> None:
        """Send the next stable weight."""
        self._when_stable("S", lambda: self._weight("S"))

    @on(r"SIU?")
    def weight_now(self) -> str:
        """Send the weight of now; the display unit is the only one here."""
        return self._weight("S")

    @on(r"SIR")
    def repeat(self) -> None:
        """Send the weight again and again."""
        self._emit(self._weight("S"))
        self._later(STREAM_S, self.repeat)

    @on(r"SNR")
    def repeat_stable(self) -> None:
        """Send every stable weight."""
        if self._weight("S").startswith("S S"):
            self._emit(self._weight("S"))
        self._later(STREAM_S, self.repeat_stable)

    @on(r"SR(?: (\d+\.?\d*) (\S+))?")
    def repeat_on_change(self, text: str | None, unit: str | None) -> str | None:
        """Send the weight now and whenever it has changed by so much (12.5 % without a value)."""
        if unit not in (None, "g"):
            return "S L"
        self._changed(None, None if text is None else float(text))
        return None

    def _changed(self, last: float | None, by: float | None) -> None:
        try:
            now = self.gross_g()
        except _Unweighable as why:
            self._emit(f"S {why.status}")
            return
        if last is None or abs(now - last) >= (by if by is not None else 0.125 * abs(last)):
            last = now
            self._emit(self._weight("S"))
        self._later(STREAM_S, lambda: self._changed(last, by))

    # --- tare and zero

    @on(r"Z")
    def zero_when_stable(self) -> None:
        """Make a stable weight zero."""
        self._when_stable("Z", lambda: self._zero("Z A"))

    @on(r"ZI")
    def zero_now(self) -> str:
        """Make the weight of now zero."""
        try:
            self.gross_g()
        except _Unweighable as why:
            return f"ZI {why.status}"
        return self._zero(f"ZI {'S' if self.stable else 'D'}")

    def _zero(self, reply: str) -> str:
        self.zero_g, self.tare_g = self._port.mass_g(), 0.0
        self._weight_g = None
        return reply

    @on(r"T")
    def tare_when_stable(self) -> None:
        """Take a stable weight for the tare."""
        self._when_stable("T", lambda: self._tare("T", "S"))

    @on(r"TI")
    def tare_now(self) -> str:
        """Take the weight of now for the tare."""
        try:
            self.gross_g()
        except _Unweighable as why:
            return f"TI {why.status}"
        return self._tare("TI", "S" if self.stable else "D")

    def _tare(self, name: str, status: str) -> str:
        weight = self.gross_g()
        if weight < 0:
            return f"{name} -"
        self.tare_g = weight
        return f"{name} {status} {self._value(weight)}"

    @on(r"TA(?: (\d+\.?\d*) (\S+))?")
    def tare_value(self, text: str | None, unit: str | None) -> str:
        """Send the tare, or set it to a known weight."""
        if text is not None:
            if unit != "g" or float(text) > CAPACITY_G:
                return "TA L"
            self.tare_g = round(float(text) / READABILITY_G) * READABILITY_G
        return f"TA A {self._value(self.tare_g)}"

    @on(r"TAC")
    def clear_tare(self) -> str:
        """Forget the tare."""
        self.tare_g = 0.0
        return "TAC A"

    # --- the balance itself

    @on(r"@")
    def reset(self) -> str:
        """Begin as after switching on, but without zeroing."""
        self.tare_g = 0.0
        return self.serial_number()

    @on(r"I4")
    def serial_number(self) -> str:
        """Send the serial number."""
        return f'I4 A "{self.serial}"'

    @on(r"I0")
    def commands(self) -> None:
        """Send all commands, one a line."""
        names = ("@", "I0", "I1", "I2", "I3", "I4", "S", "SI", "SIR", "Z", "ZI", "T", "TI", "TA")
        for name in names[:-1]:
            self._emit(f'I0 B 0 "{name}"')
        self._emit(f'I0 A 0 "{names[-1]}"')

    @on(r"I([1235]|10|11)")
    def about(self, which: str) -> str:
        """Send the level, the model, the software, or names."""
        texts = {
            "1": LEVEL_TEXT,
            "2": f'"{self.model}"',
            "3": '"2.10 10.28.0.493.142"',
            "5": '"11780711C"',
            "10": f'"{self.name}"',
            "11": f'"{self.model.split()[0]}"',
        }
        return f"I{which} A {texts[which]}"

    @on(r'D "(.*)"')
    def display(self, text: str) -> str:
        """Show a text in place of the weight."""
        self.shown = text
        return "D A"

    @on(r"DW")
    def display_weight(self) -> str:
        """Show the weight again."""
        self.shown = ""
        return "DW A"


class _Session(AsciiSession):
    """A session that also hears what the balance says by itself."""

    def __init__(self, server: SimMettlerBalance, send: Send) -> None:
        super().__init__(server, send)
        self._balance, self._own = server, send
        server.sends.append(send)

    def close(self) -> None:
        """The host has gone; a stream goes on with nobody to hear it, so it ends."""
        super().close()
        self._balance.sends.remove(self._own)
