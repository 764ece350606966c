"""Faults of planning, split by what the caller should do about them."""

from collections.abc import Sequence

from planners.rounding import counted


class PlannerError(Exception):
    """The base of every fault here; its text is a sentence for the user."""


class _Listed(PlannerError):
    """Faults of a file or document, all at once, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)

    def under(self, where: str) -> list[str]:
        """Return the faults, each prefixed with the place they were found in."""
        return [f"{where}: {fault}" for fault in self.faults]


class BadProblem(_Listed):
    """The problem contradicts itself or is malformed; fix it. Faults start with a key path."""


class BadHistory(_Listed):
    """The history does not fit the problem; fix it. Faults start with row and column."""


class BadOption(_Listed):
    """No planner of that name, or it does not take that option or value; fix it."""


class CannotSuggest(PlannerError):
    """The problem is well formed, but no point can be found; the sentence says why."""


class NothingLeft(PlannerError):
    """No point is left, and that is the end; the sentence says what was passed over, and why."""


class PlannerDied(PlannerError):
    """The planner's process ended, stalled or could not be started; asking again may help."""


class NonsenseAnswer(PlannerError):
    """The planner answered something that is no list of points of this problem."""


class PlannerRefused(PlannerError):
    """The planner answered that it cannot suggest anything; the text is its own."""


def raise_any(faults: list[str], shown: int = 50) -> None:
    """Raise BadHistory when there are faults; a broken file has thousands, and so many are told."""
    if len(faults) > shown:
        faults = [*faults[:shown], f"and {counted(len(faults) - shown, 'fault')} more"]
    if faults:
        raise BadHistory(faults)
