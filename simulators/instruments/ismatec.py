"""Ismatec Reglo ICC peristaltic pump (manual 14-036): up to four channels in one housing.

Each instrument here is one channel; those on one line with the same address share a housing (the
first of them answers for it). Requests are a digit, a command and CR. The digit is the pump's
address; in channel-addressing mode it is a channel, and 0 means all. Set commands are answered by
one character without an end: ``*`` done, ``#`` not understood, ``-`` refused; get commands by text
and CR LF. The manual does not say what a power cut leaves; here nothing is kept but the address.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.peristaltic import MODES, Channel, Refused
from simulators.ports import Clock
from simulators.wire.line import Framing, Send, WireInstrument

CHANNELS = (1, 2, 3, 4)
IDENTITY, VERSION, SERIAL, PROTOCOL = "REGLO ICC 0208 306", "0208", "123456789", "8"
DONE, UNKNOWN, REFUSED, YES, NO = "*", "#", "-", "+", "-"
_LINE_END = "\r\n"
_REQUEST = re.compile(r"([0-8])(.+)")
_SETTING = re.compile(r"([fv])(\d{4})([+-]\d)")
_MAX_PENDING = 64


@dataclass
class Housing:
    """What the channels have in common."""

    address: int
    by_channel: bool = False  # the digit of a request is a channel
    events: bool = False
    channels: dict[int, "SimRegloIcc"] = field(default_factory=dict[int, "SimRegloIcc"])

    @property
    def head(self) -> "SimRegloIcc":
        """Return the one that answers for the housing."""
        return next(iter(self.channels.values()))


class SimRegloIcc:
    """One channel of a pump; option ``channel`` 1 to 4 (none: the pump has but one)."""

    role: ClassVar[Role] = "pump"
    latency_s: float = 0.01
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name = name
        self.number = int(options.get("channel") or 1)
        self.set_is_shown = True  # a set flow or volume is answered with its value; or with ``*``
        self.channel = Channel(
            need(ports.pump, name, "pump"), float(options.get("max_flow_ml_min") or 12.5)
        )
        self.channel.on_done = self._tell_done
        self.housing = Housing(int(options.get("address", 1)), channels={self.number: self})
        self.sessions: list[RegloSession] = []
        del clock

    def meet(self, neighbours: Sequence[WireInstrument]) -> None:
        """Share the housing of the first channel with the same address on the line."""
        family = [
            other
            for other in neighbours
            if isinstance(other, SimRegloIcc) and other.housing.address == self.housing.address
        ]
        self.housing = family[0].housing
        self.housing.channels[self.number] = self

    def power_cycle(self) -> None:
        """Interrupt the power of the whole pump."""
        self.housing.by_channel = self.housing.events = False
        for each in self.housing.channels.values():
            each.channel.reset()

    def session(self, send: Send, framing: Framing) -> "RegloSession":
        """Return a session with a host."""
        del framing
        return RegloSession(self, send)

    def hear(self, request: str) -> str | None:
        """Return the reply to one request, its end included; None when another answers."""
        if request.startswith("@") and request[1:].isdigit():
            self.housing.address = int(request[1:])
            return DONE if self is self.housing.head else None
        found = _REQUEST.fullmatch(request)
        if found is None:
            return UNKNOWN if self is self.housing.head else None
        digit, command = int(found[1]), found[2]
        housing = self.housing
        if digit not in ((0, *CHANNELS) if housing.by_channel else (housing.address,)):
            return None
        if command in _OF_THE_HOUSING:
            return self._answer_for_all(command) if self is housing.head else None
        if not housing.by_channel or digit == 0:  # each does it, one answers
            reply = self._answer(command)
            return reply if self is housing.head else None
        answers_for = digit if digit in housing.channels else housing.head.number
        return self._answer(command) if self.number == answers_for else None

    def _answer_for_all(self, command: str) -> str:
        """Return the reply to what concerns the housing."""
        housing = self.housing
        texts = {"#": IDENTITY, "(": VERSION, "xS": SERIAL, "x!": PROTOCOL}
        texts |= {"~": str(int(housing.by_channel)), "xE": str(int(housing.events))}
        if command in texts:
            return texts[command] + _LINE_END
        if command.startswith("~"):
            housing.by_channel = command == "~1"
        else:
            housing.events = command == "xE1"
        return DONE

    def _answer(self, command: str) -> str:
        """Return the reply to a command of the channel."""
        try:
            if command in _ACTIONS:
                _ACTIONS[command](self.channel)
                return DONE
            if command in _QUERIES:
                return _QUERIES[command](self.channel)
            if command in MODES:
                self.channel.mode = command
                return DONE
            return self._set(command)
        except Refused:
            return REFUSED

    def _set(self, command: str) -> str:
        if found := _SETTING.fullmatch(command):
            value = int(found[2]) / 1000 * 10.0 ** int(found[3])
            if found[1] == "f":
                self.channel.set_flow(value)
            else:
                self.channel.volume_ml = value
            return _scientific(value) + _LINE_END if self.set_is_shown else DONE
        if re.fullmatch(r"S\d{6}", command):
            self.channel.set_speed(int(command[1:]) / 100)
            return DONE
        if found := re.fullmatch(r"x?T(\d+)", command):
            self.channel.run_s = int(found[1]) / 10
            return DONE
        return UNKNOWN

    def _tell_done(self) -> None:
        """Tell every host that the channel has stopped by itself, where that is wanted."""
        if self.housing.events:
            for session in tuple(self.sessions):
                session.send(f"{self.number} run finished{_LINE_END}".encode())


class RegloSession:
    """Cuts requests out of the line's bytes."""

    def __init__(self, pump: SimRegloIcc, send: Send) -> None:
        self._pump, self.send = pump, send
        self._pending = b""
        pump.sessions.append(self)

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete request."""
        *requests, self._pending = (self._pending + data).split(b"\r")
        self._pending = self._pending[-_MAX_PENDING:]
        for request in requests:
            reply = self._pump.hear(request.decode("latin-1").strip("\n"))
            if reply is not None:
                self.send(reply.encode("latin-1"))

    def close(self) -> None:
        """The host has gone."""
        self._pump.sessions.remove(self)


def _scientific(value: float) -> str:
    """Return a number as the pump shows it: ``1.5000E-1``."""
    mantissa, exponent = f"{value:.4E}".split("E")
    return f"{mantissa}E{int(exponent)}"


def _text(of: Callable[[Channel], str]) -> Callable[[Channel], str]:
    return lambda channel: of(channel) + _LINE_END


_OF_THE_HOUSING = frozenset({"#", "(", "xS", "x!", "~", "~0", "~1", "xE", "xE0", "xE1"})
_ACTIONS: Mapping[str, Callable[[Channel], None]] = {
    "H": Channel.start,
    "I": Channel.stop,
    "xI": Channel.stop,
    "J": lambda channel: channel.turn("J"),
    "K": lambda channel: channel.turn("K"),
}
_QUERIES: Mapping[str, Callable[[Channel], str]] = {
    "E": lambda channel: YES if channel.running else NO,
    "xD": _text(lambda channel: channel.direction),
    "xM": _text(lambda channel: channel.mode),
    "S": _text(lambda channel: f"{channel.speed_rpm:.2f}"),
    "f": _text(lambda channel: _scientific(channel.flow_ml_min)),
    "v": _text(lambda channel: _scientific(channel.volume_ml)),
    "xT": _text(lambda channel: f"{channel.run_s:.1f}"),
    "T": _text(lambda channel: f"{channel.run_s:.1f}"),
    "xe": _text(lambda channel: channel.why_refused),
}
