"""The verbs, done on a simulated rig with everything behind them, in virtual time."""

import asyncio

import pytest
from structlog.testing import capture_logs

from daemon.api.commands import (
    Acknowledge,
    Because,
    Decide,
    Get,
    Nothing,
    Reconnect,
    Set,
    Skip,
    Submit,
    SubmitResult,
    Veto,
)
from daemon.app.assembly import assemble, simulated
from daemon.app.commands import RigCommands
from daemon.app.plan import RunPlan
from daemon.app.state import state_document
from daemon.errors import BadRequest, OutOfLimits, Refused, Tripped, UnknownSignal
from tests.campaigns.days import settings_of

pytestmark = pytest.mark.virtual
NOTHING = Because()
CONDITIONS = {
    "residence_time": 0.5,
    "temperature": 30.0,
    "concentration": 0.3,
    "equivalents.pyrrolidine": 2.0,
}


@pytest.fixture
async def parts(tmp_path):
    """A running rig with its campaign waiting for commands."""
    settings = settings_of(2)
    campaign = settings.campaign.model_copy(update={"planner": "lhs", "approve": False})
    settings = settings.model_copy(update={"campaign": campaign})
    plan = RunPlan(settings, "", tmp_path, simulate=True, speed="max", seed=0, restart="new")
    with simulated(plan) as simulation:
        parts = assemble(plan, simulation)
        rig = asyncio.create_task(parts.rig.run())
        await parts.rig.first_attempts()
        serving = asyncio.create_task(parts.campaign.serve())
        yield parts
        for task in (serving, rig):
            task.cancel()
        await asyncio.wait([serving, rig])
        await parts.worker.stop()
        await parts.store.close()


@pytest.fixture
def verbs(parts):
    return RigCommands(parts)


async def until(condition, *, by=4000.0):
    async with asyncio.timeout(by):
        while not condition():
            await asyncio.sleep(1.0)


async def test_ping_and_get_answer(parts, verbs):
    assert (await verbs.ping(Nothing()))["rig"] == "flow-1"
    await asyncio.sleep(5)
    one = await verbs.get(Get(signal="bath.temperature"))
    assert one["quality"] == "good"
    assert (await verbs.get(Get()))["bath.temperature"]["unit"] == "degC"
    with pytest.raises(UnknownSignal, match=r"no signal 'bath\.humidity'"):
        await verbs.get(Get(signal="bath.humidity"))


async def test_set_goes_through_the_guard(parts, verbs):
    await asyncio.sleep(5)
    reading = await verbs.set(Set(signal="bath.setpoint", value=35.0))
    assert reading["value"] == 35.0
    with pytest.raises(OutOfLimits, match=r"bath.setpoint: 900 degC is outside its limits"):
        await verbs.set(Set(signal="bath.setpoint", value=900.0))


async def test_set_says_that_a_running_experiment_commands_the_instrument(parts, verbs):
    await asyncio.sleep(5)
    assert "note" not in await verbs.set(Set(signal="bath.setpoint", value=35.0))
    await verbs.experiment_submit(Submit(conditions=CONDITIONS))
    await asyncio.sleep(30)
    with capture_logs() as logged:
        answer = await verbs.set(Set(signal="bath.setpoint", value=80.0))
    assert answer["value"] == 80.0
    assert answer["experiment"] == "e-0001"
    assert "e-0001 is running and commands bath: it waits" in answer["note"]
    assert ("command.beside_experiment", "warning", "bath.setpoint", "e-0001") in [
        (line["event"], line["log_level"], line.get("signal"), line.get("experiment"))
        for line in logged
    ]


async def test_set_by_hand_says_nothing_while_the_experiment_is_held(parts, verbs):
    await asyncio.sleep(5)
    await verbs.experiment_submit(Submit(conditions=CONDITIONS))
    await asyncio.sleep(30)
    await verbs.campaign_hold(NOTHING)
    await until(lambda: parts.executor.state == "held")
    assert "note" not in await verbs.set(Set(signal="bath.setpoint", value=25.0))


@pytest.mark.no_cover  # whole experiments
async def test_a_submitted_experiment_runs_and_takes_an_offline_result(parts, verbs):
    await asyncio.sleep(5)
    answer = await verbs.experiment_submit(Submit(conditions=CONDITIONS))
    assert answer == {"suggestion": "s-0001"}
    await asyncio.sleep(5)
    state = state_document(parts)
    assert state["experiments"][0]["id"] == "e-0001"
    assert state["campaign"]["state"] == "running"
    with pytest.raises(Refused, match="still runs"):
        await verbs.result_submit(SubmitResult(experiment="e-0001", responses={"ph": 7.0}))
    await until(lambda: parts.campaign.state == "complete")
    result = SubmitResult(experiment="e-0001", responses={"ph": {"value": 7.0, "sd": 0.1}})
    assert (await verbs.result_submit(result))["responses"] == ["ph"]
    assert parts.campaign.memory.records["e-0001"].responses["ph"].value == 7.0
    with pytest.raises(Refused, match="there is no experiment 'e-0042'"):
        await verbs.result_submit(SubmitResult(experiment="e-0042", responses={"ph": 7.0}))


async def test_conditions_that_cannot_be_made_are_refused_at_once(verbs):
    impossible = CONDITIONS | {"residence_time": 0.01}
    with pytest.raises(Refused, match="mL/min"):
        await verbs.experiment_submit(Submit(conditions=impossible))
    with pytest.raises(BadRequest, match=r"conditions.temperature: is not a number"):
        await verbs.experiment_submit(Submit(conditions=CONDITIONS | {"temperature": "hot"}))


@pytest.mark.no_cover
async def test_a_campaign_is_held_resumed_skipped_stopped(parts, verbs):
    await asyncio.sleep(5)
    with pytest.raises(Refused, match="while the campaign is idle"):
        await verbs.campaign_hold(NOTHING)
    await verbs.campaign_start(NOTHING)
    await until(lambda: parts.executor.running is not None)
    await verbs.campaign_hold(Because(reason="lunch"))
    await until(lambda: parts.campaign.state == "held")
    assert parts.campaign.reason == "lunch"
    await verbs.campaign_resume(NOTHING)
    assert await verbs.experiment_skip(Skip()) == {"experiment": "e-0001"}
    await until(lambda: parts.campaign.experiment == "e-0002")
    await verbs.campaign_stop(NOTHING)
    await until(lambda: parts.campaign.state == "stopped", by=10_000)
    assert parts.campaign.memory.records["e-0001"].status == "aborted"
    assert parts.campaign.memory.records["e-0002"].status == "ok"


async def test_abort_stops_pumps_and_heat_now(parts, verbs):
    await asyncio.sleep(5)
    await verbs.campaign_start(NOTHING)
    await until(lambda: parts.executor.running is not None)
    await asyncio.sleep(60)
    await verbs.campaign_abort(NOTHING)
    await until(lambda: parts.campaign.state == "aborted", by=60)
    await asyncio.sleep(10)
    assert parts.rig.latest("bath.running").value is False
    assert parts.rig.latest("pump-c.flow").value == 0.0


async def test_a_trip_latches_until_it_is_reset_and_restarts_nothing(parts, verbs):
    await asyncio.sleep(5)
    await verbs.campaign_start(NOTHING)
    await until(lambda: parts.executor.running is not None)
    answer = await verbs.trip(Because(reason="smoke"))
    assert answer["safe"] is True
    await until(lambda: parts.campaign.state == "aborted", by=60)
    state = state_document(parts)
    assert state["rig"] == "tripped"
    assert state["trip"]["message"] == "smoke"
    for refused in (
        verbs.campaign_start(NOTHING),
        verbs.experiment_submit(Submit(conditions=CONDITIONS)),
        verbs.set(Set(signal="bath.setpoint", value=30.0)),
    ):
        with pytest.raises(Tripped, match="tripped by mqtt: smoke; reset it first"):
            await refused
    assert await verbs.trip_reset(NOTHING) == {"tripped": False}
    await asyncio.sleep(60)
    assert parts.campaign.state == "aborted"
    assert parts.rig.latest("pump-a.flow").value == 0.0


async def test_alarms_connections_and_suggestions_answer(parts, verbs):
    assert await verbs.alarm_acknowledge(Acknowledge()) == {"acknowledged": []}
    assert set((await verbs.reconnect(Reconnect()))["connections"]) == set(parts.rig.instruments)
    with pytest.raises(BadRequest, match="no instrument 'pump-z'"):
        await verbs.reconnect(Reconnect(instrument="pump-z"))
    with pytest.raises(Refused, match=r"^no suggestion waits for a decision$"):
        await verbs.suggestion_approve(Decide())
    with pytest.raises(Refused, match="waits for a decision"):
        await verbs.suggestion_veto(Veto(suggestion="s-0001"))
