"""What ends or interrupts an experiment; each says what the executor then does with the rig."""

from collections.abc import Sequence
from typing import Literal

from daemon.analysis.estimate import Repeated
from daemon.errors import Infeasible, StoreFailed, TaylordError
from daemon.experiment.record import ExperimentRecord
from drivers.errors import GarbledReply, LinkLost, NoReply, NotConnected

COOLED = "held rig made safe"  # a decision
HELD_AT_MOST = "held for longer than campaign.hold_at_most"

Afterwards = Literal["safe", "trickle", "nothing"]


class ConditionsRefused(Infeasible):
    """The conditions cannot be made; ``reasons`` are one sentence for each bound."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class ExperimentFailed(TaylordError):
    """The experiment has no result; ``afterwards`` is the state the rig is left in.

    A ``blameless`` failure says nothing of the conditions.
    """

    def __init__(
        self, reason: str, afterwards: Afterwards = "safe", *, blameless: bool = False
    ) -> None:
        super().__init__(reason)
        self.afterwards: Afterwards = afterwards
        self.blameless = blameless


def lost(error: BaseException | None) -> bool:
    """Return whether nothing new was heard of an instrument: no word of the conditions."""
    return isinstance(error, NoReply | LinkLost | NotConnected | GarbledReply | Repeated)


class HoldAsked(TaylordError):
    """Someone asked for a hold; the step ends here and the recipe is resumed from the heating."""


class StartAgain(TaylordError):
    """The flows were interrupted; the recipe is resumed from the heating, once."""


class EndNotWritten(StoreFailed):
    """The experiment has ended as ``record`` says, which is not on the disk yet."""

    def __init__(self, why: str, record: ExperimentRecord) -> None:
        super().__init__(why)
        self.record = record
