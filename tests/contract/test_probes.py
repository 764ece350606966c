"""Every driver's probes, asked of every simulated instrument: only its own answer, nothing moves."""

from dataclasses import asdict, is_dataclass

import pytest

from daemon.finding.candidates import candidates
from daemon.finding.scan import Plan, scan
from drivers.probes import probes_of
from drivers.registry import driver_class
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual

ACKNOWLEDGED = {"alarm"}  # a New Era pump: any question does (its manual, alarms)
ALIKE = [  # one register map, or made of two of the other
    {"eurotherm-3216", "eurotherm-epc3000"},
    {"harvard-pump11-elite", "twin-pumps"},
    {"omron-e5cc", "omron-e5d"},
]


def found_by_probes(case):
    return [probe for probe in probes_of(driver_class(case.driver)) if medium(case) in probe.over]


def medium(case):
    scheme = case.port.partition("://")[0]
    return scheme if "://" in case.port else "serial"


def state_of(sim):
    """What the instrument holds, as far as it can be compared."""
    parts = [sim, *vars(sim).values()]
    plain = (int, float, str, bool, type(None))
    held = {}
    for part in parts:
        own = (
            asdict(part)
            if is_dataclass(part) and not isinstance(part, type)
            else getattr(part, "__dict__", {})
        )
        held |= {
            f"{type(part).__name__}.{k}": v
            for k, v in own.items()
            if isinstance(v, plain) and not k.startswith("_") and k not in ACKNOWLEDGED
        }
    return held


@pytest.mark.parametrize("case", WIRED, ids=str)
async def test_a_scan_knows_the_instrument_and_moves_nothing(case, tmp_path):
    bench = Bench(case, tmp_path)
    chosen, faults = candidates()
    assert not faults
    part_before, before = dict(vars(bench.part)), state_of(bench.sim)
    (asked,) = await scan([case.port], Plan(chosen, units=range(1, 17), dial=bench._dial))
    assert vars(bench.part) == part_before, "a question moved something"
    assert state_of(bench.sim) == before, "a question changed something"
    found = {driver for find in asked.finds for driver in find.drivers}
    if found_by_probes(case):
        assert case.driver in found
    alike = next((group for group in ALIKE if case.driver in group), {case.driver})
    assert found <= alike, "another make's probe took the answer for its own"


async def test_modbus_units_are_not_asked_unless_wanted(tmp_path):
    case = next(case for case in WIRED if case.driver == "keller-x-line")
    bench = Bench(case, tmp_path)
    chosen, _ = candidates(["keller-x-line", "eurotherm-3216"])
    (asked,) = await scan([case.port], Plan(chosen, dial=bench._dial))
    assert bench.sent == []
    assert "--modbus" in asked.message
