"""What a start of the daemon is asked to do, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from daemon.planning.process import Process
from daemon.settings.models import Settings

Restart = Literal["new", "resume", "configured"]
Watcher = Callable[[Mapping[str, Any]], None]  # is told of every experiment that ended


@dataclass(frozen=True)
class RunPlan:
    """One start; ``conditions`` asks for a single experiment instead of a campaign."""

    settings: Settings
    config_text: str
    data: Path
    simulate: bool = False
    speed: float | Literal["real", "max"] = "real"
    once: bool = False
    seed: int | None = None
    restart: Restart = "configured"
    conditions: Mapping[str, Any] | None = None
    reset_trip: bool = False  # a person says: the cause of the last trip is gone
    trace: Path | None = None  # record all bytes of the lines here
    planning: Process | None = None  # started already, and ended by who started it

    @property
    def planner_seed(self) -> int:
        """Return the seed of the campaign's planner."""
        if self.seed is not None:
            return self.seed
        return self.settings.campaign.seed if self.settings.campaign is not None else 0

    @property
    def record_seed(self) -> int:
        """Return the seed that names a virtual run."""
        return self.seed if self.seed is not None else 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended; ``document`` is CONTRACT's ``demo --json``."""

    exit_code: int
    document: dict[str, Any] = field(default_factory=dict[str, Any])
    reason: str = ""
