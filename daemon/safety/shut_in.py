"""A pump that delivers through a valve which stands elsewhere is stopped, by a trip.

The guard opens the way before a pump runs, and an experiment looks at it while it runs. This looks
all the time, also while solvent trickles between experiments or somebody has set a flow by hand: a
rotor is turned by hand, goes home by itself when its power returns, or is stuck half way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daemon.safety.rows import number
from daemon.safety.trip import Cause
from drivers.signal import Quality, Reading

LASTS_S, UNKNOWN_LASTS_S = 5.0, 20.0  # an experiment ends by itself before: it looks every 2 s
UNHEARD = frozenset({"link", "timeout", "stale"})  # says nothing of where the rotor is


@dataclass(frozen=True, slots=True)
class Passage:
    """What a pump delivers or draws through: the valve's signal, and where it is open."""

    pump: str
    signal: str
    open_at: tuple[int, ...]


class ShutIn:
    """Watches the passages of a rig by their readings."""

    def __init__(self, passages: Sequence[Passage], pull: Callable[[Cause], None]) -> None:
        self._by_valve: Mapping[str, list[Passage]] = {
            p.signal: [q for q in passages if q.signal == p.signal] for p in passages
        }
        self._flows: dict[str, float] = dict.fromkeys((f"{p.pump}.flow" for p in passages), 0.0)
        self._since: dict[str, float] = {}  # loop time from which a pump was seen shut in
        self._pull = pull

    def readings(self, group: Sequence[Reading]) -> None:
        """Take a group of readings."""
        for reading in group:
            if reading.signal in self._flows:
                self._flows[reading.signal] = number(reading) or 0.0
            for passage in self._by_valve.get(reading.signal, ()):
                self._judge(passage, reading)

    def _judge(self, passage: Passage, at: Reading) -> None:
        flow = self._flows[f"{passage.pump}.flow"]
        if at.quality is Quality.BAD and at.reason in UNHEARD:
            return
        if flow <= 0 or at.value in passage.open_at:
            self._since.pop(passage.pump, None)
            return
        lasts_s = UNKNOWN_LASTS_S if at.value is None else LASTS_S
        if at.t - self._since.setdefault(passage.pump, at.t) >= lasts_s:
            self._pull(_cause(passage, at, flow))


def _cause(passage: Passage, at: Reading, flow: float) -> Cause:
    valve = passage.signal.partition(".")[0]
    where = "does not know where it is" if at.value is None else f"is at {at.value}"
    wanted = " or ".join(map(str, passage.open_at))
    text = (
        f"{passage.pump} delivers {flow:g} mL/min through {valve}, which {where} instead of"
        f" {wanted}: turned by hand, stuck, or without power for a moment; put it right"
    )
    return Cause(f"{passage.pump} shut in", text, passage.signal, number(at))
