"""Raw data beside the database: ``raw/<experiment>/<number>.csv``, one spectrum a file."""

from pathlib import Path

import numpy as np
import structlog

from drivers.roles import Spectrum

log = structlog.get_logger(__name__)


class RawFiles:
    """Keeps spectra under ``raw/`` of a data directory; a fault is logged, never raised.

    The responses are in the database already: a spectrum that cannot be kept must not cost an
    experiment.
    """

    def __init__(self, directory: Path, campaign: str = "") -> None:
        self._root = directory / "raw" / campaign
        self.lost = 0

    def spectrum(self, experiment: str, number: int, spectrum: Spectrum) -> None:
        """Write axis and signal with their units in the header; shapes ``(n,)``."""
        path = self._root / experiment / f"{number}.csv"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            numbers = np.column_stack([spectrum.axis, spectrum.y]).ravel().tolist()
            rows = "%.9g,%.9g\n" * len(spectrum.axis) % tuple(numbers)  # ten times np.savetxt
            path.write_text(
                f"{spectrum.axis_unit},{spectrum.y_unit or 'intensity'}\n{rows}", encoding="utf-8"
            )
        except OSError as error:
            self.lost += 1
            log.warning("raw.lost", file=str(path), error=str(error))
