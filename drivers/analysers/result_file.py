"""A spectrum from a file that an instrument's own computer writes, on a mounted share.

The file must be there, no longer grow, end with a whole line, and hold finite numbers along a
strictly monotonic axis; anything else is a :class:`DeviceFault`, never a spectrum. A share may hang
for minutes, so files are read in a thread of their own; on a virtual clock nothing else can be kept
waiting, and they are read at once, which keeps runs reproducible.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drivers.errors import DeviceFault

_NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
_NUMBERS = re.compile(f"{_NUMBER},{_NUMBER}")
MAX_BYTES = 64 << 20
MIN_POINTS = 16
STEP_S = 0.5  # between two looks at the size
T = TypeVar("T")


class Incomplete(ValueError):
    """The file is the beginning of a spectrum."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """Where results come from, and what they look like; ``instrument`` is named in faults."""

    instrument: str
    roots: Mapping[str, str]  # folder on the instrument's computer -> where it is mounted here
    name: str = "spectrum.csv"
    header: tuple[str, str] = ("ppm", "intensity")  # words the two columns' names contain
    timeout_s: float = 30.0
    points: int | None = None  # expected; None: any number

    def path(self, folder: str) -> Path:
        """Return the file in a folder that the instrument names.

        Raises DeviceFault when its folder is not mounted here.
        """
        if not folder:
            raise DeviceFault(self.instrument, "named no data folder")
        remote = PureWindowsPath(folder)
        for root, local in self.roots.items():
            if remote.is_relative_to(root):
                rest = remote.relative_to(root)
                if ".." in rest.parts:
                    break
                return Path(local, *rest.parts, self.name)
        if folder.startswith("/") and not self.roots:
            return Path(folder, self.name)  # the instrument's software runs on this machine
        known = ", ".join(self.roots) or "none"
        raise DeviceFault(
            self.instrument,
            f"data folder {folder!r} is not under a mounted root (option data_root has: {known})",
        )

    async def read(self, folder: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wait until the file is complete; return axis (ascending) and signal, shape ``(n,)``.

        Raises DeviceFault.
        """
        path, why = self.path(folder), "it is not there, or still grows"
        try:
            async with asyncio.timeout(self.timeout_s):
                while True:
                    await self._settled(path)
                    try:
                        return await _aside(lambda: self._parsed(_head(path)))
                    except Incomplete as error:  # the rest may be under way
                        why = str(error)
        except TimeoutError:
            what = f"{path}: no complete file within {self.timeout_s:g} s: {why}"
            raise DeviceFault(self.instrument, what) from None
        except OSError as error:
            raise DeviceFault(self.instrument, f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise DeviceFault(self.instrument, f"{path}: {error}") from error

    async def _settled(self, path: Path) -> None:
        """Return when the file has had the same size, not nothing, at two looks."""
        before = 0
        while True:
            size = await _aside(lambda: path.stat().st_size if path.exists() else 0)
            if size and size == before:
                return
            before = size
            await asyncio.sleep(STEP_S)

    def _parsed(self, content: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if len(content) > MAX_BYTES:
            raise ValueError(f"longer than {MAX_BYTES >> 20} MB")
        if not content.endswith(b"\n"):
            raise Incomplete("its last line is cut short")
        lines = content.decode("ascii").splitlines()
        columns = lines[0].lower().split(",")
        if len(columns) != 2 or any(w not in c for w, c in zip(self.header, columns, strict=True)):
            raise ValueError(f"its header is {lines[0]!r}, not {','.join(self.header)!r}")
        table = _table(lines[1:])
        self._check(table)
        if table[0, 0] > table[-1, 0]:
            table = table[::-1]
        return table[:, 0].copy(), table[:, 1].copy()

    def _check(self, table: NDArray[np.float64]) -> None:
        """Raise ValueError unless ``table``, shape ``(n, 2)``, is a spectrum."""
        expected = self.points or max(MIN_POINTS, len(table))
        if len(table) != expected:
            fault = Incomplete if len(table) < expected else ValueError
            raise fault(f"it has {len(table)} points of {expected}")
        if not np.isfinite(table).all():
            raise ValueError("it holds numbers that are not finite")
        steps = np.diff(table[:, 0])
        if not ((steps > 0).all() or (steps < 0).all()):
            raise ValueError("its axis goes back and forth")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _table(lines: Sequence[str]) -> NDArray[np.float64]:
    """Return two numbers of each line, shape ``(n, 2)``; raise ValueError."""
    if not lines:
        return np.empty((0, 2))
    try:
        whole = all(map(str.strip, lines))  # or an empty one would be passed over
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2) if whole else None
    except ValueError:
        table = None
    if table is None or table.shape[1] != 2:
        bad = next((n for n, line in enumerate(lines) if not _NUMBERS.fullmatch(line)), 0)
        raise ValueError(f"its line {bad + 2} is {lines[bad]!r:.80}, not two numbers")
    return table


async def _aside(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, without keeping a real-time loop waiting."""
    loop = asyncio.get_running_loop()
    if hasattr(loop, "hold"):  # a virtual clock stands still meanwhile
        return work()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():  # given up
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # pyright: ignore[reportArgumentType] -- T when no error

    def run() -> None:
        try:
            outcome = (work(), None)
        except (OSError, ValueError) as error:
            outcome = (None, error)
        loop.call_soon_threadsafe(settle, *outcome)

    # a daemon thread: a share that hangs for good must not keep the process from ending
    threading.Thread(target=run, name="read result", daemon=True).start()
    return await done
