"""What a response counts, by its unit or else its name, and what its greatest amount depends on.

A yield has the same ceiling at any residence time, and can be no more than all. The product in a
litre grows with the concentration, and what a reactor gives in an hour is that over the residence
time: a kinetic law that has to learn this from the runs takes it for chemistry meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from planners.base import Response
from planners.factors import Array
from planners.factors.spelling import CONCENTRATIONS, TIMES, known
from planners.factors.units import words_of

Believed = tuple[float, float]  # mean and sd of a normal prior


@dataclass(frozen=True, slots=True)
class Measure:
    """How the logarithm of the greatest amount goes with those of time and concentration."""

    times: Believed
    concentrations: Believed


ANY = Measure((-0.3, 0.5), (0.3, 0.6))  # a reactor's hours may count or not
SHARE = Measure((0.0, 0.1), (0.0, 0.15))
CONTENT = Measure((0.0, 0.1), (1.0, 0.15))
OUTPUT = Measure((-1.0, 0.1), (1.0, 0.15))
TURNOVER = Measure((-1.0, 0.1), ANY.concentrations)  # per hour, and of what nobody knows

_AMOUNTS = frozenset({"g", "kg", "mg", "ug", "t", "mol", "mmol", "umol", "nmol", "kmol"})
_SHARES = (
    ("yield", "conversion", "selectivity", "purity"),
    ("ausbeute", "umsatz", "selektivität", "reinheit"),
    ("rendement", "sélectivité", "pureté"),
    ("rendimiento", "conversión", "selectividad", "pureza"),
    ("resa", "rendimento", "conversione", "selettività", "purezza"),
    ("выход", "конверсия", "селективность", "чистота"),
    ("収率", "転化率", "選択率", "純度"),
    ("收率", "产率", "转化率", "选择性", "纯度"),
)
_NAMED = {
    **{name: SHARE for language in _SHARES for name in language},
    **dict.fromkeys(("output", "productivity", "throughput", "sty"), OUTPUT),
    **dict.fromkeys(("concentration", "conc", "titer", "titre"), CONTENT),
}
_AT_THE_END = ("ausbeute", *_SHARES[-2], *_SHARES[-1])  # of words that are written as one
_OVER_TIME = frozenset({"time", "temps", "tiempo", "temporal", "tempo", "horaire"})
_OVER_TIME_AS_A_PART = ("zeit", "時空", "空時", "时空")
_SLACK = 0.05  # of all: a share that is measured further outside is none
_UNIT_WORD = re.compile("[A-Za-z%]+")
_ANY_WORD = re.compile(r"[^\W\d_]+")
_PER = re.compile(r"/|-1|\bper\b")


def measure(response: Response) -> Measure:
    """Return what a response counts, as far as its unit tells, or without one its name."""
    return _of_unit(known(response.unit)) if response.unit.strip() else _of_name(response.name)


def limits(response: Response, values: Array) -> tuple[float, float]:
    """Return the least and the greatest that a response can be, in its unit; infinite if unknown.

    A share lies between nothing and all, unless ``values`` that were measured say otherwise.
    """
    full = whole(response, float(values.max()))
    slack = _SLACK * full
    if full == inf or values.min() < -slack or values.max() > full + slack:
        return -inf, inf
    return 0.0, full


def beyond(response: Response, values: Array) -> NDArray[np.bool_]:
    """Return which of the ``values`` are more than all there can be, ``(n,)``."""
    return values > (1.0 + _SLACK) * whole(response, float(values.max(initial=0.0)))


def whole(response: Response, greatest: float) -> float:
    """Return what all of a share is, infinity where that is not known, and of what is no share.

    It is 100 in per cent, which a share without a unit shows by a ``greatest`` beyond 1.
    """
    if measure(response) is not SHARE:
        return inf
    if unit := known(response.unit):
        return 100.0 if unit.endswith("%") else 1.0
    return 100.0 if greatest > 1.0 + _SLACK else inf


def _of_unit(unit: str) -> Measure:
    if unit in CONCENTRATIONS:
        return CONTENT
    if unit.endswith("%") or unit == "mol/mol":
        return SHARE
    *above, last = _UNIT_WORD.findall(unit) or [""]
    if known(last) not in TIMES or not _PER.search(unit):
        return ANY
    of_product = bool(above) and above[0] in _AMOUNTS and not _AMOUNTS.intersection(above[1:])
    return OUTPUT if of_product else TURNOVER


def _of_name(name: str) -> Measure:
    words = _words(name)
    told = [found for word in words if (found := _of_word(word)) is not ANY]
    if not told:
        return ANY
    return OUTPUT if told[-1] is SHARE and _over_time(words) else told[-1]  # space-time yield


def _over_time(words: Sequence[str]) -> bool:
    parts = (part in word for part in _OVER_TIME_AS_A_PART for word in words)
    return bool(_OVER_TIME.intersection(words)) or any(parts)


def _words(name: str) -> list[str]:
    """Return the words of a name in any script, in the order in which they stand."""
    if name.isascii():
        return words_of(name)
    return _ANY_WORD.findall(normalize("NFC", name).casefold())


def _of_word(word: str) -> Measure:
    if word in _NAMED:
        return _NAMED[word]
    return SHARE if word.endswith(_AT_THE_END) else ANY
