"""What the bus needs of a framing."""

from typing import Protocol

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
