import asyncio

import pytest

from drivers.signal import Lane
from drivers.turns import PATIENCE, Turns

pytestmark = pytest.mark.virtual


async def run_in_order(turns, lanes):
    """Queue one task per lane while the line is held; return the order they went in."""
    order = []

    async def one(i, lane):
        await turns.take(lane)
        order.append(i)
        turns.give_back()

    assert turns.try_take()
    tasks = [asyncio.create_task(one(i, lane)) for i, lane in enumerate(lanes)]
    await asyncio.sleep(0)
    turns.give_back()
    await asyncio.gather(*tasks)
    assert turns.try_take()
    return order


async def test_the_urgent_lane_goes_first_and_a_lane_keeps_its_order():
    lanes = [Lane.POLL, Lane.COMMAND, Lane.POLL, Lane.TRIP, Lane.COMMAND]
    assert await run_in_order(Turns(), lanes) == [3, 1, 4, 0, 2]


async def test_many_commands_let_a_poll_through_now_and_then():
    lanes = [Lane.POLL, *[Lane.COMMAND] * (PATIENCE + 2)]
    assert (await run_in_order(Turns(), lanes)).index(0) == PATIENCE


async def test_a_trip_never_waits_for_an_impatient_poll():
    turns = Turns()
    lanes = [Lane.POLL, *[Lane.COMMAND] * (PATIENCE + 2)]
    turns._commands_in_a_row = PATIENCE
    assert (await run_in_order(turns, [*lanes, Lane.TRIP]))[:2] == [PATIENCE + 3, 0]


async def test_a_free_line_is_taken_at_once():
    turns = Turns()
    await turns.take(Lane.POLL)
    assert not turns.try_take()


async def test_a_cancelled_waiter_is_passed_over():
    turns = Turns()
    turns.try_take()
    gone = asyncio.create_task(turns.take(Lane.COMMAND))
    next_one = asyncio.create_task(turns.take(Lane.POLL))
    await asyncio.sleep(0)
    assert turns.waiting(Lane.COMMAND)
    gone.cancel()
    assert not turns.waiting(Lane.COMMAND)
    turns.give_back()
    await next_one


async def test_a_line_whose_only_waiter_went_away_is_free():
    turns = Turns()
    turns.try_take()
    gone = asyncio.create_task(turns.take(Lane.COMMAND))
    await asyncio.sleep(0)
    gone.cancel()
    turns.give_back()
    assert turns.try_take()


async def test_a_turn_given_to_a_task_being_cancelled_is_not_lost():
    turns = Turns()
    turns.try_take()
    gone = asyncio.create_task(turns.take(Lane.COMMAND))
    await asyncio.sleep(0)
    turns.give_back()  # to the task…
    gone.cancel()  # …which ends before it can use it
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert turns.try_take()
