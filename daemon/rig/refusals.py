"""What was refused while an instrument was down: told once, when it is back."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from daemon.events import Event

NAMED_BY = ("pump", "thermostat", "analyser", "valve", "instrument", "signal")  # arguments


class Refusals:
    """Listens to the commands of a rig, and counts those that met an instrument that was down."""

    def __init__(self, down: Callable[[str], bool]) -> None:
        self._down = down
        self._counts: dict[str, Counter[str]] = {}

    def take(self, event: Event) -> None:
        """Note a command that was not done."""
        if event.kind != "command" or event.data.get("outcome") not in ("refused", "failed"):
            return
        name = _instrument(event.data.get("arguments") or {})
        if name and self._down(name):
            self._counts.setdefault(name, Counter())[str(event.data.get("verb"))] += 1

    def told(self, name: str) -> dict[str, int]:
        """Return how many of each kind were refused, and begin anew."""
        return dict(self._counts.pop(name, Counter()))


def _instrument(arguments: dict[str, Any]) -> str:
    """Return the instrument a command was for, empty when it names none."""
    given = next((arguments[key] for key in NAMED_BY if key in arguments), "")
    return str(given).partition(".")[0]


def in_words(refused: dict[str, int]) -> str:
    """Return the counts for people."""
    kinds = ", ".join(f"{verb} {n}" for verb, n in sorted(refused.items()))
    total = sum(refused.values())
    return f"{total} command{'s' * (total != 1)} refused meanwhile ({kinds}); none was done later"
