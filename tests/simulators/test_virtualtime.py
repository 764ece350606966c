"""The clock that jumps."""

import asyncio
import os
import signal
import socket
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.virtualtime import Deadlock, VirtualTimeLoop, run

pytestmark = pytest.mark.virtual


def now():
    return asyncio.get_running_loop().time()


async def test_a_night_passes_in_no_time_and_exactly():
    wall = time.monotonic()
    await asyncio.sleep(36_000.1)
    assert now() == 36_000.1
    assert time.monotonic() - wall < 5


async def test_equal_deadlines_run_in_the_order_they_were_made():
    seen = []
    loop = asyncio.get_running_loop()
    for k in range(100):
        loop.call_at(1.0, seen.append, k)
    await asyncio.sleep(2)
    assert seen == list(range(100))


async def test_no_timer_fires_early_or_late_even_far_into_the_run():
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1e6)
    start, seen = now(), []
    for k in range(1, 50):
        loop.call_at(start + k * 1e-9, lambda: seen.append(now()))
    await asyncio.sleep(1)
    assert seen == [start + k * 1e-9 for k in range(1, 50)]


async def test_the_clock_stands_still_while_held(virtual):
    with virtual.hold():
        result = await asyncio.to_thread(lambda: time.sleep(0.02) or "done")
    assert result == "done"
    assert now() == 0.0


async def test_a_hold_keeps_a_timer_from_firing_before_the_outside_answers(virtual):
    reader, writer = os.pipe()
    answered = asyncio.Event()
    virtual.add_reader(reader, answered.set)
    timer = virtual.call_later(1.0, pytest.fail, "the timeout fired while the clock was held")
    with virtual.hold():
        virtual.run_in_executor(None, lambda: (time.sleep(0.02), os.write(writer, b"x")))
        await answered.wait()
    timer.cancel()
    virtual.remove_reader(reader)
    os.close(reader), os.close(writer)
    assert now() == 0.0


async def test_work_in_a_thread_holds_the_clock_by_itself():
    async with asyncio.timeout(0.001):
        assert await asyncio.to_thread(lambda: time.sleep(0.02) or 7) == 7


async def test_holds_nest(virtual):
    with virtual.hold():
        with virtual.hold():
            pass
        sleeper = asyncio.create_task(asyncio.sleep(1))
        await asyncio.to_thread(time.sleep, 0.01)
        assert not sleeper.done()
    await sleeper


async def test_another_thread_can_wake_the_loop(virtual):
    done = asyncio.Event()
    with virtual.hold():
        virtual.run_in_executor(None, virtual.call_soon_threadsafe, done.set)
        await done.wait()


async def test_real_input_is_served_between_jumps():
    a, b = socket.socketpair()
    a.setblocking(False), b.setblocking(False)
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(loop.sock_recv(a, 10))
    await asyncio.sleep(1)
    await loop.sock_sendall(b, b"hello")
    await asyncio.sleep(1)
    assert await reading == b"hello"
    a.close(), b.close()


async def test_a_busy_loop_still_sees_real_input():
    a, b = socket.socketpair()
    a.setblocking(False)
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(loop.sock_recv(a, 10))
    await asyncio.sleep(0)
    b.send(b"x")
    for _ in range(200):
        await asyncio.sleep(0)
    assert reading.done()
    await reading
    a.close(), b.close()


async def test_cancelled_timers_neither_fire_nor_pile_up(virtual):
    for _ in range(10_000):
        virtual.call_later(3600, pytest.fail, "a cancelled timer fired").cancel()
    assert len(virtual._timers) < 1000
    await asyncio.sleep(7200)


async def test_timeouts_fire_at_their_moment():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await asyncio.Event().wait()
    assert now() == 2.5


def test_everybody_waiting_for_nothing_is_named_not_hung():
    async def wait_for_nothing():
        await asyncio.Event().wait()

    async def main():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait_for_nothing(), name="poll bath-1")

    with pytest.raises(Deadlock, match=r"poll bath-1 in .*wait_for_nothing"):
        run(main(), speed="max")


@pytest.mark.parametrize("speed", ["max", 1000.0])
def test_every_speed_runs_the_same_program(speed):
    async def main():
        start = now()
        await asyncio.sleep(0.05)
        return now() - start

    assert run(main(), speed=speed) == pytest.approx(0.05, abs=0.05)


def test_a_speed_of_n_takes_one_nth_of_the_time():
    async def main():
        for _ in range(10):
            await asyncio.sleep(10)

    wall = time.monotonic()
    run(main(), speed=1000.0)
    assert time.monotonic() - wall >= 0.099


def test_a_paced_loop_never_jumps_over_a_deadline():
    async def main():
        seen = []
        loop = asyncio.get_running_loop()
        loop.call_at(1.0, lambda: time.sleep(0.01))  # 10 s of virtual time late
        loop.call_at(1.5, lambda: seen.append(loop.time()))
        loop.call_at(2.0, lambda: seen.append(loop.time()))
        await asyncio.sleep(3)
        return seen

    assert run(main(), speed=1000.0) == [1.5, 2.0]


def test_a_paced_loop_waits_for_sockets_without_a_timer():
    async def main():
        a, b = socket.socketpair()
        a.setblocking(False)
        loop = asyncio.get_running_loop()
        sent = loop.run_in_executor(None, lambda: (time.sleep(0.02), b.send(b"x")))
        got = await loop.sock_recv(a, 1)
        await sent
        a.close(), b.close()
        return got

    assert run(main(), speed=100.0) == b"x"


def test_a_paced_loop_gives_real_input_the_time_it_came_at():
    async def main():
        a, b = socket.socketpair()
        a.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.call_later(1000, b.send, b"late")
        loop.call_later(2, b.send, b"x")
        await loop.sock_recv(a, 1)
        came = loop.time()
        a.close()
        b.close()
        return came

    assert 2.0 <= run(main(), speed=100.0) < 1000


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ValueError, match="speed must be above 0"):
        run(asyncio.sleep(0), speed=speed)


def test_the_same_program_gives_the_same_trace_twice():
    def trace():
        seen = []

        async def ticker(name, period):
            for _ in range(50):
                await asyncio.sleep(period)
                seen.append((name, now()))

        async def main():
            async with asyncio.TaskGroup() as tasks:
                for k in range(5):
                    tasks.create_task(ticker(k, 0.1 * (k + 1)))

        run(main())
        return seen

    assert trace() == trace()


def test_stopping_the_loop_leaves_timers_alone():
    loop = VirtualTimeLoop()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.call_later(5, loop.stop)
    loop.run_forever()
    assert loop.time() == 5
    loop.close()


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.1 + 1e-12, 1.0, 3600.0, 1e6]), st.booleans()),
        max_size=300,
    )
)
def test_timers_fire_in_order_at_their_deadlines_whatever_is_cancelled(plan):
    async def main():
        loop, seen = asyncio.get_running_loop(), []
        handles = [
            loop.call_at(when, lambda k=k: seen.append((loop.time(), k)))
            for k, (when, _) in enumerate(plan)
        ]
        for handle, (_, cancelled) in zip(handles, plan, strict=True):
            if cancelled:
                handle.cancel()
        await asyncio.sleep(2e6)
        return seen

    kept = [(when, k) for k, (when, cancelled) in enumerate(plan) if not cancelled]
    assert run(main()) == sorted(kept)


async def test_a_subprocess_holds_the_clock_for_whoever_asks_it_to(virtual):
    with virtual.hold():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-Ic", "print(6 * 7)", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert out.strip() == b"42"
    assert now() == 0.0


async def test_a_signal_is_noticed_while_the_clock_runs_on(virtual):
    caught = asyncio.Event()
    virtual.add_signal_handler(signal.SIGUSR1, caught.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    while not caught.is_set():
        await asyncio.sleep(1.0)
    virtual.remove_signal_handler(signal.SIGUSR1)
    assert now() < 1000


async def test_a_cancelled_timer_at_the_front_is_no_deadline(virtual):
    virtual.call_later(1.0, pytest.fail, "a cancelled timer fired").cancel()
    await asyncio.sleep(2.0)
    assert now() == 2.0


async def test_a_callback_cancelled_before_its_turn_does_not_run(virtual):
    virtual.call_soon(pytest.fail, "a cancelled callback ran").cancel()
    virtual.call_at(0.0, pytest.fail, "a cancelled timer ran").cancel()
    await asyncio.sleep(0)


def test_a_closed_loop_takes_no_callbacks():
    loop = VirtualTimeLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)


def test_a_program_without_tasks_is_a_deadlock_too():
    loop = VirtualTimeLoop()
    with pytest.raises(Deadlock, match="no tasks"):
        loop.run_forever()
    loop.close()


def test_an_error_in_a_callback_goes_to_the_loop_s_handler():
    loop, told = VirtualTimeLoop(), []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    loop.call_later(1.0, lambda: 1 / 0)
    loop.call_later(2.0, loop.stop)
    loop.run_forever()
    loop.close()
    assert [type(error) for error in told] == [ZeroDivisionError]


def test_time_held_is_not_caught_up_with_by_a_paced_loop():
    async def main():
        loop = asyncio.get_running_loop()
        with loop.hold():
            await asyncio.to_thread(time.sleep, 0.2)
        wall = time.monotonic()
        await asyncio.sleep(10)
        return time.monotonic() - wall

    assert run(main(), speed=100.0) >= 0.09


def test_a_timer_due_behind_a_cancelled_one_is_not_forgotten():
    loop = VirtualTimeLoop()
    loop.call_at(0.0, print).cancel()
    loop.call_at(0.0, loop.stop)
    loop.run_forever()
    assert loop.time() == 0.0
    loop.close()
