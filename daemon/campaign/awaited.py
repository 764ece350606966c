"""Results that people are still to hand in: which experiments lack which offline response."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from daemon.campaign.memory import MEASURED

SHOWN = 5  # experiments named for each response
Awaited = dict[str, list[str]]  # response -> experiments


class Run(Protocol):
    """An experiment, from memory or from the record."""

    @property
    def id(self) -> str:
        """Return its name."""
        ...

    @property
    def status(self) -> str:
        """Return how it ended."""
        ...

    @property
    def responses(self) -> Mapping[str, Any]:
        """Return what was measured, or could not be."""
        ...


def awaited(late: Iterable[str], runs: Iterable[Run]) -> Awaited:
    """Return the experiments that have no word yet of each response measured elsewhere.

    One that failed has no sample that anybody should wait for.
    """
    done = [run for run in runs if run.status in MEASURED]
    lacking = {name: [run.id for run in done if name not in run.responses] for name in sorted(late)}
    return {name: ids for name, ids in lacking.items() if ids}


def awaited_lines(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return it in words, a line for each response."""
    return [f"{name} of {_listed(ids)}" for name, ids in found.items()]


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more
