"""The example files that travel with the program: configurations and the systemd unit."""

from pathlib import Path

from daemon.errors import ConfigError


def example(name: str) -> Path:
    """Return the path of an example; raise ConfigError when the installation lacks it."""
    here = Path(__file__).parent
    for folder in (here / "_config", here.parent / "config"):  # installed wheel, checkout
        if (folder / name).is_file():
            return folder / name
    raise ConfigError([f"{name}: this installation has no such example; install taylord again"])
