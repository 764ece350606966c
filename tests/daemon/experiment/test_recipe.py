"""Recipes hold the order of actions, as data."""

import pytest

from daemon.experiment.binding import bind
from daemon.experiment.cleaning import trickle_flows
from daemon.experiment.reach import PumpReach, Reach
from daemon.experiment.recipe import (
    CoolDown,
    Flush,
    Heat,
    Refill,
    Trickle,
    experiment_recipe,
    flush_recipe,
    needed_ml,
    shutdown_recipe,
    wait_for,
    wait_ml,
)
from daemon.experiment.sections import campaign_of
from tests.daemon.experiment.flow import CONDITIONS, example

WITHOUT_DILUENT = [
    {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}},
    {"name": "amine", "pump": "pump-b", "solutes": {"pyrrolidine": 4.2}},
]


def kinds(recipe):
    return [type(step).__name__ for step in recipe.steps]


def test_an_experiment_refills_heats_flows_waits_samples_and_rests():
    settings = example()
    recipe = experiment_recipe(settings, bind(settings, CONDITIONS), Reach(), samples=2)
    assert kinds(recipe) == [
        "Refill",
        "Trickle",
        "Heat",
        "StartFlows",
        "WaitSteady",
        "Sample",
        "Trickle",
    ]
    heat = next(step for step in recipe.steps if isinstance(step, Heat))
    assert (heat.degc, heat.tolerance, heat.hold_s, heat.slope_k_min) == (90.0, 1.0, 30.0, 0.2)
    assert recipe.steps[3].first == ("solvent",)


def test_a_shutdown_turns_heat_off_first_and_pumps_off_last():
    recipe = shutdown_recipe(example(), Reach())
    assert kinds(recipe) == ["HeatOff", "Flush", "Trickle", "CoolDown", "StopPumps"]
    flush = next(step for step in recipe.steps if isinstance(step, Flush))
    assert flush.volume_ml == pytest.approx(3 * (1.0 + 0.35 + 0.1))


@pytest.mark.parametrize(("capacity_ml", "portions"), [(60.0, 1), (4.0, 2), (1.0, 5)])
def test_a_syringe_of_solvent_is_filled_before_each_portion_of_the_flush(capacity_ml, portions):
    reach = Reach(pumps={"pump-c": PumpReach(0.001, 50.0, capacity_ml=capacity_ml)})
    for recipe in (shutdown_recipe(example(), reach), flush_recipe(example(), reach)):
        steps = [step for step in recipe.steps if isinstance(step, Refill | Flush)]
        assert [type(step) for step in steps] == [Refill, Flush] * portions
        flushes = steps[1::2]
        assert sum(step.volume_ml for step in flushes) == pytest.approx(3 * (1.0 + 0.35 + 0.1))
        for refill, flush in zip(steps[::2], flushes, strict=True):
            assert flush.volume_ml <= refill.need_ml["pump-c"] < capacity_ml


@pytest.mark.parametrize(("boiling", "below"), [(None, 50.0), (65.0, 45.0), (180.0, 50.0)])
def test_a_shutdown_cools_well_below_the_boiling_point(boiling, below):
    recipe = shutdown_recipe(example(reactor={"solvent_boiling": boiling}), Reach())
    cool = next(step for step in recipe.steps if isinstance(step, CoolDown))
    assert cool.below_degc == below


def test_without_a_diluent_nothing_trickles_and_nothing_is_flushed():
    settings = example(feeds=WITHOUT_DILUENT)
    assert trickle_flows(settings, Reach()) == {}
    assert kinds(shutdown_recipe(settings, Reach())) == [
        "HeatOff",
        "Trickle",
        "CoolDown",
        "StopPumps",
    ]


def test_a_flush_ends_in_a_trickle():
    recipe = flush_recipe(example(), Reach())
    assert kinds(recipe) == ["Flush", "Trickle"]
    assert recipe.need_ml == {"solvent": pytest.approx(4.35)}


def test_a_trickle_is_no_less_than_the_pump_can_do():
    reach = Reach({"pump-c": PumpReach(low=0.2)})
    assert trickle_flows(example(), reach) == {"solvent": 0.2}
    assert trickle_flows(example(campaign={"trickle": 0.0}), reach) == {}


def test_a_slow_analyser_waits_by_volume_and_a_fast_one_by_trend():
    settings = example()
    bound = bind(settings, CONDITIONS)
    slow, fast = wait_for(settings, bound, 45.0), wait_for(settings, bound, 2.0)
    assert (slow.rule, fast.rule) == ("B", "A")
    assert slow.volumes >= 2.0 > fast.volumes - 1.0
    assert wait_ml(settings.reactor, 2.0) == pytest.approx(2.7)


def test_a_narrow_residence_time_distribution_waits_two_volumes():
    settings = example(reactor={"inner_diameter_mm": 0.3})
    assert wait_for(settings, bind(settings, CONDITIONS), 45.0).volumes == 2.0


def test_what_an_experiment_needs_covers_waiting_and_sampling():
    settings = example()
    bound = bind(settings, CONDITIONS)
    wait = wait_for(settings, bound, 45.0)
    need = needed_ml(settings, bound, wait, 2, Reach(acquisition_s=45.0))
    least = bound.flows["substrate"] * (wait_ml(settings.reactor, wait.volumes) + 2 * 0.75)
    assert least < need["substrate"] < 2.5 * least
    assert need["solvent"] > 60 * 0.05  # the trickle while the bath heats


def test_a_single_experiment_needs_no_campaign():
    settings = example(campaign=None)
    assert campaign_of(settings).temperature_tolerance == 1.0
    recipe = experiment_recipe(settings, bind(settings, CONDITIONS), Reach(), samples=1)
    assert isinstance(recipe.steps[1], Trickle)
