"""Edits of a campaign's space: what they change, what they refuse, how they are said."""

import json
from dataclasses import replace

import pytest

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.problem import observations, problem_for, problem_of, whole_problem
from daemon.campaign.space import Edit, differences, edited, space_lines, space_of, with_space
from daemon.errors import Refused
from daemon.experiment.record import ExperimentRecord, ResponseValue
from daemon.settings.check_space import space_faults
from daemon.settings.models import CampaignSettings, ObjectiveSettings
from tests.campaigns.days import settings_of
from tests.campaigns.test_compositions import settings_of as checked
from tests.campaigns.test_compositions import table

SECTION = CampaignSettings.model_validate(
    {
        "factors": [
            {"name": "temperature", "low": 30.0, "high": 120.0},
            {"name": "residence_time", "kind": "discrete", "values": [0.5, 1.0, 2.0]},
            {
                "name": "blend",
                "kind": "composition",
                "components": ["a", "b", "c"],
                "limits": {"a": [0.1, 0.5]},
            },
        ],
        "fixed": {"concentration": "300 mmol/L"},
        "constraints": [{"terms": {"temperature": 1.0, "blend.a": 10.0}, "at_most": 110.0}],
        "objectives": [{"response": "yield"}],
    }
)
PRODUCT = {"kind": "formula", "expression": "temperature * residence_time", "at_most": 90.0}
EDITS = [
    (Edit(ranges={"temperature": [None, 90]}), ["temperature: 30 to 120 -> 30 to 90"]),
    (Edit(ranges={"temperature": ["300 K", 140.0]}), ["temperature: 30 to 120 -> 300 K to 140"]),
    (
        Edit(values={"residence_time": [1.0, 2.0, 4.0]}),
        ["residence_time: one of 0.5, 1, 2 -> one of 1, 2, 4"],
    ),
    (
        Edit(limits={"blend": {"b": [0, 0.2]}}, max_components={"blend": 2}),
        ["blend: a, b, c (a 0.1 to 0.5) -> at most 2 of a, b, c (a 0.1 to 0.5, b 0 to 0.2)"],
    ),
    (Edit(fix={"temperature": 60}), ["temperature: fixed at 60"]),
    (Edit(fix={"concentration": 0.2}), ["concentration: fixed at 0.2"]),
    (
        Edit(fix={"blend": {"a": 0.5, "b": 0.5}}),
        ["blend: fixed at a 0.5, b 0.5"],
    ),
    (
        Edit(ranges={"concentration": [0.1, 0.4]}),
        ["concentration: is a factor now, 0.1 to 0.4"],
    ),
    (
        Edit(add_constraints=[{"terms": {"temperature": 2.0}, "at_least": 80}]),
        ["constraint added: 80 <= 2 temperature"],
    ),
    (
        Edit(drop_constraints=[0]),
        ["constraint dropped: 1 temperature + 10 blend.a <= 110"],
    ),
]
REFUSED = [
    (Edit(ranges={"temprature": [1, 2]}), "temprature: is no factor.*did you mean 'temperature'"),
    (Edit(ranges={"blend": [1, 2]}), "blend: is composition; this belongs to a continuous factor"),
    (Edit(values={"temperature": [1.0, 2.0]}), "temperature: is continuous; this belongs to a dis"),
    (Edit(free=["temperature"]), "temperature: is not fixed"),
    (Edit(free=["concentration"]), "concentration: is fixed for good; to let it vary give it a"),
    (Edit(ranges={"concentration": [None, 1]}), "concentration: was fixed; to let it vary give"),
    (Edit(drop_constraints=[3]), r"constraints.3: there are 1, counted from 0"),
    (Edit(max_components={"blend": 0}), "campaign.*max_components|factors.2.max_components"),
    (
        Edit(free=["a", "b"], fix={"c": 1}),
        "c: is no factor.*a: is no factor.*b: is no factor",
    ),
]


@pytest.mark.parametrize(("edit", "said"), EDITS, ids=[said[0] for _, said in EDITS])
def test_an_edit_changes_what_it_says(edit, said):
    assert differences(SECTION, edited(SECTION, edit)) == said


@pytest.mark.parametrize(("edit", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_an_edit_that_makes_no_sense_is_refused_in_words(edit, why):
    with pytest.raises(Refused, match=why):
        edited(SECTION, edit)


def test_what_was_fixed_can_be_freed_and_is_the_space_it_was():
    fixed = edited(SECTION, Edit(fix={"temperature": 60.0}))
    assert problem_of(fixed).factors[0].fault(61) == "is held at 60, got 61"
    freed = edited(fixed, Edit(free=["temperature"]))
    assert space_of(freed) == space_of(SECTION)
    assert differences(SECTION, freed) == []


def test_a_space_survives_its_document():
    fixed = edited(SECTION, Edit(fix={"temperature": 60.0}, limits={"blend": {"c": [0, 0.9]}}))
    again = with_space(SECTION, space_of(fixed))
    assert space_of(again) == space_of(fixed)
    assert problem_of(again) == problem_of(fixed)


def test_a_space_is_said_with_the_numbers_of_its_constraints():
    fixed = edited(SECTION, Edit(fix={"temperature": 60.0}, add_constraints=[PRODUCT]))
    assert space_lines(space_of(fixed)) == [
        "temperature: 30 to 120, fixed at 60",
        "residence_time: one of 0.5, 1, 2",
        "blend: a, b, c (a 0.1 to 0.5)",
        "concentration: fixed at 300 mmol/L",
        "constraint 0: 1 temperature + 10 blend.a <= 110",
        "constraint 1: temperature * residence_time <= 90",
    ]


FAULTS = [
    (Edit(ranges={"temperature": [30, 180]}), "is beyond the limits of bath.setpoint, [0, 140]"),
    (Edit(ranges={"temperature": [90, 60]}), "must be less than high, got [90, 60]"),
    (Edit(ranges={"temperature": ["hot", 60]}), "campaign.factors.1: is not a number with a unit"),
    (Edit(ranges={"residence_time": [0.0, 1]}), "must be greater than 0 min, got 0"),
    (Edit(ranges={"residence_time": [0.001, 0.002]}), "no point of the box can be run"),
    (Edit(fix={"temperature": 20.0}), "campaign.factors.1.fixed: must be in [30, 120], got 20"),
    (Edit(fix={"temperature": {"a": 1.0}}), "campaign.factors.1.fixed: must be a number, got"),
    (
        Edit(add_constraints=[{"terms": {"temprature": 1.0}, "at_most": 1.0}]),
        "campaign.constraints.0.terms.temprature: is no numeric factor",
    ),
    (
        Edit(add_constraints=[{"terms": {"temperature": 1.0}, "at_most": 1.0}]),
        "campaign.constraints.0.at_most: can never hold",
    ),
    (
        Edit(
            fix={"temperature": 90.0},
            add_constraints=[
                {"kind": "formula", "expression": "temperature * 2", "at_most": 100.0},
            ],
        ),
        "campaign.constraints: no point within the factors' ranges keeps the constraints",
    ),
]


@pytest.mark.parametrize(("edit", "says"), FAULTS, ids=[says for _, says in FAULTS])
def test_an_edited_space_is_checked_as_a_file_is(edit, says):
    settings = settings_of()
    new = settings.model_copy(update={"campaign": edited(settings.campaign, edit)})
    faults = space_faults(new)
    assert any(says in fault for fault in faults), faults
    assert space_faults(settings) == []


def test_a_blend_s_limits_are_checked_too():
    settings = checked(table())
    limits = {"blend": {"amine": [0.5, 0.9], "solvent": [0.6, 0.8]}}
    new = settings.model_copy(update={"campaign": edited(settings.campaign, Edit(limits=limits))})
    assert space_faults(new) == [
        "campaign.factors.1.limits: the least amounts add up to 1.2, more than the total, 1"
    ]


def remembered(*points):
    memory = Memory()
    for n, point in enumerate(points):
        good = {"yield": ResponseValue(0.5, None, "ok")}
        memory.records[f"e-{n}"] = ExperimentRecord(f"e-{n}", "ok", point, responses=good)
    return memory


BLEND = {"a": 0.2, "b": 0.3, "c": 0.5}
RUN = {"temperature": 110.0, "residence_time": 0.5, "blend": BLEND, "concentration": 0.3}


def test_a_planner_hears_of_a_reading_that_cannot_be_what_was_requested():
    memory = remembered(RUN)
    read = {**RUN, "temperature": -300.0, "residence_time": 0.48, "flow.a": 1.0}
    memory.records["e-0"] = replace(memory.records["e-0"], achieved=read)
    (run,) = observations(problem_for(SECTION, memory), memory, [])
    asked = {name: RUN[name] for name in run.point}
    assert run.achieved == {**asked, "residence_time": 0.48}


def test_of_factors_that_nothing_read_a_planner_hears_what_was_requested():
    memory = remembered(RUN)
    memory.records["e-0"] = replace(memory.records["e-0"], achieved={"residence_time": 0.48})
    (run,) = observations(problem_for(SECTION, memory), memory, [])
    assert run.achieved == {**{name: RUN[name] for name in run.point}, "residence_time": 0.48}
    memory.records["e-0"] = replace(memory.records["e-0"], achieved={"flow.a": 1.0})
    (run,) = observations(problem_for(SECTION, memory), memory, [])
    assert run.achieved is None


ANOTHER_GOAL = SECTION.model_copy(update={"objectives": [ObjectiveSettings(response="purity")]})


def test_a_run_of_another_objective_is_one_without_that_response_and_nothing_is_to_come():
    problem = problem_for(ANOTHER_GOAL, remembered(RUN))
    (run,) = observations(problem, remembered(RUN), [])
    assert (run.status, run.responses) == ("ok", {})
    (run,) = observations(problem, remembered(RUN), [], late={"yield"})
    assert run.status == "ok"


def test_a_run_whose_response_people_will_hand_in_is_pending_until_they_have():
    memory = remembered(RUN)
    problem = problem_for(ANOTHER_GOAL, memory)
    (run,) = observations(problem, memory, [], late={"purity"})
    assert run.status == "pending"
    lost = {"purity": ResponseValue(None, None, "failed", "the vial broke")}
    memory.records["e-0"] = replace(memory.records["e-0"], responses=lost)
    (run,) = observations(problem, memory, [], late={"purity"})
    assert run.status == "failed"


def test_the_problem_with_room_for_no_run_is_as_wide_as_its_space():
    whole = whole_problem(problem_for(SECTION, Memory()), [])
    assert (whole.factors[0].low, whole.factors[0].high) == (30.0, 120.0)


def test_a_run_that_lost_an_instrument_is_not_told_and_its_point_may_be_asked_for_again():
    memory = remembered(RUN, RUN)
    lost = replace(memory.records["e-0"], status="failed", responses={}, blameless=True)
    memory.records["e-0"] = lost
    (run,) = observations(problem_for(SECTION, memory), memory, [])
    assert run.status == "ok"
    memory.records["e-0"] = replace(lost, blameless=False)
    runs = observations(problem_for(SECTION, memory), memory, [])
    assert [run.status for run in runs] == ["failed", "ok"]


def test_runs_outside_the_new_box_stay_as_knowledge():
    edit = Edit(ranges={"temperature": [None, 90]}, values={"residence_time": [1.0, 2.0]})
    narrowed = edited(SECTION, edit)
    problem = problem_for(narrowed, remembered(RUN))
    (run,) = observations(problem, remembered(RUN), [])
    assert dict(run.point) == {name: RUN[name] for name in run.point}
    assert run.responses["yield"].value == 0.5
    row = problem.encode(run.point)
    assert row[0] > 1  # beyond the range, where it was
    assert problem.factors[1].dropped == (0.5,)
    assert row[1] > 1
    assert not problem.feasible(run.point)


def test_runs_at_another_value_of_a_condition_that_is_fixed_now_are_no_runs_at_this_one():
    section = edited(SECTION, Edit(fix={"concentration": 0.2}))
    memory = remembered(RUN, RUN | {"concentration": 0.2, "temperature": 60.0})
    problem = problem_for(section, memory)
    assert [factor.name for factor in problem.factors][-1] == "concentration"
    pending = [Suggestion("s-0009", {k: v for k, v in RUN.items() if k != "concentration"})]
    runs = observations(problem, memory, pending, {"concentration": 0.2})
    assert [run.point["concentration"] for run in runs] == [0.3, 0.2, 0.2]
    rows = [problem.encode(run.point)[-1] for run in runs]
    assert rows[0] != rows[1]
    assert problem.factors[-1].fault(0.3) == "is held at 0.2, got 0.3"


def test_a_planner_hears_in_which_unit_a_response_is():
    problem = problem_for(SECTION, remembered(RUN), {"yield": "mol/mol", "other": "bar"})
    assert [(r.name, r.unit) for r in problem.responses] == [("yield", "mol/mol")]


def test_a_history_without_the_new_factor_of_an_edited_file_is_told_by_what_was_fixed():
    section = edited(SECTION, Edit(ranges={"concentration": [0.1, 0.4]}))
    problem = problem_for(section, remembered(RUN))
    (run,) = observations(problem, remembered(RUN), [])
    assert run.point["concentration"] == 0.3


def test_points_nobody_has_run_are_in_the_order_they_were_thought_of():
    memory = remembered(RUN)
    points = [Suggestion(f"s-000{n}", RUN | {"temperature": 40.0 + n}) for n in (3, 1, 2)]
    memory.vetoed = points
    problem = problem_for(SECTION, memory)
    runs = observations(problem, memory, [])
    assert [run.point["temperature"] for run in runs] == [110.0, 41.0, 42.0, 43.0]


CHOICE = CampaignSettings.model_validate(
    {
        "factors": [
            {"name": "temperature", "low": 30.0, "high": 120.0},
            {
                "name": "base",
                "kind": "categorical",
                "levels": ["dbu", "dipea"],
                "dropped": ["tmg"],
                "descriptors": {"dbu": {"pka": 13.5}, "dipea": {"pka": 11.0}, "tmg": {"pka": 15.2}},
            },
        ],
        "objectives": [{"response": "yield"}],
    }
)


def chose(*bases):
    return remembered(*({"temperature": 60.0, "base": base} for base in bases))


def told(section, memory):
    return [o.point["base"] for o in observations(problem_for(section, memory), memory, [])]


def test_a_level_that_was_dropped_still_teaches_with_its_descriptors():
    memory = chose("dbu", "tmg", "dipea")
    base = problem_for(CHOICE, memory).factors[1]
    assert (base.levels, base.dropped) == (("dbu", "dipea"), ("tmg",))
    assert base.descriptors["tmg"] == {"pka": 15.2}
    assert told(CHOICE, memory) == ["dbu", "tmg", "dipea"]
    assert problem_for(CHOICE, chose("dbu")).factors[1].dropped == ()


def test_a_level_that_only_an_earlier_campaign_tried_stays_known_when_it_is_dropped():
    runs = [{"point": {"temperature": 60.0, "base": base}} for base in ("tmg", "tgm")]
    section = CHOICE.model_copy(update={"options": {"earlier": runs}})
    assert problem_for(section, Memory()).factors[1].dropped == ("tmg",)  # tgm is a slip


def test_earlier_runs_given_as_text_keep_their_levels_and_values_known_too():
    points = [{"point": {"temperature": 60.0, "base": "tmg"}}]
    section = CHOICE.model_copy(update={"options": {"earlier": json.dumps(points)}})
    assert problem_for(section, Memory()).factors[1].dropped == ("tmg",)
    narrowed = edited(SECTION, Edit(values={"residence_time": [1.0, 2.0]}))
    text = {"options": {"earlier": json.dumps([{"point": RUN}])}}
    assert problem_for(narrowed.model_copy(update=text), Memory()).factors[1].dropped == (0.5,)
    broken = narrowed.model_copy(update={"options": {"earlier": "[{"}})
    assert problem_for(broken, Memory()).factors[1].dropped == ()


def test_a_value_that_only_an_earlier_campaign_tried_stays_known_when_it_is_dropped():
    narrowed = edited(SECTION, Edit(values={"residence_time": [1.0, 2.0]}))
    section = narrowed.model_copy(update={"options": {"earlier": [{"point": RUN}]}})
    assert problem_for(section, Memory()).factors[1].dropped == (0.5,)


def test_runs_with_a_level_that_nobody_describes_any_more_are_not_told():
    document = CHOICE.model_dump()
    del document["factors"][1]["descriptors"]["tmg"]
    short = CampaignSettings.model_validate(document)
    assert told(short, chose("dbu", "tmg", "dipea")) == ["dbu", "dipea"]
    document["factors"][1]["descriptors"] = {}
    plain = CampaignSettings.model_validate(document)
    assert told(plain, chose("dbu", "tmg", "dipea")) == ["dbu", "tmg", "dipea"]


def test_runs_of_a_factor_that_was_something_else_are_not_told():
    memory = chose("dbu", 3.0, "dipea")
    assert told(CHOICE, memory) == ["dbu", "dipea"]
