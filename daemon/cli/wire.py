"""``taylord wire``: a person at the line of one instrument."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.output import print_json, tell
from daemon.errors import ConfigError

if TYPE_CHECKING:
    from daemon.settings.models import Settings


def wire(arguments: argparse.Namespace) -> int:
    """Open the line of one instrument; do what is typed."""
    from daemon.finding.wire import PROMPT, Session, session, typed_lines
    from daemon.settings.load import load

    settings = load(arguments.config)
    _require(arguments, settings)
    asked = Session(
        settings,
        arguments.instrument,
        simulate=arguments.simulate,
        allow_writes=arguments.allow_writes,
        trace=Path(arguments.trace) if arguments.trace else None,
    )
    by_hand = sys.stdin.isatty() and not arguments.json
    if by_hand:
        tell("`help` says what can be typed, `quit` ends")
    show = _show_nothing if arguments.json else _show

    async def run() -> int:
        lines = typed_lines(PROMPT if by_hand else None)
        transcript = await session(asked, lines, show)
        if arguments.json:
            place = settings.instruments[arguments.instrument]
            document = {"instrument": arguments.instrument, "driver": place.driver}
            print_json(document | {"port": place.port, "entries": transcript.entries})
        return 3 if transcript.wrong and not by_hand else 0

    return asyncio.run(run())


def _show(text: str) -> None:
    print(text, flush=True)


def _show_nothing(text: str) -> None:
    del text


def _require(arguments: argparse.Namespace, settings: "Settings") -> None:
    """Raise ConfigError for an instrument that is not there, or a rig that is not simulated."""
    from daemon.settings.wording import nearest

    name = arguments.instrument
    if name not in settings.instruments:
        known = ", ".join(settings.instruments)
        guess = nearest(name, settings.instruments)
        raise ConfigError(
            [f"{arguments.config}: no instrument {name!r}{guess}; there are {known or 'none'}"]
        )
    if arguments.simulate and settings.simulation is None:
        raise ConfigError([f"{arguments.config}: simulation: is missing: --simulate needs it"])
