"""The planner's own process: ``python -m planners.serve FD``, requests and answers on a socket.

One JSON request per line, as to external planners, with ``planner`` and ``options``, or
``command``, and ``timeout_s`` besides; one JSON answer per line. The process ends when the socket
is closed, whatever it is doing, and when a request takes longer than its ``timeout_s``: real time
counts, even where the asking daemon lives in virtual time.
"""

import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from planners.base import Planner, Problem
from planners.errors import PlannerError
from planners.external import External
from planners.history_json import history_from_json
from planners.registry import make_planner
from planners.suggest import Suggestions, ask_shared

_NICENESS = 19  # the daemon's loop comes first; SCHED_IDLE would let it wake on a taken core
_OOM_SCORE, _EXPENDABLE = Path("/proc/self/oom_score_adj"), "300"  # a planner can be asked again
_GRACE_S = 2.0  # an external program is given up before this process is


class Server:
    """Answers requests one after the other until the other side closes."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._requests: SimpleQueue[bytes] = SimpleQueue()
        self._programs: dict[tuple[str, ...], External] = {}

    def run(self) -> None:
        """Serve for ever; the watching thread ends the process."""
        threading.Thread(target=self._watch, name="watch the socket", daemon=True).start()
        import_module("planners.bayes.picker")  # scikit-learn, before the first request
        while True:
            self._line.sendall(self.answer(self._requests.get()))

    def _watch(self) -> None:
        """Take requests in, and end this process and its programs with the daemon."""
        pending = b""
        while chunk := self._receive():
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._requests.put(line)
        for program in list(self._programs.values()):
            program.close()
        os._exit(0)

    def _receive(self) -> bytes:
        try:
            return self._line.recv(1 << 16)
        except ConnectionError:
            return b""

    def answer(self, line: bytes) -> bytes:
        """Return the answer to one request; a planner's own sentence becomes an ``error``."""
        request = json.loads(line)
        try:
            with _alarm(request["timeout_s"] + _GRACE_S):
                answer = self._answered(request)
        except PlannerError as error:
            answer = {"error": str(error)}
        return json.dumps(answer, allow_nan=False).encode() + b"\n"

    def _answered(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request.get("ask") == "standing":
            return _standing(request)
        return self._suggest(request).to_json()

    def _suggest(self, request: Mapping[str, Any]) -> Suggestions:
        problem = Problem.from_json(request["problem"])
        history = history_from_json(request["history"], problem)
        n, seed = request["n"], request["seed"]
        if "command" in request:
            program = self._program(request)
            answer = program.ask(problem, history, n, seed)
            return Suggestions(answer.suggestions, answer.note)
        planner: Planner = make_planner(request["planner"], request["options"], seed=seed)
        return ask_shared(planner, problem, history, n, seed, request.get("shared", ()))

    def _program(self, request: Mapping[str, Any]) -> External:
        command, folder = tuple(request["command"]), request.get("folder", "")
        program = self._programs.setdefault((folder, *command), External(command, folder=folder))
        program.timeout_s = request["timeout_s"]
        return program


def _standing(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a campaign stands, whoever its planner is."""
    from planners.bayes.standing import standing

    problem, whole = Problem.from_json(request["problem"]), Problem.from_json(request["whole"])
    return standing(problem, whole, history_from_json(request["history"], whole)).to_json()


@contextmanager
def _alarm(timeout_s: float) -> Generator[None]:
    """End this process by SIGALRM when the work inside takes longer: numerics stop for nothing."""
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _confess(line: socket.socket) -> None:
    """Make an unexpected exception this process's last answer: a plug-in may raise anything."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        frames = traceback.extract_tb(trace)
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
        answer = {"error": f"{kind.__name__}: {error}{where}"}
        answer["traceback"] = "".join(traceback.format_exception(kind, error, trace))
        line.sendall(json.dumps(answer).encode() + b"\n")

    sys.excepthook = hook


def main() -> None:
    """Serve on the socket whose number is the first argument."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the daemon's blocked signals are not ours
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    os.nice(_NICENESS)
    with suppress(OSError):  # no Linux
        _OOM_SCORE.write_text(_EXPENDABLE)
    os.dup2(2, 1)  # what a planner prints must not go where results go
    line = socket.socket(fileno=int(sys.argv[1]))  # open to the last word: see _confess
    _confess(line)
    Server(line).run()


if __name__ == "__main__":
    main()
