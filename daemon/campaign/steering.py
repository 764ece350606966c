"""What people decide about a campaign beside its state: points, results, and the space.

Every decision is on record before it acts. A running experiment is never touched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from daemon.campaign.memory import Memory, Suggestion, amended_document, with_result
from daemon.campaign.problem import problem_of
from daemon.campaign.space import differences, space_of
from daemon.errors import Refused, StoreFailed
from daemon.experiment.record import ResponseValue
from daemon.settings.conditions import fixed_conditions
from daemon.settings.models import CampaignSettings

WITHDRAWN = "the space was edited, and the point is outside"


class Steered(Protocol):
    """What a decision needs of the campaign."""

    settings: CampaignSettings
    memory: Memory
    running: Suggestion | None
    experiment: str

    async def tell(self, kind: Any, document: Mapping[str, Any]) -> None:
        """Emit a document and wait until it is committed."""
        ...

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        ...

    def look_again(self) -> None:
        """Note that something is new, such as a result."""
        ...


class Steering:
    """Decisions about one campaign."""

    def __init__(self, campaign: Steered, configured: CampaignSettings) -> None:
        """``configured`` is the section as the file has it."""
        self._campaign, self._configured = campaign, configured
        self.edits = 0  # of the space, since the start

    @property
    def _memory(self) -> Memory:
        return self._campaign.memory

    async def decide(
        self,
        suggestion: str,
        *,
        approved: bool,
        by: str = "",
        reason: str = "",
        fix: Mapping[str, Any] | None = None,
    ) -> None:
        """Approve or veto a proposed point; with ``fix`` ask again with factors held at values.

        A point that waits to be run, approved or not, can still be vetoed.
        """
        proposed = suggestion in self._memory.proposed
        taken = self._take(suggestion, approved=approved)
        verdict = {"by": by, "reason": reason, "fix": dict(fix or {})}
        decided = replace(taken, verdict={k: v for k, v in verdict.items() if v})
        try:
            document = decided.document("approved" if approved else "vetoed")
            await self._campaign.tell("suggestion", document)
        except StoreFailed:  # nothing was decided
            if proposed:
                self._memory.proposed[suggestion] = taken
            else:
                self._memory.waiting.insert(0, taken)
            raise
        if approved:
            self._memory.waiting.append(decided)
        else:
            self._memory.vetoed.append(decided)
            self._memory.wishes += [decided] if decided.wish else []
        self._campaign.notify()

    def _take(self, suggestion: str, *, approved: bool) -> Suggestion:
        memory = self._memory
        if suggestion in memory.proposed:
            return memory.proposed.pop(suggestion)
        for waiting in () if approved else memory.waiting:
            if waiting.id == suggestion and waiting is not self._campaign.running:
                memory.waiting.remove(waiting)
                return waiting
        running = self._campaign.running
        if running is not None and suggestion == running.id:
            runs = f"{suggestion} runs as {self._campaign.experiment} already"
            raise Refused(f"{runs}: experiment.skip gives it up")
        others = [] if approved else [s.id for s in memory.waiting if s is not running]
        known = ", ".join([*memory.proposed, *others])
        if not (suggestion or known):
            raise Refused("no suggestion waits for a decision")
        which = f"suggestion {suggestion!r}" if suggestion else "suggestion"
        raise Refused(f"no {which} waits for a decision; waiting: {known or 'none'}")

    async def give_up(self, wish: Suggestion, why: str) -> None:
        """Ask no more for a point in the place of a rejected one."""
        self._memory.wishes.remove(wish)
        told = replace(wish, verdict={**wish.verdict, "given_up": why})
        await self._campaign.tell("suggestion", told.document("vetoed"))

    # -- the space -----------------------------------------------------------------------------

    async def edit_space(
        self, new: CampaignSettings, *, by: str, reason: str = ""
    ) -> tuple[list[str], list[str]]:
        """Take another space, which has been checked; return what changed, in words.

        The second list has the points that were asked ahead and are withdrawn.
        """
        changes = differences(self._campaign.settings, new)
        if not changes:
            raise Refused("the edit changes nothing")
        document = self.document(changes, by=by, reason=reason, new=new)
        await self._campaign.tell("space", document)
        self._campaign.settings = new
        self.edits += 1
        gone = await self.withdraw()
        self._campaign.notify()
        return changes, gone

    def document(
        self,
        changes: Sequence[str],
        *,
        by: str,
        reason: str,
        new: CampaignSettings | None = None,
    ) -> dict[str, Any]:
        """Return the ``space`` event: who changed what, why, and the space as it is then."""
        space = self._campaign.settings if new is None else new
        return {
            "state": "edited",
            "by": by,
            "reason": reason,
            "changes": list(changes),
            "space": space_of(space),
            "configured": space_of(self._configured),
            "problem": problem_of(space).to_json(),
        }

    async def withdraw(self) -> list[str]:
        """Withdraw the planner's points that the space leaves out; return their ids."""
        inside = _Inside(self._campaign.settings)
        gone = [s for s in self._asked_ahead() if not inside(s)]
        await self._withdraw(gone, WITHDRAWN)
        return [s.id for s in gone]

    async def withdraw_all(self, why: str) -> None:
        """Withdraw every point of the planner's that has not begun."""
        await self._withdraw([s for s in self._asked_ahead() if s.origin == "planner"], why)

    def _asked_ahead(self) -> list[Suggestion]:
        waiting = [s for s in self._memory.waiting if s is not self._campaign.running]
        return [*waiting, *self._memory.proposed.values()]

    async def _withdraw(self, gone: Sequence[Suggestion], why: str) -> None:
        memory = self._memory
        for suggestion in gone:
            memory.proposed.pop(suggestion.id, None)
            if suggestion in memory.waiting:
                memory.waiting.remove(suggestion)
            told = replace(suggestion, verdict={"by": "daemon", "reason": why})
            await self._campaign.tell("suggestion", told.document("withdrawn"))
        if gone:
            self._campaign.notify()  # there is room for other points

    # -- results -------------------------------------------------------------------------------

    def check_result(self, experiment: str) -> None:
        """Raise Refused when an offline analysis cannot be added to this experiment."""
        if experiment not in self._memory.records:
            last = next(reversed(self._memory.records), None)
            known = f"the last one is {last!r}" if last else "none has begun"
            raise Refused(
                f"result.submit is refused: there is no experiment {experiment!r}; {known}"
            )
        if experiment == self._campaign.experiment:
            raise Refused(f"result.submit is refused: experiment {experiment!r} still runs")

    def status_of(self, experiment: str) -> str:
        """Return how an experiment ended."""
        return self._memory.records[experiment].status

    def values_of(self, experiment: str, names: Iterable[str]) -> dict[str, ResponseValue]:
        """Return those of these responses that an experiment has a value of."""
        had = self._memory.records[experiment].responses
        return {name: had[name] for name in names if name in had and had[name].value is not None}

    async def add_result(
        self, experiment: str, responses: Mapping[str, ResponseValue], *, by: str = ""
    ) -> None:
        """Add an offline analysis to an experiment that ended."""
        self.check_result(experiment)
        record = with_result(self._memory.records[experiment], responses)
        await self._campaign.tell("experiment", amended_document(record, by))
        self._memory.records[experiment] = record
        self._campaign.look_again()


class _Inside:
    """Whether a suggestion is one of the space; what a person submitted is their own."""

    def __init__(self, section: CampaignSettings) -> None:
        self._problem = problem_of(section)
        self._names = {factor.name for factor in self._problem.factors}
        self._fixed = fixed_conditions(section)

    def __call__(self, suggestion: Suggestion) -> bool:
        if suggestion.origin != "planner":
            return True
        own = {n: v for n, v in suggestion.point.items() if n in self._names}
        rest = {n: v for n, v in suggestion.point.items() if n not in self._names}
        return self._problem.feasible(own) and all(
            self._fixed.get(name) == value for name, value in rest.items()
        )
