"""Faults of instruments and lines, split by what the caller should do about them."""


class InstrumentError(Exception):
    """A fault of one named instrument; the base of all faults here."""

    code = "fault"  # the MQTT error code (CONTRACT, MQTT)

    def __init__(self, instrument: str, what: str) -> None:
        super().__init__(f"{instrument}: {what}")
        self.instrument = instrument
        self.what = what


class NoReply(InstrumentError):
    """The instrument gave no answer in time; retrying a query may help.

    ``heard`` is what came instead, if anything (wrong baud rate, other protocol, noise).
    """

    code = "timeout"

    def __init__(
        self, instrument: str, request: bytes, timeout_s: float, heard: bytes = b""
    ) -> None:
        hint = (
            f", but {heard!r} came (check baud rate, parity, protocol and address)"
            if heard
            else " (check power, cable, line settings and remote mode)"
        )
        super().__init__(instrument, f"no reply to {request!r} within {timeout_s:g} s{hint}")
        self.request, self.heard = request, heard


class LinkLost(InstrumentError):
    """The line itself is gone (unplugged, closed, refused); the supervisor reconnects."""

    code = "not-connected"


class NotConnected(InstrumentError):
    """The instrument is down and the command was refused; nothing was sent."""

    code = "not-connected"


class GarbledReply(InstrumentError):
    """A reply came that is not a valid answer (bad frame, checksum or syntax)."""

    def __init__(self, instrument: str, request: bytes, reply: bytes, why: str) -> None:
        super().__init__(instrument, f"answer {reply!r} to {request!r} is not valid: {why}")
        self.request, self.reply = request, reply


class CommandRejected(InstrumentError):
    """The instrument understood and refused (its own error reply); nothing changed."""


class Busy(CommandRejected):
    """The instrument refused because it is at work; the same may be accepted later."""


class OutOfRange(InstrumentError):
    """The value is outside the limits; nothing was sent."""

    code = "out-of-range"


class ReadbackMismatch(InstrumentError):
    """The instrument holds another value than the one written."""


class DeviceFault(InstrumentError):
    """The instrument itself reports an alarm or fault; call a human."""


class NotReady(DeviceFault):
    """A person must make the instrument ready first (initialise it); it does nothing till then."""


class WrongInstrument(InstrumentError):
    """Something else answers at this port or address."""
