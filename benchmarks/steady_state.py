"""Steady-state rule A over random steps: how often wrong, and how much fluid against 3 tau.

    python benchmarks/steady_state.py [--steps 1000] [--seed 0] [--out FILE.json]

Each step: tau 2-20 min, tube 0.5-1.6 mm, dead volume 0-0.3 reactor volumes, analyser every 2-30 s
with 0.5 % noise, response from one random level to another. The truth is the analytic step
response of the axial-dispersion model. A result is wrong when it is more than 2 % of scale off. The
floor, in the same run and on the same steps, waits a fixed 3 residence times and takes the mean of
the last 0.3. Fluid counts everything pumped from the change to the decision, dead volume included
on both sides.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from daemon.experiment.dispersion import bodenstein, step_response, theta_at
from daemon.experiment.steady import TIMEOUT, rule_a
from daemon.settings.models import ReactorSettings

NOISE, WRONG, TOLERANCE, FIXED = 0.005, 0.02, 0.02, 3.0


@dataclass
class Step:
    bo: float
    tau_s: float
    dead: float  # reactor volumes
    every_s: float
    start: float
    end: float


@dataclass
class Outcome:
    volumes: float  # pumped from the change to the decision, reactor volumes
    wrong: bool
    suspect: bool


def draw(rng: np.random.Generator) -> Step:
    tau_s = 60.0 * np.exp(rng.uniform(np.log(2.0), np.log(20.0)))
    diameter = rng.choice([0.5, 0.8, 1.0, 1.6])
    reactor = ReactorSettings(volume_ml=1.0, inner_diameter_mm=diameter, thermostat="bath")
    start, end = rng.uniform(0.0, 1.0, 2)
    return Step(
        bo=bodenstein(reactor, 60.0 / tau_s),
        tau_s=tau_s,
        dead=rng.uniform(0.0, 0.3),
        every_s=rng.choice([2.0, 5.0, 10.0, 30.0]),
        start=start,
        end=end,
    )


def measured(step: Step, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return theta since the change (dead volume counted off) and noisy readings."""
    t = np.arange(0.0, (TIMEOUT + step.dead) * step.tau_s, step.every_s)
    theta = t / step.tau_s - step.dead
    truth = step.start + (step.end - step.start) * step_response(theta, step.bo)
    return theta, truth + rng.normal(0.0, NOISE, len(t))


def by_rule_a(step: Step, theta: np.ndarray, y: np.ndarray, bo_believed: float) -> Outcome:
    theta_min = theta_at(bo_believed)
    for n in range(int(np.searchsorted(theta, theta_min)) + 1, len(theta) + 1):
        found = rule_a(theta[:n], y[:n], theta_min=theta_min, tolerance=TOLERANCE, scale=1.0)
        if found is not None:
            return Outcome(theta[n - 1] + step.dead, abs(found.value - step.end) > WRONG, False)
    return Outcome(theta[-1] + step.dead, False, True)


def by_fixed(step: Step, theta: np.ndarray, y: np.ndarray, volumes: float) -> Outcome:
    window = (theta > volumes - 0.3) & (theta <= volumes)
    value = y[window].mean()
    return Outcome(volumes + step.dead, abs(value - step.end) > WRONG, False)


def summary(outcomes: list[Outcome], floor: list[Outcome]) -> dict[str, float]:
    volumes = np.array([o.volumes for o in outcomes])
    return {
        "wrong_percent": 100.0 * float(np.mean([o.wrong for o in outcomes])),
        "suspect_percent": 100.0 * float(np.mean([o.suspect for o in outcomes])),
        "mean_volumes": float(volumes.mean()),
        "p95_volumes": float(np.quantile(volumes, 0.95)),
        "fluid_to_floor": float(volumes.sum() / sum(o.volumes for o in floor)),
        "fluid_to_3_tau_without_dead_volume": float(volumes.mean() / FIXED),
    }


def run(n_steps: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    outcomes: dict[str, list[Outcome]] = {
        "fixed_3_tau": [],
        "rule_a": [],
        "rule_a_bo_5x_over": [],
        "rule_a_bo_5x_under": [],
    }
    example = None
    for _ in range(n_steps):
        step = draw(rng)
        example = example or asdict(step)
        theta, y = measured(step, rng)
        outcomes["fixed_3_tau"].append(by_fixed(step, theta, y, FIXED))
        outcomes["rule_a"].append(by_rule_a(step, theta, y, step.bo))
        outcomes["rule_a_bo_5x_over"].append(by_rule_a(step, theta, y, 5.0 * step.bo))
        outcomes["rule_a_bo_5x_under"].append(by_rule_a(step, theta, y, step.bo / 5.0))
    floor = outcomes["fixed_3_tau"]
    return {
        "benchmark": "steady_state",
        "steps": n_steps,
        "seed": seed,
        "noise": NOISE,
        "wrong_means_off_by": WRONG,
        "results": {name: summary(found, floor) for name, found in outcomes.items()},
        "targets": {"wrong_percent": 0.5, "fluid_to_floor": 0.65},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = json.dumps(run(arguments.steps, arguments.seed), indent=2)
    if arguments.out:
        arguments.out.write_text(report + "\n", encoding="utf-8")
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
