"""Cross-checks: what one section says against the others, before anything opens.

Each check is a generator of faults ``KEY.PATH: what is wrong, what was given, what is allowed``;
they are independent, so that one fault never hides another.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from daemon.campaign.box import box_faults
from daemon.settings.check_campaign import campaign_faults, chemistry_faults, response_faults
from daemon.settings.check_factors import factor_faults
from daemon.settings.check_problem import planner_faults, problem_faults
from daemon.settings.check_rig import feed_faults, instrument_faults, line_faults, reactor_faults
from daemon.settings.check_safety import interlock_faults, mqtt_faults
from daemon.settings.models import Settings
from daemon.settings.subject import Subject

CHECKS: tuple[Callable[[Subject], Iterator[str]], ...] = (
    mqtt_faults,
    instrument_faults,
    line_faults,
    feed_faults,
    reactor_faults,
    chemistry_faults,
    response_faults,
    campaign_faults,
    factor_faults,
    planner_faults,
    interlock_faults,
)


# what must be right before the flows of the campaign's box can be worked out
NEEDED_FOR_FLOWS = ("feeds", "reactor", "chemistry", "campaign", "analysis", "instruments")


def cross_check(settings: Settings, raw: Mapping[str, Any], *, whole: bool = True) -> list[str]:
    """Return every fault between the sections of a file whose shape is right.

    ``raw`` is the whole file as read: names defined in sections that were set aside are known.
    ``whole`` is False when there are such sections.
    """
    subject = Subject(settings, raw)
    faults = [fault for check in CHECKS for fault in check(subject)]
    faults += problem_faults(settings, faults)
    if whole and not any(fault.startswith(NEEDED_FOR_FLOWS) for fault in faults):
        faults += box_faults(settings)
    return faults
