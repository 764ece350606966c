"""The connection that writes: one file in WAL mode, one writer, whole transactions or nothing.

Durable documents are committed with ``synchronous=FULL``: the write-ahead log is on the disk when
the commit returns. Telemetry is committed with NORMAL: it survives a killed process, and a loss of
power takes at most the last seconds of it. Both go through one connection; switching costs 3 us,
a second connection would make the two wait for each other's lock.

After a fault the connection is thrown away and opened anew for the next attempt: SQLite has then
rolled back, and a disk that came back is found again.
"""

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from daemon.errors import DataUnusable, StoreFailed
from daemon.store.schema import FILE_NAME, create
from daemon.store.telemetry import ADD_READING, ReadingRow, Statement

BUSY_S = 5.0  # how long a reader's or another program's lock is waited for
JOURNAL_LIMIT = 64 << 20  # bytes the write-ahead log is cut back to

GONE = (
    "was moved, deleted or replaced while taylord writes it"
    " (put it back; a deleted one can be copied from /proc/PID/fd while taylord runs)"
)

CUT = (
    "was cut short while taylord writes it (does a log rotation take it for a log?);"
    " keep a copy for recovery, and restart with a backup or with another data directory"
)

Synchronous = Literal["FULL", "NORMAL"]


class Ledger:
    """Writes whole transactions; used by one thread at a time."""

    def __init__(self, directory: Path, *, durable: Synchronous = "FULL") -> None:
        self.directory, self.path = directory, directory / FILE_NAME
        self._durable: Synchronous = durable
        self._sync: Synchronous | None = None
        self._lock = _lock(directory)
        self._file: tuple[int, int] | None = None  # which one the connection has open
        self._left: tuple[_Seen, _Seen] | None = None  # file and log, after the last write
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = self._open(new=True)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the open connection, opening it anew after a fault; raise StoreFailed."""
        if self._connection is None:
            self._connection = self._open(new=False)
        return self._connection

    def write(self, durable: Sequence[Statement] = (), readings: Sequence[ReadingRow] = ()) -> None:
        """Commit all of it in one transaction, or raise StoreFailed and change nothing."""
        if not durable and not readings:
            return
        connection = self.connection
        self._require_there()
        try:
            self._synchronous(self._durable if durable else "NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            for sql, values in durable:
                connection.execute(sql, values)
            if readings:
                connection.executemany(ADD_READING, readings)
            connection.execute("COMMIT")
        except (
            sqlite3.Error,
            OverflowError,
            UnicodeEncodeError,
        ) as error:  # or a value it cannot hold
            self._discard()
            raise failed(self.path, error) from error
        self._left = self._seen()

    def _require_there(self) -> None:
        """Raise StoreFailed when somebody else has done away with what was written.

        The connection stays open: a file that was moved has everything.
        """
        file, log = now = self._seen()
        if file[0] != self._file or (self._left is not None and log[0] != self._left[1][0]):
            raise StoreFailed(f"{self.path}: {GONE}")
        shorter = self._left is not None and any(
            is_now[1] < was[1] for is_now, was in zip(now, self._left, strict=True)
        )
        if shorter and not _whole(self.path):  # another program's checkpoint shortens it as well
            raise StoreFailed(f"{self.path}: {CUT}")

    def _seen(self) -> tuple["_Seen", "_Seen"]:
        return _file_at(self.path), _file_at(self.path.with_name(f"{FILE_NAME}-wal"))

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it; give the directory free."""
        with suppress(sqlite3.Error, StoreFailed):  # the log stays beside the file, and is complete
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._discard()
        os.close(self._lock)

    def _synchronous(self, wanted: Synchronous) -> None:
        if self._sync != wanted:
            self.connection.execute(f"PRAGMA synchronous={wanted}")
            self._sync = wanted

    def _open(self, *, new: bool) -> sqlite3.Connection:
        # a file that vanished must be noticed: only the first opening may create it
        uri = f"{self.path.absolute().as_uri()}?mode={'rwc' if new else 'rw'}"
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA journal_size_limit={JOURNAL_LIMIT}")
            create(connection)
        except (sqlite3.Error, ValueError) as error:
            if connection is not None:
                connection.close()
            raise failed(self.path, error) from error
        self._sync, self._file, self._left = None, _file_at(self.path)[0], None
        return connection

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # it is being thrown away
                connection.close()


_Seen = tuple[tuple[int, int] | None, int]  # device and inode, and bytes; of no file None, 0


def _file_at(path: Path) -> _Seen:
    """Return which file is at a path, and its size."""
    try:
        found = path.stat()
    except OSError:
        return None, 0
    return (found.st_dev, found.st_ino), found.st_size


def _whole(path: Path) -> bool:
    """Return whether another program can read all of the file."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as reader:
            return bool(reader.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def failed(path: Path, error: Exception) -> StoreFailed:
    """Return the fault in the user's words: what cannot be done, why, and what now."""
    text = str(error)
    for part, advice in _ADVICE.items():
        if part in text:
            return StoreFailed(f"{path}: cannot be written: {text} ({advice})")
    return StoreFailed(f"{path}: cannot be written: {text}")


_ADVICE = {
    "full": "free space on its disk; a daemon that runs tries again every few seconds",
    "locked": "another program holds it; close that program's transaction",
    "readonly": "check the permissions and whether the file system is mounted read-only",
    "unable to open": "check that the directory exists and may be written",
    "disk I/O error": "check the disk and its free space; a daemon that runs tries again by itself",
    "malformed": "the file is damaged; move it away, and keep it for recovery",
    "not a database": "the file is not taylord's; choose another data directory",
    "schema": "use the taylord that wrote it, or another data directory",
}


def _lock(directory: Path) -> int:
    """Take the directory for this process, until it ends however it ends; return the descriptor."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DataUnusable(f"{directory}: cannot be used for data: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreFailed(
            f"{directory}: another taylord is writing here (stop it, or choose another --data)"
        ) from error
    return descriptor


def in_use(directory: Path) -> bool:
    """Return whether a daemon has the directory open now."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
