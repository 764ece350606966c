"""What ``taylord check`` remarks on although it is no fault."""

import pytest

from daemon.settings.check_problem import problem_remarks
from daemon.settings.models import Settings
from tests.campaigns.days import settings_of

POINT = {
    "residence_time": 1.0,
    "temperature": 60.0,
    "concentration": 0.2,
    "equivalents.pyrrolidine": 2.0,
}


def settings(experiments, planner, options) -> Settings:
    whole = settings_of(experiments)
    section = whole.campaign.model_copy(update={"planner": planner, "options": options})
    return whole.model_copy(update={"campaign": section})


@pytest.mark.parametrize(
    ("planner", "options", "runs"),
    [
        ("design", {"kind": "full", "centre_points": 1}, 17),
        ("lhs", {"n_runs": 9}, 9),
        ("replay", {"points": [POINT, POINT, POINT | {"temperature": 70.0}]}, 3),
    ],
)
def test_a_campaign_that_ends_before_its_table_is_remarked_on(planner, options, runs):
    assert problem_remarks(settings(runs, planner, options)) == []
    (said,) = problem_remarks(settings(runs - 1, planner, options))
    of = f"{planner} has a table of {runs} runs: the last one is not run"
    assert said == f"campaign.experiments: is {runs - 1}, and {of}"


@pytest.mark.parametrize(
    ("planner", "options"), [("bayes", {}), ("replay", {"points": [{"temperature": 1.0}]})]
)
def test_what_has_no_table_or_a_fault_is_not(planner, options):
    assert problem_remarks(settings(1, planner, options)) == []
