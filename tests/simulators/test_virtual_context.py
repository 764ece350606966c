"""Tasks on the virtual loop keep their context between steps, also an empty one."""

import asyncio
from contextvars import Context, ContextVar

import pytest

pytestmark = pytest.mark.virtual

_who: ContextVar[str] = ContextVar("who", default="nobody")


async def test_a_task_in_an_empty_context_keeps_what_it_set():
    async def work():
        token = _who.set("me")
        await asyncio.sleep(1)
        assert _who.get() == "me"
        await asyncio.sleep(0)
        _who.reset(token)

    await asyncio.create_task(work(), context=Context())
    assert _who.get() == "nobody"
