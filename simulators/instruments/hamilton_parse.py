"""Strings of Protocol 1/RNO+ taken apart (Microlab 600 RS-232 manual), for simulated instruments.

A string is a query alone (perhaps with ``R`` behind it), or commands for the left (``B``, the
default) or right (``C``) drive, one after the other. What does not fit is malformed as a whole.
"""

import re
from dataclasses import dataclass

QUERY = re.compile(r"([BC]?)(YQ[SPNB]|LQ[PATF]|[FZGHQU]|E[12]|T[12])(R?)")
COMMANDS = re.compile(
    r"""
    (?P<side>[BC])
  | (?P<valve_init>LX)
  | X(?P<init>1?)(?:S(?P<init_s>\d+))?
  | (?P<move>[PDM])(?P<steps>\d+)(?P<how>(?:[SN]\d+)*)
  | (?P<to>[IOW])
  | LP(?P<way>[01])(?P<position>\d{1,2})
  | LA[01](?P<angle>\d{1,3})
  | >T(?P<delay>\d*)
  | >D(?P<output>\d\d)
  | (?P<setting>YS[SNB]|LST|LSF)(?P<value>\d+)
  | \#SP(?P<memory>[12])
  | (?P<control>[RKV$!])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One command; ``values`` are the groups of :data:`COMMANDS` that are there."""

    side: str
    values: dict[str, str]


def parsed(text: str) -> list[Token] | None:
    """Return the commands of a string in order; None when it is malformed."""
    tokens: list[Token] = []
    side, at = "B", 0
    while at < len(text):
        found = COMMANDS.match(text, at)
        if found is None:
            return None
        at = found.end()
        values = {key: value for key, value in found.groupdict().items() if value is not None}
        if "side" in values:
            side = values["side"]
        else:
            tokens.append(Token(side, values))
    return tokens


def option(text: str, letter: str, default: int) -> int:
    """Return an option of a move (``S3N5``)."""
    found = re.search(rf"{letter}(\d+)", text)
    return int(found[1]) if found else default
