"""Numbers for people."""

from math import floor, log10

_SURE = 12  # digits that are no rounding of the computer's


def rounded(value: float, digits: int = 4) -> str:
    """Return a number with so many digits that count, without an exponent where it is readable."""
    return f"{float(f'{value:.{digits}g}'):.{_SURE}g}"


def beside(value: float, sd: float, digits: int = 4) -> str:
    """Return a number with the digits that an uncertainty of ``sd`` leaves it, ``digits`` or more.

    So a small change on a large offset can be read.
    """
    if value and sd > 0.0:
        digits = max(digits, floor(log10(abs(value))) - floor(log10(sd)) + 2)
    return rounded(value, min(digits, _SURE))


def spread(mean: float, sd: float, digits: int = 4) -> str:
    """Return ``mean +/- sd``."""
    return f"{beside(mean, sd, digits)} +/- {rounded(sd, 2)}"


def counted(number: int, noun: str) -> str:
    """Return a number of things: ``1 run``, ``2 runs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
