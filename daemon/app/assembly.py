"""Puts the parts of a daemon together; nothing is opened but the store."""

import asyncio
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from daemon.app.connecting import real_lines
from daemon.app.files import changed_files, digests, keep_files
from daemon.app.history import config_changed, config_changes, restored, used_ml
from daemon.app.identities import KeepIdentities, known_identities
from daemon.app.last_known import left_elsewhere
from daemon.app.plan import RunPlan
from daemon.app.reactions import Reactions
from daemon.app.restart import campaign_to_continue, refuse_another_rigs_record
from daemon.app.space import InForce, in_force
from daemon.campaign.asking import PlannerAsker
from daemon.campaign.campaign import Campaign
from daemon.campaign.cost import costs
from daemon.campaign.memory import Memory
from daemon.campaign.problem import problem_of
from daemon.campaign.space import space_of
from daemon.events import EventBus
from daemon.experiment.executor import Executor
from daemon.experiment.sections import campaign_of
from daemon.logs import configure
from daemon.planning.worker import PlannerWorker, planner_of
from daemon.rig.parts import LinesPort
from daemon.rig.rig import Rig
from daemon.rig.still_on import on_now
from daemon.safety.heartbeat import Heartbeats
from daemon.safety.trip import Cause
from daemon.settings.models import CampaignSettings, InstrumentSettings, Settings
from daemon.store.documents import config_hash, real_boot_id, virtual_boot_id
from daemon.store.raw import RawFiles
from daemon.store.reader import Reader
from daemon.store.stored import StoredCampaign
from daemon.store.writer import Store
from daemon.timebase import Timebase, is_virtual
from daemon.trace.recording import Recording, recorded
from drivers.registry import Lines, dial_real
from planners.base import Problem

if TYPE_CHECKING:
    from daemon.simulation import Simulation

LEFT = "left behind"  # by a daemon that died, and the file has it no more
LEFT_BEHIND = (
    "the last start died, and had what the file has no more: {0}; it may still pump or heat, and"
    " nobody watches it: look after it, or `taylord safe` with the file as it was"
)
AGAIN = "not reset since it tripped at"
log = structlog.get_logger(__name__)


@dataclass
class Parts:
    """The parts of one running daemon."""

    plan: RunPlan
    boot: str
    timebase: Timebase
    events: EventBus
    store: Store
    rig: Rig
    worker: PlannerWorker
    heartbeats: Heartbeats
    simulation: "Simulation | None" = None
    executor: Executor | None = None
    campaign: Campaign | None = None
    reactions: Reactions | None = None
    continues: StoredCampaign | None = None


@contextmanager
def simulated(plan: RunPlan) -> "Generator[Simulation | None]":
    """Give the simulated rig of a plan, or None for the real one."""
    if not plan.simulate:
        yield None
        return
    from daemon.simulation import Simulation  # the plant is no part of the real rig's daemon

    loop = asyncio.get_running_loop()
    with Simulation(plan.settings, loop.time, seed=plan.seed) as simulation:
        simulation.start()
        yield simulation


def assemble(
    plan: RunPlan, simulation: "Simulation | None", recording: Recording | None = None
) -> Parts:
    """Return the parts; raise ConfigError or StoreFailed when they cannot be made."""
    refuse_another_rigs_record(plan)
    continues = campaign_to_continue(plan)
    changes = _changes_since_it_began(plan, continues)
    space = in_force(plan.settings, continues)
    known = known_identities(plan)
    elsewhere = left_elsewhere(plan.data, plan.config_text)
    files = digests(plan) if plan.conditions is None else {}
    changed = changed_files(plan, files) if continues is not None else []
    timebase = Timebase.virtual() if is_virtual() else Timebase.real()
    boot = virtual_boot_id(plan.record_seed, plan.config_text) if is_virtual() else real_boot_id()
    events, heartbeats = EventBus(), Heartbeats()
    store = Store.open(
        plan.data,
        timebase=timebase,
        boot=boot,
        config_text=plan.config_text,
        seed=plan.seed,
        rig=plan.settings.name,
    )
    level = logging.WARNING if plan.once else logging.INFO
    configure(plan.data, timebase=timebase, console_level=level)
    if continues is not None and changes:
        told = {"since": "it began", "changes": changes}
        log.warning("campaign.config_changed", campaign=continues.id, **told)
    settings = _with_simulated_options(space.settings, simulation)
    lines = _lines(settings, simulation, recording)
    if store.interrupted:
        _tell_of_interrupted(store.interrupted)
    rig = Rig(
        settings,
        lines,
        events,
        commit=store.commit,
        heartbeats=heartbeats,
        left_acting=store.last_died,
        known=known,
    )
    store.listen(events)
    KeepIdentities(plan, rig, store)
    keep_files(store, events, files, changed)
    worker = PlannerWorker(plan.planning)
    parts = Parts(plan, store.boot, timebase, events, store, rig, worker, heartbeats, simulation)
    parts.continues = continues
    if elsewhere:
        rig.alarms.raise_(LEFT, LEFT_BEHIND.format(", ".join(elsewhere)), priority="high")
        log.error("instrument.left_behind", instruments=elsewhere)
    _stay_tripped(parts)
    if settings.reactor is not None:
        _add_experiments(parts, settings)
        _tell_of_the_file(parts, space)
    return parts


def _changes_since_it_began(plan: RunPlan, continues: StoredCampaign | None) -> list[str]:
    """Return what the file says otherwise than when the campaign began."""
    if continues is None or not config_changed(continues, plan.config_text):
        return []
    with Reader(plan.data) as reader:
        began = reader.config(continues.config_hash or "")
    return (
        ["the file it began with is not on record"]
        if began is None
        else config_changes(began, plan.config_text)
    )


def _tell_of_interrupted(experiments: Sequence[str]) -> None:
    log.warning(
        "experiment.interrupted",
        experiments=list(experiments),
        why="the last start ended while they were in flight",
        now="a campaign that goes on runs their points again",
    )


def _stay_tripped(parts: Parts) -> None:
    """Trip again when the record holds a trip that nobody has reset: a restart is no reset."""
    with Reader(parts.store.directory) as reader:
        last = reader.last_trip()
    if last is None or last["state"] == "reset":
        return
    if parts.plan.reset_trip:
        parts.events.emit("trip", **_trip_document(last, "reset"))
        return
    why = last["message"]
    if AGAIN not in why:  # an earlier start has said when
        why = f"{why}, {AGAIN} {last['time_utc']}" if why else f"{AGAIN} {last['time_utc']}"
    parts.rig.trip.pull(Cause(last["name"], why, last["signal"]))


def _trip_document(last: Mapping[str, Any], state: str) -> dict[str, Any]:
    names = ("name", "signal", "value", "threshold", "action")
    return {name: last[name] for name in names} | {"message": "reset at the start", "state": state}


def _with_simulated_options(settings: Settings, simulation: "Simulation | None") -> Settings:
    """Return the settings with what only the simulated instruments know."""
    if simulation is None:
        return settings
    instruments = {
        name: InstrumentSettings.model_validate(
            {**own.model_dump(exclude_unset=True), **simulation.driver_options(name)}
        )
        for name, own in settings.instruments.items()
    }
    return settings.model_copy(update={"instruments": instruments})


def _lines(
    settings: Settings, simulation: "Simulation | None", recording: Recording | None
) -> LinesPort:
    if simulation is None:
        return recorded(recording, lambda dial: real_lines(settings, dial), dial_real)
    dial_mqtt = simulation.dial_mqtt
    return recorded(recording, lambda dial: Lines(dial, dial_mqtt), simulation.dial)


def _add_experiments(parts: Parts, settings: Settings) -> None:
    """Add executor and campaign."""
    plan, left = parts.plan, parts.continues
    section = campaign_of(settings)
    problem = problem_of(section) if settings.campaign is not None else Problem.from_json(_NOTHING)
    if left is not None:
        # a complete one may have late results, and the file may ask for more by now
        planned = settings.campaign is not None and plan.conditions is None
        label = planner_of(section).label if settings.campaign is not None else ""
        now = problem.to_json() if planned else {}
        parts.store.continue_campaign(left.id, section.experiments, label, now)
    raw = RawFiles(parts.store.directory, left.id if left else _begun(parts, section, problem))
    parts.executor = Executor(
        settings,
        parts.rig,
        parts.events,
        used_ml=used_ml(left),
        raw=raw,
        commit=parts.store.commit,
    )
    memory = restored(left, approve=section.approve) if left is not None else Memory()
    planner = planner_of(section, costs(settings))
    units, late = parts.executor.units, parts.executor.late
    parts.store.keep("campaign", {"approve": section.approve, "late": sorted(late)})
    asker = PlannerAsker(
        parts.worker, planner, lambda: campaign.settings, units, plan.planner_seed, late
    )
    configured = plan.settings.campaign or section
    campaign = parts.campaign = Campaign(
        section,
        runner=parts.executor,
        asker=asker,
        memory=memory,
        events=parts.events,
        commit=parts.store.commit,
        configured=configured,
        observer=asker if settings.campaign is not None and plan.conditions is None else None,
    )
    alone = plan.once and (settings.mqtt is None or plan.speed == "max")
    parts.reactions = Reactions(
        campaign,
        parts.events,
        parts.rig.alarms,
        ends_when_held=alone,
        on=partial(on_now, parts.rig),
    )
    parts.store.on_trouble = parts.reactions.on_trouble


def _begun(parts: Parts, section: CampaignSettings, problem: Problem) -> str:
    """Open a new campaign in the record; return its id."""
    plan, planned = parts.plan, parts.plan.conditions is None
    return parts.store.begin_campaign(
        problem=problem.to_json() if planned else {},
        planner=planner_of(section).label,
        seed=plan.planner_seed,
        experiments=section.experiments if planned else 1,
        config_hash=config_hash(plan.config_text),
        space={"configured": space_of(section), "current": space_of(section)} if planned else {},
    )


def _tell_of_the_file(parts: Parts, space: InForce) -> None:
    """Put into the record that the file has another space than when the campaign was left."""
    if space.changes is None or parts.campaign is None:
        return
    steering = parts.campaign.steering
    document = steering.document(space.changes, by="configuration", reason="the file was edited")
    parts.events.emit("space", **document)


_NOTHING: Mapping[str, Any] = {
    "factors": [{"name": "temperature", "kind": "continuous", "low": 0.0, "high": 1.0}],
    "responses": [],
}
