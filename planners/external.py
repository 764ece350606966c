"""A planner that is another program: any language, one JSON line in, one JSON line out.

The program is started at the first request and kept, so it may remember what it likes; it gets the
whole history every time, so it may also be started anew at any moment. It should end at the end of
its standard input. What it writes to standard error is shown when it fails.

This runs in the planner's own process, outside every event loop, and in real time.
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self, cast

import numpy as np

from planners.base import Observation, Point, Problem, Suggestion
from planners.errors import NonsenseAnswer, PlannerDied
from planners.protocol import MAX_ANSWER, Answer, called, read_answer, request_line

_Pipes = tuple[IO[bytes], IO[bytes], IO[bytes]]
_CHUNK = 1 << 16
_LAST_WORDS = 400  # characters of standard error shown
_KEPT = 8000  # and kept, for a traceback's last frame
_FRAME = re.compile(r'^  File "([^<"][^"]*)", line (\d+)', re.MULTILINE)


class External:
    """Asks a program for points; fills the ``Planner`` role.

    It is started in ``folder``, or where this process runs when that is empty. A program with a
    slash in its name is looked for from there, another one in PATH.

    After any fault the program is stopped, and started anew at the next request; so is one that
    ended of its own accord after an answer.
    """

    def __init__(
        self, command: Sequence[str], timeout_s: float = 600.0, *, folder: str = ""
    ) -> None:
        self.command = tuple(command)
        self.folder = folder
        self.timeout_s = timeout_s
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def suggest(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Point]:
        """Return the program's points, checked; see ``ask``. The seed is drawn from ``rng``."""
        seed = int(rng.integers(2**53))
        return [s.point for s in self.ask(problem, history, n, seed).suggestions]

    def propose(
        self, problem: Problem, history: Sequence[Observation], n: int, rng: np.random.Generator
    ) -> Sequence[Suggestion]:
        """Return the program's points, checked, with its predictions and remark; see ``ask``."""
        answer = self.ask(problem, history, n, int(rng.integers(2**53)))
        return [replace(suggestion, note=answer.note) for suggestion in answer.suggestions]

    def ask(self, problem: Problem, history: Sequence[Observation], n: int, seed: int) -> Answer:
        """Return the program's checked answer.

        Raises PlannerDied when it cannot be started, ends or stalls, NonsenseAnswer when its
        answer is not up to ``n`` different feasible points, none of them pending, and
        PlannerRefused when it says so.
        """
        request = request_line(problem, history, n, seed)
        pending = [run.point for run in history if run.status == "pending"]
        try:
            return read_answer(self._exchange(request), problem, n, pending)
        except (PlannerDied, NonsenseAnswer):
            self.close()
            raise

    def _exchange(self, request: bytes) -> bytes:
        if self._process is not None:
            try:
                return self._process.exchange(request, self.timeout_s)
            except _Ended:  # it may answer one request only, and be started for each
                self.close()
        self._process = _Process(self.command, self.folder)
        return self._process.exchange(request, self.timeout_s)

    def close(self) -> None:
        """Stop the program and everything it started; the next request starts it anew."""
        if self._process is not None:
            self._process.kill()
            self._process = None


class _Ended(PlannerDied):
    """The program ended, or closed its output, without an answer."""


@dataclass(slots=True)
class _Exchange:
    """One request on its way out and its answer on its way in."""

    unsent: memoryview
    received: bytearray


class _Process:
    """The running program, with pipes that never block."""

    def __init__(self, command: Sequence[str], folder: str) -> None:
        pipe = subprocess.PIPE
        try:
            # the command is the user's own configuration, and goes to no shell; it stays in this
            # session, by which the daemon finds it when this process is killed
            self._child = subprocess.Popen(  # noqa: S603
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=folder or None,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            where = f" (in {folder})" if folder else ""
            raise PlannerDied(f"{command[0]!r} cannot be started: {reason}{where}") from None
        self._name = called(command)
        streams = (self._child.stdin, self._child.stdout, self._child.stderr)
        self._stdin, self._stdout, self._stderr = cast("_Pipes", streams)
        self._errors = bytearray()
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)

    def exchange(self, request: bytes, timeout_s: float) -> bytes:
        """Send one line and return the next; raise PlannerDied or NonsenseAnswer."""
        self._discard()
        exchange = _Exchange(memoryview(request), bytearray())
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        # real time is meant: this process has no event loop, and its planner takes real time
        deadline = time.monotonic() + timeout_s  # noqa: TID251
        while b"\n" not in exchange.received:
            left = deadline - time.monotonic()  # noqa: TID251  # real time, as above
            ready = self._selector.select(max(0.0, left)) if left > 0 else []
            if not ready and left <= 0:
                raise PlannerDied(f"{self._name!r} gave no answer within {timeout_s:g} s")
            for key, _ in ready:
                self._serve(key.fileobj, exchange)
        if self._stdin in self._selector.get_map():
            raise NonsenseAnswer(f"{self._name!r} answered before it had read the question")
        return bytes(exchange.received.partition(b"\n")[0])

    def _discard(self) -> None:
        """Forget what came unasked: it must not answer the next question."""
        while ready := self._selector.select(0):
            for key, _ in ready:
                self._serve(key.fileobj, _Exchange(memoryview(b""), bytearray()))

    def _serve(self, stream: object, exchange: _Exchange) -> None:
        if stream is self._stdin:
            self._send(exchange)
            return
        chunk = os.read(stream.fileno(), _CHUNK)  # type: ignore[attr-defined]  # one of our pipes
        if stream is self._stderr:
            self._errors = (self._errors + chunk)[-_KEPT:]
            if not chunk:
                self._selector.unregister(self._stderr)
            return
        if not chunk:
            raise _Ended(self._end("in the middle of" if exchange.received else "without"))
        exchange.received += chunk
        if len(exchange.received) > MAX_ANSWER:
            raise NonsenseAnswer(f"{self._name!r} answered more than {MAX_ANSWER >> 20} MiB")

    def _send(self, exchange: _Exchange) -> None:
        try:
            sent = os.write(self._stdin.fileno(), exchange.unsent[:_CHUNK])
        except BrokenPipeError:  # it reads no more; whether it answers, its output will tell
            sent = len(exchange.unsent)
        exchange.unsent = exchange.unsent[sent:]
        if not exchange.unsent:
            self._selector.unregister(self._stdin)

    def _end(self, when: str) -> str:
        """Return how the program ended, and its last words."""
        try:
            code = self._child.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return f"{self._name!r} closed its output {when} an answer"
        with suppress(BlockingIOError):
            self._errors += os.read(self._stderr.fileno(), _CHUNK)
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        words = _last_words(self._errors.decode(errors="replace").strip())
        return f"{self._name!r} ended {when} an answer ({how})" + (f": {words}" if words else "")

    def kill(self) -> None:
        """End the program and its children at once, and wait for the end."""
        self._selector.close()
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        for stream in (self._stdin, self._stdout, self._stderr):
            with suppress(BrokenPipeError):
                stream.close()
        self._child.wait()


def _last_words(text: str) -> str:
    """Return the end of what a program complained of; of a Python traceback what and where."""
    if "Traceback (most recent call last):" in text:
        told = text[max(text.rfind("\n  "), 0) :].lstrip("\n").partition("\n")[2]
        frames = _FRAME.findall(text)
        where = f" ({Path(frames[-1][0]).name}, line {frames[-1][1]})" if frames else ""
        return f"{told[-_LAST_WORDS:]}{where}" if told else text[-_LAST_WORDS:]
    if len(text) <= _LAST_WORDS:
        return text
    end = text[-_LAST_WORDS:]
    whole_lines = end.partition("\n")[2]
    return f"… {whole_lines or end}"
