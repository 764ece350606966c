"""Runs the example rig through the whole application, in virtual time."""

from pathlib import Path

from daemon.app.plan import RunPlan
from daemon.app.serve import run
from daemon.settings.load import parse, read_toml
from daemon.store.reader import Reader

EXAMPLE = Path(__file__).parents[2] / "config" / "flow.toml"


def settings_of(experiments=3, **simulation):
    """Return the example's settings with fewer experiments and another simulation section."""
    raw = read_toml(EXAMPLE)
    raw.pop("mqtt")
    raw["campaign"]["experiments"] = experiments
    raw["simulation"] |= simulation
    settings, faults = parse(raw)
    assert not faults
    return settings


def day(data, settings, **options):
    """Run a plan in virtual time; return its outcome."""
    plan = {"simulate": True, "speed": "max", "once": True, "seed": 0, "restart": "new"} | options
    return run(RunPlan(settings, EXAMPLE.read_text(), Path(data), **plan), lambda _: None)


def events(data, kind):
    """Return the documents of one kind of event, in order."""
    import json

    with Reader(data) as reader:
        rows = reader.rows("SELECT data FROM events WHERE kind = ? ORDER BY seq", kind)
        return [json.loads(row[0]) for row in rows]
