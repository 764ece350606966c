"""The known name that somebody probably meant; light, since every command line needs it."""

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.5  # of what difflib calls likeness


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, in capitals or not; None when none is."""
    folded = {other.casefold(): other for other in sorted(known, reverse=True)}
    match = get_close_matches(name.casefold(), list(folded), n=1, cutoff=CUTOFF)
    return folded[match[0]] if match else None
