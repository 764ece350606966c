"""Texts with values in them, as the simulated instrument prints and understands them.

Pictures: ``000.00`` zero-padded with two decimals, ``0.0#`` one or two decimals, ``0v00`` without
its point, ``XX`` hexadecimal, ``0.00E`` with an exponent, ``+`` in front prints the sign always.
"""

import re
from collections.abc import Callable, Mapping
from math import copysign

SLOT = re.compile(r"\{([a-z_]\w*)(?::([^{}]*))?\}")


def printed(number: float, picture: str) -> str:
    """Return a number as the picture says."""
    if picture[:1] in ("X", "x"):
        digits = format(round(number), f"0{len(picture)}x")
        return digits.upper() if picture[0] == "X" else digits
    plus, body = picture.startswith("+"), picture.lstrip("+") or "0.######"
    exponent = body.endswith("E")
    whole, dot, decimals = body.rstrip("E").replace("v", ".").partition(".")
    places = len(decimals)
    if exponent:
        return format(number, ("+" if plus else "") + f".{places}E")
    sign = "-" if copysign(1.0, round(number, places)) < 0 and round(number, places) else ""
    digits = format(abs(number), f".{places}f")
    if not dot:
        return (sign or "+" * plus) + digits.zfill(len(whole))
    units, _, rest = digits.partition(".")
    least = decimals.count("0")
    rest = rest[:least] + rest[least:].rstrip("0")
    point = "" if "v" in body or not rest else "."
    return (sign or "+" * plus) + units.zfill(len(whole)) + point + rest


def understood(picture: str) -> str:
    """Return a regular expression of the numbers a request may carry in a slot."""
    if picture[:1] in ("X", "x"):
        return rf"[0-9A-Fa-f]{{{len(picture)}}}"
    body = picture.lstrip("+")
    if "v" in body:
        return rf"-?\d{{{len(body) - 1}}}"
    if len(body) > 1 and set(body) == {"0"}:
        return rf"[+-]?\d{{{len(body)}}}"
    return r" *[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"


def meant(text: str, picture: str) -> float:
    """Return the number of a text."""
    if picture[:1] in ("X", "x"):
        return float(int(text, 16))
    if "v" in picture:
        return float(text) / 10.0 ** len(picture.partition("v")[2])
    return float(text)


def filled(text: str, of: Callable[[str, str], str]) -> str:
    """Return a text with its slots filled; ``of`` gets the name and the picture."""
    out, at = "", 0
    for slot in SLOT.finditer(text):
        out += _plain(text[at : slot.start()]) + of(slot[1], slot[2] or "")
        at = slot.end()
    return out + _plain(text[at:])


def matcher(text: str, of: Callable[[str, str], str], *, case: bool) -> re.Pattern[str]:
    """Return what recognises a request; each slot is a group of its name."""
    out, at = "", 0
    for slot in SLOT.finditer(text):
        out += re.escape(_plain(text[at : slot.start()]))
        out += f"(?P<{slot[1]}>{of(slot[1], slot[2] or '')})"
        at = slot.end()
    return re.compile(out + re.escape(_plain(text[at:])), 0 if case else re.IGNORECASE)


def pictures(text: str) -> Mapping[str, str]:
    """Return the picture of each slot."""
    return {slot[1]: slot[2] or "" for slot in SLOT.finditer(text)}


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
