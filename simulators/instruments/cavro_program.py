"""Command strings of Cavro pumps, read into steps (XP 3000 manual, chapter on commands)."""

import re
from dataclasses import dataclass

INVALID_COMMAND, INVALID_OPERAND, INVALID_SEQUENCE = 2, 3, 4
TOKEN = re.compile(r"([A-Za-z])(\d*)")
INITIALISE, MOVES, VALVE = "ZYW", "APDapd", "IOBE"
SETTINGS = {  # operand's range
    "V": (5, 5800),
    "v": (50, 1000),
    "c": (50, 2700),
    "S": (0, 40),
    "L": (1, 20),
    "K": (0, 31),
    "N": (0, 1),
}
MOST_STEPS = 1000


class Wrong(Exception):  # an answer of the pump, not an error of ours
    """The string is refused with this error code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True)
class Step:
    """One command of a string."""

    letter: str
    operand: int | None

    @property
    def number(self) -> int:
        """Return the operand, 0 when there is none."""
        return self.operand or 0


def parsed(text: str, speeds: tuple[int, int]) -> list[Step]:
    """Return the steps of a string, loops unrolled; raise Wrong."""
    tokens = TOKEN.findall(text)
    if "".join(letter + digits for letter, digits in tokens) != text:
        raise Wrong(INVALID_COMMAND)
    steps: list[Step] = []
    loops: list[int] = []
    for letter, digits in tokens:
        step = Step(letter, int(digits) if digits else None)
        if letter == "g":
            loops.append(len(steps))
        elif letter == "G":
            steps = _repeated(steps, loops, step)
        else:
            _check(step, speeds)
            steps.append(step)
    if loops:
        raise Wrong(INVALID_SEQUENCE)
    return steps


def _repeated(steps: list[Step], loops: list[int], end: Step) -> list[Step]:
    if not loops:
        raise Wrong(INVALID_SEQUENCE)
    first = loops.pop()
    unrolled = steps[:first] + steps[first:] * end.number
    if not end.number or len(unrolled) > MOST_STEPS:  # endless loops are not modelled
        raise Wrong(INVALID_OPERAND)
    return unrolled


def _check(step: Step, speeds: tuple[int, int]) -> None:
    letter = step.letter
    if letter in INITIALISE:
        if step.number not in (0, 1, 2, *range(10, 41)):
            raise Wrong(INVALID_OPERAND)
    elif letter in SETTINGS:
        low, high = speeds if letter == "V" else SETTINGS[letter]
        if step.operand is None or not low <= step.operand <= high:
            raise Wrong(INVALID_OPERAND)
    elif letter in MOVES or letter == "M":
        if step.operand is None:
            raise Wrong(INVALID_OPERAND)
    elif letter not in VALVE:
        raise Wrong(INVALID_COMMAND)
