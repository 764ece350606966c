"""The example files that travel with the program: configurations and the systemd unit."""

from pathlib import Path

from daemon.errors import ConfigError

WITH_PLANNERS = "other-planner"  # a rig that goes with the programs


def example(name: str) -> Path:
    """Return the path of an example; raise ConfigError when the installation lacks it."""
    for folder in _folders():
        if (folder / name).is_file():
            return folder / name
    raise ConfigError([f"{name}: this installation has no such example; install taylord again"])


def rigs() -> list[str]:
    """Return the names of the configurations of whole rigs, without suffix, sorted."""
    found = {path.stem for folder in _folders() for path in folder.glob("*.toml")}
    return sorted(found - {WITH_PLANNERS})


def planner_programs() -> list[str]:
    """Return the names of the programs that ask other people's planners, sorted."""
    found = {path.name for folder in _folders() for path in (folder / "planners").glob("*.py")}
    return [f"planners/{name}" for name in sorted(found)]


def _folders() -> tuple[Path, Path]:
    here = Path(__file__).parent
    return here / "_config", here.parent / "config"  # installed wheel, checkout
