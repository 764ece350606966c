"""Values as people write them down: with fewer digits than they have."""

from collections.abc import Mapping
from decimal import Decimal

from planners.factors import Composition, Continuous, Discrete, Factor, FactorValue, number

_OFF = 1e-3  # of a factor's range and of the value: more is another value, whatever its digits
_MIXED_OFF = 0.021  # of a mixture's total: six parts of 0.17


def meant(factor: Factor, value: FactorValue) -> FactorValue:
    """Return the legal value that, rounded, is written like this; or ``value`` if there is none.

    Three thirds are written 0.333, and the end of a range, 123.4568, as 123.457.
    """
    if isinstance(value, Mapping):
        return _mixed(factor, value) if isinstance(factor, Composition) else value
    if not isinstance(factor, Continuous | Discrete) or isinstance(value, str):
        return value
    ends = factor.values if isinstance(factor, Discrete) else (factor.low, factor.high)
    legal = min(ends, key=lambda end: abs(end - value))
    most = _OFF * min(ends[-1] - ends[0], abs(value))
    near = min(_half_step(Decimal(_text(value)).normalize()), most)
    return legal if factor.fault(value) and abs(legal - value) <= near else value


def _mixed(factor: Composition, value: Mapping[str, float]) -> FactorValue:
    amounts = [amount for given in value.values() if (amount := number(given)) is not None]
    total = sum(amounts)
    steps = sum(_half_step(Decimal(_text(amount))) for amount in amounts if amount)
    near = min(steps, _MIXED_OFF * factor.total) * (1.0 + 1e-9)
    if len(amounts) < len(value) or not factor.fault(value) or abs(total - factor.total) > near:
        return value
    return {part: amount * factor.total / total for part, amount in value.items()}


def _text(value: float) -> str:
    return f"{value:.12g}"


def _half_step(written: Decimal) -> float:
    """Return half a step of the last digit of a number."""
    exponent = written.as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0
