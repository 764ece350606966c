"""Conditions become flows and flows become conditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import Infeasible
from daemon.experiment.binding import bind
from daemon.experiment.mixture import conditions_of, hot_residence_time_min, inlet
from daemon.experiment.reach import PumpReach, Reach
from tests.daemon.experiment.flow import CONDITIONS, example


def feeds(*rows):
    return [
        {"name": name, "pump": f"pump-{'abc'[i]}", "solutes": solutes}
        for i, (name, solutes) in enumerate(rows)
    ]


def test_the_example_is_bound_as_worked_out_by_hand():
    bound = bind(example(), CONDITIONS)
    # Q = 1 mL / 1 min; substrate 0.3/2.0, amine 0.6/4.2, solvent the rest
    assert bound.exact == pytest.approx(
        {"substrate": 0.15, "amine": 1 / 7, "solvent": 1 - 0.15 - 1 / 7}, rel=1e-12
    )


def test_the_corner_of_the_example_with_most_stock_still_has_room_for_solvent():
    bound = bind(example(), {**CONDITIONS, "concentration": 0.5, "equivalents.pyrrolidine": 5.0})
    assert bound.exact["solvent"] == pytest.approx(1 - 0.25 - 2.5 / 4.2)


@given(
    tau=st.floats(0.1, 60.0),
    c=st.floats(0.05, 0.6),
    e=st.one_of(st.just(0.0), st.floats(1e-3, 4.0)),
)
def test_bound_flows_really_make_what_was_asked(tau, c, e):
    asked = {
        "residence_time": tau,
        "temperature": 50.0,
        "concentration": c,
        "equivalents.pyrrolidine": e,
    }
    settings = example()
    bound = bind(settings, asked)
    made = conditions_of(settings, bound.exact, 50.0)
    assert {name: made[name] for name in asked} == pytest.approx(asked, rel=1e-9, abs=1e-12)
    assert min(bound.exact.values()) >= 0


def test_commanded_conditions_are_those_of_the_rounded_flows():
    coarse = PumpReach(rounded=lambda flow: round(flow, 1))
    reach = Reach({f"pump-{x}": coarse for x in "abc"})
    bound = bind(example(), CONDITIONS, reach)
    assert bound.flows == {"substrate": 0.1, "amine": 0.1, "solvent": 0.7}
    assert bound.commanded["residence_time"] == pytest.approx(1 / 0.9)
    assert bound.commanded["concentration"] == pytest.approx(0.2 / 0.9)
    assert bound.commanded["equivalents.pyrrolidine"] == pytest.approx(2.1)
    assert bound.commanded["flow.solvent"] == 0.7


def test_a_negative_diluent_is_refused_with_both_bounds_that_fit():
    with pytest.raises(Infeasible, match="solvent") as fault:
        bind(example(), {**CONDITIONS, "concentration": 0.8, "equivalents.pyrrolidine": 4.0})
    # 1/(1/2 + 4/4.2) = 0.68852 mol/L; (1 - 0.4) 4.2/0.8 = 3.15 equivalents
    assert "concentration at most 0.688 mol/L" in str(fault.value)
    assert "equivalents.pyrrolidine at most 3.15" in str(fault.value)


def test_without_a_diluent_the_equivalents_fix_the_concentration():
    settings = example(feeds=feeds(("substrate", {"dfnb": 2.0}), ("amine", {"pyrrolidine": 4.2})))
    asked = {n: v for n, v in CONDITIONS.items() if n != "concentration"}
    bound = bind(settings, asked)
    forced = 1 / (1 / 2.0 + 2 / 4.2)
    assert bound.commanded["concentration"] == pytest.approx(forced)
    assert bind(settings, {**asked, "concentration": forced}).exact == pytest.approx(bound.exact)
    with pytest.raises(Infeasible, match=r"no diluent feed.*1\.024 mol/L.*got 0\.3"):
        bind(settings, CONDITIONS)


def test_stocks_with_several_solutes_are_solved_together():
    settings = example(
        feeds=feeds(
            ("one", {"dfnb": 1.0, "pyrrolidine": 1.0}), ("two", {"pyrrolidine": 4.0}), ("s", {})
        )
    )
    bound = bind(settings, CONDITIONS)
    assert bound.exact == pytest.approx({"one": 0.3, "two": 0.3 / 4, "s": 1 - 0.375})
    with pytest.raises(Infeasible, match=r"no mixture.*equivalents\.pyrrolidine 0\.5"):
        bind(settings, {**CONDITIONS, "equivalents.pyrrolidine": 0.5})


def test_of_several_diluents_the_first_is_used():
    settings = example(
        feeds=feeds(("substrate", {"dfnb": 2.0}), ("solvent", {}), ("other", {})),
    )
    asked = {n: v for n, v in CONDITIONS.items() if not n.startswith("equivalents")}
    bound = bind(settings, asked)
    assert bound.exact == pytest.approx({"substrate": 0.15, "solvent": 0.85, "other": 0.0})


def test_flows_may_be_given_directly():
    flows = {"flow.substrate": 0.2, "flow.amine": 0.1, "flow.solvent": 0.7}
    bound = bind(example(), {"temperature": 40, **flows})
    assert bound.commanded["residence_time"] == pytest.approx(1.0)
    assert bound.commanded["concentration"] == pytest.approx(0.4)
    assert bound.commanded["equivalents.pyrrolidine"] == pytest.approx(1.05)


def test_one_flow_may_be_given_beside_the_other_conditions():
    asked = {"residence_time": 1.0, "temperature": 40, "concentration": 0.4, "flow.amine": 0.1}
    assert bind(example(), asked).exact == pytest.approx(
        {"substrate": 0.2, "amine": 0.1, "solvent": 0.7}
    )


def test_a_flow_that_contradicts_the_other_conditions_is_named():
    with pytest.raises(Infeasible, match=r"contradicts flow\.amine 0\.3"):
        bind(example(), {**CONDITIONS, "flow.amine": 0.3})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("pressure", 3.0, "pressure: this rig has no such condition; it has residence_time"),
        ("equivalents.water", 1.0, "equivalents.water: this rig has no such condition"),
        ("temperature", "hot", "temperature: must be a finite number, got 'hot'"),
        ("temperature", float("nan"), "temperature: must be a finite number, got nan"),
        ("temperature", True, "temperature: must be a finite number, got True"),
        ("residence_time", 0.0, "residence_time: must be greater than 0, got 0"),
        ("concentration", -0.1, "concentration: must be greater than 0, got -0.1"),
        ("equivalents.pyrrolidine", -1.0, "equivalents.pyrrolidine: must be 0 or more, got -1"),
        ("equivalents.dfnb", 2.0, "equivalents.dfnb: equivalents are counted on this species"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_by_name(name, value, says):
    with pytest.raises(Infeasible) as fault:
        bind(example(), {**CONDITIONS, name: value})
    assert says in str(fault.value)


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_a_missing_condition_is_named(name):
    asked = {n: v for n, v in CONDITIONS.items() if n != name}
    with pytest.raises(Infeasible, match=rf"{name}: is missing"):
        bind(example(), asked)


def test_equivalents_of_the_limiting_species_are_one():
    assert bind(example(), {**CONDITIONS, "equivalents.dfnb": 1}).flows["substrate"] == (
        pytest.approx(0.15)
    )


def test_heat_expands_the_fluid_and_shortens_its_stay():
    settings = example(reactor={"expansion_per_k": 1.37e-3})
    bound = bind(settings, {**CONDITIONS, "temperature": 100.0})
    assert bound.commanded["residence_time"] == pytest.approx(1.0)
    assert bound.commanded["residence_time_hot"] == pytest.approx(1 / (1 + 1.37e-3 * 80))
    assert hot_residence_time_min(settings.reactor, 2.0, 20.0) == 2.0


def test_stopped_feeds_make_no_mixture():
    settings = example()
    assert inlet(settings.feeds, dict.fromkeys(("substrate", "amine", "solvent"), 0.0)) == {}


BLEND = {"substrate": 0.2, "amine": 0.3, "solvent": 0.5}


def test_shares_of_all_feeds_and_a_residence_time_say_every_flow():
    asked = {"residence_time": 2.0, "temperature": 50.0, "blend": BLEND}
    bound = bind(example(), asked)
    assert bound.exact == pytest.approx({name: share / 2.0 for name, share in BLEND.items()})
    assert bound.commanded["blend"] == pytest.approx(BLEND)
    assert bound.commanded["concentration"] == pytest.approx(0.2 * 2.0)


@given(
    shares=st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1.0)), min_size=3, max_size=3),
    tau=st.floats(0.1, 60.0),
)
def test_bound_shares_are_those_asked(shares, tau):
    total = sum(shares)
    if total == 0:
        return
    blend = {name: share / total for name, share in zip(BLEND, shares, strict=True)}
    bound = bind(example(), {"residence_time": tau, "temperature": 50.0, "blend": blend})
    assert sum(bound.exact.values()) == pytest.approx(1.0 / tau)
    made = conditions_of(example(), bound.exact, 50.0, {"blend": blend})
    assert made["blend"] == pytest.approx(blend, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("blend", "says"),
    [
        ({"substrate": 0.5, "amine": 0.4}, "blend: must add up to 1, got 0.9"),
        ({"substrate": 1.5, "amine": -0.5}, "blend: must have shares of 0 or more, got -0.5"),
        ({"substrate": True, "amine": 0.0}, "blend: must have shares of 0 or more, got True"),
        ({"substrate": float("nan"), "amine": 1.0}, "blend: must have shares of 0 or more"),
        ({"substrate": 0.5, "water": 0.5}, "blend: no feed is called water; feeds are substrate"),
        ({}, "blend: must add up to 1, got 0"),
        (BLEND | {"solvent": "half"}, "blend: must have shares of 0 or more, got 'half'"),
    ],
)
def test_a_blend_that_is_none_is_refused(blend, says):
    with pytest.raises(Infeasible, match=says):
        bind(example(), {"residence_time": 1.0, "temperature": 50.0, "blend": blend})


def test_shares_under_a_number_s_name_are_refused():
    with pytest.raises(Infeasible, match="temperature: must be a number, got shares of substrate"):
        bind(example(), {"residence_time": 1.0, "temperature": BLEND})


def test_a_concentration_that_contradicts_the_shares_is_named():
    asked = {"residence_time": 1.0, "temperature": 50.0, "blend": BLEND, "concentration": 0.3}
    with pytest.raises(Infeasible, match=r"concentration: 0.3 contradicts .*blend substrate 0.2"):
        bind(example(), asked)
    bind(example(), asked | {"concentration": 0.4})  # what the shares make anyway
