"""One timer for deadlines that follow each other."""

import asyncio
from math import inf

import pytest

from drivers.deadline import Deadline

pytestmark = pytest.mark.virtual


def now():
    return asyncio.get_running_loop().time()


@pytest.fixture
async def rung():
    return []


@pytest.fixture
async def deadline(rung):
    deadline = Deadline(lambda: rung.append(now()))
    yield deadline
    deadline.close()


async def test_it_calls_when_the_deadline_has_passed(deadline, rung):
    deadline.set(1.0)
    await asyncio.sleep(3.0)
    assert rung == [1.0]


async def test_a_later_deadline_needs_no_new_timer(deadline, rung):
    deadline.set(1.0)
    timer = deadline._timer
    deadline.set(1.5)
    assert deadline._timer is timer
    await asyncio.sleep(3.0)
    assert rung == [1.5]


async def test_an_earlier_deadline_is_not_missed(deadline, rung):
    deadline.set(5.0)
    deadline.set(1.0)
    await asyncio.sleep(3.0)
    assert rung == [1.0]


async def test_a_cleared_deadline_does_not_call(deadline, rung):
    deadline.set(1.0)
    deadline.at = inf
    await asyncio.sleep(3.0)
    deadline.set(4.0)
    deadline.close()
    deadline.close()
    await asyncio.sleep(3.0)
    assert rung == []
