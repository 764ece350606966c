"""A wait whose task goes on inside the call that wakes it."""

import asyncio

import pytest

from drivers.prompt import Prompt

pytestmark = pytest.mark.virtual


@pytest.fixture
async def waiting():
    """Return a prompt and the task that waits for it and then notes so."""
    prompt, noted = Prompt(), []

    async def wait():
        await prompt
        noted.append("on")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return prompt, task, noted


async def test_the_task_goes_on_before_a_callback_ends(waiting):
    prompt, task, noted = waiting

    def callback():
        prompt.at_once()
        noted.append("callback")

    asyncio.get_running_loop().call_soon(callback)
    await task
    assert noted == ["on", "callback"]


async def test_a_result_lets_it_go_on_in_the_next_turn(waiting):
    prompt, task, noted = waiting
    prompt.set_result()
    noted.append("set")
    await task
    assert noted == ["set", "on"]


async def test_a_task_that_is_cancelled_does_not_go_on(waiting):
    _, task, noted = waiting
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert noted == []


async def test_a_task_that_is_cancelled_when_it_may_go_on_is_cancelled_once(waiting):
    prompt, task, noted = waiting
    prompt.set_result()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert noted == []
    assert not prompt.cancelled()


async def test_what_it_raises_is_its_own_affair():
    prompt = Prompt()

    async def wait():
        await prompt
        raise ZeroDivisionError

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(prompt.at_once)
    with pytest.raises(ZeroDivisionError):
        await task
