"""Patterns that could be taken for each other, and those that nothing ever reaches.

Patterns are tried on sample texts of each other: what is found is a fault; what is not found may
still be one in a rare value.
"""

from collections.abc import Iterator

from drivers.described.book import Book, Exchange, Told
from drivers.described.model import Description
from drivers.described.pattern import Pattern
from drivers.described.samples import samples


def clash_faults(description: Description, book: Book) -> Iterator[str]:
    """Return what is ambiguous or unreachable, by where it stands in the file."""
    yield from _request_faults(description, book)
    yield from _error_faults(description, book)
    yield from _unsolicited_faults(description, book)


def _texts(description: Description, book: Book, pattern: Pattern) -> list[str]:
    return list(samples(pattern, description.fields, book.forms))


def _request_faults(description: Description, book: Book) -> Iterator[str]:
    """A request belongs to the first exchange that it fits."""
    done: list[tuple[Exchange, list[str]]] = []
    for exchange in book.exchanges.values():
        texts = _texts(description, book, exchange.send)
        at = f"exchanges.{exchange.name}.send"
        for other, others in done:
            taken = [text for text in texts if other.request.fullmatch(text)]
            both = taken or [text for text in others if exchange.request.fullmatch(text)]
            if not both:
                continue
            how = "is unreachable" if len(taken) == len(texts) else "is ambiguous"
            also = f"exchanges.{other.name} ({other.part.send!r})"
            yield f"{at}: {how}: {both[0]!r} fits {also}, too"
        done.append((exchange, texts))


def _error_faults(description: Description, book: Book) -> Iterator[str]:
    """An error reply must not pass for a value, nor be hidden by an earlier one."""
    for k, error in enumerate(book.errors):
        at = f"errors.{k}.reply"
        texts = _texts(description, book, error.pattern)
        for exchange in book.exchanges.values():
            if (text := _first_fit(exchange, texts)) is not None:
                yield (
                    f"{at}: is ambiguous: {text!r} is also a reply of exchanges.{exchange.name}"
                    f" ({exchange.part.reply!r}); say what the values there look like"
                )
        yield from _hidden(at, "errors", texts, book.errors[:k])


def _unsolicited_faults(description: Description, book: Book) -> Iterator[str]:
    for k, told in enumerate(book.unsolicited):
        at = f"unsolicited.{k}.line"
        texts = _texts(description, book, told.pattern)
        for exchange in book.exchanges.values():
            if exchange.answers and (text := _first_fit(exchange, texts)) is not None:
                yield (
                    f"{at}: is ambiguous: {text!r} is also a reply of exchanges.{exchange.name}"
                    f" ({exchange.part.reply!r})"
                )
        yield from _hidden(at, "unsolicited", texts, book.unsolicited[:k])


def _first_fit(exchange: Exchange, texts: list[str]) -> str | None:
    if exchange.answer is None:
        return None
    return next((text for text in texts if exchange.answer.fullmatch(text)), None)


def _hidden(at: str, section: str, texts: list[str], before: tuple[Told, ...]) -> Iterator[str]:
    for k, other in enumerate(before):
        if texts and all(other.regex.fullmatch(text) for text in texts):
            yield f"{at}: is unreachable: {section}.{k} fits all of it, e.g. {texts[0]!r}"
