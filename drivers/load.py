"""What a line has carried: counted by its bus, measured by whoever looks at two moments."""

from dataclasses import astuple, dataclass


@dataclass(slots=True)
class Counters:
    """What happened on a line since it was made; ``busy_s`` is the time somebody held it."""

    exchanges: int = 0
    timeouts: int = 0
    garbled: int = 0  # answers that were not valid
    stray: int = 0  # frames that answered nobody, and that no driver expects
    opened: int = 0
    busy_s: float = 0.0

    def copy(self) -> "Counters":
        """Return the counts as they are now."""
        return Counters(*astuple(self))
