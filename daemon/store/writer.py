"""The store: takes every event and reading of the bus, and keeps them.

``await store.commit(event)`` is the barrier of everything that acts: when it returns, the event and
all events before it are on the disk. Telemetry is written in groups of about a second, apart from
that. Nothing here blocks the loop (see ``worker``), except in virtual time, where it takes no time.

When the file cannot be written, ``commit`` raises StoreFailed, ``on_trouble`` is called with the
fault (once), and writing is tried again every few seconds; ``on_trouble(None)`` says that it works
again. Documents of the run wait in memory meanwhile. Telemetry and chatter (alarms, connections,
decisions) beyond a bound are dropped and counted; the counts come into the record as a
``decision`` when writing works again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

from daemon.errors import StoreFailed
from daemon.events import Event, EventBus
from daemon.store.documents import to_json
from daemon.store.ledger import Ledger
from daemon.store.opening import BootNote, Opened, opened
from daemon.store.telemetry import ReadingRow, Statement
from daemon.store.worker import Inline, InThread, Job, Worker
from daemon.timebase import Timebase, is_virtual, outside_work
from drivers.signal import Reading

log = structlog.get_logger(__name__)

GROUP_S = 1.0  # real time: telemetry is written this often
VIRTUAL_GROUP_S = 30.0  # virtual time: seldom, because only speed counts there
GROUP_ROWS = 5_000  # ... or when this much has come together
RETRY_S = 5.0
CLOSE_S = 10.0  # a disk that hangs does not keep the daemon from ending
MAX_READINGS = 200_000  # in memory while nothing can be written: hours at 10 per second
MAX_STATEMENTS = 50_000  # likewise; beyond it only documents of the run are still taken
CHATTER = frozenset({"alarm", "connection", "decision"})

Trouble = Callable[[StoreFailed | None], None]


def _nobody(fault: StoreFailed | None) -> None:
    """Nobody asked to be told of trouble."""


class Store:
    """One open data directory. Make it with :meth:`open`, close it with :meth:`close`."""

    def __init__(self, ledger: Ledger, parts: Opened, timebase: Timebase) -> None:
        self.directory = ledger.directory
        self.failure: StoreFailed | None = None
        self.dropped_readings = self.dropped_events = 0
        self.interrupted = parts.interrupted  # experiments that were in flight at the last end
        self.last_died = parts.died  # the last start did not end in good order
        self.on_trouble: Trouble = _nobody
        self._recorder, self._telemetry = parts.recorder, parts.telemetry
        self._timebase = timebase
        self._loop = asyncio.get_running_loop()
        self._virtual = is_virtual()
        self._durable: list[Statement] = []
        self._readings: list[ReadingRow] = []
        self._accepted = self._written = 0  # marks: what was taken, and what of it is on the disk
        self._busy = self._kicking = self._closed = False
        self._take_readings_too = False  # the next transaction holds telemetry as well
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._last_group = self._last_tick = self._loop.time()
        self._bus: EventBus | None = None
        worker = Inline if self._virtual else InThread
        self._worker: Worker = worker(ledger, self._done)
        self._timer: asyncio.TimerHandle | None = None
        if not self._virtual:  # on a virtual clock an endless timer would hide a deadlock
            self._arm(GROUP_S)

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        timebase: Timebase,
        boot: str,
        config_text: str = "",
        seed: int | None = None,
        rig: str = "",
    ) -> "Store":
        """Open or make the data directory; mark what was in flight as interrupted.

        Raises StoreFailed when it cannot be written, belongs to a running daemon, or was written
        by another version.
        """
        loop_t = asyncio.get_running_loop().time()
        # a simulated night need not survive the loss of power, only the end of its process
        ledger = Ledger(Path(directory), durable="NORMAL" if is_virtual() else "FULL")
        try:
            note = BootNote(boot, timebase.iso(loop_t), loop_t, config_text, seed, rig)
            parts = opened(ledger, note, timebase)
        except BaseException:
            ledger.close()
            raise
        return cls(ledger, parts, timebase)

    # -- what comes in -----------------------------------------------------------------------

    def listen(self, bus: EventBus) -> None:
        """Keep everything this bus carries from now on."""
        self._bus = bus
        bus.on_event(self.take)
        bus.on_readings(self.take_readings)

    def take(self, event: Event) -> None:
        """Keep one event; it is durable after the next :meth:`commit`, and soon anyway."""
        if len(self._durable) >= MAX_STATEMENTS and event.kind in CHATTER:
            self.dropped_events += 1
            return
        self._accept(self._recorder.event(event))

    def take_readings(self, readings: Sequence[Reading]) -> None:
        """Keep readings with the next group."""
        self._readings += self._telemetry.rows(readings, self._durable)
        if len(self._readings) > MAX_READINGS:
            over = len(self._readings) - MAX_READINGS * 9 // 10
            del self._readings[:over]
            self.dropped_readings += over
        if self._virtual and (
            self._loop.time() - self._last_group >= VIRTUAL_GROUP_S
            or (len(self._readings) >= GROUP_ROWS and self.failure is None)
        ):
            self._kick()

    def keep(self, key: str, document: Mapping[str, Any]) -> None:
        """Keep a document about the daemon itself with the next group; the last one counts."""
        if self.failure is None:
            sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
            self._durable.append((sql, (key, to_json(document))))

    def begin_campaign(
        self,
        *,
        problem: Mapping[str, Any],
        planner: str,
        seed: int,
        experiments: int,
        config_hash: str = "",
        space: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """Open a new campaign in the record and return its id; then emit its first event.

        Without this call the store goes on with the last campaign unless that is complete; when
        there is none, the first ``campaign`` event opens one of which nothing more is known.
        """
        given = {
            "problem": problem,
            "planner": planner,
            "seed": seed,
            "wanted": experiments,
            "config_hash": config_hash,
            "space": space,
        }
        self._accept(self._recorder.begin_campaign(self._timebase.iso(), given))
        return self._recorder.run

    @property
    def campaign(self) -> str | None:
        """Return the id of the campaign that experiments are recorded under."""
        return self._recorder.campaign

    @property
    def boot(self) -> str:
        """Return the id of this start in the record; the given one, unless that was used before."""
        return self._recorder.boot

    def continue_campaign(
        self,
        id: str,  # noqa: A002 (CONTRACT's word)
        experiments: int,
        planner: str = "",
        problem: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Go on with this campaign, complete or not, to so many experiments, with this planner.

        ``problem`` is the one it has from now on, where it has another; the objective may change.
        """
        self._recorder.campaign = id
        sql = (
            "UPDATE campaigns SET wanted = ?, planner = COALESCE(?, planner),"
            " problem = COALESCE(?, problem) WHERE id = ?"
        )
        known = to_json(problem) if problem else None
        self._durable.append((sql, (experiments, planner or None, known, id)))

    def leave_campaign(self) -> None:
        """Record experiments from now on as single ones, of no campaign."""
        self._recorder.campaign = None

    # -- barriers ----------------------------------------------------------------------------

    async def commit(self, event: Event | None = None) -> None:  # noqa: ARG002 (all before it, too)
        """Return when all events taken so far are on the disk; raise StoreFailed otherwise.

        While the store is in trouble each call tries once more.
        """
        mark = self._accepted
        if self._written >= mark:
            return
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((mark, done))
        self._kick()
        with outside_work():
            await done

    async def flush(self) -> None:
        """Write everything, telemetry too; raise StoreFailed when it cannot be written."""
        self._take_readings_too = True
        self._accepted += 1  # a mark behind everything that waits
        await self.commit()

    async def close(self) -> None:
        """Write what is left and close, within bounds; what cannot be written is logged as lost."""
        sql = "UPDATE boots SET ended = ? WHERE boot = ?"
        self._durable.append((sql, (self._timebase.iso(), self._recorder.boot)))
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.flush()
        except (StoreFailed, TimeoutError) as fault:
            lost = len(self._durable), len(self._readings)
            log.error("store.lost", rows=lost[0], readings=lost[1], error=str(fault) or "hangs")  # noqa: TRY400 (no traceback)
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._worker.close()

    @property
    def last_tick(self) -> float:
        """Return the loop time (s) when the writer last answered; old means that it hangs."""
        return self._loop.time() if self._virtual else self._last_tick

    # -- the writer --------------------------------------------------------------------------

    def _accept(self, rows: Sequence[Statement]) -> None:
        self._durable += rows
        self._accepted += 1
        if self._virtual:
            self._kick()
        elif not self._kicking:  # what is emitted in one go is written in one go
            self._kicking = True
            self._loop.call_soon(self._kick)

    def _kick(self) -> None:
        """Start a transaction unless one is under way; its end starts the next."""
        self._kicking = False
        if self._busy or self._closed:
            return
        readings: list[ReadingRow] = []
        if self._virtual or self._take_readings_too:
            readings, self._readings = self._readings, readings
            self._take_readings_too = False
            self._last_group = self._loop.time()
        rows, self._durable = self._durable, []
        self._busy = True
        self._worker.submit(Job(rows, readings, self._accepted))

    def _done(self, job: Job, fault: StoreFailed | None) -> None:
        self._busy = False
        self._last_tick = self._loop.time()
        if fault is not None:
            self._durable[:0] = job.durable
            self._readings[:0] = job.readings
            self._hurt(fault)
            return
        self._written = job.upto
        self._wake(None)
        if self.failure is not None and (job.durable or job.readings):
            self._healed()
        if self._durable or self._waiters:
            self._kick()

    def _wake(self, fault: StoreFailed | None) -> None:
        """Tell those who wait: all of them of a fault, else those whose mark is on the disk."""
        waiters, self._waiters = self._waiters, []
        for mark, done in waiters:
            if done.done():  # its task was cancelled
                continue
            if fault is not None:
                done.set_exception(StoreFailed(str(fault)))
            elif mark <= self._written:
                done.set_result(None)
            else:
                self._waiters.append((mark, done))

    def _hurt(self, fault: StoreFailed) -> None:
        first, self.failure = self.failure is None, fault
        self._wake(fault)
        if self._virtual and self._timer is None and not self._closed:
            self._arm(RETRY_S)
        if first:
            log.error("store.failed", error=str(fault))
            self.on_trouble(fault)

    def _healed(self) -> None:
        self.failure = None
        dropped = {"readings": self.dropped_readings, "events": self.dropped_events}
        log.warning("store.recovered", dropped=dropped)
        if self._bus is not None:
            self._bus.emit(
                "decision", what="store recovered", why="writing works again", dropped=dropped
            )
        self.on_trouble(None)

    def _arm(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        """Write the group; this is also the writer's heartbeat and the retry after a fault."""
        self._timer = None
        self._take_readings_too = True
        self._kick()
        if self._closed or (self._virtual and self.failure is None):
            return
        if self._timer is None:
            self._arm(RETRY_S if self.failure else GROUP_S)
