"""What the bus needs of a framing."""

from typing import Protocol, runtime_checkable

MAX_FRAME = 4096  # bytes; no reply of the instruments here is longer, unless the driver says so


class Codec(Protocol):
    """What the bus needs of a framing."""

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        ...

    def next_frame(self) -> bytes | None:
        """Return the next whole frame without its framing, or None when there is none yet."""
        ...

    def reset(self) -> None:
        """Forget a half-received frame."""
        ...


@runtime_checkable
class Silent(Codec, Protocol):
    """A codec whose frames end with a silence, which the bus watches for it."""

    silence_s: float

    def fall_silent(self) -> None:
        """Note that nothing has come for ``silence_s``."""
        ...
