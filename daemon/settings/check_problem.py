"""Cross-checks of the campaign as its planner will see it: the problem, planner and options."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from daemon import plugins
from daemon.campaign.problem import problem_of
from daemon.settings.models import CampaignSettings, PlannerCommand, Settings
from daemon.settings.subject import Subject
from daemon.settings.wording import key_of, nearest
from planners.advice import remarks
from planners.base import Tabular
from planners.errors import BadOption, BadProblem, CannotSuggest
from planners.registry import make_planner

# the problem's sections as the file calls them
SECTIONS = {"factors": "factors", "responses": "objectives", "constraints": "constraints"}


def problem_faults(settings: Settings, said: Sequence[str]) -> list[str]:
    """Return why factors, objectives and constraints make no problem, beyond what was ``said``."""
    if settings.campaign is None:
        return []
    known = {tuple(key_of(fault).split(".")[:3]) for fault in said}
    try:
        problem_of(settings.campaign)
    except BadProblem as error:
        own = [fault for fault in error.faults if _stands_in_the_file(settings.campaign, fault)]
        found = [f"campaign.{_as_in_the_file(fault)}" for fault in own]
        return [fault for fault in found if tuple(key_of(fault).split(".")[:3]) not in known]
    except ValueError:
        pass  # a bound that is no number: said where it stands
    return []


def problem_remarks(settings: Settings) -> list[str]:
    """Return what is no fault of the factors, and worth a word before the campaign begins."""
    if settings.campaign is None:
        return []
    told = [f"campaign.factors: {remark}" for remark in remarks(problem_of(settings.campaign))]
    return [*told, *_too_short(settings.campaign)]


def _too_short(campaign: CampaignSettings) -> Iterator[str]:
    """Give that the campaign ends before its planner's table does: a part of a design is none."""
    if isinstance(campaign.planner, PlannerCommand):
        return
    try:
        planner = make_planner(campaign.planner, campaign.options, seed=campaign.seed)
        runs = planner.size(problem_of(campaign)) if isinstance(planner, Tabular) else 0
    except (BadOption, CannotSuggest):
        return  # said where it is asked for a first point
    if (short := runs - campaign.experiments) > 0:
        last = "the last one is" if short == 1 else f"the last {short} are"
        yield (
            f"campaign.experiments: is {campaign.experiments}, and {campaign.planner} has a table"
            f" of {runs} runs: {last} not run"
        )


def _stands_in_the_file(campaign: CampaignSettings, fault: str) -> bool:
    """Return whether a fault is none of a constraint made of a composition's limits.

    What is wrong with those is told where they stand.
    """
    section, number, *_ = [*key_of(fault).split("."), ""]
    return section != "constraints" or int(number or 0) < len(campaign.constraints)


def _as_in_the_file(fault: str) -> str:
    section, dot, rest = fault.partition(".")
    rest = rest.replace(".held:", ".fixed:", 1)  # as the key is called
    return f"{SECTIONS.get(section, section)}{dot}{rest}"


def planner_faults(subject: Subject) -> Iterator[str]:
    """The planner is installed and takes its options, or is a program that can be started."""
    campaign = subject.settings.campaign
    if campaign is None:
        return
    if isinstance(campaign.planner, PlannerCommand):
        yield from _program_faults(campaign.planner)
        if campaign.options:
            yield "campaign.options: belong to an installed planner; give a program arguments"
        return
    installed = plugins.names("taylord.planners")
    if campaign.planner not in installed:
        close = nearest(campaign.planner, installed)
        yield f"campaign.planner: unknown planner {campaign.planner!r}{close}"
        return
    try:
        make_planner(campaign.planner, campaign.options)
    except BadOption as error:
        yield from (f"campaign.{fault}" for fault in error.faults)


def _program_faults(planner: PlannerCommand) -> Iterator[str]:
    """The program is in PATH or, with a slash in its name, where it counts from: its folder."""
    program, folder = planner.command[0], planner.folder
    at = "campaign.planner"
    if "\0" in folder or (folder and not Path(folder).is_dir()):
        yield f"{at}.folder: no folder {folder!r}, in which the program is to be started"
    elif "\0" in program or shutil.which(_found(program, folder)) is None:
        where = f" in {folder}" if "/" in program and not program.startswith("/") else ""
        yield f"{at}.command.0: no program {program!r} that can be started{where}"


def _found(program: str, folder: str) -> str:
    return str(Path(folder) / program) if "/" in program else program
