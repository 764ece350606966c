"""The form of a trace file: JSON lines, the head first, then what happened in order.

Every line has ``k``, its kind; all but the head have ``t``, loop time since the beginning in s.

- ``head``: ``version`` of the form, of taylord, the rig, when it began (UTC), the size limit.
- ``line``: a port and its settings, numbered by ``line``.
- ``instrument``: its driver, line, options and limits, as the driver was made with.
- ``open``, ``refused``, ``lost``, ``closed``: the link of a line, and why.
- ``>``, ``<``: bytes sent and received, ``hex``.
- ``call``: something was asked of a driver (``of`` which instrument, ``do`` what, ``with`` which
  arguments), numbered by ``n``; ``done``: how it ended: ``gives`` a result, a ``fault`` with what
  it ``says``, or ``cancelled``. Calls are what makes a recording repeatable: bytes are sent because
  somebody asked.
- ``end``: nothing follows, and why.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from drivers.signal import Lane, Reading

FORM = 1
HEAD, LINE, INSTRUMENT, CALL, DONE, END = "head", "line", "instrument", "call", "done", "end"
SENT, RECEIVED = ">", "<"
LINKS = ("open", "refused", "lost", "closed")

Record = dict[str, Any]


def plain(argument: object) -> Any:
    """Return an argument of a call as JSON has it; :func:`argument_of` is the way back."""
    if isinstance(argument, Lane):
        return {"lane": argument.name}
    if isinstance(argument, str | int | float | bool | None):
        return argument
    if isinstance(argument, Sequence):
        return [plain(item) for item in cast("Sequence[object]", argument)]
    raise TypeError(f"cannot record an argument of type {type(argument).__name__}")


def argument_of(value: Any) -> Any:
    """Return an argument of a call from its JSON."""
    if isinstance(value, Mapping):
        return Lane[cast("Mapping[str, str]", value)["lane"]]
    return value


def outcome(result: object) -> Any:
    """Return what a call gave as JSON: numbers, texts and readings; of the rest, its type."""
    if isinstance(result, Reading):
        shown = {"signal": result.signal, "value": result.value, "unit": result.unit}
        return shown | {"quality": str(result.quality), "reason": result.reason}
    if isinstance(result, str | int | float | bool | None):
        return result
    if isinstance(result, Sequence):
        return [outcome(item) for item in cast("Sequence[object]", result)]
    return {"type": type(result).__name__}
