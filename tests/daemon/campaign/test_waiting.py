"""What is said of a campaign that waits."""

from dataclasses import dataclass, field

import pytest

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.states import State
from daemon.campaign.waiting import ASKED, RESTS_THEN, STAYS_ON, waits_for
from daemon.settings.models import CampaignSettings
from tests.daemon.campaign.bench import SETTINGS


@dataclass
class Campaign:
    state: State = State.RUNNING
    experiment: str = ""
    warm: bool = True
    settings: CampaignSettings = SETTINGS
    memory: Memory = field(default_factory=Memory)


def test_a_point_that_waits_for_a_word_is_told_with_what_becomes_of_the_rig():
    campaign = Campaign()
    campaign.memory.proposed["s-0001"] = Suggestion("s-0001", {})
    told = waits_for(campaign, [])
    assert told == f"s-0001 waits for a word (suggestion.approve); {RESTS_THEN}"
    campaign.warm = False  # before the first experiment, or shut down by now
    assert waits_for(campaign, []) == "s-0001 waits for a word (suggestion.approve)"


def test_a_planner_that_takes_its_time_is_told():
    assert waits_for(Campaign(warm=False), []) == ASKED


def test_instruments_that_are_away_are_told_when_there_is_something_to_run():
    campaign = Campaign()
    campaign.memory.waiting.append(Suggestion("s-0001", {}))
    assert waits_for(campaign, ["bath", "pump-a"]) == "waits for instruments: bath; pump-a"
    assert waits_for(campaign, []) == ""  # it is about to begin


def test_a_hold_says_how_long_the_rig_is_kept_warm():
    assert waits_for(Campaign(State.HELD), []).endswith(STAYS_ON)
    limited = SETTINGS.model_copy(update={"hold_at_most": 7200.0})
    told = waits_for(Campaign(State.HELD, settings=limited), [])
    assert told.endswith("heat and solvent go off when it was held for 120 min")


@pytest.mark.parametrize("state", [State.IDLE, State.HOLDING, State.STOPPING, State.COMPLETE])
def test_what_ends_or_has_not_begun_waits_for_nothing(state):
    assert waits_for(Campaign(state), []) == ""


def test_while_an_experiment_runs_nothing_is_waited_for():
    assert waits_for(Campaign(experiment="e-0001"), []) == ""
