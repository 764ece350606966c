"""Silence that is the computer's own is told as such."""

import asyncio
import time

from structlog.testing import capture_logs

from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.interlocks import Interlocks
from daemon.safety.monitor import Monitor
from daemon.safety.rows import Row
from tests.daemon.safety.scripted import good


def watching(pulled):
    loop = asyncio.get_running_loop()
    row = Row("line pressure", "pump-a.pressure", above=20.0, stale_s=0.2)
    monitor = Monitor(Interlocks([row], loop.time()), Alarms(EventBus()), pulled.append)
    monitor.start()
    monitor.on_readings([good("pump-a.pressure", 7.0, loop.time())])
    return monitor


async def test_a_trip_after_the_computer_stood_still_says_that_no_cable_is_at_fault():
    pulled = []
    monitor = watching(pulled)
    with capture_logs() as logged:
        time.sleep(1.3)  # as a suspended computer: nothing in this process goes on
        await asyncio.sleep(0.05)
    monitor.stop()
    (cause,) = pulled
    assert cause.message.startswith("pump-a.pressure has not been read for ")
    assert "; taylord itself stood still for " in cause.message
    assert cause.message.endswith("s: it was stopped, or the computer was suspended or too busy")
    (line,) = [line for line in logged if line["event"] == "daemon.stood_still"]
    assert line["for_s"] >= 1.0


async def test_a_silence_that_was_watched_is_the_instruments():
    pulled = []
    monitor = watching(pulled)
    await asyncio.sleep(0.3)
    monitor.stop()
    (cause,) = pulled
    assert cause.message.startswith("pump-a.pressure has not been read for 0.2")
    assert "taylord" not in cause.message
