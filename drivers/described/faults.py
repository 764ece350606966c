"""What does not fit together in a description whose shape is right: one line for each fault.

Each check is a generator of ``KEY.PATH: what is wrong, what was given, what is allowed``. The
options are tried one choice at a time, on the defaults of the others.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from drivers.described.book import Book, book_of
from drivers.described.build import chosen
from drivers.described.clashes import clash_faults
from drivers.described.forms import form_of
from drivers.described.model import Description, ExchangePart, FieldPart
from drivers.described.pattern import Pattern, pattern
from drivers.described.picture import picture
from drivers.described.uses import role_faults, use_faults
from drivers.modbus_signal import ModbusSignal

MODBUS_KEYS = ("at", "word_order", "write_function", "sentinels")


def faults_of(raw: Mapping[str, Any]) -> list[str]:
    """Return every fault of a description's tables; raise ValidationError without a shape."""
    description = Description.model_validate(raw)
    found: dict[str, None] = dict.fromkeys(_option_faults(description))
    if found:
        return list(found)
    for choices in _choices(description):
        try:
            variant = Description.model_validate(chosen(raw, choices))
        except ValidationError as error:
            found |= dict.fromkeys(_shape_faults(choices, error))
            continue
        found |= dict.fromkeys(_faults(variant))
    return list(found)


def _choices(description: Description) -> Iterator[dict[str, str]]:
    yield {}
    for name, option in description.options.items():
        for choice in option.choices:
            if choice != option.default:
                yield {name: choice}


def _shape_faults(choices: Mapping[str, str], error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        where = ".".join(f"options.{name}.choices.{choice}" for name, choice in choices.items())
        yield f"{where}.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _option_faults(description: Description) -> Iterator[str]:
    for name, option in description.options.items():
        if option.default not in option.choices:
            known = ", ".join(option.choices)
            yield f"options.{name}.default: {option.default!r} is no choice; there are {known}"


def _faults(description: Description) -> Iterator[str]:
    """Return the faults of one variant; those of its parts first, since the rest builds on them."""
    own = [fault for check in PARTS for fault in check(description)]
    if own:
        yield from own
        return
    book = book_of(description) if description.modbus is None else None
    yield from role_faults(description, book)
    yield from use_faults(description, book)
    if book is not None:
        yield from _fence_faults(description, book)
        yield from clash_faults(description, book)


def _field_faults(description: Description) -> Iterator[str]:
    for name, part in description.fields.items():
        at = f"fields.{name}"
        try:
            form_of(part)
        except ValueError as error:
            yield f"{at}.wire_unit: {error}"
        if part.limits is not None and not part.limits[0] <= part.limits[1]:
            yield f"{at}.limits: low must not exceed high, got {list(part.limits)}"
        if part.bits and part.type != "int":
            yield f"{at}.bits: are of a field of type 'int', got {part.type!r}"
        yield from _clear_names(description, name, part)
        yield from _expression_faults(f"{at}.like", part.like)
        yield from _value_faults(at, part)
        yield from _modbus_faults(description, at, part)


def _clear_names(description: Description, name: str, part: FieldPart) -> Iterator[str]:
    from drivers.described.build import reserved

    for own in (name, *part.bits):
        if not own.startswith("_") and own in reserved(description):
            yield f"fields.{own}: is the name of something else in drivers; take another"
    for bit in part.bits:
        if bit in description.fields:
            yield f"fields.{name}.bits.{bit}: is the name of a field as well"


def _expression_faults(at: str, text: str | None) -> Iterator[str]:
    try:
        re.compile(text or "")
    except re.error as error:
        yield f"{at}: is no regular expression ({error}), got {text!r}"


def _value_faults(at: str, part: FieldPart) -> Iterator[str]:
    kinds: dict[str, type | tuple[type, ...]] = {
        "float": (int, float),
        "int": int,
        "bool": bool,
        "text": str,
    }
    given = {f"{at}.enum.{text}": value for text, value in (part.enum or {}).items()}
    given |= {f"{at}.start": part.start, f"{at}.expect": part.expect}
    for where, value in given.items():
        is_bool = isinstance(value, bool)
        if value is not None and (
            not isinstance(value, kinds[part.type]) or is_bool != (part.type == "bool")
        ):
            yield f"{where}: must be of type {part.type}, got {value!r}"


def _modbus_faults(description: Description, at: str, part: FieldPart) -> Iterator[str]:
    if description.modbus is None:
        for key in MODBUS_KEYS:
            if getattr(part, key) is not None:
                yield f"{at}.{key}: is for Modbus instruments; there is no [modbus] section"
        return
    if part.at is None:
        yield f"{at}.at: is missing: the register, counted from 0 as on the wire"
    if part.type == "text" and not part.enum:
        yield f"{at}.type: registers hold numbers; a text needs an enum"
    if part.writable:
        size = ModbusSignal(0, part.form).count
        function = part.write_function or (6 if size == 1 else 16)
        if function not in description.modbus.functions:
            have = ", ".join(map(str, description.modbus.functions))
            yield f"{at}.write_function: {function} is not among modbus.functions ({have})"


def _pattern_faults(description: Description) -> Iterator[str]:
    texts = [(f"errors.{k}.reply", part.reply) for k, part in enumerate(description.errors)]
    texts += [(f"unsolicited.{k}.line", p.line) for k, p in enumerate(description.unsolicited)]
    for name, part in description.exchanges.items():
        texts.append((f"exchanges.{name}.send", part.send))
        if part.reply is not None:
            texts.append((f"exchanges.{name}.reply", part.reply))
        yield from _sets_faults(description, name, part)
    for at, text in texts:
        try:
            drawn = pattern(text)
        except ValueError as error:
            yield f"{at}: {error}"
            continue
        yield from _slot_faults(description, at, drawn)


def _slot_faults(description: Description, at: str, drawn: Pattern) -> Iterator[str]:
    for slot in drawn.slots:
        part = description.fields.get(slot.name)
        if part is None:
            known = ", ".join(description.fields)
            yield f"{at}: {slot.name!r} is not among the fields; there are {known}"
            continue
        numeric = part.type in ("float", "int") and not part.enum
        if slot.picture and not numeric:
            yield f"{at}: {{{slot.name}}} is no number and has no picture, got {slot.picture!r}"
        elif slot.picture:
            try:
                picture(slot.picture)
            except ValueError as error:
                yield f"{at}: {error}"


def _sets_faults(description: Description, name: str, part: ExchangePart) -> Iterator[str]:
    for field, value in part.sets.items():
        at = f"exchanges.{name}.sets.{field}"
        known = description.fields.get(field)
        if known is None:
            yield f"{at}: is not among the fields; there are {', '.join(description.fields)}"
        elif (known.type == "bool") != isinstance(value, bool):
            yield f"{at}: must be of type {known.type}, got {value!r}"


def _framing_faults(description: Description) -> Iterator[str]:
    if description.modbus is not None:
        if description.exchanges:
            yield "exchanges: a Modbus instrument has none; its fields have registers"
        return
    framing, checksum = description.framing, description.checksum
    kinds = framing.kinds
    if len(kinds) != 1:
        given = ", ".join(kinds) or "nothing"
        allowed = "reply_end, prompt, length, fixed, silence_s, document"
        yield f"framing: exactly one of {allowed} says where a reply ends, got {given}"
    yield from _expression_faults("framing.prompt", framing.prompt)
    yield from _expression_faults("scan", description.scan)
    if framing.length is not None and framing.length.at != len(framing.reply_start):
        at, start = framing.length.at, framing.reply_start
        yield f"framing.length.at: must follow reply_start ({len(start)} bytes), got {at}"
    if not description.exchanges:
        yield "exchanges: is missing: what is sent, and what comes back?"
    if checksum is None or framing.reply_end is None:
        return
    if checksum.form == "binary" and checksum.place == "before-end":
        yield (
            "checksum.form: a binary checksum may hold the end mark and cut the reply; allowed"
            ' with place = "after-end", or with length, fixed or silence_s'
        )


def _fence_faults(description: Description, book: Book) -> Iterator[str]:
    """A late reply must not answer the next question: one query must be unmistakable."""
    fence = description.identity if description.fence is None else description.fence
    if fence == "none":
        return
    at = "identity" if description.fence is None else "fence"
    if fence is None:
        yield (
            "identity: is missing: a query whose reply cannot be mistaken keeps late replies from"
            ' answering other questions; without any, say fence = "none"'
        )
        return
    exchange = book.exchanges.get(fence)
    if exchange is None or not exchange.is_query or exchange.answer is None:
        yield f"{at}: must name a query, got {fence!r}; there are {', '.join(_queries(book))}"
        return
    from drivers.ascii import PLAIN

    plain = next((text for text in PLAIN if exchange.answer.fullmatch(text)), None)
    if plain is not None:
        yield (
            f"{at}: the reply {exchange.part.reply!r} could be to anything (it fits {plain!r}); say"
            " what it looks like (fields.….like), or name another query as fence"
        )


def _queries(book: Book) -> list[str]:
    return [name for name, exchange in book.exchanges.items() if exchange.is_query]


PARTS: tuple[Callable[[Description], Iterator[str]], ...] = (
    _framing_faults,
    _field_faults,
    _pattern_faults,
)
