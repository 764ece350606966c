"""What a simulated hour of the plant costs, beside two floors doing the same hour.

Loads: a steady hour (one set of conditions), a busy one (new conditions and temperature every six
residence times) and one of ideal plug flow; in each, pressure, temperature and three displaced
volumes are read every second and a spectrum is taken every 30 s. Floors: the same reads answered by
one exponential each (a bare loop), and the coil alone by the method of lines, first-order upwind on
200 cells, explicit. Also the error against the collocated axial-dispersion equation. Prints JSON.
"""

import json
import sys
import time
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulators.dispersion import bodenstein
from simulators.world import World
from tests.simulators.plant.references import dispersed, snar
from tests.simulators.plant.rigs import FLOW_RIG, HandClock, run

HOUR = 3600
TAU_S = 60.0


def watched_hour(dispersion: bool, new_conditions_s: int) -> float:
    """Return the CPU seconds of one hour of reads; conditions change every so many seconds."""
    clock, rng = HandClock(), np.random.default_rng(0)
    world = World(replace(FLOW_RIG, noise=True, dispersion=dispersion), clock, seed=1)
    bath, line, cell = world.heater("bath"), world.pressure("line"), world.cell("nmr")
    pumps = [world.pump(name) for name in ("pump-a", "pump-b", "pump-c")]
    bath.set_goal(90.0)
    clock.pass_(1800.0)
    begin = time.process_time()
    for second in range(HOUR):
        if second % new_conditions_s == 0:
            run(world, c=rng.uniform(0.1, 0.5), equivalents=rng.uniform(1, 5), tau_s=TAU_S)
            bath.set_goal(rng.uniform(30.0, 120.0))
        clock.pass_(1.0)
        line.pressure_bar(), bath.temperature_degc(), [pump.displaced_ml() for pump in pumps]
        if second % 30 == 0:
            cell.spectrum(15.0)
    return time.process_time() - begin


def bare_loop() -> float:
    """Return the CPU seconds of answering the same reads with one exponential each."""
    clock, begin = HandClock(), time.process_time()
    for _ in range(HOUR):
        clock.pass_(1.0)
        for _ in range(5):
            exp(-clock() / HOUR)
    return time.process_time() - begin


def upwind(n: int = 200) -> float:
    """Return the CPU seconds of one hour of the coil alone by explicit upwind lines."""
    c, feed = np.zeros((5, n)), np.array([0.3, 0.6, 0, 0, 0])
    dt, degc = 0.9 * TAU_S / n, np.full(n, 90.0)
    begin = time.process_time()
    for _ in range(round(HOUR / dt)):
        before = np.concatenate((feed[:, None], c[:, :-1]), axis=1)
        c = c + dt * (snar(c, degc) + (before - c) * (n / TAU_S))
    return time.process_time() - begin


def worst_error() -> dict[str, float]:
    """Return the largest relative error of products 2, 3, 4."""
    errors: dict[str, float] = {}
    for c, equivalents, degc, tau_s in ((0.3, 2, 90, 60), (0.5, 1, 90, 60), (0.3, 1.5, 70, 120)):
        clock = HandClock()
        world = World(FLOW_RIG, clock, seed=1)
        world.heater("bath").set_goal(degc)
        clock.pass_(3600.0)
        run(world, c=c, equivalents=equivalents, tau_s=tau_s)
        clock.pass_(10.0 * tau_s)
        got = world.cell("nmr").concentrations()
        bo = bodenstein(FLOW_RIG.coil, FLOW_RIG.coil.volume_ml / tau_s)
        true = dispersed(np.array([c, c * equivalents, 0, 0, 0]), degc, tau_s, bo)[2:]
        ours = np.array([got[name] for name in ("ortho", "para", "bis")])
        errors[f"{c} M, {equivalents} equiv, {degc} degC, {tau_s} s"] = float(
            np.abs(ours / true - 1.0).max()
        )
    return errors


def main() -> None:
    repeats = 3
    loads = {
        "steady hour": lambda: watched_hour(dispersion=True, new_conditions_s=HOUR),
        "busy hour": lambda: watched_hour(dispersion=True, new_conditions_s=round(6 * TAU_S)),
        "plug-flow hour": lambda: watched_hour(dispersion=False, new_conditions_s=HOUR),
    }
    floors = {"bare loop": bare_loop, "upwind lines, coil alone": upwind}
    cpu = {name: min(f() for _ in range(repeats)) for name, f in (loads | floors).items()}
    result = {
        "cpu_s_per_simulated_hour": {name: round(s, 4) for name, s in cpu.items()},
        "ratio_to_upwind_lines": {
            name: round(cpu[name] / cpu["upwind lines, coil alone"], 4) for name in loads
        },
        "ratio_to_bare_loop": {name: round(cpu[name] / cpu["bare loop"], 1) for name in loads},
        "worst_relative_error_to_axial_dispersion_equation": worst_error(),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
