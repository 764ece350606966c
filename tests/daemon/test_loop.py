"""The daemon's loop on the wall clock."""

import asyncio
import os
import statistics

from daemon.loop import FineSelector, run_real


def test_a_timer_set_behind_other_work_is_not_late_by_the_milliseconds_of_epoll():
    async def lateness(selects_ms_behind):
        loop, late = asyncio.get_running_loop(), []
        for _ in range(60):
            due = loop.time() + 0.003
            done = loop.create_future()
            loop.call_at(due, done.set_result, None)
            await asyncio.sleep(selects_ms_behind)  # now 2.x ms are left: epoll would wait for 3
            await done
            late.append(loop.time() - due)
        return statistics.median(late)

    ours = run_real(lateness(0.0004))
    plain = asyncio.run(lateness(0.0004))
    assert ours < plain


def test_input_wakes_it_at_once_and_silence_does_not():
    async def main():
        loop = asyncio.get_running_loop()
        read, write = os.pipe()
        heard = loop.create_future()
        loop.add_reader(read, lambda: heard.set_result(os.read(read, 9)))
        loop.call_later(0.01, os.write, write, b"x")
        async with asyncio.timeout(5):
            assert await heard == b"x"
        loop.remove_reader(read)
        os.close(read)
        os.close(write)

    run_real(main())


def test_a_selector_with_a_number_that_select_cannot_name_still_waits(monkeypatch):
    monkeypatch.setattr("daemon.loop._SELECT_MAX", 0)

    async def main():
        await asyncio.sleep(0.01)
        return True

    assert run_real(main())


def test_a_selector_that_is_asked_to_wait_for_nothing_looks_once():
    selector = FineSelector()
    assert selector.select(0) == []
    assert selector.select(0.001) == []
    selector.close()
