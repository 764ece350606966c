"""One experiment in the making: mutable while it runs, a frozen record at every moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from daemon.analysis.pipeline import SampleResult
from daemon.analysis.quality import Verdict
from daemon.experiment.recipe import Recipe
from daemon.experiment.record import ExperimentRecord, ResponseValue, Status
from drivers.roles import Spectrum

# ISA-88 (ANSI/ISA-88.00.01) state names of a procedural element.
RunState = Literal[
    "idle", "running", "holding", "held", "restarting", "complete", "stopped", "aborting", "aborted"
]

FINAL_STATE: Mapping[Status, RunState] = {
    "ok": "complete",
    "suspect": "complete",
    "failed": "stopped",
    "refused": "stopped",
    "interrupted": "aborted",
    "aborted": "aborted",
}


@dataclass
class Run:
    """What is known of an experiment so far; times are loop time, s."""

    id: str
    requested: Mapping[str, Any]
    started: float
    recipe: Recipe | None = None
    state: RunState = "running"
    step: str = ""
    status: Status = "running"
    reason: str = ""
    blameless: bool = False
    commanded: Mapping[str, Any] = field(default_factory=dict[str, Any])
    achieved: dict[str, Any] = field(default_factory=dict[str, Any])
    responses: Mapping[str, ResponseValue] = field(default_factory=dict[str, ResponseValue])
    finished: float | None = None
    volumes_at_start: Mapping[str, float] = field(default_factory=dict[str, float])
    spectra: list[Spectrum] = field(default_factory=list[Spectrum])
    samples: list[SampleResult] = field(default_factory=list[SampleResult])
    acquisitions: int = 0
    sampled: bool = False  # rule A has sampled while it waited
    steady: bool = True
    verdict: Verdict = field(default_factory=Verdict)
    fresh_starts: int = 0  # how often the flows had to be started again after a fault

    def keep_last(self, n: int) -> None:
        """Keep the last ``n`` samples, those the result is made of."""
        del self.spectra[:-n], self.samples[:-n]

    def forget_samples(self) -> None:
        """Drop what was sampled before an interruption."""
        self.spectra.clear()
        self.samples.clear()
        self.sampled, self.steady = False, True

    def finish(self, status: Status, reason: str, t: float) -> None:
        """Enter the final state."""
        self.status, self.reason, self.finished = status, reason, t
        self.state = FINAL_STATE[status]

    def record(self) -> ExperimentRecord:
        """Return what is kept."""
        return ExperimentRecord(
            id=self.id,
            status=self.status,
            requested=dict(self.requested),
            commanded=dict(self.commanded),
            achieved=dict(self.achieved),
            responses=dict(self.responses),
            started=self.started,
            finished=self.finished,
            reason=self.reason,
            blameless=self.blameless,
        )

    def document(self, units: Mapping[str, str]) -> dict[str, Any]:
        """Return the ``experiment`` event of this moment, JSON-ready."""
        responses = {
            name: {
                "value": response.value,
                "sd": response.sd,
                "quality": response.quality,
                "reason": response.reason,
                "unit": units.get(name, ""),
            }
            for name, response in self.responses.items()
        }
        return {
            "id": self.id,
            "state": self.state,
            "status": self.status,
            "step": self.step,
            "requested": dict(self.requested),
            "commanded": dict(self.commanded),
            "achieved": dict(self.achieved),
            "responses": responses,
            "reason": self.reason,
            **({"blameless": True} if self.blameless else {}),
            "started": self.started,
            "finished": self.finished,
        }
