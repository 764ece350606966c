"""The descriptions that come with taylord, as simulated instruments, for entry points."""

from simulators.described.instrument import Described, shipped
from simulators.described.sheet import SHIPPED


def __getattr__(name: str) -> Described:
    """Return what makes instruments of ``NAME.toml``; ``_`` stands for ``-``."""
    stem = name.replace("_", "-")
    if name.startswith("_") or not (SHIPPED / f"{stem}.toml").is_file():
        raise AttributeError(name)
    return shipped(stem)
