"""The record of one experiment: requested, commanded, achieved, responses, kept apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal[
    "pending", "running", "ok", "suspect", "failed", "refused", "interrupted", "aborted"
]
ResponseQuality = Literal["ok", "suspect", "failed"]


@dataclass(frozen=True, slots=True)
class ResponseValue:
    """One response; a failed analysis has no value."""

    value: float | None
    sd: float | None
    quality: ResponseQuality
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """What is kept of one experiment (CONTRACT, ``demo --json``); times are loop time, s.

    ``requested`` are the planner's conditions by factor name; ``commanded`` the conditions after
    rounding, and ``flow.<feed>`` in mL/min; ``achieved`` the measured ones, same names, and
    ``volume.<feed>`` in mL, ``temperature_sd``, ``residence_time_hot``, ``steady`` (bool).
    ``blameless`` is an end that says nothing of the conditions: an instrument was lost, or away,
    or the rig was tripped for want of a reading, or by a person.
    """

    id: str
    status: Status
    requested: Mapping[str, Any]
    commanded: Mapping[str, Any] = field(default_factory=dict[str, Any])
    achieved: Mapping[str, Any] = field(default_factory=dict[str, Any])
    responses: Mapping[str, ResponseValue] = field(default_factory=dict[str, ResponseValue])
    started: float | None = None
    finished: float | None = None
    reason: str = ""
    blameless: bool = False
