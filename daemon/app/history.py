"""The campaign that the last start left, as the next one remembers it."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from daemon.campaign.memory import Memory, Suggestion
from daemon.store.documents import config_hash
from daemon.store.stored import StoredCampaign, StoredSuggestion


def restored(campaign: StoredCampaign, *, approve: bool) -> Memory:
    """Return the memory of a campaign as its record has it.

    Points whose experiment was cut short wait again, before those that had not begun; what nobody
    has approved yet still waits for approval, if the campaign asks for it.
    """
    numbers = [int(s.id.rpartition("-")[2]) for s in campaign.suggestions]
    memory = Memory(n_suggested=max(numbers, default=0))  # an id that was never told is a gap
    for experiment in campaign.experiments:
        memory.records[experiment.id] = experiment.record()
    memory.waiting = [_suggestion(s) for s in campaign.cut_short]
    for stored in campaign.waiting:
        suggestion = _suggestion(stored)
        if approve and stored.state == "proposed" and stored.origin == "planner":
            memory.proposed[suggestion.id] = suggestion
        else:
            memory.waiting.append(suggestion)
    memory.vetoed = [_suggestion(s) for s in campaign.suggestions if s.state == "vetoed"]
    answered = {s.instead_of for s in campaign.suggestions}
    memory.wishes = [s for s in memory.vetoed if s.wish and s.id not in answered]
    return memory


def _suggestion(stored: StoredSuggestion) -> Suggestion:
    return Suggestion(
        stored.id,
        stored.point,
        stored.predicted,
        stored.reason,
        stored.origin,
        stored.instead_of,
        stored.verdict,
    )


def config_changed(campaign: StoredCampaign, text: str) -> bool:
    """Return whether the configuration is another one than the campaign began with."""
    return campaign.config_hash not in {None, "", config_hash(text)}


def config_changes(before: str, now: str) -> list[str]:
    """Return in words which keys of a configuration are others than before, in the file's order."""
    old, new = (dict(_keys(tomllib.loads(text))) for text in (before, now))
    said = [f"{key}: is gone, was {value!r}" for key, value in old.items() if key not in new]
    for key, value in new.items():
        if key not in old:
            said.append(f"{key}: is new, {value!r}")
        elif old[key] != value:
            said.append(f"{key}: {old[key]!r} -> {value!r}")
    return said or ["nothing but comments or order"]


def _rows(rows: list[Any]) -> Iterable[tuple[str, Any]]:
    """Return a list's tables by name: one that is taken out must not rename all that follow."""
    tables = [cast("dict[str, Any]", row) if isinstance(row, dict) else {} for row in rows]
    names = [str(table.get("name") or table.get("response") or "") for table in tables]
    known = all(names) and len(set(names)) == len(names)
    return zip(names if known else map(str, range(len(rows))), rows, strict=True)


def _keys(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key's path with its value; tables of a list go by their names, or are counted."""
    if isinstance(value, dict):
        rows = cast("dict[str, Any]", value).items()
    elif isinstance(value, list) and any(isinstance(row, dict) for row in cast("list[Any]", value)):
        rows = _rows(cast("list[Any]", value))
    else:
        yield path, value
        return
    for key, own in rows:
        yield from _keys(own, f"{path}.{key}" if path else key)


def used_ml(campaign: StoredCampaign | None) -> Mapping[str, float]:
    """Return what the campaign's experiments have taken of each feed, mL."""
    used: dict[str, float] = {}
    for experiment in campaign.experiments if campaign is not None else ():
        taken: Mapping[str, Any] = experiment.achieved
        for name, volume in taken.items():
            if name.startswith("volume.") and volume is not None:
                feed = name.removeprefix("volume.")
                used[feed] = used.get(feed, 0.0) + float(volume)
    return used
