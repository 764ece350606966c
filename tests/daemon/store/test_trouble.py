"""A full disk, a lock, a missing file: said at once, nothing acknowledged is lost, and it heals."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing, contextmanager

import pytest
from structlog.testing import capture_logs

from daemon.errors import StoreFailed
from daemon.store import ledger, worker, writer
from daemon.store.schema import FILE_NAME
from tests.daemon.store.conftest import Opened, reading


class TmpfsDisk:
    """A file system of one mebibyte that can be filled up."""

    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"

    def fill(self):
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        self._filler.unlink()


class LimitedDisk:
    """Files of this process cannot grow beyond what they have, as on a disk over quota."""

    def __init__(self, path):
        self.path = path
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self):
        wal = self.path / "data" / f"{FILE_NAME}-wal"
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, self._limits[1]))

    def free(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


@contextmanager
def small_disk(path):
    """A real small file system where we may mount one, a real file size limit elsewhere."""
    path.mkdir()
    mount = shutil.which("mount") or "mount"
    made = (
        os.geteuid() == 0
        and not subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True
        ).returncode
    )
    if made:
        try:
            yield TmpfsDisk(path)
        finally:
            subprocess.run(["umount", "--lazy", path], check=True)
        return
    disk = LimitedDisk(path)
    try:
        yield disk
    finally:
        disk.free()


@pytest.fixture(params=["mounted", "limited"])
def disk(request, tmp_path):
    if request.param == "limited":
        (tmp_path / "disk").mkdir()
        limited = LimitedDisk(tmp_path / "disk")
        try:
            yield limited
        finally:
            limited.free()
        return
    with small_disk(tmp_path / "disk") as small:
        yield small


def kept(directory):
    connection = sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT data FROM events ORDER BY seq")]
    finally:
        connection.close()


async def test_a_full_disk_is_said_loses_nothing_acknowledged_and_heals(disk, monkeypatch):
    monkeypatch.setattr(writer, "RETRY_S", 0.1)
    data = Opened(disk.path / "data")
    store, bus = data.open()
    said = []
    store.on_trouble = said.append
    acknowledged = []

    async def tell(i):
        await store.commit(bus.emit("decision", what=f"n{i}", filler="x" * 3000))
        acknowledged.append(i)

    for i in range(5):
        await tell(i)
    disk.fill()

    async def tell_on():
        for i in range(5, 500):
            await tell(i)

    with capture_logs() as logs, pytest.raises(StoreFailed, match=r"full|disk I/O error"):
        await tell_on()
    assert len(said) == 1
    assert "a daemon that runs tries again" in str(said[0])
    assert store.failure is not None
    assert [line["event"] for line in logs].count("store.failed") == 1
    assert set(acknowledged) <= {
        int(text.split('"n')[1].split('"')[0]) for text in kept(data.directory)
    }
    failed = len(acknowledged)
    disk.free()
    async with asyncio.timeout(20):
        while store.failure is not None:
            await asyncio.sleep(0.02)
    assert said[1:] == [None]
    await tell(failed + 1)
    texts = kept(data.directory)
    assert [t for t in texts if '"what":"n' in t] == [
        t for i in range(failed + 2) for t in texts if f'"n{i}"' in t
    ]
    assert any("store recovered" in text for text in texts)
    await data.close()


@pytest.mark.virtual
async def test_in_virtual_time_a_full_disk_is_said_and_heals_as_well(disk):
    data = Opened(disk.path / "data")
    store, bus = data.open()
    await store.commit(bus.emit("decision", what="before"))
    disk.fill()

    async def tell_on():
        for _ in range(500):
            await store.commit(bus.emit("decision", what="x" * 3000))

    with pytest.raises(StoreFailed):
        await tell_on()
    disk.free()
    await asyncio.sleep(writer.RETRY_S + 0.1)
    assert store.failure is None
    await store.commit(bus.emit("decision", what="after"))
    assert '"after"' in kept(data.directory)[-1]
    await data.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(ledger, "BUSY_S", 0.05)
    monkeypatch.setattr(writer, "RETRY_S", 0.1)


async def test_a_lock_held_by_another_program_is_said_and_outlived(opened, impatient):
    store, bus = opened.open()
    other = sqlite3.connect(opened.directory / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreFailed, match=r"locked.*close that program's transaction"):
            await store.commit(bus.emit("decision", what="x"))
    finally:
        other.close()
    await store.commit(bus.emit("decision", what="y"))
    assert store.failure is None
    await store.commit()
    assert len(kept(opened.directory)) == 3  # x, y, and that it recovered


async def test_the_loop_runs_on_while_the_disk_is_slow(opened, monkeypatch):
    store, bus = opened.open()
    slow, go = threading.Event(), ledger.Ledger.write

    def write(self, *args):
        slow.wait(5)
        return go(self, *args)

    monkeypatch.setattr(ledger.Ledger, "write", write)
    waiting = asyncio.create_task(store.commit(bus.emit("decision", what="x")))
    began = asyncio.get_running_loop().time()
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - began < 2.0
    assert not waiting.done()
    slow.set()
    await waiting


async def test_a_writer_that_hangs_shows_by_its_tick(opened, monkeypatch):
    monkeypatch.setattr(writer, "GROUP_S", 0.02)
    store, _ = opened.open()
    hung, go = threading.Event(), ledger.Ledger.write
    await asyncio.sleep(0.2)
    first = store.last_tick
    await asyncio.sleep(0.2)
    assert store.last_tick > first
    monkeypatch.setattr(ledger.Ledger, "write", lambda self, *a: hung.wait(5) and go(self, *a))
    await asyncio.sleep(0.2)
    stuck = store.last_tick
    await asyncio.sleep(0.2)
    assert store.last_tick == stuck
    hung.set()


async def test_a_disk_that_hangs_does_not_keep_the_daemon_from_ending(opened, monkeypatch):
    monkeypatch.setattr(writer, "CLOSE_S", 0.1)
    monkeypatch.setattr(worker, "JOIN_S", 0.1)
    store, bus = opened.open()
    hung = threading.Event()
    monkeypatch.setattr(ledger.Ledger, "write", lambda self, *a: hung.wait(5) and None)
    bus.emit("decision", what="x")
    with capture_logs() as logs:
        await opened.close()
    hung.set()
    assert logs[-1]["event"] == "store.lost"
    store._worker._thread.join()
    store._worker._ledger.close()


async def test_a_file_that_vanished_is_not_silently_made_anew(opened, impatient):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x"))
    other = sqlite3.connect(opened.directory / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # one failed write, so that the file is opened anew
    with pytest.raises(StoreFailed):
        await store.commit(bus.emit("decision", what="y"))
    other.close()
    for path in opened.directory.glob(f"{FILE_NAME}*"):
        path.unlink()
    with pytest.raises(StoreFailed, match="unable to open"):
        await store.commit()
    assert not (opened.directory / FILE_NAME).exists()
    with capture_logs() as logs:
        await opened.close()
    assert logs[-1]["event"] == "store.lost"


@pytest.mark.parametrize("which", ["", "-wal"], ids=["file", "log"])
async def test_a_file_that_somebody_cuts_short_is_noticed_at_once(which, opened, impatient):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x" * 50_000))
    path = opened.directory / FILE_NAME
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")  # all of it is in the file
    await store.commit(bus.emit("decision", what="y" * 50_000))
    os.truncate(f"{path}{which}", 4096)
    with pytest.raises(StoreFailed, match="was cut short while taylord writes it"):
        await store.commit(bus.emit("decision", what="z"))
    with capture_logs():
        await opened.close()


async def test_a_log_that_somebody_removes_is_noticed_at_once(opened, impatient):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x"))
    (opened.directory / f"{FILE_NAME}-wal").unlink()
    with pytest.raises(StoreFailed, match="was moved, deleted or replaced while taylord writes it"):
        await store.commit(bus.emit("decision", what="y"))
    with capture_logs():
        await opened.close()


async def test_a_log_that_another_program_folds_into_the_file_is_no_fault(opened):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x"))
    with closing(sqlite3.connect(opened.directory / FILE_NAME)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (opened.directory / f"{FILE_NAME}-wal").stat().st_size == 0
    await store.commit(bus.emit("decision", what="y"))
    assert store.failure is None


async def test_a_file_that_is_moved_away_under_way_is_noticed_at_once_and_heals(opened, impatient):
    store, bus = opened.open()
    await store.commit(bus.emit("decision", what="x"))
    path = opened.directory / FILE_NAME
    path.rename(opened.directory / "elsewhere")
    with pytest.raises(StoreFailed, match="was moved, deleted or replaced while taylord writes it"):
        await store.commit(bus.emit("decision", what="y"))
    path.touch()  # as a program that synchronises folders may leave it
    with pytest.raises(StoreFailed, match="replaced"):
        await store.commit()
    (opened.directory / "elsewhere").rename(path)
    await store.commit()
    assert store.failure is None
    await opened.close()
    with sqlite3.connect(path) as kept:
        rows = kept.execute("SELECT data FROM events WHERE kind = 'decision'").fetchall()
    assert [row for row in rows if '"y"' in row[0]]


async def test_telemetry_that_finds_no_room_is_dropped_oldest_first_and_counted(
    opened, impatient, monkeypatch
):
    monkeypatch.setattr(writer, "MAX_READINGS", 100)
    store, bus = opened.open()
    other = sqlite3.connect(opened.directory / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed):
        await store.commit(bus.emit("decision", what="x"))
    now = asyncio.get_running_loop().time()
    for i in range(250):
        bus.readings([reading("a.b", i, now + i)])
    other.close()
    await store.flush()
    assert store.dropped_readings > 0
    connection = sqlite3.connect(opened.directory / FILE_NAME)
    values = [row[0] for row in connection.execute("SELECT value FROM readings ORDER BY t_us")]
    connection.close()
    assert values == list(range(store.dropped_readings, 250))
    await store.commit()
    (noted,) = [text for text in kept(opened.directory) if "recovered" in text]
    assert f'"readings":{store.dropped_readings}' in noted


async def test_chatter_is_dropped_before_documents_of_the_run(opened, impatient, monkeypatch):
    monkeypatch.setattr(writer, "MAX_STATEMENTS", 10)
    store, bus = opened.open()
    other = sqlite3.connect(opened.directory / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed):
        await store.commit(bus.emit("decision", what="x"))
    for i in range(20):
        bus.emit("alarm", id=f"a{i}", name="n", state="active")
        bus.emit("experiment", id=f"e{i}", state="running", requested={"t": i})
    other.close()
    await store.commit()
    connection = sqlite3.connect(opened.directory / FILE_NAME)
    (count,) = connection.execute("SELECT COUNT(*) FROM experiments").fetchone()
    connection.close()
    assert count == 20
    assert store.dropped_events > 10


async def test_a_value_sqlite_refuses_is_a_fault_of_the_store_not_a_dead_thread(opened):
    store, bus = opened.open()
    store._durable.append(("INSERT INTO meta VALUES (?, ?)", ("big", 2**80)))
    with pytest.raises(StoreFailed):
        await store.commit(bus.emit("decision", what="x"))
    store._durable.pop(0)
    await store.commit(bus.emit("decision", what="y"))


async def test_a_cancelled_wait_leaves_the_others_waiting(opened):
    store, bus = opened.open()
    first = asyncio.create_task(store.commit(bus.emit("decision", what="x")))
    second = asyncio.create_task(store.commit())
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled() or first.done()


async def test_events_without_a_barrier_are_written_soon(opened):
    _, bus = opened.open()
    bus.emit("decision", what="x")
    async with asyncio.timeout(5):
        while not kept(opened.directory):
            await asyncio.sleep(0.01)


async def test_readings_are_written_within_about_a_second(opened, monkeypatch):
    monkeypatch.setattr(writer, "GROUP_S", 0.05)
    _, bus = opened.open()
    bus.readings([reading("a.b", 1.0)])
    async with asyncio.timeout(5):
        while True:
            connection = sqlite3.connect(opened.directory / FILE_NAME)
            (count,) = connection.execute("SELECT COUNT(*) FROM readings").fetchone()
            connection.close()
            if count:
                break
            await asyncio.sleep(0.01)


async def test_documents_are_synchronised_fully_and_telemetry_is_not(opened, monkeypatch):
    store, bus = opened.open()
    seen, go = [], ledger.Ledger.write

    def write(self, durable=(), readings=()):
        go(self, durable, readings)
        level = self.connection.execute("PRAGMA synchronous").fetchone()[0]
        seen.append((bool(durable), level))

    monkeypatch.setattr(ledger.Ledger, "write", write)
    bus.readings([reading("a.b", 1.0)])
    await store.flush()  # declares the signal
    await store.commit(bus.emit("decision", what="x"))
    bus.readings([reading("a.b", 2.0)])
    await store.flush()
    full, normal = 2, 1
    assert seen == [(True, full), (True, full), (False, normal)]
