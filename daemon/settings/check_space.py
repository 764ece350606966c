"""The checks of a campaign's space alone: the same as a file's, after an edit."""

from daemon.campaign.box import box_faults
from daemon.experiment.reach import Reach
from daemon.settings.check_factors import factor_faults
from daemon.settings.check_problem import problem_faults
from daemon.settings.models import Settings
from daemon.settings.subject import Subject


def space_faults(settings: Settings, reach: Reach | None = None) -> list[str]:
    """Return what is wrong with factors, fixed conditions and constraints; nothing is opened.

    With ``reach`` the instruments as they are have a say, too.
    """
    subject = Subject(settings, settings.model_dump(exclude_unset=True))
    faults = list(factor_faults(subject))
    faults += problem_faults(settings, faults)
    return faults or box_faults(settings, reach)
