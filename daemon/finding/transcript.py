"""What happens at the console, as lines for a person and as entries for ``--json``."""

import asyncio
from collections.abc import Callable
from typing import Any

from drivers.errors import InstrumentError
from drivers.signal import Reading
from drivers.transport.trace import Happening

MARKS = {
    "sent": ">",
    "received": "<",
    "link": "-",
    "reading": "=",
    "reply": "=",
    "note": "#",
    "typed": ":",
}
WRONG = frozenset({"fault", "refused", "mistake"})


class Transcript:
    """Keeps what happened; shows each entry as it comes. Times are s since the beginning."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.entries: list[dict[str, Any]] = []
        self.wrong = False  # something was refused, or failed
        self.sent: list[bytes] = []  # since it was last cleared
        self._show = show
        self._began = asyncio.get_running_loop().time()

    def add(self, kind: str, shown: str, **facts: Any) -> None:
        """Note something."""
        t = round(asyncio.get_running_loop().time() - self._began, 4)
        self.wrong |= kind in WRONG
        self.entries.append({"t": t, "kind": kind, **facts})
        self._show(f"{t:10.4f} {MARKS.get(kind, '!')} {shown}")

    def on_wire(self, _port: str, what: Happening, data: bytes) -> None:
        """Note bytes, or what became of the link (for ``drivers.transport.trace``)."""
        if what == ">":
            self.sent.append(data)
            self.add("sent", shown(data), hex=data.hex(" "), text=text_of(data))
        elif what == "<":
            self.add("received", shown(data), hex=data.hex(" "), text=text_of(data))
        else:
            why = data.decode("utf-8", "replace")
            self.add("link", f"{what} {why}".rstrip(), state=what, why=why)

    def reading(self, reading: Reading) -> None:
        """Note the value of a signal, or why it has none."""
        said = f"no value ({reading.reason})" if reading.value is None else f"{reading.value}"
        self.add(
            "reading",
            f"{reading.signal} {said} {reading.unit}".rstrip(),
            signal=reading.signal,
            value=reading.value,
            unit=reading.unit,
            quality=str(reading.quality),
            reason=reading.reason,
        )

    def fault(self, error: InstrumentError) -> None:
        """Note a fault by its name and words."""
        name = type(error).__name__
        self.add("fault", f"{name}: {error}", fault=name, message=str(error))


def text_of(data: bytes) -> str:
    r"""Return bytes as the console takes them: printable ones as they are, others escaped."""
    return repr(data)[2:-1]


def shown(data: bytes) -> str:
    """Return bytes both ways."""
    return f"{data.hex(' ').upper()}  |{text_of(data)}|"
