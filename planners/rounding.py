"""Numbers for people."""


def rounded(value: float, digits: int = 4) -> str:
    """Return a number with so many digits that count, without an exponent where it is readable."""
    return f"{float(f'{value:.{digits}g}'):g}"
