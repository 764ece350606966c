"""What ends or interrupts an experiment; each says what the executor then does with the rig."""

from typing import Literal

from daemon.errors import TaylordError

Afterwards = Literal["safe", "trickle", "nothing"]


class ExperimentFailed(TaylordError):
    """The experiment has no result; ``afterwards`` is the state the rig is left in."""

    def __init__(self, reason: str, afterwards: Afterwards = "safe") -> None:
        super().__init__(reason)
        self.afterwards: Afterwards = afterwards


class HoldAsked(TaylordError):
    """Someone asked for a hold; the step ends here and the recipe is resumed from the heating."""


class StartAgain(TaylordError):
    """The flows were interrupted; the recipe is resumed from the heating, once."""
