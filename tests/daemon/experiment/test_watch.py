"""What the executor knows of the rig comes from readings and events alone."""

import asyncio

import numpy as np
import pytest

from daemon.events import EventBus
from daemon.experiment.achieved import achieved
from daemon.experiment.mixture import conditions_of
from daemon.experiment.recipe import Heat
from daemon.experiment.settling import Settling, is_ready
from daemon.experiment.volumes import History
from daemon.experiment.watch import DEGC, KEEP_S, Watch
from drivers.roles import Spectrum
from drivers.signal import Quality, Reading
from tests.daemon.experiment.flow import example

pytestmark = pytest.mark.virtual

FLOWS = {"substrate": 0.15, "amine": 0.15, "solvent": 0.7}
PUMPS = {"substrate": "pump-a", "amine": "pump-b", "solvent": "pump-c"}
COMMANDED = conditions_of(example(), FLOWS, 60.0)


def readings(t, flows=FLOWS, degc=60.0, quality=Quality.GOOD):
    bad = quality is Quality.BAD
    found = [
        Reading(f"{PUMPS[feed]}.flow", None if bad else flow, "mL/min", t, quality)
        for feed, flow in flows.items()
    ]
    return [*found, Reading("bath.temperature", None if bad else degc, "degC", t, quality)]


class Scripted:
    """A watch fed by hand, one group of readings a second."""

    def __init__(self, settings=None):
        self.settings = settings or example()
        self.events = EventBus()
        self.watch = Watch(self.settings, "bath.temperature", self.events)
        self.t = 0.0

    def feed(self, seconds, **how):
        for _ in range(int(seconds)):
            self.t += 1.0
            self.events.readings(readings(self.t, **how))

    def sampled(self, seconds=20.0, commanded=COMMANDED):
        axis = np.linspace(0, 1, 5)
        spectrum = Spectrum(axis, "ppm", axis, "a.u.", self.t - seconds, self.t)
        return achieved(self.settings, self.watch, [spectrum], commanded, 2.0)


async def test_achieved_conditions_are_those_the_fluid_met():
    rig = Scripted()
    rig.feed(300)
    met = rig.sampled()
    assert met.doubts == ()
    assert met.residence_time_min == pytest.approx(1.0, rel=1e-6)
    assert met.flows == pytest.approx(FLOWS, rel=1e-6)
    assert met.conditions["concentration"] == pytest.approx(0.3, rel=1e-6)
    assert met.conditions["temperature"] == 60.0
    assert met.conditions["temperature_sd"] == 0.0


async def test_a_flow_and_a_temperature_that_were_off_are_doubts():
    rig = Scripted()
    rig.feed(100)
    rig.feed(200, flows={**FLOWS, "amine": 0.1}, degc=63.0)
    met = rig.sampled()
    assert any("feed amine delivered 0.1 mL/min instead of 0.15" in d for d in met.doubts)
    assert any("temperature was 63.0 instead of 60 degC" in d for d in met.doubts)


async def test_fluid_from_before_the_record_has_no_achieved_conditions():
    rig = Scripted()
    rig.feed(40)
    assert rig.sampled() is None
    assert achieved(rig.settings, rig.watch, [], COMMANDED, 2.0) is None


async def test_without_temperatures_nothing_is_claimed():
    rig = Scripted()
    for _ in range(300):
        rig.t += 1.0
        rig.events.readings(readings(rig.t)[:-1])
    assert rig.sampled() is None


async def test_a_bad_reading_counts_for_nothing():
    rig = Scripted()
    rig.feed(60)
    before = rig.watch.clocks.total_ml
    rig.feed(60, quality=Quality.BAD)
    assert rig.watch.clocks.total_ml == before


async def test_faults_are_kept_with_their_time():
    rig = Scripted()
    emit = rig.events.emit
    emit("alarm", id="a", name="a", state="active", message="door open")
    emit("alarm", id="a", name="a", state="cleared")
    emit("alarm", id="p", name="p", state="active", message="no planner", concerns="campaign")
    emit("connection", instrument="pump-a", state="failed")
    emit("connection", instrument="nmr", state="failed")
    emit("connection", instrument="pump-b", state="connected")
    emit("trip", name="line pressure", state="tripped")
    emit("trip", name="line pressure", state="reset")
    expected = ["alarm: door open", "pump-a lost its connection", "tripped: line pressure"]
    now = asyncio.get_running_loop().time()
    assert rig.watch.faults_between(now, now) == expected
    assert rig.watch.faults_between(now + 1, now + 2) == []


async def test_history_is_pruned_in_a_long_run():
    rig = Scripted()
    rig.watch.faults.append((0.0, "long ago"))
    rig.feed(2 * KEEP_S)
    assert len(rig.watch.clocks.history.t) < KEEP_S + 1000
    assert rig.watch.faults == []
    assert rig.sampled().residence_time_min == pytest.approx(1.0, rel=1e-6)


async def test_the_volume_clock_of_a_wait_starts_anew_whenever_something_is_off():
    rig = Scripted()
    with Settling(rig.settings, rig.watch, COMMANDED) as settling:
        assert settling.pumped_ml(rig.t) == 0.0
        assert "no flow reading of pump-a" in settling.why
        rig.feed(30)
        assert settling.pumped_ml(rig.t) == 0.0
        assert settling.why == "the line of feed substrate is being filled"
        rig.feed(91)  # filled after 60 s, at 0.15 mL/min
        assert settling.pumped_ml(rig.t) == pytest.approx(1.0, abs=0.04)
        rig.feed(5, flows={**FLOWS, "solvent": 0.0})
        assert settling.pumped_ml(rig.t) == 0.0
        assert settling.why == "pump-c delivers 0 of 0.7 mL/min"
        rig.feed(30)
        assert settling.pumped_ml(rig.t) == pytest.approx(0.5, abs=0.04)
        rig.feed(5, degc=62.0)
        assert settling.pumped_ml(rig.t) == 0.0
        assert settling.why == "temperature 62.0 instead of 60 degC"
        assert settling.restarts >= 3
        assert "no steady state: 0 of 2.7 mL" in settling.why_not(2.7)
    assert rig.watch.on_row is None


async def test_a_disturbance_nobody_looked_at_still_sets_the_volume_clock_back():
    rig = Scripted()
    rig.feed(120)
    with Settling(rig.settings, rig.watch, COMMANDED) as settling:
        rig.feed(60)
        rig.feed(3, flows={**FLOWS, "amine": 0.0})
        rig.feed(30)
        assert settling.pumped_ml(rig.t) == pytest.approx(0.5, abs=0.04)


async def test_silence_of_the_thermostat_holds_the_volume_clock():
    rig = Scripted()
    rig.feed(120)
    settling = Settling(rig.settings, rig.watch, COMMANDED)
    for _ in range(60):
        rig.t += 1.0
        rig.events.readings(readings(rig.t)[:-1])
    assert settling.pumped_ml(rig.t) == 0.0
    assert "no temperature for" in settling.why


async def test_a_feed_that_stands_still_needs_no_filled_line():
    settings = example(
        feeds=[
            {"name": "substrate", "pump": "pump-a", "solutes": {"dfnb": 2.0}},
            {
                "name": "amine",
                "pump": "pump-b",
                "solutes": {"pyrrolidine": 4.2},
                "dead_volume_ml": 5.0,
            },
            {"name": "solvent", "pump": "pump-c"},
        ]
    )
    flows = {"substrate": 0.3, "amine": 0.0, "solvent": 0.7}
    rig = Scripted(settings)
    settling = Settling(settings, rig.watch, conditions_of(settings, flows, 60.0))
    rig.feed(1, flows=flows)
    settling.pumped_ml(rig.t)
    rig.feed(60, flows=flows)
    assert settling.pumped_ml(rig.t) == pytest.approx(1.0, rel=1e-6)
    assert settling.patience_s(1.0) == pytest.approx(120.0 + 120.0)


HEAT = Heat("bath", 60.0, tolerance=1.0, hold_s=30.0, timeout_s=600.0)


def course(*values, every_s=2.0):
    history = History()
    for i, value in enumerate(values):
        history.add(every_s * i, {DEGC: value})
    return history, every_s * (len(values) - 1)


def test_a_temperature_is_ready_when_near_long_enough_and_flat():
    assert is_ready(*course(*[60.5] * 20), HEAT)


@pytest.mark.parametrize(
    "values",
    [
        [60.0] * 5,  # not long enough
        [55.0] * 20,  # not near
        [*[60.0] * 10, 61.5, *[60.0] * 9],  # left the band meanwhile
        list(np.linspace(59.5, 60.4, 20)),  # still rising, 1.4 K/min
        [],
    ],
)
def test_a_temperature_that_is_far_short_or_rising_is_not_ready(values):
    assert not is_ready(*course(*values), HEAT)


def test_old_temperatures_make_nothing_ready():
    history, end = course(*[60.0] * 20)
    assert not is_ready(history, end + 25.0, HEAT)


async def test_a_followed_signal_is_what_was_read_last_before_and_not_long_ago():
    events = EventBus()
    watch = Watch(example(), "bath.temperature", events)
    watch.follow(["nmr.snr"])
    for t, value in ((10.0, 1.0), (10.5, 9.0), (20.0, 2.0)):  # the second comes too soon to keep
        events.readings([Reading("nmr.snr", value, "", t, Quality.GOOD)])
    events.readings([Reading("nmr.snr", None, "", 25.0, Quality.BAD)])
    assert watch.read_at("nmr.snr", 9.0) is None
    assert watch.read_at("nmr.snr", 15.0) == 1.0
    assert watch.read_at("nmr.snr", 30.0) == 2.0
    assert watch.read_at("nmr.snr", 200.0) is None
    assert watch.read_at("pump-a.flow", 15.0) is None
