"""The example configuration, for tests of experiments."""

import tomllib
from pathlib import Path

from daemon.settings.models import Settings

EXAMPLE = Path(__file__).parents[3] / "config" / "flow.toml"
CONDITIONS = {
    "residence_time": 1.0,
    "temperature": 90.0,
    "concentration": 0.3,
    "equivalents.pyrrolidine": 2.0,
}


def example(**sections) -> Settings:
    """Return the example, keys of sections replaced: ``reactor={"volume_ml": 5}``."""
    raw = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    for name, value in sections.items():
        raw[name] = {**raw.get(name, {}), **value} if isinstance(value, dict) else value
    return Settings.model_validate(raw)
