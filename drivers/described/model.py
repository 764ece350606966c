"""The shape of a description file, as frozen pydantic models.

One file describes an instrument and its simulated twin: how its line frames, what its fields are,
which exchanges carry them. ``docs/describing-an-instrument.md`` explains every key. Cross-checks
between the parts are in :mod:`drivers.described.consistency`; this module knows one part at a time.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^_?[a-z][a-z0-9_]*$", max_length=40)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Scalar = bool | int | float | str
Pair = Annotated[tuple[float, float], Field(strict=False)]  # TOML has lists alone


class Strict(BaseModel):
    """Reject unknown keys: a typo must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class LinePart(Strict):
    """How the serial line is set, and its times, s."""

    baud_rate: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    gap_s: Seconds = 0.0  # silence before each request
    quiet_s: Annotated[float, Field(gt=0, le=10)] = 0.1  # silence that ends a failed exchange
    drain_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0  # of a reply; an option overrides it
    settle_s: Seconds = 0.0  # silence after a write


class LengthPart(Strict):
    """A length field in each reply."""

    at: Annotated[int, Field(ge=0, le=64)]  # bytes before it
    size: Literal[1, 2, 4] = 1
    order: Literal["high", "low"] = "high"
    adds: Annotated[int, Field(ge=-64, le=64)] = 0  # whole frame = the number + this


class FramingPart(Strict):
    """How requests end, and how the end of a reply is found: exactly one of the reply keys."""

    send_start: str = ""
    send_end: str = "\r"
    reply_start: str = ""
    reply_end: Annotated[str, Field(min_length=1)] | None = None
    prompt: Annotated[str, Field(min_length=1)] | None = None  # regular expression, nothing after
    prints: str = ""  # the prompt, as the simulated instrument prints it
    length: LengthPart | None = None
    fixed: Annotated[int, Field(ge=1, le=4096)] | None = None  # bytes
    silence_s: Annotated[float, Field(gt=0, le=5)] | None = None
    document: Annotated[str, Field(min_length=1)] | None = None  # the closing tag, kept

    @property
    def kinds(self) -> list[str]:
        """Return the keys given that say how a reply ends."""
        keys = ("reply_end", "prompt", "length", "fixed", "silence_s", "document")
        return [key for key in keys if getattr(self, key) is not None]


class ChecksumPart(Strict):
    """A checksum in both directions."""

    kind: Literal[
        "sum8", "inverse-sum8", "xor8", "crc16-modbus", "crc16-xmodem", "crc16-ccitt-false"
    ]
    form: Literal["HEX", "hex", "binary", "decimal"] = "HEX"
    order: Literal["high", "low"] = "high"  # byte first, where there are two
    place: Literal["before-end", "after-end"] = "before-end"
    covers_start: bool = False  # the start mark, too
    covers_end: bool = False  # the end mark, too (only after-end)


class AddressPart(Strict):
    """Several instruments on a line; ``{address:000}`` stands for the number, as for a field."""

    send: str
    reply: str = ""
    range: Annotated[tuple[int, int], Field(strict=False)] = (0, 255)
    default: int | None = None  # none: without an address nothing is put before


class FieldPart(Strict):
    """One value that exchanges carry; a signal, unless its name begins with ``_``."""

    type: Literal["float", "int", "bool", "text"] = "float"
    unit: str = ""
    wire_unit: str | None = None  # converted to ``unit``
    scale: Annotated[float, Field(gt=0)] | None = None  # units per number on the wire
    offset: float = 0.0  # added after that
    limits: Pair | None = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0  # of the read-back
    enum: dict[str, Scalar] | None = None  # text on the wire -> value
    none: list[str] = Field(default_factory=list)  # texts that say there is no value
    like: str = ".*"  # regular expression of a text
    bits: dict[Name, Annotated[int, Field(ge=0, le=31)]] = Field(default_factory=dict)
    poll_s: Annotated[float, Field(gt=0, le=3600)] | Literal["never"] | None = None
    memory: Literal["eeprom", "once"] | None = None  # writes wear it out, or work once
    expect: Scalar | None = None  # what the instrument must say when it is prepared
    start: Scalar | None = None  # of the simulated instrument
    doc: str = ""

    # Modbus only
    at: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    form: Literal["int16", "uint16", "int32", "uint32", "float32"] = "int16"
    word_order: Literal["high", "low"] | None = None
    function: Literal[3, 4] = 3
    write_function: Literal[6, 16] | None = None
    writable: bool = False
    sentinels: list[int] | None = None


class ExchangePart(Strict):
    """A request and its reply; ``{field}`` or ``{field:picture}`` stands for a value."""

    send: Annotated[str, Field(min_length=1)]
    reply: str | None = None  # none: it is not answered
    retry: Literal["query", "command", "idempotent"] | None = None
    answered: Literal["yes", "maybe"] = "yes"
    timeout_s: Annotated[float, Field(gt=0, le=600)] | None = None
    settle_s: Seconds | None = None
    sets: dict[Name, Scalar] = Field(default_factory=dict)  # what a request without value means


class ErrorPart(Strict):
    """A reply that says no."""

    reply: Annotated[str, Field(min_length=1)]
    is_: Annotated[Literal["rejected", "fault", "busy", "no-value"], Field(alias="is")] = "rejected"
    says: str = ""
    then: str | None = None  # sent after it, to clear the instrument's buffer
    when: Literal["unknown", "range", "any"] | None = None  # of the simulated instrument


class AlarmPart(Strict):
    """What ``check`` looks for; one of ``like``, ``equals``, ``above``, ``below``."""

    field: Name
    like: str | None = None
    equals: Scalar | None = None
    above: float | None = None
    below: float | None = None
    is_: Annotated[Literal["fault", "rejected"], Field(alias="is")] = "fault"
    says: str = ""


class UnsolicitedPart(Strict):
    """A line that comes unasked; its fields are the newest values."""

    line: Annotated[str, Field(min_length=1)]
    is_: Annotated[Literal["value", "fault", "ignore"], Field(alias="is")] = "value"
    says: str = ""
    every_s: Annotated[float, Field(gt=0, le=3600)] | None = None


class WatchdogPart(Strict):
    """The instrument's own dead-man switch."""

    field: Name
    default: Annotated[int, Field(ge=0, le=3600)]  # s; 0: off
    range: Annotated[tuple[int, int], Field(strict=False)]
    feed: Literal["any", "again"] = "any"  # any request, or the same write again


class RolePart(Strict):
    """What the instrument is on a rig; the other keys say which field is what."""

    kind: Literal["thermostat", "pump", "valve", "sensor"] = "sensor"
    temperature: Name = "temperature"
    setpoint: Name = "setpoint"
    running: Name = "running"
    power: Name = "power"
    flow: Name = "flow"
    pressure: Name = "pressure"
    dispensed: Name = "dispensed"
    position: Name = "position"
    mass: Name = "mass"
    stalled: Name = "stalled"  # of the simulated pump
    travel_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # of a valve, at the most


class OptionPart(Strict):
    """A choice in the configuration that changes the description."""

    default: str
    choices: dict[str, dict[str, Any]]
    doc: str = ""


class ExamplePart(Strict):
    """A frame of the manual: a test in both directions."""

    send: Annotated[str, Field(min_length=1)]
    reply: str | None = None
    gives: dict[Name, Scalar] = Field(default_factory=dict)
    sets: dict[Name, Scalar] = Field(default_factory=dict)
    before: dict[Name, Scalar] = Field(default_factory=dict)  # of the simulated instrument
    error: str | None = None  # which fault it is
    options: dict[str, Scalar] = Field(default_factory=dict)
    hex: bool = False  # the frames are hexadecimal bytes, whole


class DerivedPart(Strict):
    """A simulated field that follows another one."""

    field: Name
    values: dict[str, Scalar] | None = None  # none: the same value


class OutcomePart(Strict):
    """What a simulated instrument notes when it refuses, or does not understand."""

    when: Literal["unknown", "above", "below", "range"]
    set: dict[Name, Scalar]


class GuardPart(Strict):
    """What a simulated instrument does by itself when a value passes a bound it holds."""

    of: Name
    when: Literal["above", "below"]
    field: Name  # which holds the bound
    set: dict[Name, Scalar]


class SimulatedPart(Strict):
    """What the simulated instrument needs beyond the rest."""

    latency_s: Annotated[float, Field(gt=0, le=10)] = 0.01
    follow: dict[Name, DerivedPart] = Field(default_factory=dict)
    outcomes: list[OutcomePart] = Field(default_factory=list)
    guards: list[GuardPart] = Field(default_factory=list)
    watchdog: dict[Name, Scalar] = Field(default_factory=dict)  # none: the safe state
    also: dict[Name, dict[Name, Scalar]] = Field(default_factory=dict)  # exchange -> what it sets
    needs: dict[Name, Scalar] = Field(default_factory=dict)  # writes are ignored unless
    case_matters: bool = True
    blanks_in_end: bool = False  # takes blanks before each byte of a request's end


class ModbusPart(Strict):
    """How the registers are read and written."""

    word_order: Literal["high", "low"] = "high"
    address: Annotated[int, Field(ge=1, le=255)] = 1
    functions: list[int] = Field(default_factory=lambda: [3, 4, 6, 16])
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    bridges: list[Pair] = Field(default_factory=list[tuple[float, float]])


class Description(Strict):
    """A whole description file."""

    title: Annotated[str, Field(min_length=3)]
    source: Annotated[str, Field(min_length=3)]
    role: RolePart = RolePart()
    line: LinePart = LinePart()
    framing: FramingPart = FramingPart()
    modbus: ModbusPart | None = None
    address: AddressPart | None = None
    checksum: ChecksumPart | None = None
    fields: dict[Name, FieldPart]
    exchanges: dict[Name, ExchangePart] = Field(default_factory=dict)
    errors: list[ErrorPart] = Field(default_factory=list)
    alarms: list[AlarmPart] = Field(default_factory=list)
    unsolicited: list[UnsolicitedPart] = Field(default_factory=list)
    identity: Name | None = None
    scan: str | None = None  # what only its own answer to the identity query looks like
    fence: Name | Literal["none"] | None = None
    prepare: list[Name | dict[Name, Scalar]] = Field(default_factory=list)
    safe: list[Name | dict[Name, Scalar]] = Field(default_factory=list)
    watchdog: WatchdogPart | None = None
    options: dict[Name, OptionPart] = Field(default_factory=dict)
    examples: list[ExamplePart] = Field(default_factory=list)
    simulated: SimulatedPart = SimulatedPart()
