"""Choices among feeds: what flows, what is refused, and in which words it is told."""

from itertools import product

import pytest

from daemon.campaign.box import box_faults
from daemon.campaign.cost import costs
from daemon.experiment.binding import bind
from daemon.experiment.faults import ConditionsRefused
from daemon.experiment.feasibility import refusals
from daemon.settings.choices import combinations, narrowed
from daemon.settings.models import Settings
from tests.daemon.experiment.choosing import WARM, sections

LEVELS = ("phosphine", "carbene", "ligand-free")
SPECIES = {"phosphine": "cat_a", "carbene": "cat_b", "ligand-free": "cat_c"}


def settings(**changes):
    return Settings.model_validate(sections(**changes))


def alone(level):
    """Return the rig with one catalyst's feed, as one without choices has it."""
    raw = sections()
    raw["feeds"] = [f for f in raw["feeds"] if f["name"] not in LEVELS or f["name"] == level]
    raw["campaign"]["factors"] = raw["campaign"]["factors"][2:]
    return Settings.model_validate(raw)


@pytest.mark.parametrize("level", LEVELS)
def test_a_choice_flows_as_on_a_rig_with_that_feed_alone(level):
    bound = bind(settings(), {**WARM, "catalyst": level})
    plain = {n: v for n, v in WARM.items() if "catalyst" not in n}
    same = bind(alone(level), {**plain, f"equivalents.{SPECIES[level]}": 0.02})
    assert {n: q for n, q in bound.flows.items() if q} == pytest.approx(same.flows)
    assert set(bound.flows) == {"halide", "boronate", "solvent", *LEVELS}
    assert bound.commanded["catalyst"] == level
    assert bound.commanded["equivalents.catalyst"] == pytest.approx(0.02, rel=0.01)
    assert bound.commanded["flow.catalyst"] == bound.flows[level] > 0
    others = [bound.commanded[f"equivalents.{SPECIES[o]}"] for o in LEVELS if o != level]
    assert others == [0.0, 0.0]


def test_its_flow_may_be_said_instead():
    flows = {"flow.halide": 0.25, "flow.boronate": 0.3, "flow.solvent": 0.4, "flow.catalyst": 0.05}
    bound = bind(settings(), {**flows, "temperature": 35.0, "catalyst": "phosphine"})
    assert bound.flows["phosphine"] == 0.05
    assert bound.commanded["equivalents.catalyst"] == pytest.approx(0.05 * 0.04 / (0.25 * 0.8))


def without(name):
    return {n: v for n, v in WARM.items() if n != name}


REFUSED = {
    "catalyst: must be one of phosphine, carbene, ligand-free, got 'nickel'": {
        **WARM,
        "catalyst": "nickel",
    },
    "catalyst: must be one of phosphine, carbene, ligand-free, got 2.0": {**WARM, "catalyst": 2.0},
    "catalyst: must be one of phosphine, carbene, ligand-free, got {'carbene'": {
        **WARM,
        "catalyst": {"carbene": 1.0},
    },
    "equivalents.cat_a: this rig has no such condition": {**WARM, "equivalents.cat_a": 0.01},
    "equivalents.catalyst: is equivalents.cat_b here, which is given, too": {
        **WARM,
        "equivalents.cat_b": 0.02,
    },
    "base: this rig has no such condition": {**WARM, "base": "carbene"},
    "temperature: must be a finite number, got 'warm'": {**WARM, "temperature": "warm"},
    "equivalents.cat_b: is missing": without("equivalents.catalyst"),
    "equivalents.cat_a: is missing": without("catalyst") | {"equivalents.cat_b": 0.01},
    "concentration: 0.2 mol/L with equivalents.cat_b 0.2 and equivalents.boronate 1.5": {
        **WARM,
        "equivalents.catalyst": 0.2,
    },
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_chosen_is_refused_with_its_name(said):
    with pytest.raises(ConditionsRefused) as caught:
        bind(settings(), REFUSED[said])
    assert any(reason.startswith(said) for reason in caught.value.reasons), caught.value.reasons


def test_two_feeds_of_one_pump_cannot_flow_at_once():
    both = {n: v for n, v in WARM.items() if "catalyst" not in n}
    both |= {f"equivalents.{species}": 0.01 for species in SPECIES.values()}
    (first, second) = refusals(settings(), both)
    assert "phosphine (position 1) and carbene (position 2) cannot flow at once" in first
    assert "ligand-free (position 3) cannot flow at once" in second


def test_the_stock_of_the_feed_that_was_chosen_counts_with_what_rinses_its_line():
    used = {"carbene": 98.5}
    (reason,) = refusals(settings(), WARM, used_ml=used)
    assert reason.startswith("feed carbene: needs")
    assert refusals(settings(), {**WARM, "catalyst": "phosphine"}, used_ml=used) == []


def test_two_choices_are_made_at_once_and_their_combinations_are_all_there_are():
    raw = sections()
    raw["instruments"]["pump-e"] = raw["instruments"]["pump-c"] | {"port": "socket://h:1"}
    raw["feeds"].append({"name": "dmf", "pump": "pump-e"})
    solvents = {"name": "medium", "kind": "categorical", "levels": ["solvent", "dmf"]}
    raw["campaign"]["factors"].append(solvents)
    rig = Settings.model_validate(raw)
    pairs = [tuple(found.values()) for found in combinations(rig.campaign)]
    assert pairs == list(product(LEVELS, ("solvent", "dmf")))
    bound = bind(rig, {**WARM, "medium": "dmf"})
    assert (bound.flows["solvent"], bound.flows["dmf"] > 0) == (0.0, True)


def test_conditions_without_a_choice_are_as_they_were():
    rig = settings()
    assert narrowed(rig, {"temperature": 35.0}) == (rig, {"temperature": 35.0})


def test_a_box_with_a_choice_can_be_run_and_costs_what_its_recipes_take():
    assert box_faults(settings()) == []
    dry = sections()
    for feed in dry["feeds"][3:]:
        feed["stock_ml"] = 0.1
    assert "unreachable" in box_faults(Settings.model_validate(dry))[0]
    told = costs(settings(campaign={"cost": "time", "ramp_k_min": 2.0}))
    assert set(told["run_cost"]) == {"residence_time"}
    assert set(told["move_cost"]) == {"temperature", "catalyst"}
    slow = sections(campaign={"cost": "time"})
    for feed in slow["feeds"][3:]:
        feed["dead_volume_ml"] *= 2
    twice = costs(Settings.model_validate(slow))["move_cost"]
    assert twice["catalyst"] == pytest.approx(2 * told["move_cost"]["catalyst"], rel=0.2)
