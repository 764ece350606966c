"""What was set stays set, or a person is called; and an experiment is not run at something else."""

import asyncio

import pytest

from daemon.events import EventBus
from daemon.safety.alarms import Alarms
from daemon.safety.as_set import AsSet
from drivers.signal import Quality, Reading, SignalSpec
from tests.campaigns.days import scenario, settings_of

pytestmark = pytest.mark.virtual
UNITS = {"bath.setpoint": "degC", "bath.running": "", "pump.flow": "mL/min"}


class Watched:
    """Three signals, and the alarms about them."""

    def __init__(self):
        kinds = {"bath.running": bool}
        specs = {
            name: SignalSpec(name.partition(".")[2], kinds.get(name, float), unit)
            for name, unit in UNITS.items()
        }
        self.alarms = Alarms(EventBus())
        actions = {name: "warn" if name == "pump.flow" else "hold" for name in specs}
        self.as_set = AsSet(specs, actions, self.alarms)

    def read(self, signal, *readings):
        """Take readings, (time, value); return the alarms then."""
        for t, value in readings:
            quality = Quality.BAD if value is None else Quality.GOOD
            self.as_set.readings([Reading(signal, value, UNITS[signal], t, quality)])
        return [alarm.message.partition(":")[0] for alarm in self.alarms.all()]


@pytest.fixture
async def watched(virtual):
    return Watched()


async def test_a_setpoint_that_changes_by_itself_calls_a_person_until_it_is_back(watched):
    watched.as_set.commanded("bath.setpoint", 60.0, 10.0)
    assert watched.read("bath.setpoint", (11.0, 60.2), (16.0, 90.0)) == []
    told = ["bath.setpoint is 90 degC, and was set to 60 degC"]
    assert watched.read("bath.setpoint", (21.0, 90.0), (26.0, 91.0)) == told
    assert watched.alarms.all()[0].action == "hold"
    assert watched.read("bath.setpoint", (31.0, 60.0)) == []


async def test_setting_it_anew_is_the_end_of_it(watched):
    watched.as_set.commanded("pump.flow", 1.0, 10.0)
    assert watched.read("pump.flow", (12.0, 0.9), (17.0, 0.9)) == [
        "pump.flow is 0.9 mL/min, and was set to 1 mL/min"
    ]
    watched.as_set.commanded("pump.flow", 0.9, 20.0)
    assert watched.read("pump.flow", (22.0, 0.9), (27.0, 0.9)) == []


async def test_what_is_being_set_is_set_to_nothing(watched):
    watched.as_set.commanded("pump.flow", 1.0, 10.0)
    watched.as_set.commanded("pump.flow", None, 11.0)
    assert watched.read("pump.flow", (12.0, 0.0), (17.0, 0.0)) == []


async def test_a_switch_counts_from_the_first_reading_that_agrees(watched):
    watched.as_set.commanded("bath.running", 1.0, 10.0)
    assert watched.read("bath.running", (12.0, False), (17.0, False), (22.0, True)) == []
    told = ["bath.running is off, and was set to on"]
    assert watched.read("bath.running", (27.0, False), (32.0, False)) == told


async def test_one_reading_a_bad_one_and_one_from_before_prove_nothing(watched):
    watched.as_set.commanded("pump.flow", 1.0, 10.0)
    assert watched.read("pump.flow", (9.0, 0.0), (10.0, 0.0), (15.0, None)) == []
    assert watched.read("pump.flow", (20.0, 0.0), (21.0, 0.0), (23.0, 1.02), (40.0, 0.0)) == []


async def test_what_nobody_minds_is_not_looked_at(watched):
    watched.as_set.commanded("valve.position", 1.0, 10.0)
    watched.as_set.readings([Reading("valve.position", 2.0, "", 20.0)] * 2)
    assert watched.alarms.all() == ()


def _knob(act):
    """Return a script: somebody is at the bath's panel while the fluid becomes steady."""

    async def script(stage):
        await stage.step("WaitSteady")
        act(stage.parts.simulation.instruments["bath"].circulator)
        document = await stage.until("campaign", state="held", within=30.0)
        assert "not as set" in document["reason"]
        await asyncio.sleep(5.0)
        assert stage.flows == {"pump-a": 0.0, "pump-b": 0.0, "pump-c": pytest.approx(0.05)}
        stage.campaign.resume()
        await stage.until("experiment", status="ok")
        assert stage.rig.alarm_documents() == []

    return script


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "act",
    [lambda bath: bath.write(0x14, 0, fine=False), lambda bath: bath.write(0x00, 9000, fine=False)],
    ids=["switched off", "another setpoint"],
)
def test_a_hand_at_the_panel_of_the_bath_holds_the_experiment(act, tmp_path):
    scenario(tmp_path, settings_of(1), _knob(act), once=False)
