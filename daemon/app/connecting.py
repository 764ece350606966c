"""Short visits to the real instruments: who are you, and go safe. Nothing else runs meanwhile."""

from dataclasses import replace
from typing import Any

from daemon.app.broker import instrument_links
from daemon.rig.probe import probe_rig
from daemon.safety.drive import SafeReport
from daemon.safety.safe import SAFE_TIMING, make_rig_safe
from daemon.settings.models import Settings
from drivers.registry import Lines, dial_real
from drivers.transport.base import Dial


def real_lines(settings: Settings, dial: Dial = dial_real) -> Lines:
    """Return the lines of the real rig; nothing is opened."""
    if settings.mqtt is None:
        return Lines(dial)
    return Lines(dial, instrument_links(settings.mqtt))


async def drive_safe(settings: Settings, within_s: float) -> SafeReport:
    """Drive every instrument safe, trying for ``within_s``; return what each confirmed."""
    timing = replace(SAFE_TIMING, give_up_s=within_s)
    return await make_rig_safe(settings, real_lines(settings), timing=timing)


async def ask_everyone(settings: Settings) -> dict[str, dict[str, Any]]:
    """Ask each instrument who it is; nothing is set and nothing moves."""
    probes = await probe_rig(settings, real_lines(settings))
    return {p.name: {"ok": not p.fault, "message": p.fault or p.identity} for p in probes}
