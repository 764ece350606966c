import asyncio

import pytest

from drivers.signal import Lane
from drivers.turns import DEADLINE, FAIR_S, PATIENCE, Turns

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


async def polls_in_order(turns, deadlines):
    """Queue one poll per deadline while the line is held; return the order they went in."""
    order = []

    async def one(deadline):
        if deadline is not None:
            DEADLINE.set(deadline)
        await turns.take(Lane.POLL)
        order.append(deadline)
        turns.give_back()

    assert turns.try_take()
    async with asyncio.TaskGroup() as tasks:
        for deadline in deadlines:
            tasks.create_task(one(deadline))
        await asyncio.sleep(0)
        turns.give_back()
    return order


async def test_the_poll_whose_deadline_is_nearest_goes_first():
    assert await polls_in_order(Turns(), [1.5, 0.2, 0.9, 0.2]) == [0.2, 0.2, 0.9, 1.5]


async def test_a_poll_without_a_deadline_is_given_one():
    order = await polls_in_order(Turns(), [None, FAIR_S - 0.1, FAIR_S + 60.0])
    assert order == [FAIR_S - 0.1, None, FAIR_S + 60.0]


async def test_nobody_waits_for_ever_behind_those_that_are_polled_more_often():
    turns, served = Turns(), []

    async def often():
        while len(served) == 0:
            DEADLINE.set(asyncio.get_running_loop().time() + 0.1)
            await turns.take(Lane.POLL)
            await asyncio.sleep(0.05)
            turns.give_back()

    async def seldom():
        DEADLINE.set(3600.0)
        await turns.take(Lane.POLL)
        served.append(asyncio.get_running_loop().time())
        turns.give_back()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(often())
        tasks.create_task(seldom())
    assert served[0] <= FAIR_S + 0.2


async def test_a_cancelled_poll_is_passed_over():
    turns = Turns()
    turns.try_take()
    gone, stays = (asyncio.create_task(turns.take(Lane.POLL)) for _ in range(2))
    await asyncio.sleep(0)
    assert turns.waiting(Lane.POLL)
    gone.cancel()
    turns.give_back()
    await stays
    assert not turns.waiting(Lane.POLL)
