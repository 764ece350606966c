"""Probes: how ``taylord scan`` asks who is there, declared by each driver next to its ``identify``.

A driver class may have ``probes``, a tuple of :class:`Probe`. A probe is one question of the
manual that only asks, the pattern of its answer, and the line settings worth trying. It is sent to
instruments of other makes, too, at their wrong baud rates: it must neither set nor move anything
on its own instrument, and should hold nothing that others take for a command.

Modbus probes are asked only when the user wants the units of a line to be looked for, and are
made by :func:`modbus_probes`: reads of a register, nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from drivers.modbus_frames import Answer, Framing

Medium = Literal["serial", "socket", "modbus-tcp"]  # a scheme of a port, or a device file
Address = int | str | None

UNITS = tuple(range(1, 17))  # Modbus units that are looked for unless others are named
FRAMED, ASKING, BARE = 0, 1, 2  # how likely others take it for a command; the least goes first


@dataclass(frozen=True, slots=True)
class Probe:
    """One harmless question, and how its answer looks.

    ``request`` is what goes on the wire, or makes it of an address. ``reply`` is a regular
    expression searched for in all that came back (or makes it of an address), ``identity`` a
    format of its groups; ``recognise`` does both in code, and returns None for another's answer.

    ``addresses`` are tried in turn, the factory's first; none: the protocol has no addresses.
    ``rates`` and ``parities`` are tried after those of the driver's ``line``. ``rank`` is
    ``FRAMED`` for what no other make answers or obeys (a checksum, a bracket, an address in
    front), ``ASKING`` for text with a question mark, ``BARE`` for a bare word. ``options`` are keys
    for the configuration of an instrument that answers this probe.
    """

    request: bytes | Callable[[Any], bytes]
    reply: bytes | Callable[[Any], bytes] = b""
    identity: str = ""
    recognise: Callable[[Address, bytes], str | None] | None = None
    addresses: tuple[int | str, ...] = ()
    over: tuple[Medium, ...] = ("serial", "socket")
    rates: tuple[int, ...] = ()
    parities: tuple[Literal["N", "E", "O"], ...] = ()
    rank: int = ASKING
    modbus: bool = False
    wait_s: float = 0.4  # for the answer, from the end of the question
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def asked(self, address: Address) -> bytes:
        """Return the question for the instrument at an address."""
        return self.request if isinstance(self.request, bytes) else self.request(address)

    def answered(self, address: Address, heard: bytes) -> str | None:
        """Return who answers, or None while what was heard is not (yet) the answer."""
        if self.recognise is not None:
            return self.recognise(address, heard)
        pattern = self.reply if isinstance(self.reply, bytes) else self.reply(address)
        found = re.search(pattern, heard, re.DOTALL)
        if found is None:
            return None
        return self.identity.format(*(group.decode("latin-1") for group in found.groups(b"")))


def probes_of(driver: object) -> tuple[Probe, ...]:
    """Return the probes of a driver class; none when it declares none."""
    return tuple(getattr(driver, "probes", ()))


def modbus_probes(
    register: int,
    count: int,
    recognise: Callable[[tuple[int, ...]], str | None],
    *,
    function: Literal[3, 4] = 3,
    rates: tuple[int, ...] = (),
    parities: tuple[Literal["N", "E", "O"], ...] = (),
) -> tuple[Probe, ...]:
    """Return the probes (RTU and TCP) that read ``count`` registers from ``register`` (0-based).

    ``recognise`` gets the registers and returns the identity, or None for another make's. Choose
    registers that other makes do not have: units are known by nothing else.
    """
    media: tuple[tuple[Framing, tuple[Medium, ...]], ...] = (
        ("rtu", ("serial", "socket")),
        ("tcp", ("modbus-tcp",)),
    )
    return tuple(
        Probe(
            partial(_read, framing, function, register, count),
            recognise=partial(_registers_known, framing, function, count, recognise),
            addresses=UNITS,
            over=over,
            rates=rates,
            parities=parities,
            rank=FRAMED,
            modbus=True,
        )
        for framing, over in media
    )


def _read(framing: "Framing", function: int, register: int, count: int, unit: int) -> bytes:
    from drivers.modbus_frames import read_request

    return read_request(framing, unit, function, register, count)


def _registers_known(
    framing: "Framing",
    function: int,
    count: int,
    recognise: Callable[[tuple[int, ...]], str | None],
    unit: Address,
    heard: bytes,
) -> str | None:
    for reply in modbus_answers(framing, heard):
        mine = (reply.unit, reply.function, reply.exception) == (unit, function, 0)
        if mine and len(reply.registers) == count:
            return recognise(reply.registers)
    return None


def modbus_answers(framing: "Framing", heard: bytes) -> "list[Answer]":
    """Return the intact answers, of whichever unit, in what was heard."""
    from drivers.modbus_frames import RtuCodec, TcpCodec, answer

    codec = RtuCodec() if framing == "rtu" else TcpCodec()
    codec.feed(heard)
    answers: list[Answer] = []
    while (frame := codec.next_frame()) is not None:
        answers.append(answer(framing, frame))
    return answers
