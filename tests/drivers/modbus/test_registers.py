"""The register planner against an exhaustive search, and its refusals."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.registers import Span, plan, serial_overhead


@st.composite
def maps(draw):
    """A small register map with gaps, and the wanted values among it."""
    declared, at = [], 0
    for _ in range(draw(st.integers(1, 7))):
        at += draw(st.integers(0, 2))
        count = draw(st.integers(1, 2))
        declared.append(Span(3, at, count))
        at += count
    wanted = draw(st.lists(st.sampled_from(declared), unique=True))
    return declared, wanted


def cheapest_cover(declared, wanted, max_count, overhead):
    """Search all frames over declared values: independent of the planner's own reasoning."""
    registers = {r for span in declared for r in range(span.start, span.end)}
    edges = sorted({span.start for span in declared} | {span.end for span in declared})
    frames = [
        (start, end)
        for start in edges
        for end in edges
        if start < end <= start + max_count
        and registers.issuperset(range(start, end))
        and all(
            s.start >= end or s.end <= start or start <= s.start < s.end <= end for s in declared
        )
    ]

    @cache
    def cost(left):
        if not left:
            return 0
        first = min(left, key=lambda s: s.start)
        return min(
            overhead
            + (end - start)
            + cost(frozenset(s for s in left if not start <= s.start < s.end <= end))
            for start, end in frames
            if start <= first.start < first.end <= end
        )

    return cost(frozenset(wanted))


@given(maps(), st.integers(2, 12), st.integers(0, 12))
def test_no_other_set_of_frames_is_cheaper(registers, max_count, overhead):
    declared, wanted = registers
    frames = plan(wanted, declared, max_count=max_count, overhead=overhead)
    spent = sum(overhead + frame.count for frame in frames)
    assert spent == cheapest_cover(declared, wanted, max_count, overhead)


@given(maps(), st.integers(2, 12), st.integers(0, 12))
def test_frames_hold_every_wanted_value_and_no_undeclared_register(registers, max_count, overhead):
    declared, wanted = registers
    frames = plan(wanted, declared, max_count=max_count, overhead=overhead)
    known = {r for span in declared for r in range(span.start, span.end)}
    assert all(sum(frame.holds(span) for frame in frames) == 1 for span in wanted)
    assert all(known.issuperset(range(frame.start, frame.end)) for frame in frames)
    assert all(frame.count <= max_count for frame in frames)
    assert all(before.end <= after.start for before, after in pairwise(frames))


BAUDS = (1200, 9600, 19200, 57600, 115200)


def frame_s(count, baud, bits):
    """Return the line time of reading registers: the standard's frames, and 10 ms turn-round."""
    characters = 8 + (5 + 2 * count)
    silence = 3.5 * bits / baud if baud <= 19200 else 1.75e-3
    return characters * bits / baud + 2 * silence + 10e-3


@given(maps(), st.integers(2, 12), st.sampled_from(BAUDS), st.sampled_from([10, 11]))
def test_the_frames_take_no_more_than_the_least_time_and_a_twentieth(registers, most, baud, bits):
    declared, wanted = registers
    frames = plan(wanted, declared, max_count=most, overhead=serial_overhead(baud, bits))
    took = sum(frame_s(frame.count, baud, bits) for frame in frames)
    register_s = 2 * bits / baud
    dead_s = frame_s(0, baud, bits)
    least = cheapest_cover(declared, wanted, most, dead_s / register_s) * register_s
    assert took <= 1.05 * least + 1e-9


def test_a_frame_more_is_worth_more_registers_on_a_faster_line():
    declared = [Span(3, r, 1) for r in range(60)]
    wanted = [declared[0], declared[40]]
    assert len(plan(wanted, declared, overhead=serial_overhead(9600))) == 2
    assert len(plan(wanted, declared, overhead=serial_overhead(115200))) == 1


def test_a_large_overhead_gives_the_fewest_frames():
    declared = [Span(3, r, 1) for r in range(200)]
    assert len(plan(declared, declared, overhead=125)) == 2


def test_a_wide_declared_gap_is_cheaper_skipped():
    declared = [Span(3, r, 1) for r in range(40)]
    wanted = [declared[0], declared[39]]
    assert plan(wanted, declared, overhead=15) == (Span(3, 0, 1), Span(3, 39, 1))


def test_input_and_holding_registers_never_share_a_frame():
    declared = [Span(3, 0, 1), Span(4, 1, 1)]
    assert plan(declared, declared) == (Span(3, 0, 1), Span(4, 1, 1))


def test_bits_of_one_status_word_are_read_once():
    assert plan([Span(3, 75, 1), Span(3, 75, 1)], [Span(3, 75, 1)]) == (Span(3, 75, 1),)


def test_nothing_wanted_needs_no_frame():
    assert plan([], [Span(3, 0, 1)]) == ()


def test_an_undeclared_value_is_refused():
    with pytest.raises(ValueError, match="not declared"):
        plan([Span(3, 5, 1)], [Span(3, 0, 1)])


def test_overlapping_declarations_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        plan([], [Span(3, 0, 2), Span(3, 1, 1)])


def test_a_value_longer_than_a_frame_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        plan([Span(3, 0, 2)], [Span(3, 0, 2)], max_count=1)


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 0), (0xFFFF, 2)])
def test_registers_outside_the_address_space_do_not_exist(start, count):
    with pytest.raises(ValueError, match="do not exist"):
        Span(3, start, count)
