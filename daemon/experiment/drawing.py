"""Which of its feeds a shared pump draws, by what the valve in front of it was seen to do."""

from collections.abc import Mapping

from daemon.experiment.volumes import Meter


class Drawing:
    """One pump that several feeds share: its readings count for the feed that it draws.

    While the valve was not seen at a feed nothing is counted. A meter keeps its flow when the valve
    leaves its feed, so that who watches sees a feed that should flow and cannot.
    """

    def __init__(self, meters: Mapping[int, Meter]) -> None:
        """``meters`` are the feeds' by the valve's position."""
        self._meters = meters
        self._drawn: Meter | None = None
        self._total_then = 0.0  # of the drawn feed, when the valve came to it, mL

    def on_position(self, _: float, position: float) -> None:
        """Take a good reading of the valve's position."""
        meter = self._meters.get(int(position))
        if meter is self._drawn:
            return
        self._drawn = meter
        if meter is not None:
            self._total_then = meter.total_ml
            meter.forget_counter()

    def on_flow(self, t: float, ml_min: float) -> None:
        """Take a good reading of the pump's flow."""
        if self._drawn is not None:
            self._drawn.on_flow(t, ml_min)

    def on_counter(self, t: float, dispensed_ml: float) -> None:
        """Take a good reading of the pump's own counter."""
        if self._drawn is not None:
            self._drawn.on_counter(t, dispensed_ml)

    def since_ml(self, meter: Meter) -> float:
        """Return what has been drawn of a feed since the valve came to it; 0 when it is away."""
        return meter.total_ml - self._total_then if meter is self._drawn else 0.0

    def has_other_than(self, meter: Meter) -> bool:
        """Return whether the valve is at another feed."""
        return self._drawn is not None and self._drawn is not meter
