"""``taylord experiment`` beside published numbers and an independent solution.

c 0.3 mol/L, 2 equivalents, residence time 60 s, 90 degC; ideal plug flow without noise against
DOMAIN's numbers, and with dispersion against the axial-dispersion reaction equation.

python -m benchmarks.accuracy
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.simulators.plant.references import dispersed

CONFIG = Path(__file__).parents[1] / "config" / "flow.toml"
PLUG_FLOW = {"ortho": 0.2491, "para": 0.0103, "bis": 0.0407}
RESPONSES = "".join(
    f'[[responses]]\nname = "{s}"\nkind = "concentration"\nspecies = "{s}"\n' for s in PLUG_FLOW
)


def measured(folder, *, dispersion):
    """Return the concentrations that an experiment measures, mol/L."""
    text = CONFIG.read_text().replace("[campaign]\n", RESPONSES + "[campaign]\n", 1)
    text = re.sub(r"\[mqtt\]\nhost = .*\n", "", text)
    text += f"noise = false\ndispersion = {str(dispersion).lower()}\n"
    path = Path(folder) / f"{dispersion}.toml"
    path.write_text(text)
    command = [sys.executable, "-m", "daemon", "experiment", str(path), "--simulate", "--json"]
    command += ["--speed", "max", "--data", str(Path(folder) / f"data-{dispersion}")]
    for setting in (
        "residence_time=1",
        "temperature=90",
        "concentration=0.3",
        "equivalents.pyrrolidine=2",
    ):
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    return {name: document["responses"][name]["value"] for name in PLUG_FLOW}


def main():
    bo = 192.0 * 1e-9 * 60.0 / 0.8e-3**2
    truth = dispersed(np.array([0.3, 0.6, 0.0, 0.0, 0.0]), 90.0, 60.0, bo)[2:]
    with tempfile.TemporaryDirectory() as folder:
        plug, spread = (measured(folder, dispersion=d) for d in (False, True))
    expected = dict(zip(PLUG_FLOW, map(float, truth), strict=True))
    print(
        json.dumps(
            {
                "plug_flow": _beside(plug, PLUG_FLOW),
                "dispersion": _beside(spread, expected),
                "targets": {"plug_flow": 0.005, "dispersion": 0.01},
            }
        )
    )


def _beside(found, expected):
    return {
        name: {
            "measured": found[name],
            "expected": expected[name],
            "relative_error": found[name] / expected[name] - 1.0,
        }
        for name in expected
    }


if __name__ == "__main__":
    main()
