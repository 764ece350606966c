"""Huber Pilot ONE thermostat (data communication manual V2.3.0): PB, PB package, Modbus TCP.

``{M aa vvvv CR LF`` is answered by ``{S aa vvvv CR LF``; eight value digits instead of four ask
for thousandths of a degree. ``****`` reads, a value writes, and the answer is what is in force
then. Anything malformed, and a pause of more than 100 ms inside a command, is met with silence. The
state behind the addresses is in ``circulator``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.circulator import Circulator
from simulators.ports import Clock
from simulators.wire.line import Framing, Send, Session
from simulators.wire.modbus import ILLEGAL_ADDRESS, ModbusFault, ModbusServer

GAP_S = 0.1  # inside a command (chapter 2.3)
_PB = re.compile(rb"\{M([0-9A-F]{2})(\*{4}|[0-9A-F]{4}|\*{8}|[0-9A-F]{8})")
_PACKAGE = re.compile(
    rb"\[M([0-9A-F]{2})B([0-9A-F]{2})([0-9])((?:\*{4}|[0-9A-F]{4})*)([0-9A-F]{2})"
)
_UNKNOWN = 0x7FFF
_MAX_PENDING = 512


class SimHuberPilotOne:
    """One thermostat with its bath."""

    role: ClassVar[Role] = "heater"
    latency_s: float = 0.03
    exclusive: bool = False
    functions: ClassVar[frozenset[int]] = frozenset({3, 6})  # of Modbus TCP

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.circulator = Circulator(need(ports.heater, name, "heater"), clock, options)
        self.slave = int(options.get("slave", 1))
        self.package = tuple(options.get("package", (0x00, 0x01)))  # set up at the unit
        self._modbus = ModbusServer(name, clock, self, set())

    def session(self, send: Send, framing: Framing) -> Session:
        """Return a PB session, or one of Modbus TCP."""
        if framing == "modbus-tcp":
            return self._modbus.session(send, framing)
        return PbSession(self, send)

    def power_cycle(self) -> None:
        """Interrupt the power: the settings are lost."""
        self.circulator.restart()

    def answer(self, line: bytes) -> bytes | None:
        """Return the reply to one PB command without its end, or None for silence."""
        found = _PB.fullmatch(line)
        if found is None:
            return None
        self.circulator.heard()
        address, digits = int(found[1], 16), found[2]
        fine = len(digits) == 8  # the high-resolution form
        if not digits.startswith(b"*"):
            self.circulator.write(address, _signed(digits), fine=fine)
        value = self.circulator.read(address, fine=fine)
        return b"{S" + found[1] + (b"%08X" % (value & 0xFFFFFFFF) if fine else _word(value))

    def answer_package(self, line: bytes) -> bytes | None:
        """Return the reply to a package command without its CR, or None for silence."""
        found = _PACKAGE.fullmatch(line)
        if found is None or int(found[1], 16) != self.slave or _sum(line[:-2]) != found[5]:
            return None
        self.circulator.heard()
        fields = [found[4][k : k + 4] for k in range(0, len(found[4]), 4)]
        if found[3] != b"0":
            return self._packaged(found[1], b'"EB"')
        if int(found[2], 16) != len(line) - 2 or len(fields) != len(self.package):
            return self._packaged(found[1], b'"EL"')
        for address, digits in zip(self.package, fields, strict=True):
            if not digits.startswith(b"*"):
                self.circulator.write(address, _signed(digits), fine=False)
        values = (self.circulator.read(address, fine=False) for address in self.package)
        return self._packaged(found[1], b"".join(map(_word, values)))

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return registers for Modbus TCP: the PB addresses."""
        self.circulator.heard()
        values = [self.circulator.read(address + k, fine=False) for k in range(count)]
        if address + count > 0x100 or _UNKNOWN in values:  # two hex digits
            raise ModbusFault(ILLEGAL_ADDRESS)
        return [value & 0xFFFF for value in values]

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write one register for Modbus TCP."""
        self.circulator.heard()
        if self.circulator.read(address, fine=False) == _UNKNOWN:
            raise ModbusFault(ILLEGAL_ADDRESS)
        self.circulator.write(address, (values[0] ^ 0x8000) - 0x8000, fine=False)

    def _packaged(self, slave: bytes, body: bytes) -> bytes:
        head = b"[S" + slave + b"B%02X0" % (8 + len(body))
        return head + body + _sum(head + body)


def _signed(digits: bytes) -> int:
    """Return the two's complement number in four or eight hex digits."""
    sign = 1 << (4 * len(digits) - 1)
    return (int(digits, 16) ^ sign) - sign


def _word(value: int) -> bytes:
    return b"%04X" % (value & 0xFFFF)


def _sum(data: bytes) -> bytes:
    return b"%02X" % (sum(data) & 0xFF)


class PbSession:
    """Cuts PB and package commands out of the stream; both end with CR."""

    def __init__(self, server: SimHuberPilotOne, send: Send) -> None:
        self._server, self._send = server, send
        self._pending = b""
        self._last = float("-inf")

    def receive(self, data: bytes) -> None:
        """Take bytes; answer every complete command."""
        now = self._server.clock()
        if now - self._last > GAP_S:
            self._pending = b""
        self._last = now
        *lines, self._pending = (self._pending + data).split(b"\r")
        self._pending = self._pending[-_MAX_PENDING:]
        for line in lines:
            self._answer(line.removeprefix(b"\n"))  # the LF of the command before

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""

    def _answer(self, line: bytes) -> None:
        if line.startswith(b"["):
            reply = self._server.answer_package(line)
            end = b"\r"
        else:
            reply = self._server.answer(line)
            end = b"\r\n"
        if reply is not None:
            self._send(reply + end)
