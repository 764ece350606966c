"""Counting towards a steady state: volume since the last moment something was not as commanded."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from daemon.experiment.approach import FAR_K
from daemon.experiment.recipe import Heat
from daemon.experiment.sections import campaign_of
from daemon.experiment.steady import slope
from daemon.experiment.volumes import History
from daemon.experiment.watch import DEGC, Watch
from daemon.settings.models import Settings

LINE_FLUSH = 1.5  # line volumes until a feed line surely holds its stock
OFF = 0.05  # of the commanded flow: more is not the mixture asked for
OFF_ML_MIN = 0.002  # smaller differences are rounding of read-backs
UNSTEADY = (
    ", but was too unsteady or too seldom read in {0:g} s"
    " (campaign.temperature_hold; 30 s is long enough for most)"
)
FRESH_S = 15.0  # a reading older than this says nothing of now


def is_ready(temperatures: History, now: float, step: Heat) -> bool:
    """Return whether the temperature has been held: near enough, long enough, flat enough."""
    import numpy as np

    since = now - step.hold_s
    t = temperatures.between_times(since, now)
    degc = temperatures.between(since, now, DEGC)
    if len(degc) < 3 or t[-1] - t[0] < 0.8 * step.hold_s:  # polls are seconds apart
        return False
    if not all(near(value, step) for value in degc):
        return False
    drift, _ = slope(np.array(t), np.array(degc))
    return abs(drift) * 60.0 < step.slope_k_min


def near(degc: float, step: Heat) -> bool:
    """Return whether a temperature is within the tolerance."""
    return abs(degc - step.degc) <= step.tolerance


def not_held(step: Heat, shown: Sequence[float]) -> str:
    """Return in a sentence that the time for the heating is over; ``shown`` in degC, last last."""
    last = f"{shown[-1]:.1f} degC" if shown else "nothing"
    return (
        f"{step.thermostat} did not hold {step.degc:g} +- {step.tolerance:g} degC"
        f" within {step.timeout_s:g} s; it shows {last}"
        + (UNSTEADY.format(step.hold_s) if shown and near(shown[-1], step) else "")
    )


class Settling:
    """The volume clock of one wait; anything off sets it back to zero.

    As a context it looks at every reading, however long the one who waits looks away.
    """

    def __init__(self, settings: Settings, watch: Watch, commanded: Mapping[str, Any]) -> None:
        self._settings, self._watch = settings, watch
        self._flows = {feed.name: commanded[f"flow.{feed.name}"] for feed in settings.feeds}
        self._degc = commanded["temperature"]
        self._tolerance = campaign_of(settings).temperature_tolerance
        self._start = self._mark = watch.clocks.total_ml
        self.restarts = 0
        self.why = ""

    def __enter__(self) -> "Settling":
        self._watch.on_row = self.pumped_ml
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.on_row = None

    @property
    def total_ml_min(self) -> float:
        """Return the commanded flow through the reactor."""
        return sum(self._flows.values())

    def pumped_ml(self, now: float) -> float:
        """Return the volume pumped since everything has been as commanded, until now."""
        why = self._off(now)
        total = self._watch.clocks.total_ml
        if why:
            self.restarts += self._mark != total
            self._mark, self.why = total, why
        return total - self._mark

    def seconds_for(self, ml: float) -> float:
        """Return how long a volume takes at the commanded flow."""
        return 60.0 * ml / self.total_ml_min

    def patience_s(self, need_ml: float) -> float:
        """Return how long to wait for a volume at most: twice what it takes, lines included."""
        lines = max(
            (
                LINE_FLUSH * feed.dead_volume_ml / self._flows[feed.name]
                for feed in self._settings.feeds
                if self._flows[feed.name] > 0
            ),
            default=0.0,
        )
        return 120.0 + 60.0 * lines + 2.0 * self.seconds_for(need_ml)

    def why_not(self, need_ml: float) -> str:
        """Return what kept the steady state from coming."""
        pumped = self._watch.clocks.total_ml - self._mark
        return (
            f"no steady state: {max(pumped, 0.0):.3g} of {need_ml:.3g} mL were pumped at the"
            f" commanded conditions{'; last: ' + self.why if self.why else ''}"
        )

    def heat_lost(self, now: float) -> bool:
        """Return whether a temperature that was held has fallen far below: it is not heated."""
        recent = self._watch.temperatures.between(now - FRESH_S, now, DEGC)
        return bool(recent) and recent[-1] < self._degc - FAR_K

    def _off(self, now: float) -> str:
        """Return what is not as commanded now, or an empty string."""
        for feed in self._settings.feeds:
            wanted, meter = self._flows[feed.name], self._watch.clocks.meters[feed.name]
            if wanted == 0 and self._watch.stands(feed.name):
                continue
            if meter.seen is None or now - meter.seen > FRESH_S:
                return f"no flow reading of {feed.pump} for {FRESH_S:g} s"
            if abs(meter.flow_ml_min - wanted) > max(OFF * wanted, OFF_ML_MIN):
                return f"{feed.pump} delivers {meter.flow_ml_min:.4g} of {wanted:.4g} mL/min"
            if wanted > 0 and self._watch.in_line_ml(feed.name) < LINE_FLUSH * feed.dead_volume_ml:
                return f"the line of feed {feed.name} is being filled"
        recent = self._watch.temperatures.between(now - FRESH_S, now, DEGC)
        if not recent:
            return f"no temperature for {FRESH_S:g} s"
        if abs(recent[-1] - self._degc) > self._tolerance:
            return f"temperature {recent[-1]:.1f} instead of {self._degc:g} degC"
        return ""
