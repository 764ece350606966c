"""A kinetic law on published measurements of flow reactors: of use to some, and no harm to others.

N-benzylation and SnAr (Schweidtmann et al., Chem. Eng. J. 2018, 352, 277, as packaged in Olympus),
Suzuki couplings in droplets (Reizman et al., React. Chem. Eng. 2016, 1, 658, as packaged in Summit).
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from planners.base import Categorical, Continuous, Measured, Observation, Problem, Response
from planners.bayes.models.priors import Priors
from planners.bayes.models.process import fit
from planners.bayes.models.space import Space
from planners.bayes.models.surrogate import Lessons, model

pytestmark = pytest.mark.no_cover  # hundreds of models; other tests measure these lines
DATA = Path(__file__).parents[3] / "shared/data"
UNITS = {
    "residence_time": "min",
    "t_res": "s",
    "temperature": "degC",
    "flow_rate": "mL/min",
    "concentration": "mol/L",
    "catalyst_loading": "mol%",
}


def leeds(name):
    """Points and outcomes of a flow campaign."""
    folder = DATA / "leeds_flow_snar_benzylation"
    keys = [
        p["name"] for p in json.loads((folder / f"{name}.config.json").read_text())["parameters"]
    ]
    with (folder / f"{name}.csv").open() as file:
        rows = [[float(value) for value in row] for row in csv.reader(file)]
    return [(dict(zip(keys, row, strict=False)), row[-1]) for row in rows]


def reizman(case):
    """Points and outcomes of droplets with several catalysts."""
    with (DATA / f"droplet_cross_couplings/reizman_suzuki_case_{case}.csv").open() as file:
        rows = list(csv.DictReader(file))[1:]
    keys = ("t_res", "temperature", "catalyst_loading")
    return [
        ({"catalyst": row["catalyst"]} | {key: float(row[key]) for key in keys}, float(row["yld"]))
        for row in rows
    ]


def factor(name, values):
    if isinstance(values[0], str):
        return Categorical(name, tuple(sorted(set(values))))
    return Continuous(name, min(values), max(values), UNITS.get(name, ""))


def ratio(runs, goal, n):
    """How far off the model is from other runs, over how far the plain process is: geometric mean."""
    factors = tuple(factor(key, [point[key] for point, _ in runs]) for key in runs[0][0])
    problem = Problem(factors, (Response("y", goal),))
    space, logs = Space(problem), []
    rows = np.array([problem.encode(point) for point, _ in runs])
    outcomes = np.array([value for _, value in runs])
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(runs))
        known, others = order[:n], order[n:]
        history = [Observation(runs[i][0], {"y": Measured(runs[i][1])}) for i in known]
        found = model(space, problem.responses[0], Lessons(history))
        x, y = space.features(rows[known]), found.scale.forward(outcomes[known])
        plain, _ = fit(x, y, np.zeros(n), space.layout, Priors())
        at = space.features(problem.snap(rows[others]))
        errors = [
            np.mean(
                (np.array([found.scale.plain(m) for m in p.predict(at)[0]]) - outcomes[others]) ** 2
            )
            for p in (found.process, plain)
        ]
        logs.append(0.5 * np.log(errors[0] / errors[1]))
    return float(np.exp(np.mean(logs)))


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public data")


@needs_data
@pytest.mark.parametrize("n", [8, 15])
def test_the_impurity_of_a_benzylation_is_foretold_better(n):
    assert ratio(leeds("benzylation"), "minimise", n) < 0.9


@needs_data
@pytest.mark.parametrize("n", [8, 25])
def test_the_e_factor_of_an_snar_is_foretold_as_well(n):
    assert ratio(leeds("snar"), "minimise", n) < 1.05


@needs_data
@pytest.mark.parametrize("case", [1, 2, 3, 4])
def test_suzuki_couplings_are_foretold_as_well(case):
    assert ratio(reizman(case), "maximise", 15) < 1.05
