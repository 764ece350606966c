import json
from dataclasses import replace

import pytest

from simulators.spec import CoilSpec, FaultSpec, FeedSpec, PlantError, PumpSpec

from .rigs import FLOW_RIG, heated, rig, run


def test_the_truth_is_json_and_says_what_flows():
    world, clock = heated(90.0, faults=(FaultSpec("leak", 3700.0, size=0.1),))
    run(world)
    clock.pass_(400.0)
    truth = json.loads(json.dumps(world.truth(), allow_nan=False))
    assert truth["t"] == pytest.approx(4000.0)
    assert truth["heaters"]["bath"]["temperature"] == pytest.approx(90.0, abs=0.01)
    assert truth["coil"]["bodenstein"] == pytest.approx(18.0, rel=0.05)
    assert truth["faults"][0]["kind"] == "leak"
    assert truth["pumps"]["pump-b"]["flow"] == pytest.approx(0.6 / 4.2)
    assert set(truth["cell"]) == {"dfnb", "pyrrolidine", "ortho", "para", "bis", "gas"}


def test_at_rest_nothing_flows_and_nothing_is_made_up():
    world, _ = rig()
    truth = world.truth()
    assert truth["line"] == {"pressure": 0.0, "flow": 0.0}
    assert truth["coil"]["bodenstein"] is None
    assert truth["pumps"]["pump-a"]["stock"] is None


@pytest.mark.parametrize("kind", ["pump", "heater", "pressure", "cell"])
def test_a_port_of_an_unknown_part_is_refused_by_name(kind):
    world, _ = rig()
    with pytest.raises(PlantError, match=r"ghost: not part of the plant; there are \['"):
        getattr(world, kind)("ghost")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"feeds": (FeedSpec("f", "ghost"),)}, "feed f: no pump 'ghost'"),
        ({"feeds": (FeedSpec("f", "pump-a", {"salt": 1.0}),)}, "no species 'salt'"),
        ({"feeds": (FeedSpec("f", "pump-a"), FeedSpec("g", "pump-a"))}, "serves several feeds"),
        ({"coil": CoilSpec(1.0, 0.8, "stove")}, "no heater 'stove'"),
        ({"coil": CoilSpec(0.0, 0.8, "bath")}, "volume_ml: must be positive and finite, got 0.0"),
        ({"compliance_ul_bar": float("nan")}, "compliance_ul_bar: must be positive"),
        ({"faults": (FaultSpec("air", 1.0),)}, "fault air at 1 s: no such target None"),
        ({"faults": (FaultSpec("dead_sensor", 1.0, "x"),)}, "no such target 'x'"),
        ({"pumps": (*FLOW_RIG.pumps, PumpSpec("pump-a"))}, "pump pump-a: named twice"),
    ],
)
def test_a_contradictory_plant_is_refused_saying_where(change, says):
    with pytest.raises(PlantError) as refusal:
        replace(FLOW_RIG, **change)
    assert says in str(refusal.value)


def test_all_contradictions_are_told_at_once():
    with pytest.raises(PlantError) as refusal:
        replace(FLOW_RIG, coil=CoilSpec(-1.0, 0.8, "stove"))
    assert "volume_ml" in str(refusal.value)
    assert "stove" in str(refusal.value)
