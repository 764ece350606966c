"""The example rig that chooses among three catalysts of one pump."""

import tomllib
from pathlib import Path

CATALYSTS = Path(__file__).parents[3] / "config" / "catalysts.toml"
WARM = {
    "catalyst": "carbene",
    "equivalents.catalyst": 0.02,
    "equivalents.boronate": 1.5,
    "concentration": 0.2,
    "residence_time": 2.0,
    "temperature": 35.0,
}


def sections(**changes):
    """Return the file's sections, keys of them replaced."""
    raw = tomllib.loads(CATALYSTS.read_text(encoding="utf-8"))
    for name, value in changes.items():
        raw[name] = {**raw[name], **value} if isinstance(value, dict) else value
    return raw
