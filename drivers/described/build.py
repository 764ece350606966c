"""From a description to a driver class, and to one class more for each choice of its options."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Optional, cast

from pydantic import Field, create_model

from drivers.bus import Bus
from drivers.described.book import book_of
from drivers.described.frames import codec_of, frames_of, latin
from drivers.described.model import Description, FieldPart
from drivers.described.pattern import pattern
from drivers.described.roles import ROLES
from drivers.described.rows import rows_of
from drivers.described.text import DescribedText
from drivers.options import DriverOptions, SerialOptions
from drivers.probes import ASKING, BARE, Probe
from drivers.signal import Limits, SignalSpec
from drivers.table import MethodSignal, Row
from drivers.transport.base import LineSpec

Raw = Mapping[str, Any]
SCANNED = 3  # addresses that are looked for: each takes its time


def merged(raw: Raw, over: Raw) -> dict[str, Any]:
    """Return the tables with those of ``over`` laid on them; lists are replaced."""
    result = dict(raw)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = merged(cast("Raw", below), cast("Raw", value)) if both else value
    return result


def chosen(raw: Raw, choices: Mapping[str, str]) -> dict[str, Any]:
    """Return the description's tables with these choices of its options laid on them."""
    result = dict(raw)
    for name, option in raw.get("options", {}).items():
        choice = choices.get(name, option["default"])
        result = merged(result, option["choices"][choice])
    return result


class Varying:
    """A class whose options choose between variants of it; mixed in where there are options."""

    Options: type[DriverOptions]
    raw: Raw
    variants: dict[tuple[str, ...], type]

    def __new__(cls, name: str, bus: Bus, options: Any, limits: Mapping[str, Limits]) -> Any:  # noqa: ARG004
        """Return an instance of the variant that the options choose."""
        return object.__new__(cls.variant(options))

    @classmethod
    def variant(cls, options: Any) -> type:
        """Return the class for these options."""
        if "raw" not in vars(cls):  # a variant already
            return cls
        names = list(cls.raw.get("options", {}))
        key = tuple(str(getattr(options, name)) for name in names)
        if key not in cls.variants:
            raw = chosen(cls.raw, dict(zip(names, key, strict=True)))
            cls.variants[key] = type(cls.__name__, (cls,), _namespace(raw))
        return cls.variants[key]

    @classmethod
    def signal_specs(cls, options: Any) -> Mapping[str, SignalSpec]:
        """Return the table with these options, before any instrument is made."""
        known = all(hasattr(options, name) for name in cls.raw.get("options", {}))
        rows: Mapping[str, Row] = (cls.variant(options) if known else cls).rows  # type: ignore[attr-defined]
        return {row.name: row.spec(row.limits) for row in rows.values()}


def class_of(raw: Raw, stem: str) -> type:
    """Return the driver class of a description whose faults have been looked for.

    ``stem`` is what it is called in messages, the name of its file.
    """
    description = Description.model_validate(chosen(raw, {}))
    bases: list[type] = [Varying] if description.options else []
    role = ROLES[description.role.kind]
    bases += [role] if role is not None else []
    if description.modbus is not None:
        from drivers.described.registers import DescribedModbus

        bases.append(DescribedModbus)
    else:
        bases.append(DescribedText)
    namespace = _namespace(chosen(raw, {}))
    namespace |= {"Options": _options(description, stem), "stem": stem}
    if description.modbus is None:
        namespace["line"] = _line(description)
        namespace["probes"] = _probes(description)
    if description.options:
        namespace |= {"raw": raw, "variants": {}}
    return type(_class_name(stem), tuple(bases), namespace)


def reserved(description: Description) -> frozenset[str]:
    """Return the names that fields cannot have: those of the base classes' own parts."""
    role = ROLES[description.role.kind]
    taken = {name for base in (role, DescribedText) if base is not None for name in dir(base)}
    taken |= {"name", "bus", "options", "bound", "variant", "variants", "raw"}
    return frozenset(taken)


def _class_name(stem: str) -> str:
    return "".join(word.capitalize() for word in stem.replace("_", "-").split("-")) or "Described"


def _namespace(raw: Raw) -> dict[str, Any]:
    """Return what a class of this description has."""
    description = Description.model_validate(raw)
    doc = f"{description.title}.\n\n{description.source}."
    space: dict[str, Any] = {"__doc__": doc, "__module__": __name__, "description": description}
    if description.modbus is not None:
        from drivers.described.registers import namespace

        space |= namespace(description)
    else:
        space |= _text_namespace(description)
    rows: dict[str, Row] = space.pop("rows")
    role = description.role
    if role.kind == "pump" and role.running in description.fields:
        rows = {"flow": _delivered(description.fields[role.flow]), **rows}
    if role.kind == "thermostat" and role.temperature != "temperature":
        measured = role.temperature
        space["temperature"] = property(lambda self: self.part(measured))
    hidden = {name: row for name, row in rows.items() if name.startswith("_")}
    for name, row in hidden.items():
        row.__set_name__(object, name)
    space["hidden_rows"] = MappingProxyType(hidden)
    return {**space, **{name: row for name, row in rows.items() if name not in hidden}}


def _delivered(rate: FieldPart) -> MethodSignal:
    return MethodSignal(
        float,
        "mL/min",
        read="read_delivered",
        write="write_delivered",
        limits=rate.limits,
        poll_s=rate.poll_s if isinstance(rate.poll_s, float) else 1.0,
        doc="what is delivered; 0 while it does not run",
    )


def _text_namespace(description: Description) -> dict[str, Any]:
    book = book_of(description)
    space: dict[str, Any] = {"book": book, "rows": rows_of(book)}
    fence = description.identity if description.fence is None else description.fence
    if fence is not None and fence != "none":
        exchange = book.exchanges[fence]
        space["fence"] = exchange.send.filled({})
        space["fence_reply"] = exchange.answer.pattern if exchange.answer is not None else ""
    return space


def _line(description: Description) -> LineSpec:
    line = description.line
    return LineSpec(
        codec=codec_of(description),
        baud_rate=line.baud_rate,
        data_bits=line.data_bits,
        parity=line.parity,
        stop_bits=line.stop_bits,
        gap_s=line.gap_s,
        quiet_s=line.quiet_s,
        drain_s=line.drain_s,
    )


def _probes(description: Description) -> tuple[Probe, ...]:
    """Return how ``taylord scan`` finds it: by its identity query, where its answer is its own."""
    exchange = description.exchanges.get(description.identity or "")
    if description.scan is None or exchange is None:
        return ()
    text = pattern(exchange.send).filled({})
    end = re.escape(latin(description.framing.reply_end or ""))
    own = rb"(" + latin(description.scan) + rb")" + end

    def asked(address: int | None) -> bytes:
        return frames_of(description, address).wrapped(text)

    def answered(address: int | None) -> bytes:
        return re.escape(latin(frames_of(description, address).reply_address)) + own

    rank, wait_s = (ASKING if "?" in text else BARE), 0.4 + description.line.gap_s
    plain = Probe(asked(None), own, "{}", rank=rank, wait_s=wait_s)
    if description.address is None:
        return (plain,)
    first = max(1, description.address.range[0])
    addresses = tuple(range(first, first + SCANNED))
    more = Probe(asked, answered, "{}", addresses=addresses, rank=rank, wait_s=wait_s)
    return (plain, more) if description.address.default is None else (more,)


def _options(description: Description, stem: str) -> type[DriverOptions]:
    """Return the model of the options: those of the file beside those of every line."""
    fields: dict[str, Any] = {}
    base: type[DriverOptions] = SerialOptions
    if description.modbus is not None:
        from drivers.modbus import ModbusOptions

        base = ModbusOptions
        fields["address"] = (Annotated[int, Field(ge=1, le=255)], description.modbus.address)
    elif description.address is not None:
        low, high = description.address.range
        number = Annotated[int, Field(ge=low, le=high)]
        fields["address"] = (Optional[number], description.address.default)  # noqa: UP045
    fields["timeout_s"] = (Annotated[float, Field(gt=0, le=60)], description.line.timeout_s)
    if (watchdog := description.watchdog) is not None:
        low, high = watchdog.range
        seconds: Any = Literal[0] | Annotated[int, Field(ge=low, le=high)]  # 0: off
        fields["watchdog_s"] = (seconds, watchdog.default)
    for name, option in description.options.items():
        allowed: Any = Literal[tuple(option.choices)]  # type: ignore[valid-type]
        fields[name] = (allowed, option.default)
    return create_model(
        f"{_class_name(stem)}Options", __base__=base, __doc__=f"Options of {stem}.", **fields
    )
