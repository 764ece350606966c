"""What a campaign needs of others: who performs experiments, and who chooses points."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from daemon.campaign.memory import Memory, Suggestion
from daemon.campaign.standing import Standing
from daemon.experiment.record import ExperimentRecord


class Runner(Protocol):
    """What performs experiments (``daemon.experiment.executor``)."""

    async def run(self, id: str, conditions: Mapping[str, Any]) -> ExperimentRecord:  # noqa: A002 (CONTRACT's word)
        """Perform one experiment; conditions that cannot be made give a ``refused`` record.

        Raises EndNotWritten when its end cannot be recorded.
        """
        ...

    async def skip(self, reason: str) -> None:
        """End the experiment in flight; the rig is left at a trickle."""
        ...

    def missing(self) -> list[str]:
        """Return the instruments an experiment needs that are not connected."""
        ...

    def unready(self) -> list[str]:
        """Return why no experiment may start with connected instruments, a sentence for each."""
        ...

    def hold(self) -> None:
        """End the current step safely and wait, keeping temperature."""
        ...

    def resume(self) -> None:
        """Go on after a hold."""
        ...

    async def abort(self, reason: str) -> None:
        """End the experiment in flight, if any; stop pumps and heat now."""
        ...

    async def shutdown(self) -> None:
        """Cool under solvent, then stop."""
        ...


class Observer(Protocol):
    """What looks at how a campaign stands (``daemon.campaign.asking``)."""

    async def standing(self, memory: Memory) -> Standing:
        """Return the most probable best experiments; raise PlannerFailed."""
        ...


class Asker(Protocol):
    """What chooses points (``daemon.campaign.asking``)."""

    async def ask(self, memory: Memory, pending: Sequence[Suggestion], n: int) -> list[Suggestion]:
        """Return up to ``n`` next points, none when the planner is done; raise PlannerFailed."""
        ...

    @property
    def remark(self) -> str:
        """Return what the planner said beside its last answer without points; empty for nothing."""
        ...
