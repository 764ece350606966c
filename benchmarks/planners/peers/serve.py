"""Runs one peer in its own environment: JSON lines in, JSON lines out.

    PEER_PYTHON benchmarks/planners/peers/serve.py {plain,optuna,baybe,ax,bofire}

    in   {"start": {"problem": {...}, "seed": 0, "may_fail": false}}
    out  {"started": {"how": "...", "versions": {...}}}   or {"cannot": "why"}
    in   {"ask": 1}
    out  {"points": [{...}], "cpu_s": 0.1, "wall_s": 0.1}
    in   {"tell": {"point": {...}, "status": "ok", "responses": {"yield": 71.2}}}
    out  {"told": true}

The problem and the points are taylord's documents. Times are those since the last answer to an
ask, telling included; asking again without telling leaves the earlier points pending. An exception
is answered by {"error": "..."} and ends the process.
"""

import importlib
import json
import os
import random
import sys
import time
import traceback
import warnings

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before anything imports numpy or torch

MODULES = {"plain": "plain", **{n: f"with_{n}" for n in ("optuna", "baybe", "ax", "bofire")}}


class Session:
    """One campaign of one peer; a new start begins another."""

    def __init__(self, name):
        self.module = importlib.import_module(MODULES[name])
        self.peer = None
        self.spent = [0.0, 0.0]

    def answer(self, request):
        (verb, body), *others = request.items()
        if others or verb not in ("start", "ask", "tell"):
            raise ValueError(f"one of start, ask, tell is needed, got {sorted(request)}")
        return getattr(self, verb)(body)

    def start(self, body):
        from space import CannotExpressError

        seed_everything(body["seed"])
        try:
            self.peer = self.module.Peer(body["problem"], body["seed"], body.get("may_fail", False))
        except CannotExpressError as error:
            return {"cannot": str(error)}
        self.spent = [0.0, 0.0]
        return {"started": {"how": self.peer.how, "versions": self.module.versions()}}

    def ask(self, count):
        points = self._timed(self.peer.ask, count)
        cpu, wall = self.spent
        self.spent = [0.0, 0.0]
        return {"points": points, "cpu_s": cpu, "wall_s": wall}

    def tell(self, body):
        self._timed(self.peer.tell, body["point"], body["status"], body["responses"])
        return {"told": True}

    def _timed(self, call, *arguments):
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self.spent[0] += time.process_time() - cpu
            self.spent[1] += time.perf_counter() - wall


def seed_everything(seed):
    """Seed the generators that libraries share: no campaign depends on those before it."""
    random.seed(seed)
    for name, verb in (("numpy.random", "seed"), ("torch", "manual_seed")):
        if name in sys.modules:
            getattr(sys.modules[name], verb)(seed)


def main():
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not stand among the answers
    warnings.filterwarnings("ignore")
    session = Session(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = session.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001  # whatever a library raises ends the campaign
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print(json.dumps(answer), file=out, flush=True)
        if "error" in answer:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
