"""What the cross-checks look at: the settings, the names of the file, and the installed drivers."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from daemon import plugins
from daemon.errors import ConfigError
from daemon.settings.models import InstrumentSettings, Settings
from drivers.signal import SignalSpec


class Subject:
    """One file under check."""

    def __init__(self, settings: Settings, raw: Mapping[str, Any]) -> None:
        self.settings = settings
        self._raw = raw

    def has(self, section: str) -> bool:
        """Return whether the file has this section, well-formed or not."""
        return section in self._raw

    @cached_property
    def instruments(self) -> list[str]:
        """Return every instrument name of the file, of faulty ones too."""
        table = self._raw.get("instruments")
        return list(table) if isinstance(table, Mapping) else []

    def names_in(self, section: str) -> list[str]:
        """Return the ``name`` keys of a list of tables, of faulty ones too."""
        rows = self._raw.get(section)
        if not isinstance(rows, list):
            return []
        return [str(row["name"]) for row in rows if isinstance(row, Mapping) and "name" in row]

    @cached_property
    def drivers(self) -> Mapping[str, Any]:
        """Return the driver class of each instrument whose driver is installed."""
        classes: dict[str, Any] = {}
        for name, instrument in self.settings.instruments.items():
            try:
                classes[name] = plugins.load("taylord.drivers", instrument.driver)
            except ConfigError:
                continue  # said once, by instrument_faults
        return classes

    def signals_of(self, name: str) -> Mapping[str, SignalSpec] | None:
        """Return the signal table of an instrument; None while its driver or options are faulty."""
        driver, settings = self.drivers.get(name), self.settings.instruments.get(name)
        if driver is None or settings is None:
            return None
        try:
            options = driver.Options.model_validate(settings.options)
        except ValidationError:
            return None
        specs: Mapping[str, SignalSpec] = driver.signal_specs(options)
        return specs

    def instrument(self, name: str) -> InstrumentSettings | None:
        """Return one instrument's settings, if they are well-formed."""
        return self.settings.instruments.get(name)

    def fills(self, name: str, method: str) -> bool:
        """Return whether an instrument has the method that makes its role; unknown ones pass."""
        driver = self.drivers.get(name)
        return driver is None or callable(getattr(driver, method, None))
