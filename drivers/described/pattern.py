"""Patterns: texts with values in them, ``SP {setpoint:0.00}``, for writing and for reading."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)(?::([^{}]+))?\}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value."""

    name: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with slots; ``{{`` and ``}}`` are braces."""

    text: str
    pieces: tuple[str | Slot, ...]

    @property
    def slots(self) -> Iterator[Slot]:
        """Return the slots in order."""
        return (piece for piece in self.pieces if isinstance(piece, Slot))

    @property
    def names(self) -> list[str]:
        """Return the names of the slots in order."""
        return [slot.name for slot in self.slots]

    @property
    def head(self) -> str:
        """Return the literal text that every instance begins with."""
        first = self.pieces[0] if self.pieces else ""
        return first if isinstance(first, str) else ""

    def slot(self, name: str) -> Slot:
        """Return the slot of this name."""
        return next(slot for slot in self.slots if slot.name == name)

    def filled(self, texts: Mapping[str, str]) -> str:
        """Return the text with these texts in its slots."""
        return "".join(p if isinstance(p, str) else texts[p.name] for p in self.pieces)

    def regex(self, of: Callable[[Slot], str]) -> str:
        """Return a regular expression with a named group for each slot; ``of`` gives its own."""
        return "".join(
            re.escape(piece) if isinstance(piece, str) else f"(?P<{piece.name}>{of(piece)})"
            for piece in self.pieces
        )


def pattern(text: str) -> Pattern:
    """Return the pattern of a text; raise ValueError at a brace left over or a name doubled."""
    pieces: list[str | Slot] = []
    at, literal = 0, ""
    for found in _PIECE.finditer(text):
        literal += _literal(text[at : found.start()], text)
        at = found.end()
        if found[1] is None:
            literal += found[0][0]
            continue
        if literal:
            pieces.append(literal)
        literal = ""
        pieces.append(Slot(found[1], found[2] or ""))
    literal += _literal(text[at:], text)
    if literal:
        pieces.append(literal)
    made = Pattern(text, tuple(pieces))
    doubled = {name for name in made.names if made.names.count(name) > 1}
    if doubled:
        raise ValueError(f"{text!r} has {min(doubled)!r} twice")
    return made


def _literal(text: str, whole: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError(
            f"{whole!r} has a brace that is no value; write {{name}} or {{name:0.00}},"
            " and a brace itself twice"
        )
    return text
