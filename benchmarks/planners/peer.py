"""A peer planner in its own environment, driven over JSON lines (see peers/serve.py)."""

import json
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from signal import SIGKILL
from threading import Thread
from typing import Any

from benchmarks.planners.problems import Case
from planners.base import Observation, Point, Problem, plain_point

SERVE = Path(__file__).with_name("peers") / "serve.py"
PEERS = ("optuna", "baybe", "ax", "bofire")
ENVIRONMENT = "TAYLORD_PEERS"  # names the folder of the peers' environment


class PeerError(Exception):
    """A peer stopped, stayed silent, or answered nonsense."""


class CannotExpressError(PeerError):
    """A peer has no documented way to express a problem."""


def python_of(folder: Path | str | None) -> Path | None:
    """Return the interpreter of a peers' environment, or None when there is none."""
    given = folder or os.environ.get(ENVIRONMENT)
    python = Path(given) / "bin" / "python" if given else None
    return python if python and python.exists() else None


@dataclass
class Peer:
    """One campaign of a peer, in its own process; ``with`` ends the process."""

    name: str
    python: Path
    problem: Problem
    seed: int
    may_fail: bool = False
    timeout_s: float = 600.0
    how: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    cpu_s: float = 0.0
    wall_s: float = 0.0
    _process: subprocess.Popen[str] | None = None
    _listener: Thread | None = None
    _answers: Queue[str] = field(default_factory=Queue)

    def __enter__(self) -> "Peer":
        self._process = subprocess.Popen(
            [str(self.python), str(SERVE), self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=SERVE.parent,
            env=_environment(self.python),
            text=True,
            start_new_session=True,  # it is stopped with all that it has started
        )
        self._listener = Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        try:
            self.restart(self.seed)
        except BaseException:
            self.__exit__()
            raise
        return self

    def restart(self, seed: int) -> None:
        """Begin another campaign in the same process; what was told is forgotten."""
        self.seed = seed
        problem = self.problem.to_json()
        start = {"problem": problem, "seed": self.seed, "may_fail": self.may_fail}
        answer = self._call("start", start)
        if "cannot" in answer:
            raise CannotExpressError(answer["cannot"])
        self.how, self.versions = answer["started"]["how"], answer["started"]["versions"]

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            with suppress(OSError):  # what was not written is lost with the process
                process.stdin.close()  # the end of the lines: it leaves by itself
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, SIGKILL)
            process.wait()
        finally:
            self._process = None
            if self._listener is not None and process.stdout is not None:
                self._listener.join(timeout=5.0)
                process.stdout.close()

    def ask(self) -> Point:
        """Return the next point; ``cpu_s`` and ``wall_s`` grow by what the peer spent on it."""
        answer = self._call("ask", 1)
        self.cpu_s += answer["cpu_s"]
        self.wall_s += answer["wall_s"]
        return answer["points"][0]

    def tell(self, run: Observation) -> None:
        responses = {name: measured.value for name, measured in run.responses.items()}
        body = {"point": plain_point(run.point), "status": run.status, "responses": responses}
        self._call("tell", body)

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._answers.put(line)
        self._answers.put("")

    def _call(self, verb: str, body: object) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None:
            raise PeerError(f"{self.name}: is not running")
        try:
            process.stdin.write(json.dumps({verb: body}) + "\n")
            process.stdin.flush()
            line = self._answers.get(timeout=self.timeout_s)
            answer = json.loads(line)
        except Empty:
            raise PeerError(f"{self.name}: no answer within {self.timeout_s:g} s") from None
        except (OSError, ValueError):
            raise PeerError(f"{self.name}: stopped, or answered no JSON") from None
        if "error" in answer:
            raise PeerError(f"{self.name}: {answer['error']}")
        return answer


def _environment(python: Path) -> dict[str, str]:
    """Return the variables of a peer's process.

    BoTorch compiles a kernel when it is first needed, under a lock that outlives a killed process:
    it has its own folder in the environment, and finds the environment's build tools.
    """
    own = {
        "TORCH_EXTENSIONS_DIR": str(python.parent.parent / "torch_extensions"),
        "PATH": f"{python.parent}:{os.environ.get('PATH', '')}",
    }
    return dict(os.environ) | own


def for_case(name: str, python: Path, case: Case, seed: int) -> Peer:
    """Return the peer's campaign on a problem of the benchmark."""
    return Peer(name, python, case.problem, seed, case.may_fail)
