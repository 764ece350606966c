"""``taylord simulate``, ``check``, ``safe``, ``status`` and ``send``: what is done to rigs."""

import argparse
import asyncio
import json
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from daemon.cli.output import data_directory, print_json, tell
from daemon.errors import ConfigError
from daemon.settings.models import Settings

HELD = (
    "a port that another program holds is not ours: while a taylord runs here,"
    " `taylord send {0} trip` makes the rig safe, or end it"
)


def simulate(arguments: argparse.Namespace) -> int:
    """Serve the simulated instruments until SIGTERM."""
    from daemon.logs import configure
    from daemon.settings.load import load
    from daemon.simulate_host import simulate as host

    configure()
    settings = load(arguments.config)
    if settings.simulation is not None and arguments.seed is not None:
        simulation = settings.simulation.model_copy(update={"seed": arguments.seed})
        settings = settings.model_copy(update={"simulation": simulation})
    endpoints = Path(arguments.endpoints) if arguments.endpoints else None

    def announce(document: dict[str, Any]) -> None:
        print(json.dumps(document, indent=1), flush=True)
        tell("taylord: serving until SIGTERM")

    try:
        asyncio.run(_until_signal(host(settings, endpoints=endpoints, announce=announce)))
    except ConfigError as error:
        raise ConfigError([f"{arguments.config}: {fault}" for fault in error.faults]) from None
    return 0


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or a signal to end comes."""
    from daemon.loop import ending_signals

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def check(arguments: argparse.Namespace) -> int:
    """List every fault of a file; with ``--connect`` ask the instruments of a configuration too."""
    from daemon.described import looks_described
    from daemon.settings.check_problem import problem_remarks
    from daemon.settings.load import load

    if arguments.trace and not arguments.connect:
        raise ConfigError(["--trace: there is nothing to record without --connect"])
    if looks_described(arguments.config):
        return _check_description(Path(arguments.config), as_json=arguments.json)
    try:
        settings = load(arguments.config)
        _check_planner(settings, arguments.config)
    except ConfigError as error:
        if arguments.json:
            print_json({"ok": False, "faults": list(error.faults)})
            return error.exit_code
        raise
    answers: dict[str, dict[str, Any]] = {}
    remarks = problem_remarks(settings)
    if arguments.connect:
        from daemon.app.connecting import alike, ask_everyone

        trace = Path(arguments.trace) if arguments.trace else None
        answers = asyncio.run(ask_everyone(settings, trace))
        remarks += alike(settings, answers)
    ok = all(answer["ok"] for answer in answers.values())
    told = _told_of_responses(settings)
    if arguments.json:
        more = {"instruments": answers, "responses": told, "remarks": remarks}
        print_json({"ok": ok, "faults": [], **more})
    else:
        print(f"{arguments.config}: no fault found")
        for remark in remarks:
            print(f"warning: {remark}")
        for line in (*_told_lines(told), *(f"{n}: {_answer_text(a)}" for n, a in answers.items())):
            print(line)
    return 0 if ok else 3


def _told_of_responses(settings: Settings) -> dict[str, dict[str, str]]:
    """Return what responses say of themselves, where they do: their ``note`` and ``doubt``."""
    from daemon.analysis.pipeline import Analysis

    told = {
        name: {key: getattr(plugin, key, "") for key in ("note", "doubt")}
        for name, plugin in Analysis(settings).responses.items()
    }
    return {name: said for name, said in told.items() if any(said.values())}


def _told_lines(told: dict[str, dict[str, str]]) -> list[str]:
    marks = {"note": "", "doubt": "warning: "}
    return [
        f"{name}: {mark}{said[key]}"
        for name, said in told.items()
        for key, mark in marks.items()
        if said[key]
    ]


def _check_planner(settings: Settings, config: str) -> None:
    """Raise ConfigError with what the planner refuses of a file that has no fault otherwise."""
    from daemon.campaign.first_point import first_point_faults
    from daemon.logs import configure

    configure(console_level=logging.ERROR)  # what a planner makes of it is told once, as a fault
    if faults := asyncio.run(first_point_faults(settings)):
        raise ConfigError([f"{config}: {fault}" for fault in faults])


def _check_description(path: Path, *, as_json: bool) -> int:
    """List every fault of an instrument's description; its examples are run."""
    from daemon.described import broken, examples_in

    faults = broken(str(path))
    if as_json:
        print_json({"ok": not faults, "faults": faults})
        return ConfigError.exit_code if faults else 0
    if faults:
        raise ConfigError(faults)
    print(f"{path}: no fault found ({examples_in(path)} examples)")
    return 0


def _answer_text(answer: dict[str, Any]) -> str:
    """Return what an instrument answered, where, how fast, and what to look at; one line."""
    by_id = answer["by_id"]
    better = f", better named {by_id}" if by_id not in {None, answer["port"]} else ""
    advice = f"; {answer['advice']}" if answer["advice"] else ""
    return f"{answer['message']}{advice} ({answer['port']}{better}, {answer['seconds']:.2f} s)"


def safe(arguments: argparse.Namespace) -> int:
    """Drive everything to its safe state now."""
    from daemon.app.connecting import drive_safe
    from daemon.app.last_known import to_make_safe

    data = Path(arguments.data) if arguments.data else None
    found = to_make_safe(Path(arguments.config), data)
    for line in (*found.faults, *found.notes):
        tell(line)
    report = asyncio.run(drive_safe(found.settings, arguments.within))
    if arguments.json:
        print_json({"safe": report.safe, "instruments": report.lines()})
    else:
        print("\n".join(report.lines()), flush=True)  # before what is said of them
    if not report.safe:
        tell(HELD.format(found.settings.name))
    return 0 if report.safe and not found.faults else 3


def status(arguments: argparse.Namespace) -> int:
    """Say how a rig stands, from its data directory."""
    from daemon.store.status import status as read
    from daemon.store.status import status_text

    document = read(data_directory(Path(arguments.data)))
    if arguments.json:
        print_json(document)
    else:
        print(status_text(document))
    return 0


def send(arguments: argparse.Namespace) -> int:
    """Send one command over MQTT; print its reply."""
    from daemon.api.send import arguments_of, broker_at
    from daemon.api.send import send as ask

    reply = asyncio.run(
        ask(
            broker_at(arguments.broker),
            arguments.rig,
            arguments.verb,
            arguments_of(arguments.payload),
            timeout_s=arguments.timeout,
        )
    )
    print_json(reply)
    return 0 if reply.get("ok") else 3
