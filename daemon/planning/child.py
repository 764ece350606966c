"""The planner's child process as the loop sees it: a socket for lines, and a way to end it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon.errors import PlannerFailed
from daemon.planning.process import Process, start
from planners.protocol import MAX_ANSWER

_CHUNK = 1 << 16
END_S = 2.0


class Child:
    """One running ``planners.serve``; every await here is outside work of the caller's."""

    def __init__(self, process: Process | None = None) -> None:
        self._line, self._process = process or start()
        self._given_up = False

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Return whether the process still runs; one that has ended is not reaped by asking."""
        return self._process.returncode is None and not _has_ended(self._process.pid)

    async def exchange(self, request: bytes, within_s: float) -> bytes:
        """Send one line and return the line that answers it.

        Raises PlannerFailed at the end of the process, which is killed after ``within_s`` of real
        time without an answer.
        """
        with _after(within_s, self._give_up):
            return await self._exchange(request)

    def _give_up(self) -> None:
        self._given_up = True
        self._process.kill()

    async def _exchange(self, request: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._line, request)
            answer = bytearray()
            while not answer.endswith(b"\n"):
                chunk = await loop.sock_recv(self._line, _CHUNK)
                if not chunk:
                    raise PlannerFailed(await self._how_it_ended())
                answer += chunk
                if len(answer) > MAX_ANSWER:
                    raise PlannerFailed(f"the planner answered more than {MAX_ANSWER >> 20} MiB")
        except ConnectionError:
            raise PlannerFailed(await self._how_it_ended()) from None
        return bytes(answer)

    async def _how_it_ended(self) -> str:
        await self._exited()
        code = self._reap()
        if self._given_up or code == -signal.SIGALRM:
            return "the planner gave no answer within its time limit, and was stopped"
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        return f"the planner's process ended without an answer ({how})"

    async def _exited(self) -> None:
        """Wait for the process to end, without a thread."""
        with suppress(ProcessLookupError):  # reaped already
            descriptor = os.pidfd_open(self._process.pid)
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)

    async def end(self) -> None:
        """Let the process end with everything it started, and wait until it has.

        One that cannot, because it is stopped or gets no processor, is killed after ``END_S`` of
        real time: the daemon that ends must go on to make the rig safe.
        """
        self._line.close()  # it watches its side, even while it works
        with _after(END_S, self._process.kill):
            await self._exited()
        self._reap()

    def _reap(self) -> int:
        """Return how the process ended, and end what it could not end itself.

        Until it is reaped no other session has its number.
        """
        if self._process.returncode is None:
            _end_session(self._process.pid)
        return self._process.wait()

    async def kill(self) -> None:
        """End the process at once, and wait until it has."""
        self._process.kill()
        await self.end()


@contextmanager
def _after(within_s: float, act: Callable[[], None]) -> Generator[None]:
    """Act once what is inside has taken so much real time: the loop's clock may be held."""
    impatience = threading.Timer(within_s, act)
    impatience.start()
    try:
        yield
    finally:
        impatience.cancel()


def _has_ended(pid: int) -> bool:
    """Return whether a child of ours has ended, and leave it to be reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_session(leader: int) -> None:
    """Kill what is left of a session whose leader has ended, such as a program that plans."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended by now
            _, _, _, session, *_ = stat.read_text().rpartition(")")[2].split()
            if int(session) == leader and (pid := int(stat.parent.name)) != leader:
                os.kill(pid, signal.SIGKILL)
