"""Cross-checks of instruments, lines, feeds and reactor."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from daemon import plugins
from daemon.described import broken, is_description
from daemon.settings.models import AnalysisSettings, FeedSettings, InstrumentSettings
from daemon.settings.subject import Subject
from daemon.settings.wording import fault_lines, nearest
from daemon.units import to_unit
from drivers.transport import NETWORK


def instrument_faults(subject: Subject) -> Iterator[str]:
    """Drivers are installed, their options are right, limits are of signals they have."""
    if not subject.instruments and not subject.settings.instruments and subject.has("instruments"):
        yield "instruments: is missing or empty: name at least one instrument"
    for name, instrument in subject.settings.instruments.items():
        at = f"instruments.{name}"
        driver = subject.drivers.get(name)
        if driver is None and is_description(instrument.driver):
            yield from (f"{at}.driver: {fault}" for fault in broken(instrument.driver))
            continue
        if driver is None:
            known = nearest(instrument.driver, plugins.names("taylord.drivers"))
            yield f"{at}.driver: unknown driver {instrument.driver!r}{known}"
            continue
        yield from _port_faults(at, instrument, driver)
        yield from _option_faults(at, instrument, driver)
        yield from _limit_faults(subject, name, instrument)


def _option_faults(at: str, instrument: InstrumentSettings, driver: Any) -> Iterator[str]:
    try:
        driver.Options.model_validate(instrument.options)
    except ValidationError as error:
        yield from fault_lines(_all_keys(driver), error, at.split("."))


def _all_keys(driver: Any) -> type[BaseModel]:
    """Return a model with every key of an instrument's table, to name the one that was meant."""
    fields: dict[str, Any] = {
        key: (field.annotation, None) for key, field in driver.Options.model_fields.items()
    }
    return create_model("Keys", __base__=InstrumentSettings, **fields)


def _port_faults(at: str, instrument: InstrumentSettings, driver: Any) -> Iterator[str]:
    port = instrument.port
    if driver.line.medium == "mqtt":
        if not port or "#" in port or "+" in port:
            yield f"{at}.port: must be an MQTT topic without wildcards, got {port!r}"
        return
    if "://" not in port:
        if not (port.startswith("/") or port.upper().startswith("COM")):
            yield f"{at}.port: must be a device path or one of {', '.join(NETWORK)}…, got {port!r}"
        return
    scheme, _, rest = port.partition("://")
    host, _, number = rest.rpartition(":")
    if f"{scheme}://" not in NETWORK:
        yield f"{at}.port: unknown scheme {scheme!r}; known: {', '.join(NETWORK)}, or a device path"
    elif not host or not number.isdecimal() or not 0 < int(number) < 65536:
        yield f"{at}.port: must be {scheme}://HOST:PORT with a port of 1 to 65535, got {port!r}"


def _limit_faults(subject: Subject, name: str, instrument: InstrumentSettings) -> Iterator[str]:
    specs = subject.signals_of(name)
    if specs is None:
        return  # said once, where the options are checked
    for signal, (low, high) in instrument.limits.items():
        where = f"instruments.{name}.limits.{signal}"
        spec = specs.get(signal)
        if spec is None:
            yield f"{where}: {instrument.driver} has no signal {signal!r}{nearest(signal, specs)}"
            continue
        try:
            bounds = to_unit(low, spec.unit), to_unit(high, spec.unit)
        except ValueError as error:
            yield f"{where}: {error}"
            continue
        if not bounds[0] <= bounds[1]:
            yield f"{where}: low must not exceed high, got [{low}, {high}] {spec.unit}"
        elif spec.limits is not None and (
            bounds[0] > spec.limits.high or bounds[1] < spec.limits.low
        ):
            yield f"{where}: lies outside what the instrument allows, {spec.limits} {spec.unit}"


def line_faults(subject: Subject) -> Iterator[str]:
    """Instruments that share a port differ in address and agree on the line."""
    by_port: defaultdict[str, list[str]] = defaultdict(list)
    for name, instrument in subject.settings.instruments.items():
        by_port[_same(instrument.port)].append(name)
    for port, members in by_port.items():
        yield from _shared_port_faults(subject, port, members)


def _same(port: str) -> str:
    """Return a port as one writing: hosts in small letters, numbers without leading zeros."""
    scheme, mark, rest = port.partition("://")
    host, _, number = rest.rpartition(":")
    if not mark or not number.isdecimal():
        return port
    return f"{scheme.lower()}://{host.lower()}:{int(number)}"


def _shared_port_faults(subject: Subject, port: str, members: list[str]) -> Iterator[str]:
    seen: dict[Any, str] = {}
    for name in members:
        driver = subject.drivers.get(name)
        address = _address(subject, name, driver)
        if address in seen:
            yield (
                f"instruments.{name}.address: {name} and {seen[address]} share port {port!r}"
                f"{_and_address(address)}"
            )
        seen.setdefault(address, name)
        first = subject.drivers.get(members[0])
        if driver is not None and first is not None and driver.line != first.line:
            yield (
                f"instruments.{name}.port: {port!r} is shared with {members[0]}, whose driver needs"
                " other line settings"
            )


def _and_address(address: object) -> str:
    if address is None:
        return "; give each its own port"
    return f" and address {address}; give each its own address, or its own port"


def _address(subject: Subject, name: str, driver: Any) -> Any:
    """Return where on its line an instrument is, by its options or else by its address alone."""
    options = subject.settings.instruments[name].options
    if driver is None:
        return options.get("address")
    try:
        return driver.Options.model_validate(options).place
    except ValidationError:  # told elsewhere
        return options.get("address")


def feed_faults(subject: Subject) -> Iterator[str]:
    """Feeds share a pump only behind a valve that chooses, and do not contradict each other."""
    names: set[str] = set()
    pumps: dict[str, FeedSettings] = {}
    for i, feed in enumerate(subject.settings.feeds):
        at = f"feeds.{i}"
        if feed.name in names:
            yield f"{at}.name: {feed.name!r} is used twice; names of feeds are unique"
        names.add(feed.name)
        yield from role_faults(subject, f"{at}.pump", feed.pump, "set_flow", "a pump")
        if feed.pump in pumps:
            yield from _sharing_faults(subject, at, feed, pumps[feed.pump])
        pumps.setdefault(feed.pump, feed)
        yield from _valve_faults(subject, at, feed)
    yield from _shared_pump_faults(subject.settings.feeds)


def _sharing_faults(
    subject: Subject, at: str, feed: FeedSettings, other: FeedSettings
) -> Iterator[str]:
    """Feeds of one pump are told apart by a valve, and the line between is rinsed."""
    if feed.valve is None or feed.valve != other.valve:
        yield (
            f"{at}.pump: {feed.pump!r} already delivers feed {other.name!r}; one pump, one feed,"
            " or a valve in front of it that chooses: give it, and its position, to both"
        )
    elif subject.fills(feed.pump, "refill") and feed.pump in subject.drivers:
        yield (
            f"{at}.pump: {feed.pump!r} has a syringe, which cannot be rinsed between"
            f" {other.name!r} and this feed; use a pump that draws from the bottle"
        )


def _shared_pump_faults(feeds: list[FeedSettings]) -> Iterator[str]:
    """A shared pump has one feed at one position of its valve, and a line that is known."""
    taken: dict[tuple[str, str, int], str] = {}
    pumps = [feed.pump for feed in feeds]
    for i, feed in enumerate(feeds):
        if feed.valve is None or feed.position is None or pumps.count(feed.pump) == 1:
            continue
        if feed.dead_volume_ml == 0:
            yield (
                f"feeds.{i}.dead_volume_ml: is missing, from {feed.valve} to the mixer:"
                f" {feed.pump} serves several feeds, and so much is rinsed at a change"
            )
        other = taken.setdefault((feed.pump, feed.valve, feed.position), feed.name)
        if other != feed.name:
            yield (
                f"feeds.{i}.position: {feed.valve} has feed {other!r} at {feed.position} for"
                f" {feed.pump} already"
            )


def _valve_faults(subject: Subject, at: str, feed: FeedSettings) -> Iterator[str]:
    """A feed behind a valve says where, and at a position that the valve has."""
    if feed.valve is None:
        if feed.position is not None:
            yield f"{at}.position: needs a valve"
        return
    yield from role_faults(subject, f"{at}.valve", feed.valve, "turn", "a valve")
    if feed.position is None:
        yield f"{at}.position: is missing: the position of {feed.valve} that lets the feed through"
        return
    spec = (subject.signals_of(feed.valve) or {}).get("position")
    if spec is not None and spec.limits is not None and feed.position not in spec.limits:
        what = f"{feed.valve} has no position {feed.position}, its limits are {spec.limits}"
        yield f"{at}.position: {what}"


def reactor_faults(subject: Subject) -> Iterator[str]:
    """The reactor names a thermostat, the analysis an analyser."""
    reactor, analysis = subject.settings.reactor, subject.settings.analysis
    if reactor is not None:
        yield from role_faults(
            subject, "reactor.thermostat", reactor.thermostat, "set_temperature", "a thermostat"
        )
        if reactor.volume_ml == 0:
            yield "reactor.volume_ml: must be greater than 0, got 0"
        if reactor.back_pressure >= reactor.max_pressure:
            yield (
                f"reactor.back_pressure: must stay below max_pressure"
                f" ({reactor.max_pressure:g} bar), got {reactor.back_pressure:g}"
            )
        if not 0.01 <= reactor.inner_diameter_mm <= 100:
            given = reactor.inner_diameter_mm
            yield f"reactor.inner_diameter_mm: must lie between 0.01 and 100 mm, got {given:g}"
        if reactor.kind == "droplet":
            yield "reactor.kind: 'droplet' is not executed by this version; use 'coil'"
    if analysis is not None:
        yield from _analysis_faults(analysis)
        yield from role_faults(
            subject, "analysis.instrument", analysis.instrument, "acquire", "an analyser"
        )


def _analysis_faults(analysis: AnalysisSettings) -> Iterator[str]:
    for name, peak in analysis.peaks.items():
        if not peak.low < peak.high:
            yield (
                f"analysis.peaks.{name}.low: must be less than high,"
                f" got [{peak.low:g}, {peak.high:g}]"
            )
    low, high = analysis.mass_balance
    if not 0 <= low < high:
        yield f"analysis.mass_balance: must be [low, high], 0 <= low < high, got [{low}, {high}]"


def role_faults(subject: Subject, at: str, name: str, method: str, role: str) -> Iterator[str]:
    """The named instrument exists and fills the role."""
    if name not in subject.instruments:
        yield f"{at}: no instrument is called {name!r}{nearest(name, subject.instruments)}"
    elif not subject.fills(name, method):
        driver = subject.settings.instruments[name].driver
        yield f"{at}: {name!r} ({driver}) is not {role}"
