"""A soft sensor as a response of an experiment on the simulated rig, in virtual time."""

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.daemon.experiment.assembly import COOL, flow_rig

pytestmark = pytest.mark.virtual


def sections(folder, slope):
    """Return the response ``viscosity``: 20 + slope times the bath's temperature, in a file."""
    rng = np.random.default_rng(0)
    degc = 30 + np.cumsum(rng.normal(0, 0.4, 400))
    lines = ["bath.temperature,viscosity"]
    for i, t in enumerate(degc):
        drift = 20 + slope * t + (1e-3 * i if slope == 0 else 0)
        lines.append(f"{t:.3f},{'' if i % 4 else f'{drift:.4f}'}")
    (folder / "training.csv").write_text("\n".join(lines))
    viscosity = {"name": "viscosity", "kind": "soft_sensor", "signals": ["bath.temperature"]}
    viscosity |= {"training": str(folder / "training.csv"), "column": "viscosity"}
    return [{"name": "yield"}, {**viscosity, "interval": 10.0, "lags": [0, 1], "unit": "mPa s"}]


async def test_an_experiment_has_the_result_foretold_from_the_signals_at_its_sample(tmp_path):
    async with flow_rig(responses=sections(tmp_path, -0.3)) as flow:
        record = await flow.executor.run("e-1", COOL)
        assert flow.executor.units["viscosity"] == "mPa s"
    found = record.responses["viscosity"]
    assert (record.status, found.quality) == ("ok", "ok")
    assert found.value == pytest.approx(20 - 0.3 * 32.0, abs=0.2)
    assert 0 < found.sd < 0.2


async def test_a_useless_sensor_spoils_its_own_response_alone_and_says_why(tmp_path):
    with capture_logs() as logged:
        async with flow_rig(responses=sections(tmp_path, 0)) as flow:
            record = await flow.executor.run("e-1", COOL)
    (line,) = [one for one in logged if one["event"] == "response.doubtful"]
    assert (line["log_level"], line["response"]) == ("warning", "viscosity")
    assert "gives no value (r2LM -" in line["why"]
    assert record.responses["yield"].quality == "ok"
    assert record.responses["viscosity"].value is None
    assert "worse than repeating the last measurement" in record.responses["viscosity"].reason
    assert record.status == "suspect"
