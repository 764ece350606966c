"""The descriptions that come with taylord, as driver classes for entry points."""

from drivers.described.load import SHIPPED, shipped


def __getattr__(name: str) -> type:
    """Return the driver class of ``instruments/NAME.toml``; ``_`` stands for ``-``."""
    stem = name.replace("_", "-")
    if name.startswith("_") or not (SHIPPED / f"{stem}.toml").is_file():
        raise AttributeError(name)
    return shipped(stem)
