"""What is installed, as documents: drivers with signals and options, the configuration's schema."""

from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from daemon import plugins
from daemon.settings.models import Settings
from drivers.options import DriverOptions
from drivers.signal import SignalSpec


def describe_drivers() -> list[dict[str, Any]]:
    """Return every installed driver: summary, signals, options, JSON Schema of the options."""
    return [_describe(name) for name in plugins.names("taylord.drivers")]


def _describe(name: str) -> dict[str, Any]:
    driver = plugins.load("taylord.drivers", name)
    options = driver.Options
    required = any(field.is_required() for field in options.model_fields.values())
    specs = driver.signal_specs(DriverOptions() if required else options())
    return {
        "name": name,
        "summary": (getdoc(driver) or "").partition("\n")[0],
        "medium": driver.line.medium,
        "signals": [_signal(spec) for spec in specs.values()],
        "options": [
            {"name": key, "default": _defaults(options).get(key, "required")}
            for key in options.model_fields
        ],
        "schema": options.model_json_schema(),
    }


def _defaults(options: type[BaseModel]) -> dict[str, Any]:
    return {
        key: _plain(field.get_default(call_default_factory=True))
        for key, field in options.model_fields.items()
        if not field.is_required()
    }


def _plain(default: Any) -> Any:
    """Return a default as JSON has it; an option may be a table of its own."""
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


def _signal(spec: SignalSpec) -> dict[str, Any]:
    limits = spec.limits
    return {
        "name": spec.name,
        "type": spec.kind.__name__,
        "unit": spec.unit,
        "writable": spec.writable,
        "limits": [limits.low, limits.high] if limits is not None else None,
        "poll_s": spec.poll_s,
        "doc": spec.doc,
    }


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of configuration files; strings with units stand for numbers."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "taylord configuration",
        **Settings.model_json_schema(),
    }
