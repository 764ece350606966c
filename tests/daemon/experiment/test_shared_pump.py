"""Feeds that share a pump behind a selector valve, on the simulated rig, in virtual time."""

import asyncio

import pytest

from daemon.errors import Refused
from tests.daemon.experiment.assembly import flow_rig
from tests.daemon.experiment.choosing import WARM, sections

pytestmark = pytest.mark.virtual

RINSE_ML = 0.9  # three times the dead volume


def rig(**changes):
    return flow_rig(**sections(**changes))


def delivered(record, feed):
    return record.achieved[f"volume.{feed}"]


async def inlets(flow, done):
    """Return what entered the reactor while samples were taken."""
    seen = []
    while not done.done():
        run = flow.executor._run
        if run is not None and run.step in {"WaitSteady", "Sample"}:
            seen.append(flow.truth()["inlet"])
        await asyncio.sleep(1.0)
    return seen


async def performed(flow, name, **changes):
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(flow.executor.run(name, {**WARM, **changes}))
        seen = tasks.create_task(inlets(flow, running))
    return running.result(), seen.result()


@pytest.mark.no_cover  # several experiments
async def test_each_experiment_has_its_own_catalyst_and_nothing_of_the_one_before():
    async with rig() as flow:
        for name, catalyst, species in (
            ("e-1", "carbene", "cat_b"),
            ("e-2", "phosphine", "cat_a"),
            ("e-3", "carbene", "cat_b"),
        ):
            record, seen = await performed(flow, name, catalyst=catalyst)
            assert record.status == "ok", record.reason
            assert record.achieved["catalyst"] == catalyst
            assert record.achieved["equivalents.catalyst"] == pytest.approx(0.02, rel=0.03)
            assert len(seen) > 60
            for inlet in seen[2:]:
                assert inlet[species] == pytest.approx(0.004, rel=0.03)
                assert sum(inlet[other] for other in ("cat_a", "cat_b", "cat_c")) == inlet[species]
            assert flow.truth()["valves"] == {"selector": {"carbene": 2, "phosphine": 1}[catalyst]}


@pytest.mark.no_cover
async def test_the_line_is_rinsed_when_another_feed_comes_and_only_then():
    async with rig() as flow:
        first, _ = await performed(flow, "e-1")
        again, _ = await performed(flow, "e-2")
        other, _ = await performed(flow, "e-3", catalyst="ligand-free")
    assert delivered(first, "carbene") - delivered(again, "carbene") > 0.9 * RINSE_ML
    assert delivered(other, "ligand-free") - delivered(again, "carbene") > 0.9 * RINSE_ML
    assert delivered(other, "carbene") == 0.0
    steps = [e.data["step"] for e in flow.log if e.kind == "experiment" and e.data["id"] == "e-3"]
    order = list(dict.fromkeys(steps))
    assert order.index("Heat") < order.index("Rinse") < order.index("StartFlows")


@pytest.mark.no_cover
async def test_bottles_run_down_one_by_one_as_they_are_counted():
    async with rig() as flow:
        await performed(flow, "e-1")
        await performed(flow, "e-2", catalyst="phosphine")
        left, used = flow.executor.left_ml(), flow.executor.used_ml()
        head = flow.sim.world._plant.heads["pump-d"]
        real = [head.left_in(i) for i in range(3)]
    assert real == pytest.approx(
        [left["phosphine"], left["carbene"], left["ligand-free"]], abs=0.05
    )
    assert used["ligand-free"] == 0.0
    assert min(used["phosphine"], used["carbene"]) > RINSE_ML


@pytest.mark.parametrize(("step", "after_s"), [("Rinse", 8.0), ("WaitSteady", 20.0)])
async def test_a_valve_that_is_turned_to_another_feed_fails_the_experiment(step, after_s):
    async with rig() as flow, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(flow.executor.run("e-1", WARM))
        await flow.until(step=step)
        await asyncio.sleep(after_s)
        flow.sim.world.valve("selector").turn(3)
        record = await running
        flows = [pump["flow"] for pump in flow.truth()["pumps"].values()]
    assert record.status == "failed"
    assert "selector is at 3, and feed carbene flows through 2" in record.reason
    assert flows == [0.0] * 4


@pytest.mark.parametrize("name", ["selector", "pump-d"])
async def test_an_instrument_that_falls_silent_in_a_rinse_fails_the_experiment(name):
    async with rig() as flow, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(flow.executor.run("e-1", WARM))
        await flow.until(step="Rinse")
        flow.sim.disturb(name, "silent")
        record = await running
        flow.sim.disturb(name, "ok")
    assert record.status in {"failed", "aborted"}
    assert name in record.reason


@pytest.mark.no_cover
async def test_what_a_person_pumped_by_hand_is_rinsed_out():
    async with rig() as flow:
        first, _ = await performed(flow, "e-1")
        await flow.rig.guard.turn("selector", 1)
        await flow.rig.guard.set_flow("pump-d", 0.5)
        await asyncio.sleep(60.0)
        await flow.rig.guard.set_flow("pump-d", 0.0)
        used = flow.executor.used_ml()
        second, seen = await performed(flow, "e-2")
    assert used["phosphine"] == pytest.approx(0.5, rel=0.1)
    assert delivered(second, "carbene") == pytest.approx(delivered(first, "carbene"), rel=0.05)
    assert all(inlet["cat_a"] == 0.0 for inlet in seen[2:])


async def test_a_hold_in_the_middle_of_a_rinse_goes_on_with_it():
    async with rig() as flow:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(flow.executor.run("e-1", WARM))
            await flow.until(step="Rinse")
            flow.executor.hold()
            await flow.until(state="held")
            assert flow.truth()["pumps"]["pump-d"]["flow"] == 0.0
            await asyncio.sleep(120.0)
            flow.executor.resume()
            seen = tasks.create_task(inlets(flow, running))
        record = running.result()
    assert record.status == "ok", record.reason
    assert all(inlet["cat_a"] == 0.0 for inlet in seen.result()[2:])


async def test_an_empty_bottle_ends_the_rinse_with_a_reason(monkeypatch):
    async with rig() as flow, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(flow.executor.run("e-1", WARM))
        await flow.until(step="Heat")
        monkeypatch.setattr(flow.executor._watch, "in_line_ml", lambda feed: 0.1)
        record = await running
    assert record.status == "failed"
    assert "rinse of carbene: 0.1 of 0.9 mL were pumped; is its bottle empty" in record.reason


async def test_the_pump_runs_at_any_of_its_feeds_and_its_valve_is_not_turned_meanwhile():
    async with rig() as flow:
        await flow.rig.guard.turn("selector", 5)
        with pytest.raises(Refused, match="which is at 5; turn it to 1 or 2 or 3 first"):
            await flow.rig.guard.set_flow("pump-d", 0.5)
        await flow.rig.guard.turn("selector", 3)
        await flow.rig.guard.set_flow("pump-d", 0.5)
        for position in (1, 5):
            with pytest.raises(Refused, match="pump-d delivers through selector at 3; stop it"):
                await flow.rig.guard.turn("selector", position)
        assert await flow.rig.guard.turn("selector", 3) == 3
        await flow.rig.guard.set_flow("pump-d", 0.0)
        assert await flow.rig.guard.turn("selector", 1) == 1


async def test_solvents_may_be_a_choice_of_one_pump_and_the_first_one_trickles():
    raw = sections()
    shared = {"valve": "selector", "dead_volume_ml": 0.3}
    raw["feeds"] = [
        raw["feeds"][0] | {"solutes": {"halide": 0.8, "cat_b": 0.02}},
        raw["feeds"][1],
        {"name": "acetonitrile", "pump": "pump-d", "position": 1, **shared},
        {"name": "dioxane", "pump": "pump-d", "position": 2, **shared},
    ]
    choice = {"name": "medium", "kind": "categorical", "levels": ["acetonitrile", "dioxane"]}
    raw["campaign"]["factors"] = [choice, *raw["campaign"]["factors"][2:]]
    asked = {n: v for n, v in WARM.items() if "catalyst" not in n} | {"medium": "dioxane"}
    async with flow_rig(**raw) as flow:
        record = await flow.executor.run("e-1", asked)
        assert flow.truth()["valves"] == {"selector": 1}, "back to the trickle"
        assert flow.truth()["pumps"]["pump-d"]["flow"] == pytest.approx(0.05)
    assert record.status == "ok", record.reason
    assert record.achieved["medium"] == "dioxane"
    assert delivered(record, "dioxane") > RINSE_ML + 2.5
