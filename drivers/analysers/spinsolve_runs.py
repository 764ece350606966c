"""What runs on a Spinsolve, told from its notifications alone.

Notifications are pushed for every run, also one started at the instrument. Our own run is the one
that reports ``Running`` for our protocol after our ``Start``; what belongs to an earlier run is not
taken for it. ``Ready`` (acquired) and ``Completed`` (processed) come in either order; an error
report spoils our run whatever follows.
"""

from dataclasses import dataclass

from drivers.analysers.spinsolve_xml import Completed, Failure, Notification, Progress, State

TAIL_S = 30.0  # a run is over this long after Ready even if Completed never comes
SILENCE_S = 120.0  # a run that reports nothing this long is believed to be over


@dataclass(slots=True)
class Run:
    """One run; times are event-loop times, s."""

    protocol: str
    asked: bool = False  # Start was sent
    started: float | None = None
    ready: float | None = None
    heard: float = float("-inf")
    folder: str = ""
    successful: bool | None = None  # None: processing has not reported
    stopped: bool = False
    error: str = ""
    percentage: float = 0.0

    @property
    def over(self) -> bool:
        """Return whether there is nothing more to wait for."""
        if self.error or self.successful is False:
            return True
        return self.ready is not None and (self.successful is not None or self.stopped)

    def busy(self, now: float) -> bool:
        """Return whether the instrument is still at it, as far as it tells."""
        if self.started is None or now - self.heard > SILENCE_S:
            return False
        done = self.successful is not None or self.stopped
        return self.ready is None or not (done or now - self.ready > TAIL_S)


class Runs:
    """The run under way, and ours when we expect or have one."""

    def __init__(self) -> None:
        self.current: Run | None = None
        self._ours: Run | None = None

    def expect(self, protocol: str) -> Run:
        """Return our run, about to be started."""
        self._ours = Run(protocol)
        return self._ours

    def give_up(self) -> None:
        """Expect nothing any more; what still runs is nobody's."""
        self._ours = None

    def busy(self, now: float) -> bool:
        """Return whether a run is under way."""
        return self.current is not None and self.current.busy(now)

    def measuring(self, now: float) -> bool:
        """Return whether a run that we started is under way, given up or not."""
        return self.current is not None and self.current.asked and self.current.busy(now)

    def hear(self, news: Notification, now: float) -> None:
        """Take a notification."""
        if isinstance(news, Failure):
            if self._ours is not None:
                self._ours.error = self._ours.error or news.error
            return
        if isinstance(news, State) and news.status == "Running":
            self._begin(news.protocol, now)
        elif isinstance(news, Progress) and self.current is None:
            self._begin(news.protocol, now)  # we connected in the middle of it
        if self.current is None or self.current.protocol != news.protocol:
            return
        self.current.heard = now
        self._apply(self.current, news, now)

    def _begin(self, protocol: str, now: float) -> None:
        ours = self._ours
        expected = ours is not None and ours.protocol == protocol and ours.started is None
        self.current = ours if ours is not None and expected else Run(protocol)
        self.current.started = now

    @staticmethod
    def _apply(run: Run, news: State | Progress | Completed, now: float) -> None:
        if isinstance(news, Progress):
            run.percentage = news.percentage
        elif isinstance(news, Completed):
            run.successful = news.successful
        elif news.status == "Stopping":
            run.stopped = True
        elif news.status == "Ready":
            run.ready, run.folder = now, news.folder
