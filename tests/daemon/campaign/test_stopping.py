"""When a campaign has found out enough, and what it says then."""

import pytest

from daemon.campaign.memory import Memory
from daemon.campaign.standing import Standing, standing_of
from daemon.campaign.stopping import why_stop
from daemon.experiment.record import ExperimentRecord, ResponseValue
from daemon.settings.models import CampaignSettings


def section(stop, objectives=({"response": "yield"},)):
    return CampaignSettings.model_validate(
        {
            "experiments": 50,
            "factors": [{"name": "temperature", "low": 30, "high": 120}],
            "objectives": list(objectives),
            "stop": {"least": 5} | stop,
        }
    )


def memory(n):
    records = {f"e-{i:04d}": ExperimentRecord(f"e-{i:04d}", "ok", {}) for i in range(1, n + 1)}
    return Memory(records=records)


def best(experiment, probability=0.7, **guesses):
    predicted = {name: {"mean": mean, "sd": sd} for name, (mean, sd) in guesses.items()}
    row = {"experiment": experiment, "point": {"temperature": 60.0}, "predicted": predicted}
    return row | {"probability": probability, "measured": {"yield": 81.3}}


ONE = best("e-0003", **{"yield": (80.0, 2.0)})


@pytest.mark.parametrize(
    ("stop", "n", "regret", "why"),
    [
        ({}, 40, 0.0, ""),
        (
            {"regret_below": 1.0},
            9,
            0.5,
            "expected 0.5 better than e-0003, less than regret_below, 1",
        ),
        ({"regret_below": 1.0}, 9, 1.5, ""),
        ({"regret_below": 1.0}, 4, 0.5, ""),  # too few experiments
        ({"regret_below": 1.0}, 9, None, ""),
        ({"no_improvement": 5}, 8, None, "no improvement on e-0003 in the last 5 experiments"),
        ({"no_improvement": 5}, 7, None, ""),  # e-0003 is one of the last five
        ({"no_improvement": 30}, 20, None, ""),
        ({"reached": {"yield": 78.0}}, 9, None, "e-0003 has yield at least 78 (expected 80 +/- 2)"),
        ({"reached": {"yield": 79.0}}, 9, None, ""),  # with 69 %, and 80 are asked for
        ({"reached": {"yield": 79.0}, "probability": 0.6}, 9, None, "e-0003 has yield at least"),
    ],
)
def test_a_rule_holds_and_says_why(stop, n, regret, why):
    said = why_stop(section(stop), memory(n), Standing((ONE,), regret))
    assert said.startswith("stopping rule: ") == bool(why)
    assert why in said
    if why:
        assert said.endswith(f", after {n} experiments")


def test_nothing_is_said_while_nothing_is_known():
    assert why_stop(section({"no_improvement": 1}), memory(30), Standing()) == ""


def test_a_target_is_met_when_it_is_probable_enough():
    target = {"response": "ph", "goal": "target", "low": 6.8, "high": 7.2}
    rule = section({"targets_met": True}, [target])
    near, far = best("e-0003", ph=(7.0, 0.05)), best("e-0003", ph=(7.15, 0.1))
    assert why_stop(rule, memory(9), Standing((far,))) == ""
    said = why_stop(rule, memory(9), Standing((near,)))
    assert "e-0003 has ph within 6.8 to 7.2 (expected 7 +/- 0.05)" in said


def test_on_a_front_one_experiment_must_have_everything():
    two = [{"response": "yield"}, {"response": "cost", "goal": "minimise"}]
    rule = section({"reached": {"yield": 70.0, "cost": 5.0}}, two)
    strong = best("e-0001", **{"yield": (80.0, 1.0), "cost": (9.0, 1.0)})
    cheap = best("e-0002", **{"yield": (50.0, 1.0), "cost": (3.0, 1.0)})
    both = best("e-0003", **{"yield": (75.0, 1.0), "cost": (3.0, 1.0)})
    assert why_stop(rule, memory(9), Standing((strong, cheap))) == ""
    said = why_stop(rule, memory(9), Standing((strong, cheap, both)))
    assert "e-0003 has yield at least 70" in said
    assert "cost at most 5" in said
    stalled = section({"no_improvement": 5}, two)
    assert "no improvement of the front" in why_stop(stalled, memory(9), Standing((strong, cheap)))


def test_the_standing_is_told_with_experiments_by_name():
    records = [
        ExperimentRecord("e-0007", "ok", {}, responses={"yield": ResponseValue(81.3, 1.0, "ok")})
    ]
    run = {
        "index": 0,
        "point": {"temperature": 60.0, "blend": {"a": 0.25, "b": 0.75}},
        "predicted": {"yield": {"mean": 12345.6, "sd": 234.5}},
        "probability": 0.66,
    }
    found = standing_of({"best": [run], "regret": 7.123}, records, 12)
    assert found.text == (
        "e-0007 (temperature 60, blend.a 0.25, blend.b 0.75): yield measured 81.3,"
        " expected 12350 +/- 230; probability 66%\nthe best possible is expected 7.12 better"
    )
    assert found.document()["done"] == 12
    left = standing_of({"best": [run | {"outside": True}], "regret": 7.123}, records, 12)
    assert left.text.startswith("e-0007, outside the space as it is now (temperature 60")
    assert left.text.endswith("expected 7.12 better than the best experiment inside the space")
    assert Standing().text.startswith("no best experiment yet")


def test_without_a_best_one_the_responses_that_lack_values_are_named():
    found = standing_of({"best": [], "regret": None}, [], 3, ["purity"])
    assert found.text.endswith("every response needs two good values (not yet: purity)")


def test_a_response_that_is_still_awaited_is_told_as_not_measured():
    run = {"index": 0, "point": {"temperature": 60.0}, "probability": 0.66}
    run |= {"predicted": {"purity": {"mean": 90.0, "sd": 1.0}}}
    found = standing_of({"best": [run], "regret": None}, [ExperimentRecord("e-1", "ok", {})], 1)
    assert found.text == (
        "e-1 (temperature 60): purity not measured, expected 90 +/- 1; probability 66%"
    )
