"""A store in a temporary directory, on the clock of the test."""

import asyncio
from pathlib import Path

import pytest

from daemon.events import EventBus
from daemon.store.writer import Store
from daemon.timebase import Timebase, is_virtual
from drivers.signal import Quality, Reading

PROBLEM = {
    "factors": [
        {"name": "temperature", "kind": "continuous", "low": 30, "high": 120},
        {"name": "equivalents.amine", "kind": "continuous", "low": 1, "high": 5},
    ],
    "responses": [{"name": "yield", "goal": "maximise"}],
}


class Opened:
    """A data directory with a bus in front; can be closed and opened again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store: Store | None = None

    def open(self, boot: str = "boot-1") -> tuple[Store, EventBus]:
        timebase = Timebase.virtual() if is_virtual() else Timebase.real()
        bus = EventBus()
        self.store = Store.open(
            self.directory,
            timebase=timebase,
            boot=boot,
            config_text="name='x'",
            seed=3,
            rig="flow-1",
        )
        self.store.listen(bus)
        return self.store, bus

    async def again(self, boot: str = "boot-2") -> tuple[Store, EventBus]:
        await self.close()
        return self.open(boot)

    async def close(self) -> None:
        if self.store is not None:
            store, self.store = self.store, None
            await store.close()

    def lose(self) -> None:
        """End as a killed process does: nothing is flushed, nobody says goodbye."""
        assert self.store
        store, self.store = self.store, None
        if store._timer is not None:
            store._timer.cancel()
        store._closed = True
        store._worker.close()


@pytest.fixture
async def opened(tmp_path):
    data = Opened(tmp_path / "data")
    yield data
    await data.close()


def reading(signal, value, t=None, quality=Quality.GOOD, reason="", unit="degC"):
    if t is None:
        t = asyncio.get_running_loop().time()
    return Reading(signal, value, unit, t, quality, reason)
