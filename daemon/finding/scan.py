"""``taylord scan``: which instruments answer on which ports, by questions that only ask.

Each port is opened for this process alone, at one line setting after the other, and asked every
driver's probes, the most harmless first (:mod:`drivers.probes`). The first answer settles driver
and setting; what else hangs on the line is then looked for at the other addresses of that driver.
Ports that anybody else holds are not opened. Modbus units are looked for only when asked
(:mod:`daemon.finding.units`).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from errno import EINVAL
from functools import partial
from typing import Any, Literal

from daemon.finding.asking import Heard, OpenPort, opened
from daemon.finding.candidates import Candidate, Setting, grouped, medium_of
from daemon.finding.units import modbus_units
from drivers.probes import FRAMED
from drivers.transport.base import Dial
from drivers.transport.lock import holders

State = Literal["found", "silent", "unknown", "busy", "failed"]
HEARD_SHOWN = 48  # bytes of an answer nobody knows
AT_ONCE = 8  # ports asked side by side


@dataclass(frozen=True, slots=True)
class Find:
    """An instrument; several ``drivers`` when its answer fits more than one."""

    drivers: tuple[str, ...]
    identity: str
    address: int | str | None = None
    setting: Setting | None = None  # None: a network port has none
    options: dict[str, Any] = field(default_factory=dict[str, Any])  # for its configuration


@dataclass(slots=True)
class Asked:
    """What came of one port."""

    port: str
    state: State = "silent"
    message: str = ""
    finds: list[Find] = field(default_factory=list[Find])
    questions: int = 0
    settings: list[str] = field(default_factory=list[str])
    heard: bytes = b""  # the first answer that nobody knows
    heard_at: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to ask: by which probes, for which Modbus units (none: not at all)."""

    candidates: Sequence[Candidate]
    units: Sequence[int] = ()
    dial: Dial | None = None
    tell: Callable[[str], None] = lambda _: None
    never_asked: Sequence[str] = ()  # drivers without a question that is harmless everywhere


async def scan(ports: Sequence[str], plan: Plan) -> list[Asked]:
    """Ask on each of these ports; return what came of it, in the same order."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(port: str) -> Asked:
        async with slots:
            return await _Visit(port, plan).run()

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(port), name=f"scan {port}") for port in ports]
    return [task.result() for task in asked]


class _Visit:
    """One port, from its opening to what was found."""

    def __init__(self, port: str, plan: Plan) -> None:
        self._plan, self._medium = plan, medium_of(port)
        self._asked = Asked(port)
        self._dial = plan.dial or _dial_real
        self._sent = b""  # the last question: what it left may stand before the next
        self._fresh = True  # nothing was asked yet at this setting
        mine = [c for c in plan.candidates if self._medium in c.probe.over]
        self._texts = [c for c in mine if not c.probe.modbus]
        self._modbus = [c for c in mine if c.probe.modbus] if plan.units else []

    async def run(self) -> Asked:
        """Ask until somebody is known."""
        asked = self._asked
        if self._medium == "serial" and (who := await asyncio.to_thread(holders, asked.port)):
            asked.state, asked.message = "busy", f"in use by {', '.join(who)}: not opened"
            return asked
        try:
            for setting, group in self._rounds(self._texts):
                if not asked.finds:
                    await self._at(setting, partial(self._ask_all, group, setting))
            for setting in self._modbus_settings():
                if not asked.finds:
                    await self._at(setting, partial(self._ask_units, setting))
        except OSError as error:
            asked.message = error.strerror or str(error)
            asked.state = "busy" if "in use" in asked.message else "failed"
            return asked
        return self._judged()

    def _rounds(self, candidates: Sequence[Candidate]) -> list[tuple[Setting, list[Candidate]]]:
        """Return whom to ask each time the port is opened.

        On a network each driver gets a connection of its own: a stream that began with another
        make's question is spoilt for good on some.
        """
        if self._medium == "serial":
            return list(grouped(candidates).items())
        drivers = dict.fromkeys(candidate.driver for candidate in candidates)
        each = ([c for c in candidates if c.driver == driver] for driver in drivers)
        return [(group[0].own, group) for group in each]

    def _modbus_settings(self) -> list[Setting]:
        settings = list(grouped(self._modbus))
        return settings if self._medium == "serial" else settings[:1]

    async def _at(self, setting: Setting, ask: Callable[[OpenPort], Any]) -> None:
        shown = str(setting) if self._medium == "serial" else self._medium
        self._fresh = True
        if shown not in self._asked.settings:
            at = f" at {shown}" if self._medium == "serial" else ""
            self._plan.tell(f"{self._asked.port}: asking{at}")
        try:
            async with opened(self._asked.port, setting.line(), self._dial) as port:
                if shown not in self._asked.settings:
                    self._asked.settings.append(shown)
                await ask(port)
        except OSError as error:
            if error.errno != EINVAL:  # a setting that this adapter does not have; others it has
                raise
            self._plan.tell(f"{self._asked.port}: {error.strerror}")

    async def _ask_all(self, group: list[Candidate], setting: Setting, port: OpenPort) -> None:
        """Ask every driver; once one is known, only its other addresses."""
        known = ""
        for candidate in group:
            if known and candidate.driver != known:
                continue
            for address in candidate.probe.addresses or (None,):
                if any((known, address) == (f.drivers[0], f.address) for f in self._asked.finds):
                    continue
                heard = await self._put(port, candidate, address)
                if heard.identity is not None:
                    known = candidate.driver
                    self._found(candidate, address, setting, heard)

    async def _put(self, port: OpenPort, candidate: Candidate, address: Any) -> Heard:
        """Ask one question; again if half a question of before may stand in front of it."""
        probe = candidate.probe
        request = probe.asked(address)
        other_end = self._fresh or self._sent[-1:] != request[-1:]
        may_be_spoilt = self._sent != b"" and probe.rank != FRAMED and other_end
        self._fresh = False
        heard = Heard(b"")
        for _ in range(2 if may_be_spoilt else 1):
            self._asked.questions += 1
            heard = await port.ask(request, partial(probe.answered, address), probe.wait_s)
            self._sent = request
            if heard.identity is not None:
                break
            self._note(heard)
        return heard

    def _note(self, heard: Heard) -> None:
        """Keep the first answer that nobody knows; one is a hint at a wrong baud rate, too."""
        if heard.data and not self._asked.heard:
            self._asked.heard = heard.data[:HEARD_SHOWN]
            self._asked.heard_at = self._asked.settings[-1]

    def _found(self, candidate: Candidate, address: Any, setting: Setting, heard: Heard) -> None:
        found = Find((candidate.driver,), str(heard.identity), address)
        self._asked.finds.append(self._with_options(found, candidate, setting, echo=heard.echo))

    def _with_options(
        self, found: Find, candidate: Candidate, setting: Setting, *, echo: bool
    ) -> Find:
        options: dict[str, Any] = {} if found.address is None else {"address": found.address}
        if self._medium == "serial":
            found = replace(found, setting=setting)
            if setting.rate != candidate.own.rate:
                options["baud_rate"] = setting.rate
            if setting.parity != candidate.own.parity:
                options["parity"] = setting.parity
        if echo:
            options["echo"] = True
        return replace(found, options={**options, **candidate.probe.options})

    async def _ask_units(self, setting: Setting, port: OpenPort) -> None:
        """Look for Modbus units, and ask each that is there by every driver's registers.

        By every driver's, whatever its usual setting: somebody may have changed it.
        """
        framing = "tcp" if self._medium == "modbus-tcp" else "rtu"
        async for unit, heard in modbus_units(port, framing, self._plan.units):
            self._asked.questions += 1
            if heard is None:
                continue
            fits = [(c, h) for c in self._modbus if (h := await self._put(port, c, unit)).identity]
            if not fits:
                self._asked.finds.append(Find((), "a Modbus unit that no driver knows", unit))
                continue
            found = Find(tuple(c.driver for c, _ in fits), str(fits[0][1].identity), unit)
            found = self._with_options(found, fits[0][0], setting, echo=heard.echo)
            self._asked.finds.append(found)

    def _where(self) -> str:
        settings = ", ".join(self._asked.settings)
        return f"at {settings}" if self._medium == "serial" else "over the network"

    def _unknown(self) -> str:
        """Return what to make of an answer that nobody knows."""
        asked, serial = self._asked, self._medium == "serial"
        at = f" at {asked.heard_at}" if serial else ""
        rate = "another baud rate, " if serial else ""
        told = f"something answers {asked.heard!r}{at}, which no driver knows"
        told += f" (another make, {rate}or a bus with other addresses)"
        if others := ", ".join(self._plan.never_asked):
            told += f"; not asked for, because their questions may act on others: {others}"
        return told

    def _judged(self) -> Asked:
        asked = self._asked
        if asked.finds:
            asked.state = "found"
        elif asked.heard:
            asked.state = "unknown"
            asked.message = self._unknown()
        elif not asked.questions:
            asked.message = "nothing was asked: no driver has a question for this kind of port"
            if self._medium == "modbus-tcp" or not self._texts:
                asked.message += "; Modbus units are looked for with --modbus"
        else:
            asked.message = (
                f"no answer to {asked.questions} questions, {self._where()}"
                " (check power, cable, remote mode and address; Modbus units: --modbus)"
            )
        return asked


def _dial_real(port: str, line: Any) -> Any:
    from drivers.transport import dial

    return dial(port, line)
