"""Hamilton Microlab 600 and MVP on a daisy chain (Microlab 600 RS-232 manual, Protocol 1/RNO+).

One simulated instrument is one side of a Microlab 600, or an MVP; both sides of one share an
address, and the one that comes first on the line speaks for it. All of a chain are told of each
other, so that the first can give out the addresses. Not settled by the sheet and made up: what an
instrument that is not initialised does with a move (it reports an error), default speeds, T1 and
T2, how deep the buffers are (they take everything), that halting is for one side, that ``H`` goes
by the sides that are there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.hamilton_drive import Act, Drive, SyringeDrive, ValveDrive
from simulators.instruments.hamilton_parse import QUERY, option, parsed
from simulators.ports import Clock
from simulators.wire.line import Framing, Send, WireInstrument

ACK, NAK = b"\x06", b"\x15\r"
_MAX_LINE = 512
_FASTEST_S, _SLOWEST_S = 2, 3692


class SimHamilton:
    """What all on a chain have in common."""

    latency_s: float = 0.005
    exclusive: bool = False
    firmware: ClassVar[str]

    def __init__(self, name: str, options: Mapping[str, Any], drive: Drive) -> None:
        self.name, self.drive = name, drive
        self.letter = str(options.get("address", "a"))
        self.side = "C" if options.get("side") == "right" else "B"
        self.addressed = True  # as a chain is that has been in use
        self.settings = {"YSS": 10, "YSN": 24, "YSB": 80, "LST": 11, "LSF": 250}
        self.syntax_error = False
        self._chain: list[SimHamilton] = [self]

    def meet(self, neighbours: Sequence[WireInstrument]) -> None:
        """Learn who else is on the chain."""
        self._chain = [other for other in neighbours if isinstance(other, SimHamilton)]

    def session(self, send: Send, framing: Framing) -> "_Session":
        """Return a session with a host."""
        del framing
        return _Session(self, send)

    def power_cycle(self) -> None:
        """Interrupt the power: addresses are gone, everything must be initialised."""
        self.addressed = False
        self.drive.reset()

    @property
    def _housing(self) -> list["SimHamilton"]:
        return [other for other in self._chain if other.letter == self.letter]

    def hear(self, line: str) -> bytes | None:
        """Return the answer to one line; None for silence."""
        for member in self._housing:
            member.drive.look()
        if line == "1a":
            return self._give_addresses() if self is self._chain[0] else None
        if not self.addressed or line[:1] not in (self.letter, ":"):
            return None
        answer = self._answer(line[1:])
        return answer if line[:1] == self.letter else None

    def _give_addresses(self) -> bytes:
        letters = {member.letter for member in self._chain}
        if all(member.addressed for member in self._chain):
            return b"1a\r"
        for member in self._chain:
            member.addressed = True
        return b"1" + chr(ord("a") + len(letters)).encode() + b"\r"

    def _answer(self, text: str) -> bytes | None:
        speaks = self is self._housing[0]
        if found := QUERY.fullmatch(text):
            if found[3]:
                self._take({"control": "R"})
            asked = [m for m in self._housing if m.side == (found[1] or "B")]
            if self is not (asked or self._housing)[0]:
                return None
            data = self._value(found[2])
            return NAK if data is None else ACK + data.encode() + b"\r"
        tokens = parsed(text)
        if tokens is None:
            self.syntax_error = True
            return NAK if speaks else None
        for token in tokens:
            if token.side == self.side or token.values.get("control") == "R":  # R is for both
                self._take(token.values)
        return ACK + b"\r" if speaks else None

    def _take(self, values: dict[str, str]) -> None:
        """Buffer or do one command; while this side moves, only what stops it counts."""
        drive, control = self.drive, values.get("control")
        controls = {"K": drive.halt, "V": drive.clear, "$": drive.resume}
        if control in controls:
            controls[control]()
        elif control == "!":
            for member in self._chain:
                member.power_cycle()
        elif drive.busy:
            return
        elif control == "R":
            drive.execute()
        elif "setting" in values:
            self.settings[values["setting"]] = int(values["value"])
        elif (act := self._act(values)) is not None:
            drive.buffer.append(act)

    def _act(self, values: dict[str, str]) -> Act | None:
        """Return the act a command is for; None for what moves nothing here."""
        if "delay" in values:
            return Act("wait", seconds=int(values["delay"] or 0) / 1000.0)  # ms
        return None

    def _value(self, query: str) -> str | None:
        """Return the answer's data; None for what this instrument has not."""
        drives = [member.drive for member in self._housing]
        busy = any(drive.busy for drive in drives)
        waiting = any(drive.waiting for drive in drives)
        answers = {
            "U": self.firmware,
            "F": "*" if busy else "N" if waiting else "Y",
            "H": "Y" if {m.side for m in self._housing} == {"B"} else "N",
            "Q": "N",
            "Z": "Y" if self.drive.syringe_error else "N",
            "G": "Y" if self.drive.valve_error else "N",
            "T1": "@",
            "T2": "@",
            "YQS": str(self.settings["YSS"]),
            "YQN": str(self.settings["YSN"]),
            "YQB": str(self.settings["YSB"]),
            "LQT": str(self.settings["LST"]),
            "LQF": str(self.settings["LSF"]),
            "LQA": "0",
        }
        if query == "E1":
            return self._status(drives, waiting=waiting and not busy)
        if query == "E2":
            for drive in drives:
                drive.syringe_error = drive.valve_error = False
            return "@"
        return answers.get(query)

    def _status(self, drives: list[Drive], *, waiting: bool) -> str:
        moving = [drive for drive in drives if drive.busy]
        failed = any(drive.syringe_error or drive.valve_error for drive in drives)
        bits = (
            waiting,
            any(isinstance(drive, SyringeDrive) for drive in moving),
            any(isinstance(drive, ValveDrive) for drive in moving),
            self.syntax_error,
            failed,
        )
        self.syntax_error = False
        return chr(0x40 | sum(bit << place for place, bit in enumerate(bits)))  # bit 6: always 1


class SimHamiltonPump(SimHamilton):
    """One side of a Microlab 600."""

    role: ClassVar[Role] = "pump"
    firmware = "NV01.72.A"

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        syringe: Mapping[str, Any] = options.get("syringe") or {}
        volume = float(syringe.get("volume_ml", 10.0))
        self._plunger = SyringeDrive(need(ports.pump, name, "pump"), clock, volume)
        super().__init__(name, options, self._plunger)

    def _act(self, values: dict[str, str]) -> Act | None:
        if "move" in values:
            return self._move(values["move"], int(values["steps"]), values["how"])
        if "to" in values:
            return Act("valve", place=values["to"])
        if "init" in values:
            return Act("init", seconds=float(values.get("init_s", self.settings["YSS"])))
        return super()._act(values)

    def _move(self, verb: str, steps: int, how: str) -> Act:
        speed = option(how, "S", self.settings["YSS"])
        speed = min(max(speed, _FASTEST_S), _SLOWEST_S)
        planned = self._plunger.planned()
        goal = {"P": planned + steps, "D": planned - steps, "M": steps}[verb]
        return Act("plunger", goal, float(speed))

    def _value(self, query: str) -> str | None:
        if query == "YQP":
            return str(self._plunger.steps)
        if query == "LQP":
            return {"I": "1", "O": "2", "W": "3"}[self._plunger.valve]
        return super()._value(query)


class SimHamiltonMvp(SimHamilton):
    """A valve positioner."""

    role: ClassVar[Role] = "valve"
    firmware = "MV01.05.A"

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self._rotor = ValveDrive(need(ports.valve, name, "valve"), clock)
        super().__init__(name, options, self._rotor)
        self.positions = int(options.get("positions", 8))

    def _act(self, values: dict[str, str]) -> Act | None:
        if "valve_init" in values or "init" in values:
            return Act("init", 1)
        if "position" in values:
            return Act("valve", min(max(int(values["position"]), 1), self.positions))
        return super()._act(values)

    def _value(self, query: str) -> str | None:
        if query == "LQP":
            return str(self._rotor.position)
        return super()._value(query)


class _Session:
    """Cuts the host's bytes into lines."""

    def __init__(self, instrument: SimHamilton, send: Send) -> None:
        self._instrument, self._send = instrument, send
        self._pending = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; CR ends a request. The line has seven bits."""
        *lines, rest = bytes(b & 0x7F for b in self._pending + data).split(b"\r")
        self._pending = rest[-_MAX_LINE:]
        for line in lines:
            answer = self._instrument.hear(line.decode("ascii"))
            if answer is not None:
                self._send(answer)

    def close(self) -> None:
        """Forget what was half said."""
        self._pending = b""
