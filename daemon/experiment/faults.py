"""What ends or interrupts an experiment; each says what the executor then does with the rig."""

from collections.abc import Sequence
from typing import Literal

from daemon.errors import Infeasible, TaylordError

Afterwards = Literal["safe", "trickle", "nothing"]


class ConditionsRefused(Infeasible):
    """The conditions cannot be made; ``reasons`` are one sentence for each bound."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class ExperimentFailed(TaylordError):
    """The experiment has no result; ``afterwards`` is the state the rig is left in."""

    def __init__(self, reason: str, afterwards: Afterwards = "safe") -> None:
        super().__init__(reason)
        self.afterwards: Afterwards = afterwards


class HoldAsked(TaylordError):
    """Someone asked for a hold; the step ends here and the recipe is resumed from the heating."""


class StartAgain(TaylordError):
    """The flows were interrupted; the recipe is resumed from the heating, once."""
