"""Faults of the daemon itself, split by what the caller should do about them."""

from collections.abc import Sequence


class TaylordError(Exception):
    """The base; ``code`` is the MQTT error code, ``exit_code`` the command line's."""

    code = "fault"
    exit_code = 3


class ConfigError(TaylordError):
    """The configuration or a command's arguments are wrong; one line per fault."""

    code = "bad-request"
    exit_code = 2

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class BadRequest(TaylordError):
    """A command's arguments are malformed."""

    code = "bad-request"


class UnknownSignal(TaylordError):
    """No signal of that name on this rig."""

    code = "unknown-signal"


class OutOfLimits(TaylordError):
    """A value lies outside the configured limits; refused, never clamped."""

    code = "out-of-range"


class Refused(TaylordError):
    """The state or an interlock forbids it; the message says which."""

    code = "refused"


class Infeasible(Refused):
    """The conditions cannot be made on this rig; the message names the bound."""

    code = "out-of-range"


class PlannerFailed(TaylordError):
    """The planner died, stalled or answered nonsense; the campaign is unharmed."""


class StoreFailed(TaylordError):
    """The record cannot be written (full disk, permissions); the campaign pauses safely."""


class DataUnusable(StoreFailed):
    """The data directory given cannot be used at all; another one must be named."""

    exit_code = 2


class Tripped(TaylordError):
    """An interlock or a person tripped the rig."""

    code = "refused"
    exit_code = 4
