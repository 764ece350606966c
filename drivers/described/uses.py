"""What a description names must be there, be of use, and fill the role it claims."""

from collections.abc import Iterator, Mapping

from drivers.described.book import Book
from drivers.described.model import Description
from drivers.described.pattern import pattern

UNITS = {
    "temperature": "degC",
    "setpoint": "degC",
    "flow": "mL/min",
    "pressure": "bar",
    "dispensed": "mL",
    "mass": "g",
}


def role_faults(description: Description, book: Book | None) -> Iterator[str]:
    """A role needs its fields, readable or writable, in the units of the rig."""
    role = description.role
    needed = {
        "thermostat": {"temperature": "read", "setpoint": "write"},
        "pump": {"flow": "write"},
        "valve": {"position": "write"},
        "sensor": {},
    }[role.kind]
    for quantity, how in needed.items():
        name = getattr(role, quantity)
        if name not in description.fields:
            yield f"role.{quantity}: a {role.kind} needs it; {name!r} is not among the fields"
        elif how == "write" and name not in _writable(description, book):
            yield f"role.{quantity}: nothing writes {name!r}"
        elif how == "read" and name not in _readable(description, book):
            yield f"role.{quantity}: nothing reads {name!r}"
    for quantity, unit in UNITS.items():
        part = description.fields.get(getattr(role, quantity))
        if part is not None and part.unit != unit:
            at = f"fields.{getattr(role, quantity)}.unit"
            yield f"{at}: must be {unit!r} (a wire_unit is converted), got {part.unit!r}"
    yield from _state_faults(description, book)


def _state_faults(description: Description, book: Book | None) -> Iterator[str]:
    role, fields = description.role, description.fields
    if role.kind in ("thermostat", "pump"):
        if not description.safe:
            yield f"safe: is missing: what stops this {role.kind}?"
        if role.running in fields:
            if fields[role.running].type != "bool":
                yield f"fields.{role.running}.type: must be bool, got {fields[role.running].type!r}"
            elif role.running not in _writable(description, book):
                yield f"role.running: nothing writes {role.running!r}"
    if role.kind == "pump" and role.running in fields and role.flow == "flow":
        yield (
            "role.flow: where there is a field 'running', the flow that is set has its own name"
            ' (role.flow = "_rate"): the signal flow is 0 while it does not run'
        )
    position = fields.get(role.position)
    if role.kind != "valve" or position is None:
        return
    if position.type != "int" or position.limits is None:
        yield f'fields.{role.position}: needs type = "int" and limits = [1, POSITIONS]'


def _writable(description: Description, book: Book | None) -> set[str]:
    if book is not None:
        return set(book.settable)
    return {name for name, part in description.fields.items() if part.writable}


def _readable(description: Description, book: Book | None) -> set[str]:
    if book is not None:
        return {*book.readers, *book.pushed}
    return set(description.fields)


def use_faults(description: Description, book: Book | None) -> Iterator[str]:
    """What is named is there; what is there is used."""
    yield from _named_faults(description, book)
    if book is None:
        return
    used = {*book.readers, *book.settable, *book.pushed}
    used |= {name for error in book.errors for name in error.pattern.names}
    used |= {n for e in book.exchanges.values() if e.reply is not None for n in e.reply.names}
    for name in description.fields:
        if name not in used:
            yield f"fields.{name}: is unreachable: no exchange carries it"
    yield from _switch_faults(description, book)
    called = {item for item in [*description.prepare, *description.safe] if isinstance(item, str)}
    called |= {description.identity or "", description.fence or ""}
    for name, exchange in book.exchanges.items():
        values = {*exchange.send.names, *exchange.part.sets}
        reads = set(exchange.reply.names) if exchange.reply is not None else set[str]()
        if name not in called and not values and not reads:
            yield f"exchanges.{name}: is unreachable: it carries no field, and nothing names it"
    yield from _several_faults(book)


def _several_faults(book: Book) -> Iterator[str]:
    """A request of several values needs those that are not set: they must be readable."""
    for name, exchange in book.exchanges.items():
        others = exchange.send.names if len(exchange.send.names) > 1 else []
        for field in others:
            if field not in book.readers:
                yield f"exchanges.{name}.send: carries several values, and nothing reads {field!r}"


def _switch_faults(description: Description, book: Book) -> Iterator[str]:
    for name, part in description.fields.items():
        bare = name in book.settable and name not in book.writers
        if not bare or part.type != "bool":
            continue
        for value in (True, False):
            if book.setter(name, value) is None:
                said = str(value).lower()
                yield f"fields.{name}: no exchange sets it to {said} (exchanges.….sets)"


def _named_faults(description: Description, book: Book | None) -> Iterator[str]:
    known = {*description.fields, *(bit for p in description.fields.values() for bit in p.bits)}
    for k, alarm in enumerate(description.alarms):
        if alarm.field not in known:
            yield f"alarms.{k}.field: {alarm.field!r} is not among the fields"
        tests = [alarm.like, alarm.equals, alarm.above, alarm.below]
        if sum(test is not None for test in tests) != 1:
            yield f"alarms.{k}: needs one of like, equals, above, below"
    if description.watchdog is not None and description.watchdog.field not in description.fields:
        yield f"watchdog.field: {description.watchdog.field!r} is not among the fields"
    for section, items in (("prepare", description.prepare), ("safe", description.safe)):
        for k, item in enumerate(items):
            yield from _item_faults(description, book, f"{section}.{k}", item)
    yield from _identity_faults(description, book)


def _item_faults(
    description: Description, book: Book | None, at: str, item: str | Mapping[str, object]
) -> Iterator[str]:
    if isinstance(item, str):
        known = description.exchanges if book is not None else description.fields
        if item not in known:
            yield f"{at}: no exchange is called {item!r}; there are {', '.join(known)}"
        elif book is not None and pattern(description.exchanges[item].send).names:
            yield f"{at}: {item!r} carries a value; write {{ field = value }}"
        return
    writable = _writable(description, book)
    for name in item:
        if name not in writable:
            yield f"{at}.{name}: nothing writes it; what can be written is {', '.join(writable)}"


def _identity_faults(description: Description, book: Book | None) -> Iterator[str]:
    name = description.identity
    if name is not None and book is None and name not in description.fields:
        yield f"identity: {name!r} is not among the fields"
    if name is not None and book is not None and name not in book.exchanges:
        yield f"identity: no exchange is called {name!r}; there are {', '.join(book.exchanges)}"
