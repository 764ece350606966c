"""Paths of files in a configuration count from its folder, wherever taylord is started.

A service has another working directory than the person who has tried the file. The program of
``campaign.planner`` is started in that folder, so that its words that are paths count from there,
too; a bare name such as ``python3`` is looked for in PATH.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from daemon import plugins
from daemon.described import is_description
from daemon.errors import ConfigError
from daemon.settings.models import Settings

Table = dict[str, Any]
_SECRETS = ("password_file", "tls_ca_file")


def beside(path: Path, raw: Table) -> Table:
    """Return the tables with the files that they name found beside the configuration."""
    for row, key in _named(raw):
        row[key] = str(path.parent / row[key])
    program = _table(_table(raw.get("campaign")).get("planner"))
    if "command" in program and isinstance(folder := program.get("folder", ""), str):
        program["folder"] = str(path.absolute().parent / folder)
    return raw


def _named(raw: Table) -> Iterator[tuple[Table, str]]:
    """Give the tables and keys that name files; what has another shape is said by others."""
    for row in _table(raw.get("instruments")).values():
        if is_description(str(_table(row).get("driver"))):
            yield row, "driver"
    yield from _texts(_table(raw.get("mqtt")), _SECRETS)
    rows = raw.get("responses")
    for row in map(_table, cast("list[Any]", rows) if isinstance(rows, list) else ()):
        yield from _texts(row, _files_of("taylord.responses", row.get("kind") or row.get("name")))
    campaign = _table(raw.get("campaign"))
    options = _table(campaign.get("options"))
    if any(isinstance(value, str) for value in options.values()):
        name = campaign.get("planner", "bayes")
        yield from _texts(options, _files_of("taylord.planners", name))


def files_named(settings: Settings) -> dict[str, str]:
    """Return the paths of files that responses and the planner learn from, by their keys."""
    found = {
        f"responses.{response.name}.{key}": str(options[key])
        for response in settings.responses
        if (options := response.model_extra or {})
        for key in _files_of("taylord.responses", response.kind or response.name)
        if options.get(key)
    }
    campaign = settings.campaign
    if campaign is not None and campaign.options:
        own = _files_of("taylord.planners", campaign.planner)
        options = campaign.options
        found |= {f"campaign.options.{key}": str(options[key]) for key in own if options.get(key)}
    return found


def _table(value: Any) -> Table:
    return cast("Table", value) if isinstance(value, dict) else {}


def _texts(row: Table, keys: tuple[str, ...]) -> Iterator[tuple[Table, str]]:
    yield from ((row, key) for key in keys if isinstance(row.get(key), str) and row[key])


def _files_of(group: plugins.Group, name: Any) -> tuple[str, ...]:
    """Return which options of a plug-in are files: its ``files``, if it says any."""
    if not isinstance(name, str) or name not in plugins.names(group):
        return ()
    try:
        return tuple(getattr(plugins.load(group, name), "files", ()))
    except ConfigError:
        return ()  # that it cannot be loaded is said where it is checked
