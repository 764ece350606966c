"""Plan Modbus reads: the least line time for the wanted registers, touching only declared ones.

A frame reads consecutive registers. One long frame over two wanted values is cheaper than two
short frames as long as the registers between them are few, but a register that the instrument's
table does not declare must not be read at all: some firmware answers with exception 2, some with a
value that means nothing (Eurotherm HA028651). Values of several registers are never cut.

Cost of a frame = ``overhead`` + its registers, where ``overhead`` is the price of one more request,
reply header, checksum and turn-round, counted in registers (two characters each on a serial line):
the faster the line, the more registers the unit's turn-round is worth (:func:`serial_overhead`).
With ``overhead >= max_count`` the plan has the fewest frames possible.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

MAX_REGISTERS = 125  # functions 03 and 04 (Modbus application protocol 1.1b3, 6.3 and 6.4)

FRAME_CHARACTERS = 13  # of request (8) and reply (5) beside the registers (function 03)
TURN_ROUND_S = 0.010  # of a usual unit; slower ones only make long frames the more worth it
SHORTEST_SILENCE_S = 0.00175  # above 19200 baud (Modbus over serial line 1.02, 2.5.1.1)


def serial_overhead(baud_rate: int, bits: int = 10) -> float:
    """Return the price of one more frame on a serial line, in registers; bits per character."""
    character_s = bits / baud_rate
    silence_s = 3.5 * character_s if baud_rate <= 19200 else SHORTEST_SILENCE_S
    frame_s = FRAME_CHARACTERS * character_s + 2 * silence_s + TURN_ROUND_S
    return frame_s / (2 * character_s)


SERIAL_OVERHEAD = serial_overhead(9600)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Consecutive registers of one function's address space: one value, or one frame."""

    function: int
    start: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.start < 0 or self.end > 0x10000:
            raise ValueError(f"registers {self.start} to {self.end - 1} do not exist")

    @property
    def end(self) -> int:
        """Return the first register after it."""
        return self.start + self.count

    def holds(self, other: "Span") -> bool:
        """Return whether ``other`` lies wholly inside."""
        return (
            self.function == other.function and self.start <= other.start and other.end <= self.end
        )


def plan(
    wanted: Iterable[Span],
    declared: Iterable[Span],
    *,
    max_count: int = MAX_REGISTERS,
    overhead: float = SERIAL_OVERHEAD,
) -> tuple[Span, ...]:
    """Return the frames to read, in register order.

    Args:
        wanted: the values to read; each must be among ``declared``.
        declared: every value the instrument's table declares. Two values may share registers only
            when they have the very same ones (bits of a status word).
        max_count: most registers the instrument answers in one frame.
        overhead: price of one more frame, in registers.

    Raises:
        ValueError: a wanted value is not declared or longer than a frame; declared ones overlap.
    """
    table = _checked(declared)
    asked = sorted(set(wanted))
    if missing := set(asked) - set(table):
        raise ValueError(f"not declared: {sorted(missing)}")
    frames: list[Span] = []
    for function in sorted({span.function for span in asked}):
        mine = [span for span in asked if span.function == function]
        runs = _islands(span for span in table if span.function == function)
        for island in runs:
            inside = [span for span in mine if island.holds(span)]
            frames += _cheapest(inside, max_count, overhead)
    return tuple(frames)


def _checked(declared: Iterable[Span]) -> list[Span]:
    """Return the distinct declared spans in order; raise ValueError when two overlap."""
    table = sorted(set(declared))
    for before, after in pairwise(table):
        if before.function == after.function and after.start < before.end:
            raise ValueError(f"declared values overlap: {before} and {after}")
    return table


def _islands(table: Iterable[Span]) -> list[Span]:
    """Join neighbours without a gap: inside an island every register is declared."""
    islands: list[Span] = []
    for span in table:
        if islands and islands[-1].end == span.start:
            joined = islands.pop()
            span = Span(joined.function, joined.start, joined.count + span.count)  # noqa: PLW2901 -- the joined span takes its place
        islands.append(span)
    return islands


def _cheapest(values: Sequence[Span], max_count: int, overhead: float) -> list[Span]:
    """Cut one island's values into frames of least cost, by dynamic programming.

    ``best[i]`` is the least cost of reading the first ``i`` values; the last frame of that reading
    begins with value ``cut[i]``.
    """
    best = [0.0] + [inf] * len(values)
    cut = [0] * (len(values) + 1)
    for stop in range(1, len(values) + 1):
        for first in range(stop - 1, -1, -1):
            count = values[stop - 1].end - values[first].start
            if count > max_count:
                break
            cost = best[first] + overhead + count
            if cost < best[stop]:
                best[stop], cut[stop] = cost, first
        if best[stop] == inf:
            raise ValueError(f"{values[stop - 1]} does not fit a frame of {max_count} registers")
    frames: list[Span] = []
    stop = len(values)
    while stop:
        first = values[cut[stop]]
        frames.append(Span(first.function, first.start, values[stop - 1].end - first.start))
        stop = cut[stop]
    return frames[::-1]
