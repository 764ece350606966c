"""Sample texts of patterns: what is tried when one pattern might be taken for another."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product

from drivers.described.forms import Form
from drivers.described.model import FieldPart
from drivers.described.pattern import Pattern, Slot

PLAIN_TEXTS = ("", "0", "1", "23.75", "-1.5", "+1.0E+00", "OK", "ERROR", "ERR_1")
NUMBERS = (0.0, 1.0, 2.0, 12.5, -3.0, 100.0, 1234.0, 0.125)
MOST = 200  # texts of one pattern


def texts_of(part: FieldPart, form: Form, slot: Slot) -> list[str]:
    """Return texts that a field can have in a slot."""
    if form.enum:
        return [*form.enum, *form.none]
    if part.type == "text":
        given = [str(part.start)] if part.start is not None else []
        fits = [text for text in PLAIN_TEXTS if text and re.fullmatch(form.like, text)]
        return [*given, *fits, *form.none] or ["?"]
    numbers = [*(part.limits or ()), *NUMBERS]
    found: dict[str, None] = {}
    for number in numbers:
        try:
            found[form.text(number, slot.picture)[0]] = None
        except ValueError:
            continue  # it has no such text
    return [*found, *form.none]


def samples(
    pattern: Pattern, fields: Mapping[str, FieldPart], forms: Mapping[str, Form]
) -> Iterator[str]:
    """Return sample texts of a pattern."""
    slots = list(pattern.slots)
    choices = [texts_of(fields[slot.name], forms[slot.name], slot) for slot in slots]
    for texts in islice(product(*choices), MOST):
        yield pattern.filled({slot.name: text for slot, text in zip(slots, texts, strict=True)})
