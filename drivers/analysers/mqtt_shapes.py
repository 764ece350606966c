"""What devices say over MQTT: Tasmota and ESPHome readings, presence, and scans of analysers.

Payloads come from other people's devices: nothing here raises anything but :class:`BadValue` and
:class:`NotAScan`, and no text becomes a number unless it is one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from drivers.signal import Value
from drivers.table import BadValue, Kind

MAX_PAYLOAD = 4 << 20  # bytes
MAX_POINTS = 1_000_000
TRUE, FALSE = frozenset({"on", "true", "1"}), frozenset({"off", "false", "0"})
Presence = Literal["online", "offline"]


class NotAScan(ValueError):
    """A message that holds no spectrum."""


def parsed_json(payload: bytes) -> Any:
    """Return what the JSON says; raise ValueError for anything that is none."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"longer than {MAX_PAYLOAD} bytes")
    try:
        return json.loads(payload)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def presence(payload: bytes) -> Presence | None:
    """Return what a presence topic says (Tasmota ``Online``, ESPHome ``online``)."""
    word = payload[:16].decode("ascii", "replace").strip().lower()
    return cast("Presence", word) if word in {"online", "offline"} else None


def at_path(document: Any, path: str) -> Any:
    """Return what lies at a dotted path (``DS18B20.Temperature``); raise BadValue without it."""
    here = document
    for key in path.split("."):
        if not isinstance(here, dict) or key not in here:
            raise BadValue("fault")
        here = cast("dict[str, Any]", here)[key]
    return here


def value_of(raw: Any, kind: Kind, scale: float = 1.0) -> Value:
    """Return a JSON value or text as a signal's value; raise BadValue when it is none.

    Numbers may come as text; null, ``nan`` and empty text mean that the sensor is lost.
    """
    text = raw.strip() if isinstance(raw, str) else raw
    if text is None or (isinstance(text, str) and text.lower() in {"", "nan", "null", "none"}):
        raise BadValue("nan")
    if kind is str:
        return str(text)
    if kind is bool:
        return _truth(text)
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise BadValue("fault")
    try:
        number = float(text) * scale
    except (ValueError, OverflowError):
        raise BadValue("fault") from None
    if isnan(number):
        raise BadValue("nan")
    if not isfinite(number):
        raise BadValue("range")
    return round(number) if kind is int else number


def _truth(raw: Any) -> bool:
    word = str(raw).lower()
    if word not in TRUE | FALSE:
        raise BadValue("fault")
    return word in TRUE


@dataclass(frozen=True, slots=True)
class Scan:
    """One spectrum of an analyser; ``axis`` and ``y`` have shape ``(n,)``."""

    id: str
    seq: int | None
    axis: NDArray[np.float64]
    axis_unit: str
    y: NDArray[np.float64]
    y_unit: str
    meta: Mapping[str, Any]


def scan_id(document: Any) -> str | None:
    """Return the correlation id of a scan message, if it has one."""
    identity = document.get("id") if isinstance(document, dict) else None
    return identity if isinstance(identity, str) else None


def scan_of(document: Any) -> Scan:
    """Return the spectrum in a scan message; raise NotAScan unless it is whole and finite."""
    if not isinstance(document, dict):
        raise NotAScan("it is no object")
    message = cast("dict[str, Any]", document)
    axis, unit = _axis(message.get("axis"))
    y = _numbers(message.get("y"))
    if len(y) != len(axis):
        raise NotAScan(f"it has {len(y)} values for an axis of {len(axis)}")
    seq, meta = message.get("seq"), message.get("meta")
    return Scan(
        id=scan_id(message) or "",
        seq=seq if isinstance(seq, int) and not isinstance(seq, bool) else None,
        axis=axis if axis[0] <= axis[-1] else axis[::-1].copy(),
        axis_unit=unit,
        y=y if axis[0] <= axis[-1] else y[::-1].copy(),
        y_unit=str(message.get("unit", "")),
        meta=cast("dict[str, Any]", meta) if isinstance(meta, dict) else {},
    )


def _axis(raw: Any) -> tuple[NDArray[np.float64], str]:
    """Return the axis, shape ``(n,)``, and its unit."""
    axis = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    start, step, n = axis.get("start"), axis.get("step"), axis.get("n")
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_POINTS:
        raise NotAScan(f"its axis has {n!r} points")
    ends = _numbers([start, step])
    if n > 1 and ends[1] == 0:
        raise NotAScan("its axis stands still")
    return ends[0] + ends[1] * np.arange(n, dtype=np.float64), str(axis.get("unit", ""))


def _numbers(raw: Any) -> NDArray[np.float64]:
    """Return a list of numbers, shape ``(n,)``; raise NotAScan unless all are finite."""
    values = cast("list[Any]", raw) if isinstance(raw, list) else []
    if not values or not all(type(v) is float or type(v) is int for v in values):
        raise NotAScan("it does not hold a list of numbers")
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError:
        raise NotAScan("it holds numbers beyond any range") from None
    if not np.isfinite(numbers).all():
        raise NotAScan("it holds numbers that are not finite")
    return numbers
