"""Runs one daemon from its start to its end: the only place where unknown faults are caught.

The rig's tasks, the campaign, the MQTT API and the watchdog run side by side. SIGTERM, SIGINT and
a hang-up end them: the rig goes safe, and the campaign stays open in the record, so that the next
start can go on with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import structlog

from daemon.app.assembly import Parts, assemble, simulated
from daemon.app.commands import RigCommands
from daemon.app.leaving import let_go
from daemon.app.plan import Outcome, RunPlan, Watcher
from daemon.app.reactions import INTERRUPTED, UNHEARD, call_after, given_up
from daemon.app.restart import AGAIN_AND_AGAIN, begins_by_itself, keeps_being_cut_short
from daemon.app.state import keep_for_status, state_document
from daemon.campaign.states import ENDED, State
from daemon.errors import Tripped
from daemon.loop import ending_signals, run_real
from daemon.rig.claims import Claims, tell_shared
from daemon.safety.clocks import ClockWatch
from daemon.safety.watchdog import Notifier, Watchdog
from daemon.store.export import experiments_document
from daemon.store.reader import Reader
from daemon.timebase import is_virtual, suspended_s, wall_s
from daemon.trace.recording import recording_to

log = structlog.get_logger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]

STORE_BEAT_S = 15.0  # the writer may be silent this long: a slow disk is not a hang


async def serve(plan: RunPlan, watch: Watcher) -> Outcome:
    """Run until the campaign ends (``once``) or a signal comes; return how it ended.

    Raises ConfigError and StoreFailed when it cannot start.
    """
    started_wall, started = wall_s(), asyncio.get_running_loop().time()
    with (
        recording_to(plan.trace, plan.settings.name) as recording,
        simulated(plan) as simulation,
    ):
        parts = assemble(plan, simulation, recording)
        parts.events.on_event(lambda event: watch({"kind": event.kind, **event.data}))
        try:
            exit_code, reason = await _run(parts)
        finally:
            await parts.worker.stop()
            await parts.store.close()
    virtual_s = asyncio.get_running_loop().time() - started
    return _outcome(parts, exit_code, reason, virtual_s, wall_s() - started_wall)


def _outcome(parts: Parts, exit_code: int, reason: str, virtual_s: float, wall: float) -> Outcome:
    with Reader(parts.store.directory) as reader:
        document = experiments_document(reader, every=False)
    if document["state"] not in {*ENDED, State.IDLE}:
        document["state"] = "interrupted"
    document |= {"virtual_s": round(virtual_s, 3), "wall_s": round(wall, 3), "reason": reason}
    return Outcome(exit_code, document, reason)


async def _run(parts: Parts) -> tuple[int, str]:
    """Own the tasks; return exit code and reason."""
    if parts.plan.settings.campaign is not None and parts.plan.conditions is None:
        parts.worker.warm()  # its imports take a second or two, and so do the connections
    else:
        await parts.worker.stop()  # nobody will ask it
    notifier = Notifier.from_environment()
    ending = asyncio.Event()
    parts.rig.lines.tell = partial(keep_for_status, parts)
    with _signals(ending), Claims() as claims:
        if not parts.plan.simulate:
            own = parts.plan.settings.instruments
            ports = {name: its.port for name, its in own.items() if its.port}
            tell_shared(claims, ports, parts.rig.alarms)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(work(), name=name)
                for name, work in _background(parts, notifier).items()
            ]
            try:
                if not begins_by_itself(parts.plan, parts.continues):
                    _tell_it_waits(parts)  # before any command can come
                notifier.ready(f"rig {parts.plan.settings.name}")
                log.info("daemon.ready", rig=parts.plan.settings.name, boot=parts.boot)
                await _unless(ending, parts.rig.first_attempts)
                outcome = await _main(parts, ending)
                if parts.plan.speed == "real" and not ending.is_set():
                    await _unless(ending, lambda: let_go(parts.rig.make_safe))
                return outcome
            finally:
                notifier.stopping()
                for task in background:
                    task.cancel()


def _background(parts: Parts, notifier: Notifier) -> dict[str, Work]:
    """Return what runs beside the campaign, by name."""
    work: dict[str, Work] = {"rig": parts.rig.run}
    if not is_virtual():
        work["watchdog"] = Watchdog(notifier, parts.heartbeats).run
        work["store beats"] = lambda: _store_beats(parts)
        behind_s, rig = parts.timebase.behind_s, parts.rig
        clocks = ClockWatch(suspended_s, behind_s, rig.trip.pull, parts.events, rig.alarms)
        work["clocks"] = clocks.run
    settings = parts.plan.settings
    if settings.mqtt is not None:
        if parts.plan.speed == "max":
            log.info("mqtt.off", why="sockets belong to real time; this run is in virtual time")
        else:
            work["mqtt"] = _api(parts)
    return work


def _api(parts: Parts) -> Work:
    from daemon.api.server import MqttApi

    settings = parts.plan.settings
    assert settings.mqtt is not None  # noqa: S101 (asked by the caller)
    with Reader(parts.store.directory) as reader:
        remembered = reader.answered("mqtt", 1000)
    api = MqttApi(
        settings.mqtt,
        settings.name,
        boot=parts.boot,
        timebase=parts.timebase,
        events=parts.events,
        commands=RigCommands(parts),
        commit=parts.store.commit,
        state=lambda: state_document(parts),
        signals=lambda: parts.rig.specs,
        remembered=remembered,
        on_deaf=lambda why: _tell_deaf(parts, why),
    )
    return api.run


def _tell_deaf(parts: Parts, why: str) -> None:
    """Call a person to a rig that nobody can command; ``why`` is empty when they can again."""
    if why:
        told = f"the broker lets no command through: {why}"
        parts.rig.alarms.raise_(UNHEARD, told, latching=False, concerns="campaign")
    else:
        parts.rig.alarms.returned(UNHEARD)


async def _store_beats(parts: Parts) -> None:
    """Beat for the store's writer while it answers."""
    beat = parts.heartbeats.source("store", STORE_BEAT_S)
    seen = parts.store.last_tick
    while True:
        if parts.store.last_tick != seen:
            seen = parts.store.last_tick
            beat()
        await asyncio.sleep(1.0)


async def _main(parts: Parts, ending: asyncio.Event) -> tuple[int, str]:
    """Run campaign or single experiment; return exit code and reason."""
    campaign, plan = parts.campaign, parts.plan
    if ending.is_set():
        return 3 if plan.once else 0, "ended by a signal"
    if campaign is None:
        await ending.wait()
        return 0, "ended by a signal"
    tripped = parts.rig.trip.cause
    if tripped is not None and plan.once:
        await parts.rig.trip.settled()
        why = f"tripped by {tripped.name}: {tripped.message}; --reset-trip when its cause is gone"
        return Tripped.exit_code, why
    if plan.conditions is not None:
        await campaign.submit(plan.conditions)
    elif begins_by_itself(plan, parts.continues) and campaign.state in {State.IDLE, *ENDED}:
        if tripped is None:  # and nobody has started it while instruments were looked for
            campaign.start()
        else:
            _tell_it_waits(parts)
    if not plan.once:
        await _unless(ending, campaign.serve)
        return 0, "ended by a signal"
    await _unless(ending, campaign.run)
    return _verdict(parts, ending)


def _tell_it_waits(parts: Parts) -> None:
    """Say that a campaign waits for a person; by an alarm if given up, or ``on_restart = ask``."""
    section, campaign = parts.plan.settings.campaign, parts.continues
    if campaign is None or parts.plan.conditions is not None:
        return
    why = f"campaign {campaign.id} ({campaign.state}) waits for campaign.start"
    log.warning("campaign.waits", campaign=campaign.id, state=campaign.state)
    if given_up(campaign.state, campaign.fault):
        call_after(campaign.fault, parts.rig.alarms)
    elif keeps_being_cut_short(campaign) and not campaign.ended:
        parts.rig.alarms.raise_(
            INTERRUPTED, f"{why}; {AGAIN_AND_AGAIN}", latching=False, concerns="campaign"
        )
    elif section is not None and section.on_restart == "ask" and not campaign.ended:
        parts.rig.alarms.raise_(INTERRUPTED, why, latching=False, concerns="campaign")


def _verdict(parts: Parts, ending: asyncio.Event) -> tuple[int, str]:
    campaign = parts.campaign
    assert campaign is not None  # noqa: S101 (asked by the caller)
    if parts.rig.trip.cause is not None:
        return Tripped.exit_code, campaign.reason
    if campaign.state is State.COMPLETE:
        return 0, campaign.reason
    if ending.is_set():
        alone = parts.plan.conditions is not None
        return 3, "ended by a signal" + ("" if alone else "; `taylord resume` goes on")
    return 3, campaign.reason


async def _unless(ending: asyncio.Event, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work; a signal cancels it."""
    async with asyncio.TaskGroup() as tasks:
        doing = tasks.create_task(_as_coroutine(work), name="main")
        waiting = tasks.create_task(ending.wait(), name="signals")
        await asyncio.wait([doing, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        doing.cancel()


async def _as_coroutine(work: Callable[[], Awaitable[object]]) -> None:
    await work()


@contextmanager
def _signals(ending: asyncio.Event) -> Generator[None]:
    loop, numbers = asyncio.get_running_loop(), ending_signals()
    for number in numbers:
        loop.add_signal_handler(number, ending.set)
    try:
        yield
    finally:
        for number in numbers:
            with suppress(ValueError):
                loop.remove_signal_handler(number)


def run(plan: RunPlan, watch: Watcher) -> Outcome:
    """Run :func:`serve` on the loop its speed asks for."""
    if plan.speed == "real":
        return run_real(serve(plan, watch))
    from simulators.virtualtime import run as run_virtual

    return run_virtual(serve(plan, watch), speed=plan.speed)
