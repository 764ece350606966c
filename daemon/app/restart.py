"""What a start does with the campaign that the data directory holds.

| asked for      | the last campaign          | goes on with it          | begins by itself        |
|----------------|----------------------------|--------------------------|-------------------------|
| ``resume``     | not complete, or the file  | yes                      | yes                     |
|                | has more experiments now   |                          |                         |
| ``run --once`` | none, or complete          | no: a new one            | yes                     |
| ``run --once`` | not complete               | ``on_restart = resume``, | yes                     |
|                |                            | else a person must say   |                         |
| ``run``        | none                       | no: a new one            | ``start = auto``        |
| ``run``        | interrupted                | yes                      | ``on_restart = resume`` |
| ``run``        | stopped, aborted, complete | yes                      | no: a person ended it   |
| ``run``        | stopping, aborting         | yes                      | no: somebody was at it  |
| one experiment | not interrupted            | no                       | yes                     |

A campaign that has not begun an experiment, and in which nobody has decided anything, counts for
``resume`` only. One whose last experiments were all cut short does not begin by itself: what ended
them (a fault of taylord, a mains that flickers) would have the rig heated and stopped all night. A
directory that another rig has written into is refused.
"""

from daemon.app.plan import RunPlan
from daemon.campaign.memory import COUNTED
from daemon.campaign.states import ENDING
from daemon.errors import ConfigError
from daemon.store.reader import Reader
from daemon.store.stored import StoredCampaign

COMPLETE = "complete"
CUT_SHORT = 3  # experiments in a row that no start has brought to an end
AGAIN_AND_AGAIN = (
    f"the last {CUT_SHORT} experiments were all cut short by the end of taylord: look into the log"
)


def refuse_another_rigs_record(plan: RunPlan) -> None:
    """Raise ConfigError when the data directory is the record of a rig of another name."""
    try:
        with Reader(plan.data) as reader:
            owner = reader.meta().get("rig")
    except ConfigError:
        return  # a new directory
    name = plan.settings.name
    if owner and owner != name:
        raise ConfigError(
            [
                f"{plan.data}: is the record of rig {owner!r}, and this is rig {name!r}:"
                " give each rig its own --data"
            ]
        )


def campaign_to_continue(plan: RunPlan) -> StoredCampaign | None:
    """Return the campaign to go on with; raise ConfigError when a person must say."""
    last = _last(plan)
    if plan.restart == "resume":
        return _resumed(plan, last)
    if last is None or not last.begun:
        return None
    if plan.conditions is not None:
        return _refused(plan, last) if not last.ended else None
    if plan.restart == "new" or (plan.once and last.state == COMPLETE):
        return None
    if plan.once and not _resumes(plan):
        return _refused(plan, last)
    return last


def _resumed(plan: RunPlan, last: StoredCampaign | None) -> StoredCampaign:
    """Return the campaign that a person asks to go on with, if anything of it is left."""
    if last is None:
        raise ConfigError([f"{plan.data}: holds no campaign to resume"])
    section = plan.settings.campaign
    done = sum(experiment.status in COUNTED for experiment in last.experiments)
    if section is not None and done >= section.experiments:
        raise ConfigError(
            [
                f"{plan.data}: nothing is left to resume: campaign {last.id} ({last.state}) has"
                f" done {done} experiments, and campaign.experiments is {section.experiments};"
                " raise it for more; another --data begins afresh"
            ]
        )
    return last


def keeps_being_cut_short(continues: StoredCampaign | None) -> bool:
    """Return whether the last experiments all ended with their daemon: the next would, too."""
    last = continues.experiments[-CUT_SHORT:] if continues is not None else ()
    return len(last) == CUT_SHORT and all(e.cut_short(ended=True) for e in last)


def begins_by_itself(plan: RunPlan, continues: StoredCampaign | None) -> bool:
    """Return whether the campaign begins without a person's command."""
    section = plan.settings.campaign
    if section is None:
        return False
    if plan.once or plan.restart == "resume":
        return True
    if continues is None:
        return section.start == "auto"
    ends = continues.ended or continues.state in ENDING
    resumes = section.on_restart == "resume" and not keeps_being_cut_short(continues)
    return resumes and not ends


def _last(plan: RunPlan) -> StoredCampaign | None:
    try:
        with Reader(plan.data) as reader:
            return reader.campaign()
    except ConfigError:
        return None  # a new directory


def _resumes(plan: RunPlan) -> bool:
    return plan.settings.campaign is not None and plan.settings.campaign.on_restart == "resume"


def _refused(plan: RunPlan, last: StoredCampaign) -> StoredCampaign:
    raise ConfigError(
        [
            f"{plan.data}: holds campaign {last.id}, {last.state} after"
            f" {len(last.experiments)} experiments; `taylord resume` goes on with it,"
            " another --data begins afresh"
        ]
    )
