"""``taylord status``: how a rig stands, from its data directory alone."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemon.campaign.awaited import awaited_lines
from daemon.campaign.space import space_lines
from daemon.settings.conditions import flat
from daemon.store.ledger import in_use
from daemon.store.reader import Reader
from daemon.store.schema import FILE_NAME
from daemon.store.standing import awaited_in, best, front
from daemon.store.stored import StoredCampaign, StoredExperiment
from daemon.timebase import age_s
from planners.rounding import spread

JsonObject = dict[str, Any]
SILENT_S = 30.0  # the daemon keeps how its lines do every few seconds
NOT_WRITTEN = (
    "the daemon has written nothing for {0:.0f} s (is the disk full?); this is how things stood"
    " then, and the topic `state` says how they stand now"
)
LEFT_ACTING = (
    "the daemon died; unless `taylord safe` has run since (systemd does so), the rig"
    " may still pump and heat: `taylord safe CONFIG`"
)


def status(directory: str | Path) -> JsonObject:
    """Return the state as one JSON-ready document; raise ConfigError where there is no data."""
    with Reader(directory) as reader:
        meta, campaign = reader.meta(), reader.campaign()
        experiments = campaign.experiments if campaign else reader.experiments()
        running = in_use(reader.directory)
        trip = reader.last_trip()
        objectives = (campaign.problem or {}).get("responses", []) if campaign else []
        if not running:
            experiments = tuple(_cut_short(experiment) for experiment in experiments)
        documents = [experiment.document() for experiment in experiments]
        return {
            "rig": meta.get("rig"),
            "boot": meta.get("boot"),
            "version": meta.get("version"),
            "started": meta.get("started"),
            "data": str(reader.directory),
            "running": running,
            "silent_s": _silent_s(reader, meta) if running else None,
            "died": not running and reader.last_died(),
            "state": _state(reader, campaign) if running else _left(campaign),
            "campaign": _campaign(campaign),
            "progress": _progress(experiments, campaign),
            "space": (campaign.space.get("current") or None) if campaign else None,
            "trip": trip if trip and trip["state"] != "reset" else None,
            "last": documents[-1] if documents else None,
            "best": best(documents, objectives),
            "front": front(documents, objectives) if len(objectives) > 1 else [],
            "standing": (campaign.standing or None) if campaign else None,
            "proposed": _waiting(campaign, "proposed"),
            "approve": json.loads(meta.get("campaign") or "{}").get("approve", True),
            "awaited": awaited_in(meta, experiments),
            "approved": _waiting(campaign, "approved"),
            "lines": json.loads(meta.get("lines") or "null") if running else None,
            **_now(meta, running=running),
            "connections": _connections(reader) if running else {},
            "alarms": [a for a in reader.table("alarms") if a["state"] != "cleared"],
            "store": _size(reader),
            "utilisation": utilisation(experiments),
        }


def _awaited_text(document: JsonObject) -> list[str]:
    """Return what is still to be handed in, and how; nothing where nothing is."""
    lines = awaited_lines(document["awaited"])
    if not lines:
        return []
    name, (first, *_) = next(iter(document["awaited"].items()))
    how = f"`taylord result {document['rig']} {first} {name}=VALUE`"
    needs = "" if document["running"] else ", while `taylord run` is running"
    return [*lines, f"hand it in with {how}{needs}"]


def _now(meta: Mapping[str, str | None], *, running: bool) -> JsonObject:
    """Return what is on and what is waited for, as a running daemon keeps it; else nothing."""
    now = json.loads(meta.get("now") or "{}")
    own = running and now.get("boot") == meta["boot"]
    return {"on": now["on"] if own else [], "waits": now["waits"] if own else ""}


def _silent_s(reader: Reader, meta: Mapping[str, str | None]) -> float | None:
    """Return for how long (s) a running daemon has written nothing; None while it writes."""
    start = reader.one("SELECT started, loop_origin FROM boots WHERE boot = ?", meta["boot"])
    if start is None:
        return None
    lines = json.loads(meta.get("lines") or "{}")
    own = lines.get("boot") == meta["boot"]  # else those of the start before
    silent = age_s(lines["t"] if own else start["started"], *start)
    return None if silent is None or silent < SILENT_S else silent


def _cut_short(experiment: StoredExperiment) -> StoredExperiment:
    """Return an experiment as it is when no daemon runs."""
    cut_short = experiment.cut_short(ended=True)
    return replace(experiment, status="interrupted") if cut_short else experiment


def _connections(reader: Reader) -> JsonObject:
    return {row["instrument"]: row["state"] for row in reader.table("connections")}


def _waiting(campaign: StoredCampaign | None, state: str) -> list[JsonObject]:
    """Return the points that wait for a person's word or their turn, and what is expected."""
    waiting = [] if campaign is None else [s for s in campaign.waiting if s.state == state]
    names = ("id", "point", "predicted", "reason")
    return [{name: getattr(s, name) for name in names} for s in waiting]


def _state(reader: Reader, campaign: StoredCampaign | None) -> str:
    """Return the state while a daemon runs; a campaign of an earlier start may wait in it."""
    left = reader.last_of("campaign") not in {None, reader.meta()["boot"]}
    return _left(campaign) if campaign is None or left else campaign.state


def _left(campaign: StoredCampaign | None) -> str:
    """Return the state in which a daemon that ended has left its campaign."""
    if campaign is None:
        return "idle"
    return campaign.state if campaign.ended else "interrupted"


def _campaign(campaign: StoredCampaign | None) -> JsonObject | None:
    if campaign is None:
        return None
    names = ("id", "state", "reason", "planner", "seed", "started", "finished")
    return {name: getattr(campaign, name) for name in names}


def _progress(
    experiments: Sequence[StoredExperiment], campaign: StoredCampaign | None
) -> JsonObject:
    by_status = Counter(experiment.status for experiment in experiments)
    return {
        "done": sum(by_status[status] for status in ("ok", "suspect", "failed")),
        "of": campaign.wanted if campaign else None,
        **{str(status): count for status, count in sorted(by_status.items())},
    }


def _size(reader: Reader) -> JsonObject:
    files = (FILE_NAME, f"{FILE_NAME}-wal")
    paths = (reader.directory / name for name in files)
    return {
        "bytes": sum(path.stat().st_size for path in paths if path.exists()),
        "experiments": reader.count("experiments"),
        "events": reader.count("events"),
        "commands": reader.count("commands"),
    }


def utilisation(experiments: Sequence[StoredExperiment]) -> float | None:
    """Return the share of the time from first start to last end that an experiment was running.

    The time between two starts of the daemon is not counted.
    """
    boots: dict[str, list[tuple[float, float]]] = {}
    for e in experiments:
        if e.started_t is not None and e.finished_t is not None and e.status != "interrupted":
            boots.setdefault(e.boot, []).append((e.started_t, e.finished_t))
    whole = sum(max(b for _, b in spans) - min(a for a, _ in spans) for spans in boots.values())
    busy = sum(end - start for spans in boots.values() for start, end in spans)
    return min(1.0, busy / whole) if whole > 0 else None


def status_text(document: JsonObject) -> str:
    """Return the state for people, one fact per line."""
    progress, store = document["progress"], document["store"]
    daemon = "daemon running" if document["running"] else "daemon not running"
    of = f" of {progress['of']}" if progress["of"] else ""
    lines = {
        "rig": f"{document['rig'] or 'unnamed'} ({daemon})",
        "attention": _attention(document),
        "state": _with_reason(document),
        "waits": document["waits"].removeprefix("waits for "),
        "on": _indented([f"{row['instrument']} {row['text']}" for row in document["on"]]),
        "experiments": f"{progress['done']}{of} done{_others(progress)}",
        "trip": _trip(document["trip"]),
        "last": _experiment_text(document["last"]),
        "best reading": _experiment_text(document["best"]),
        "best": _indented((document["standing"] or {}).get("text", "").splitlines()),
        "proposed" if document["approve"] else "next": _indented(
            [_proposed_text(row) for row in document["proposed"]]
        ),
        "approved": _indented([_proposed_text(row) for row in document["approved"]]),
        "remark": _indented((document["standing"] or {}).get("remarks", ())),
        "front": ", ".join(e["id"] for e in document["front"]),
        "awaited": _indented(_awaited_text(document)),
        "space": _indented(space_lines(document["space"] or {})),
        "connections": ", ".join(f"{k} {v}" for k, v in document["connections"].items()),
        "lines": _indented(_lines_text(document["lines"])),
        "alarms": _indented([_alarm_text(alarm) for alarm in document["alarms"]]),
        "rig in use": _in_use(document["utilisation"]),
        "store": f"{store['bytes'] / 1e6:.1f} MB in {os.fspath(document['data'])}",
    }
    return "\n".join(f"{name:<14}{text}" for name, text in lines.items() if text)


def _attention(document: JsonObject) -> str:
    if document["silent_s"] is not None:
        return NOT_WRITTEN.format(document["silent_s"])
    return LEFT_ACTING if document["died"] else ""


def _indented(lines: Sequence[str]) -> str:
    return f"\n{'':<14}".join(lines)


def _in_use(share: float | None) -> str:
    if share is None:
        return ""
    return f"{share:.0%} of the time from the first start to the last end, experiments were running"


def _proposed_text(row: JsonObject) -> str:
    point = ", ".join(f"{name} {_short(value)}" for name, value in flat(row["point"]))
    guesses = "; ".join(
        f"expects {name} {spread(guess['mean'], guess['sd'])}"
        for name, guess in row["predicted"].items()
    )
    return "; ".join(filter(None, (f"{row['id']}: {point}", guesses, row["reason"])))


def _lines_text(document: JsonObject | None) -> list[str]:
    """Return what each line carries, the busiest first."""
    lines = (document or {}).get("lines", {})
    ordered = sorted(lines.items(), key=lambda item: -item[1]["utilisation"])
    return [_line_text(port, line) for port, line in ordered]


def _line_text(port: str, line: JsonObject) -> str:
    parts = [f"{line['utilisation']:.0%} busy", f"{line['exchanges_per_s']:g} exchanges/s"]
    if line["state"] != "open":
        parts[:0] = [line["state"]]
    names = {"timeouts": "timeouts", "garbled": "garbled", "stray": "stray frames"}
    names |= {"late_polls": "late polls", "missed_polls": "missed polls"}
    parts += [f"{line[key]} {name}" for key, name in names.items() if line[key]]
    if line["late"]:
        parts.append(f"late now: {', '.join(line['late'])}")
    return f"{port} ({', '.join(line['instruments'])}): {', '.join(parts)}"


def _alarm_text(alarm: JsonObject) -> str:
    said = f": {alarm['message']}" if alarm["message"] else ""
    return f"{alarm['name'] or alarm['id']} ({alarm['state']}){said}"


def _with_reason(document: JsonObject) -> str:
    reason = (document["campaign"] or {}).get("reason")
    return f"{document['state']} ({reason})" if reason else document["state"]


def _others(progress: JsonObject) -> str:
    skip = {"done", "of"}
    parts = [f"{count} {name}" for name, count in progress.items() if name not in skip]
    return f" ({', '.join(parts)})" if parts else ""


def _trip(trip: JsonObject | None) -> str:
    if trip is None:
        return ""
    read = trip["signal"] is not None and trip["value"] is not None
    why = f"{trip['signal']} = {trip['value']}" if read else trip["message"]
    return f"{trip['name']} at {trip['time_utc']}: {why}"


def _experiment_text(document: JsonObject | None) -> str:
    if document is None:
        return ""
    point = ", ".join(f"{k} {_short(v)}" for k, v in flat(document["requested"]))
    found = ", ".join(f"{k} {_short(v.get('value'))}" for k, v in document["responses"].items())
    return f"{document['id']} {document['status']}: {point}{f' -> {found}' if found else ''}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
