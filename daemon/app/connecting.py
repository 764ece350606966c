"""Short visits to the real instruments: who are you, and go safe. Nothing else runs meanwhile."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from daemon.app.broker import instrument_links
from daemon.rig.probe import Probe, probe_rig
from daemon.safety.drive import SafeReport
from daemon.safety.safe import SAFE_TIMING, make_rig_safe
from daemon.settings.models import InstrumentSettings, Settings
from daemon.trace.recording import recorded, recording_to
from drivers.registry import Lines, dial_real
from drivers.transport.base import Dial
from drivers.transport.ports import stable_name


def real_lines(settings: Settings, dial: Dial = dial_real) -> Lines:
    """Return the lines of the real rig; nothing is opened."""
    if settings.mqtt is None:
        return Lines(dial)
    return Lines(dial, instrument_links(settings.mqtt))


async def drive_safe(settings: Settings, within_s: float) -> SafeReport:
    """Drive every instrument safe, trying for ``within_s``; return what each confirmed."""
    timing = replace(SAFE_TIMING, give_up_s=within_s)
    return await make_rig_safe(settings, real_lines(settings), timing=timing)


async def ask_everyone(settings: Settings, trace: Path | None = None) -> dict[str, dict[str, Any]]:
    """Ask each instrument who it is; nothing is set and nothing moves.

    Raises ConfigError when ``trace``, a file for all bytes, cannot be written.
    """
    with recording_to(trace, settings.name) as recording:
        lines = recorded(recording, partial(real_lines, settings), dial_real)
        probes = await probe_rig(settings, lines)
    return {probe.name: _answer(settings.instruments[probe.name], probe) for probe in probes}


def _answer(own: InstrumentSettings, probe: Probe) -> dict[str, Any]:
    return {
        "ok": not probe.fault,
        "message": probe.fault or probe.identity,
        "identity": probe.identity or None,
        "driver": own.driver,
        "port": own.port,
        "by_id": stable_name(own.port) if own.port.startswith("/") else None,
        "seconds": round(probe.seconds, 3),
        "advice": probe.advice,
    }


def alike(settings: Settings, answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a remark on instruments that nobody could tell apart if their ports were swapped."""
    groups: dict[tuple[str, Any], list[str]] = {}
    for name, answer in answers.items():
        own = settings.instruments[name]
        if answer["identity"]:
            groups.setdefault((answer["identity"], own.address), []).append(name)
    return [
        f"{', '.join(names)} answer alike ({who}): when their ports or cables are swapped, nothing"
        " tells: label them, and after each replugging let one run a little alone"
        for (who, _), names in groups.items()
        if len(names) > 1
    ]
