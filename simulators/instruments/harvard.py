"""Harvard Pump 11 Elite and relatives (manual 5420-002 Rev C, command set).

Requests end CR, an LF after it is ignored; an address may come first, ``@`` before the command.
A reply is lines ``LF [aa:]text CR`` and a prompt ``LF [aa]prompt`` without an end; pump 0 leaves
its address out, unless the option ``zero_prefix`` makes it answer as some firmware does. In poll
mode an XON follows each prompt; else prompts come unasked, too, when a target is reached or the
motor stalls. A touch of the screen makes the pump deaf until a bare CR. The motor is in
``harvard_motor``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.harvard_motor import Direction, Motor, Refused
from simulators.ports import Clock
from simulators.wire.ascii import AsciiServer, AsciiSession
from simulators.wire.line import Framing, Send

XON = "\x11"
ADDRESSED = re.compile(r"(\d{0,2})(@?)\s*([a-z]*)\s*(.*)", re.DOTALL)
LITRES = {"m": 1.0, "u": 1e-3, "n": 1e-6, "p": 1e-9}  # mL
TIMES = {"h": 60.0, "m": 1.0, "s": 1.0 / 60.0}  # min
NUMBER = r"(\d+\.?\d*|\.\d+)"
FL = 1e-12  # mL
CYCLES_S = 56_000_000  # of the Elite's clock
COMMANDS = (  # each may be shortened to four letters
    "ver", "version", "diameter", "svolume", "irate", "wrate", "crate", "irun", "wrun",
    "rrun", "run", "stop", "stp", "tvolume", "ctvolume", "ivolume", "wvolume", "civolume",
    "cwvolume", "cvolume", "force", "poll", "echo", "nvram", "status", "address",
)  # fmt: skip


class SimHarvardPump(AsciiServer):
    """One pump, alone or in a chain."""

    role: ClassVar[Role] = "pump"
    request_end = b"\r"
    reply_end = b""
    latency_s = 0.01

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, clock)
        syringe: Mapping[str, Any] = options.get("syringe") or {}
        fitted = syringe.get("diameter_mm")
        self.motor = Motor(
            need(ports.pump, name, "pump"),
            clock,
            fitted_mm=None if fitted is None else float(fitted),
            tell=self._tell_unasked,
        )
        self.address = int(options.get("address", 0))
        self.infuse_only = bool(options.get("infuse_only", False))
        self.firmware = "11 ELITE I/W Single 3.0.4"
        self.legato = False  # tells times in ms
        self.zero_prefix = bool(options.get("zero_prefix", False))
        self.memory_writes = 0
        self.sends: list[Send] = []  # to the hosts that listen
        self._power_up()

    def _power_up(self) -> None:
        self.poll = self.echo = self.touched = False
        self.nvram = True
        self.force = 50
        self.svolume = 10.0
        self._explicit = False  # the request carried an address

    def power_cycle(self) -> None:
        """Interrupt the power: the motor stops, poll mode and echo are off again."""
        self.motor.reset()
        self._power_up()

    def session(self, send: Send, framing: Framing) -> AsciiSession:
        """Return a session with a host; unasked prompts go to it, too."""
        del framing
        return _Session(self, send)

    def answer(self, line: str) -> str | None:
        """Return the reply to one line, prompt included, or None when it is for another pump."""
        found = ADDRESSED.fullmatch(line.strip("\n").lower())
        if found is None or int(found[1] or 0) != self.address:
            return None
        if self.touched and (found[3] or found[4]):
            return None
        self.touched, self._explicit = False, bool(found[1])
        echoed = line + "\r" if self.echo else ""
        self.motor.count()
        return echoed + self._reply(found[3], found[4].strip())

    def _reply(self, word: str, argument: str) -> str:
        lines = self._obey(word, argument) if word or argument else []
        end = XON if self.poll else ""
        prefix = self._address_text()
        colon = ":" if prefix else ""
        body = "".join(f"\n{prefix}{colon}{line}\r" for line in lines)
        return f"{body}\n{prefix}{self.motor.prompt}{end}"

    def _address_text(self) -> str:
        if self.address or (self.zero_prefix and (self._explicit or self.poll)):
            return f"{self.address:02d}"
        return ""

    def _obey(self, word: str, argument: str) -> list[str]:
        """Return the lines that answer a command."""
        full = next((name for name in COMMANDS if word in (name, name[:4]) and word), None)
        method: Callable[[str], str | None] | None = getattr(self, f"_{full}", None)
        if full is None or method is None or (self.infuse_only and _withdraws(full)):
            return ["Command error:", "   Unknown command"]
        try:
            line = method(argument)
        except Refused as refused:
            if str(refused) == "Pump is running":
                return ["Command error:", f"   {refused}"]
            return [f"Argument error: {argument}", f"   {refused}"]
        return [] if line is None else [line]

    def _tell_unasked(self) -> None:
        """Send a prompt that nobody asked for; not in poll mode."""
        if self.poll or self.touched:
            return
        self._explicit = False
        for send in tuple(self.sends):
            send(f"\n{self._address_text()}{self.motor.prompt}".encode())

    # --- commands: each returns its line, or None

    def _ver(self, argument: str) -> str:
        del argument
        return self.firmware

    _version = _ver

    def _diameter(self, argument: str) -> str | None:
        if not argument:
            return f"{self.motor.diameter_mm:.4f} mm"
        self.motor.set_diameter(float(_matched(rf"{NUMBER}(?: *mm)?", argument)[1]))
        return self._written()

    def _svolume(self, argument: str) -> str | None:
        if not argument:
            return volume_text(self.svolume)
        self.svolume = volume(argument)
        return self._written()

    def _irate(self, argument: str) -> str | None:
        return self._rate("I", argument)

    def _wrate(self, argument: str) -> str | None:
        return self._rate("W", argument)

    def _rate(self, direction: Direction, argument: str) -> str | None:
        low, high = self.motor.limits()
        if not argument:
            return rate_text(self.motor.rates[direction])
        if argument == "lim":
            return f"{rate_text(low)} to {rate_text(high)}"
        named = {"min": low, "max": high}
        self.motor.set_rate(direction, named[argument] if argument in named else rate(argument))
        return self._written()

    def _crate(self, argument: str) -> str:
        del argument
        if not self.motor.running:
            raise Refused("Pump not running")
        doing = "Infusing" if self.motor.direction == "I" else "Withdrawing"
        return f"{doing} at {rate_text(self.motor.flow)}"

    def _irun(self, argument: str) -> None:
        del argument
        self.motor.run("I")

    def _wrun(self, argument: str) -> None:
        del argument
        self.motor.run("W")

    def _rrun(self, argument: str) -> None:
        del argument
        self.motor.run("W" if self.motor.direction == "I" else "I")

    def _run(self, argument: str) -> None:
        del argument
        self.motor.run(self.motor.direction)

    def _stop(self, argument: str) -> None:
        del argument
        self.motor.stop()

    _stp = _stop

    def _tvolume(self, argument: str) -> str | None:
        if argument:
            self.motor.set_target(volume(argument))
            return self._written()
        target = self.motor.target
        return "Target volume not set" if target is None else volume_text(target)

    def _ctvolume(self, argument: str) -> None:
        del argument
        self.motor.set_target(None)

    def _ivolume(self, argument: str) -> str:
        del argument
        return volume_text(self.motor.counted["I"])

    def _wvolume(self, argument: str) -> str:
        del argument
        return volume_text(self.motor.counted["W"])

    def _civolume(self, argument: str) -> None:
        del argument
        self.motor.clear("I")

    def _cwvolume(self, argument: str) -> None:
        del argument
        self.motor.clear("W")

    def _cvolume(self, argument: str) -> None:
        del argument
        self.motor.clear("IW")

    def _force(self, argument: str) -> str | None:
        if not argument:
            return f"{self.force}%"
        percent = int(_matched(r"(\d+)%?", argument)[1])
        if not 1 <= percent <= 100:
            raise Refused("Out of range")
        self.force = percent
        return self._written()

    def _poll(self, argument: str) -> str | None:
        return self._switch("poll", argument)

    def _echo(self, argument: str) -> str | None:
        return self._switch("echo", argument)

    def _nvram(self, argument: str) -> str | None:
        return self._switch("nvram", argument)

    def _switch(self, name: str, argument: str) -> str | None:
        if not argument:
            return "ON" if getattr(self, name) else "OFF"
        setattr(self, name, _matched(r"(on|off)", argument)[1] == "on")
        return None

    def _address(self, argument: str) -> str | None:
        if not argument:
            return f"Pump address is {self.address}"
        self.address = int(_matched(r"(\d{1,2})", argument)[1])
        return self._written()

    def _status(self, argument: str) -> str:
        """Return the raw status: fl/s, time, fl, six flags."""
        del argument
        motor = self.motor
        flow = motor.flow if motor.running else motor.rates[motor.direction]
        seconds = motor.elapsed_s()
        ticks = round(seconds * 1000) if self.legato else round(seconds * CYCLES_S)
        letter = motor.direction if motor.running else motor.direction.lower()
        flags = f"{letter}.{'S' if motor.stalled else '.'}.I{'T' if motor.reached else '.'}"
        return f"{flow / 60 / FL:.0f} {ticks} {motor.counted[motor.direction] / FL:.0f} {flags}"

    def _written(self) -> None:
        self.memory_writes += self.nvram


class _Session(AsciiSession):
    """A session that unasked prompts go to as well."""

    def __init__(self, pump: SimHarvardPump, send: Send) -> None:
        super().__init__(pump, send)
        self._sends, self._own = pump.sends, send
        self._sends.append(send)

    def close(self) -> None:
        """The host has gone."""
        self._sends.remove(self._own)
        super().close()


def _withdraws(name: str) -> bool:
    return name in ("wrate", "wrun", "rrun", "wvolume", "cwvolume")


def _matched(pattern: str, argument: str) -> "re.Match[str]":
    found = re.fullmatch(pattern, argument)
    if found is None:
        raise Refused("Invalid argument")
    return found


def rate(argument: str) -> float:
    """Return a rate as it is typed, ``2.5 m/m``, mL/min."""
    found = _matched(rf"{NUMBER} *([munp])l?/([hms])[a-z]*", argument)
    return float(found[1]) * LITRES[found[2]] / TIMES[found[3]]


def volume(argument: str) -> float:
    """Return a volume as it is typed, mL; above 0."""
    found = _matched(rf"{NUMBER} *([munp])l?", argument)
    if float(found[1]) <= 0:
        raise Refused("Out of range")
    return float(found[1]) * LITRES[found[2]]


def rate_text(ml_min: float) -> str:
    """Return a rate in the unit the pump chooses, ``3.2 ul/min``."""
    prefix = next((p for p in "mun" if ml_min >= LITRES[p] * 0.9999995), "p")
    return f"{_digits(ml_min / LITRES[prefix])} {prefix}l/min"


def volume_text(ml: float) -> str:
    """Return a volume as the pump shows it, ``0.125 ml``."""
    return f"{_digits(ml)} ml" if ml >= 0.1 or ml == 0 else f"{_digits(ml * 1e3)} ul"


def _digits(value: float) -> str:
    """Return six digits without an exponent."""
    text = f"{value:.6g}"
    return text if "e" not in text else f"{value:.6f}"
