"""What cannot be run is refused by name, with the bound and what would do."""

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from daemon.campaign.box import box_faults
from daemon.errors import Infeasible
from daemon.experiment.feasibility import Feasible, check, refusals
from daemon.experiment.mixture import pressure_bar
from daemon.experiment.reach import PumpReach, Reach, reach_of
from daemon.settings.models import ReactorSettings
from drivers.signal import Limits
from tests.daemon.experiment.flow import CONDITIONS, example


def pumps(**reaches):
    return Reach({f"pump-{x}": reach for x, reach in reaches.items()})


def test_the_example_conditions_can_be_run():
    assert refusals(example(), CONDITIONS) == []


def test_the_limits_of_the_file_are_reach_enough_to_refuse():
    reach = reach_of(example())
    assert reach.pump("pump-a").high == 5.0
    assert reach.temperature == Limits(0.0, 140.0)
    assert reach.pump("elsewhere").high == float("inf")


def test_a_flow_beyond_the_pump_names_the_residence_time_that_would_do():
    (why,) = refusals(example(), CONDITIONS, pumps(c=PumpReach(high=0.5)))
    # solvent 0.707 mL/min at 1 min
    assert why == (
        "flow.solvent: 0.7071 mL/min is more than pump-c can deliver, 0.5 mL/min;"
        " a residence time of 1.41 min or more would do"
    )


def test_a_flow_below_the_pump_names_the_residence_time_that_would_do():
    (why,) = refusals(example(), CONDITIONS, pumps(a=PumpReach(low=0.3)))
    assert "flow.substrate: 0.15 mL/min is less than pump-a can deliver, 0.3 mL/min" in why
    assert "a residence time of 0.5 min or less would do" in why


def test_a_flow_that_rounding_would_spoil_is_refused():
    coarse = PumpReach(rounded=lambda flow: round(flow * 5) / 5)
    (why,) = refusals(example(), CONDITIONS, pumps(a=coarse))
    assert "flow.substrate: 0.15 mL/min would be rounded by pump-a to 0.2 mL/min" in why


def test_a_temperature_beyond_the_thermostat_or_the_boiling_point_is_refused():
    hot = {**CONDITIONS, "temperature": 150.0}
    settings = example(reactor={"solvent_boiling": 145.0})
    first, second = refusals(settings, hot)
    assert first == "temperature: 150 degC is outside the limits of bath, [0, 140] degC"
    assert second == (
        "temperature: 150 degC would boil the solvent; must be below 145 degC"
        " (reactor.solvent_boiling)"
    )


def test_a_predicted_pressure_beyond_the_limit_is_refused():
    settings = example(reactor={"inner_diameter_mm": 0.1, "volume_ml": 0.1})
    (why,) = refusals(settings, {**CONDITIONS, "residence_time": 0.5})
    assert "more than reactor.max_pressure, 20 bar" in why
    fits = float(why.split("residence time of ")[1].split(" min")[0])
    assert refusals(settings, {**CONDITIONS, "residence_time": fits * 1.01}) == []


def test_the_predicted_pressure_is_that_of_the_fact_sheet():
    # 10 m x 0.5 mm, water, 1 mL/min: 0.99 bar; 12.7 m x 1 mm, 10 mL/min: 0.77 bar (DOMAIN 6)
    from math import pi

    tube = ReactorSettings(
        volume_ml=pi / 4 * 0.5**2 * 10.0, inner_diameter_mm=0.5, thermostat="bath"
    )
    assert pressure_bar(tube, 1.0) == pytest.approx(1.09, abs=0.02)  # at 20 degC, 1.0 mPa s
    wide = ReactorSettings(volume_ml=pi / 4 * 12.7, inner_diameter_mm=1.0, thermostat="bath")
    assert pressure_bar(wide, 10.0) == pytest.approx(0.86, abs=0.02)


def test_a_need_beyond_one_filling_of_the_syringe_is_refused():
    (why,) = refusals(example(), CONDITIONS, pumps(b=PumpReach(capacity_ml=0.5)))
    assert "feed amine: needs" in why
    assert "more than the syringe of pump-b holds, 0.5 mL" in why


def test_what_is_left_of_a_stock_bounds_the_experiment():
    feeds = [
        {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}, "stock_ml": 10.0},
        {"name": "amine", "pump": "pump-b", "solutes": {"pyrrolidine": 4.2}},
        {"name": "solvent", "pump": "pump-c"},
    ]
    settings = example(feeds=feeds)
    assert refusals(settings, CONDITIONS, used_ml={"substrate": 1.0}) == []
    (why,) = refusals(settings, CONDITIONS, used_ml={"substrate": 9.9})
    assert "feed substrate: needs" in why
    assert "0.1 mL of the stock of 10 mL is left; replace the stock" in why


def test_enough_of_the_solvent_s_stock_is_kept_for_the_shutdown():
    feeds = [
        {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}},
        {"name": "amine", "pump": "pump-b", "solutes": {"pyrrolidine": 4.2}},
        {"name": "solvent", "pump": "pump-c", "stock_ml": 50.0},
    ]
    settings = example(feeds=feeds)
    assert refusals(settings, CONDITIONS) == []
    (why,) = refusals(settings, CONDITIONS, used_ml={"solvent": 43.0})
    assert "feed solvent: needs" in why
    assert "to shut down, and 7 mL of the stock of 50 mL is left" in why


def test_stopping_every_feed_is_no_experiment():
    flows = {"flow.substrate": 0.0, "flow.amine": 0.0, "flow.solvent": 0.0}
    assert refusals(example(), {"temperature": 30.0, **flows}) == [
        "flow: the feeds are all stopped at these conditions; at least one must flow"
    ]


def test_every_fault_is_told_at_once():
    with pytest.raises(Infeasible) as fault:
        check(
            example(),
            {**CONDITIONS, "temperature": 500.0},
            Reach({"pump-c": PumpReach(high=0.1)}, Limits(0, 100)),
        )
    assert "temperature" in str(fault.value)
    assert "flow.solvent" in str(fault.value)


@settings_of_hypothesis(deadline=None)
@given(
    tau=st.floats(0.2, 5.0),
    temperature=st.floats(-20.0, 200.0),
    c=st.floats(0.01, 2.0),
    e=st.floats(0.0, 10.0),
)
def test_what_is_not_refused_is_within_every_bound(tau, temperature, c, e):
    asked = {
        "residence_time": tau,
        "temperature": temperature,
        "concentration": c,
        "equivalents.pyrrolidine": e,
    }
    settings = example()
    fits = c * (1 / 2.0 + e / 4.2) <= 1 + 1e-9 and 0 <= temperature <= 140
    if Feasible(settings)(asked):
        assert fits
        bound = check(settings, asked)
        assert all(0 <= flow <= 5.0 for name, flow in bound.flows.items() if name != "amine")
    else:
        assert not fits or any(
            word in "; ".join(refusals(settings, asked)) for word in ("flow.", "pressure")
        )


def test_fixed_conditions_of_the_campaign_count_for_its_points():
    campaign = {
        "factors": [{"name": "temperature", "low": 30, "high": 120}],
        "fixed": {n: v for n, v in CONDITIONS.items() if n != "temperature"},
    }
    feasible = Feasible(example(campaign=campaign))
    assert feasible({"temperature": 50.0})
    assert feasible.why_not({"temperature": 141.0}) == [
        "temperature: 141 degC is outside the limits of bath, [0, 140] degC"
    ]


def test_a_box_that_can_be_run_has_no_fault():
    assert box_faults(example()) == []
    assert box_faults(example(campaign=None)) == []


def test_a_box_of_which_a_part_cannot_be_run_is_the_planners_matter():
    factors = [
        {"name": "residence_time", "low": 0.5, "high": 2.0},
        {"name": "temperature", "low": 30, "high": 120},
        {"name": "concentration", "low": 0.1, "high": 5.0},
        {"name": "equivalents.pyrrolidine", "low": 1.0, "high": 50.0},
    ]
    assert box_faults(example(campaign={"factors": factors})) == []


@pytest.mark.parametrize(
    ("expression", "runs"),
    [("temperature * concentration", True), ("1 / (temperature - temperature)", False)],
)
def test_a_box_of_which_no_point_keeps_the_constraints_is_a_fault(expression, runs):
    formula = {"kind": "formula", "expression": expression, "at_most": 10.0}
    faults = box_faults(example(campaign={"constraints": [formula]}))
    says = "campaign.constraints: no point within the factors' ranges keeps the constraints: "
    assert faults == ([] if runs else [f"{says}{expression} <= 10"])


def test_a_box_that_cannot_be_run_anywhere_is_a_fault_with_a_reason():
    factors = [
        {"name": "residence_time", "low": 0.5, "high": 2.0},
        {"name": "temperature", "kind": "discrete", "values": [40, 80]},
        {"name": "concentration", "low": 3.0, "high": 5.0},
        {"name": "equivalents.pyrrolidine", "low": 1.0, "high": 5.0},
    ]
    (fault,) = box_faults(example(campaign={"factors": factors}))
    assert fault.startswith("campaign.factors: unreachable flow: no point of the box can be run;")
    assert "concentration at most" in fault
