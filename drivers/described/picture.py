"""Pictures: how a number is printed, as manuals draw it.

``0`` a digit that is always there, ``#`` one that may be left out; ``000.00`` prints 20.31 as
``020.31``, ``0.0#`` prints 55.5 as ``55.5`` and 24.55 as ``24.55``. ``0v00`` has an implied point
(1.5 is ``150``), ``XXXX`` and ``xxxx`` are hexadecimal digits, ``0.000E`` has an exponent, and a
``+`` in front prints the sign of positive numbers, too. Minus signs come before the zeros.

Reading is tolerant where the manuals are not to be trusted: padding and decimals may differ, as
long as nothing else could be meant. Digits glued together (``0v00``, ``000``, ``XX``) are counted.
"""

import re
from dataclasses import dataclass
from math import isfinite

_SHAPE = re.compile(
    r"(?P<sign>\+?)(?P<whole>0+)(?:\.(?P<fixed>0*)(?P<extra>#*)|v(?P<implied>0+))?(?P<exp>E?)"
)
_HEX = re.compile(r"X+|x+")
NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
WHOLE = r"\s*[+-]?\d+\s*"


@dataclass(frozen=True, slots=True)
class Picture:
    """How one number is printed and read; raises ValueError when it does not fit."""

    text: str
    whole: int = 1  # digits before the point, at least
    fixed: int = 0
    extra: int = 0
    implied: int | None = None  # digits after a point that is not printed
    sign: bool = False
    exponent: bool = False
    hexadecimal: str = ""  # the format letter

    @property
    def counted(self) -> bool:
        """Return whether the number of digits is fixed."""
        point = self.fixed or self.extra or self.exponent
        return bool(self.hexadecimal) or self.implied is not None or (self.whole > 1 and not point)

    @property
    def step(self) -> float:
        """Return the smallest difference that is printed."""
        if self.hexadecimal or self.exponent:
            return 1.0 if self.hexadecimal else 0.0
        return 10.0 ** -(self.fixed + self.extra + (self.implied or 0))

    def regex(self, *, whole: bool) -> str:
        """Return the regular expression of all that is read as this number."""
        if self.hexadecimal:
            return f"[0-9A-Fa-f]{{{self.whole}}}"
        if self.counted:
            sign = r"[+-]" if self.sign else "-?"
            return f"{sign}\\d{{{self.whole + (self.implied or 0)}}}"
        return WHOLE if whole else NUMBER

    def printed(self, number: float) -> str:
        """Return the number as text; raise ValueError when it has no such text."""
        if not isfinite(number):
            raise ValueError(f"{number} cannot be written")
        if self.hexadecimal:
            text = f"{round(number):0{self.whole}{self.hexadecimal}}"
            return self._fitting(text, number < 0 or len(text) > self.whole, number)
        if self.exponent:
            return f"{number:{'+' if self.sign else ''}.{self.fixed}E}"
        decimals = self.fixed + self.extra + (self.implied or 0)
        digits = f"{abs(number):.{decimals}f}"
        if self.implied is not None:
            digits = digits.replace(".", "").zfill(self.whole + self.implied)
        else:
            digits = self._padded(digits)
        minus = number < 0 and digits.strip("0.") != ""
        width = self.whole + (self.implied or 0)
        self._fitting(digits, self.counted and len(digits) > width, number)
        return ("-" if minus else "+" if self.sign else "") + digits

    def _padded(self, digits: str) -> str:
        whole, _, decimals = digits.partition(".")
        kept = decimals[: self.fixed] + decimals[self.fixed :].rstrip("0")
        return whole.zfill(self.whole) + ("." + kept if kept else "")

    def _fitting(self, text: str, too_big: bool, number: float) -> str:
        if too_big:
            raise ValueError(f"{number:g} does not fit {self.text!r}")
        return text

    def number(self, text: str) -> float:
        """Return the number that a text of :meth:`regex` means."""
        if self.hexadecimal:
            return float(int(text, 16))
        if self.implied is not None:
            return int(text) / 10**self.implied
        return float(text)


def picture(text: str) -> Picture:
    """Return the picture of this text; raise ValueError when it is none."""
    if _HEX.fullmatch(text):
        return Picture(text, whole=len(text), hexadecimal=text[0])
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(
            f"{text!r} is no picture of a number; allowed are such as 0, 000, 0.00, 0.0#, 0v00, XX"
        )
    return Picture(
        text,
        whole=len(shape["whole"]),
        fixed=len(shape["fixed"] or ""),
        extra=len(shape["extra"] or ""),
        implied=len(shape["implied"]) if shape["implied"] else None,
        sign=bool(shape["sign"]),
        exponent=bool(shape["exp"]),
    )


PLAIN_WHOLE = picture("0")
PLAIN = picture("0.######")
