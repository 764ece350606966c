import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.plumbing import Stream, VolumeLog
from simulators.spec import AnalyserSpec, CoilSpec, FeedSpec, FluidSpec, PumpSpec

from .rigs import FLOW_RIG, heated, rig, run

EMPTY = np.zeros(6)
PROGRAMMES = st.lists(
    st.tuples(st.floats(0.1, 300.0), st.one_of(st.just(0.0), st.floats(0.001, 0.2))),
    min_size=1,
    max_size=12,
)
ONLY_SUBSTRATE = {"c": 0.3, "equivalents": 0.0}


def logged(programme):
    log, t = VolumeLog(0.0, Stream(0.0, 0.0, EMPTY)), 0.0
    for number, (wait, flow) in enumerate(programme):
        log.append(t, Stream(flow, 1.1 * flow, EMPTY + number))
        t += wait
    return log, t


def integral(programme, low, high):
    """Return the volume pumped between two times, by adding it up."""
    volume = t = 0.0
    for wait, flow in programme:
        volume += flow * max(min(t + wait, high) - max(t, low), 0.0)
        t += wait
    return volume


@settings(deadline=None)
@given(PROGRAMMES, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_fluid_leaves_when_its_volume_has_passed_whatever_the_flow_did(programme, part, share):
    log, end = logged(programme)
    out = part * end
    volume = share * log.cold(out)
    entered = log.when_cold(log.cold(out) - volume)
    if np.isfinite(entered):
        assert integral(programme, entered, out) == pytest.approx(volume, abs=1e-9)
    else:
        assert log.cold(out) == pytest.approx(volume, abs=1e-9)


@settings(deadline=None)
@given(PROGRAMMES)
def test_hot_volume_is_counted_beside_cold(programme):
    log, end = logged(programme)
    assert log.hot(end) == pytest.approx(1.1 * log.cold(end))
    assert log.cold(end) == pytest.approx(integral(programme, 0.0, end))


@settings(deadline=None)
@given(PROGRAMMES, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_streams_between_two_volumes_add_up_to_them(programme, one, other):
    log, end = logged(programme)
    low, high = sorted((one * log.hot(end), other * log.hot(end)))
    parts = log.between(low, high)
    assert sum(volume for volume, _, _ in parts) == pytest.approx(high - low, abs=1e-9)


@settings(deadline=None)
@given(PROGRAMMES, st.floats(0.0, 1.0))
def test_forgetting_the_past_leaves_the_rest(programme, part):
    log, end = logged(programme)
    kept = log.hot(end)
    log.forget(part * end)
    assert log.hot(end) == pytest.approx(kept)
    assert log.start <= part * end


def ramped(a, tau0, steps_per_s=4.0):
    """Run tau = tau0 + a t with finely set flows; return world, clock."""
    world, clock = heated(60.0, dispersion=False, outlet_volume_ml=0.0)
    run(world, tau_s=tau0)
    clock.pass_(5.0 * tau0)
    begin = clock.t
    while clock.t < begin + 2.0 * tau0:
        clock.pass_(1.0 / steps_per_s)
        run(world, tau_s=tau0 + a * (clock.t - begin + 0.5 / steps_per_s))
    return world, clock, clock.t - begin


@pytest.mark.parametrize("a", [0.3, 0.8])
def test_a_residence_time_ramp_gives_the_analytic_age(a):
    tau0 = 30.0
    world, clock, t = ramped(a, tau0)
    log = world._plant.log
    entered = log.when_hot(log.hot(clock.t) - 1.0)
    assert clock.t - t < entered  # all of it entered during the ramp
    assert clock.t - entered == pytest.approx((tau0 + a * t) * (1 - np.exp(-a)) / a, rel=1e-4)


def test_a_ramp_of_exact_flow_gives_the_analytic_age_to_1e_6():
    a, tau0 = 0.5, 60.0
    log = VolumeLog(0.0, Stream(1.0 / tau0, 1.0 / tau0, EMPTY))
    for t in np.arange(0.0, 120.0, 0.01):
        flow = 1.0 / (a * 0.01) * np.log((tau0 + a * (t + 0.01)) / (tau0 + a * t))  # its mean
        log.append(float(t), Stream(flow, flow, EMPTY))
    out = 119.995
    age = out - log.when_hot(log.hot(out) - 1.0)
    assert age == pytest.approx((tau0 + a * out) * (1 - np.exp(-a)) / a, rel=1e-6)


def test_the_first_substrate_arrives_after_dead_coil_and_outlet_volume():
    world, clock = heated(60.0, dispersion=False)
    cell = world.cell("nmr")
    run(world)
    clock.pass_(60.0 * 1.35 - 0.01)  # lines are primed: coil 1.0 mL and outlet 0.35 mL at 1 mL/min
    assert cell.concentrations()["ortho"] == 0.0
    clock.pass_(0.02)
    assert cell.concentrations()["ortho"] > 0.1


def test_a_pause_keeps_the_cell_and_ages_the_coil():
    world, clock = heated(60.0, dispersion=False)
    cell = world.cell("nmr")
    run(world)
    clock.pass_(600.0)
    running = dict(cell.concentrations())
    for pump in ("pump-a", "pump-b", "pump-c"):
        world.pump(pump).set_flow(0.0)
    clock.pass_(900.0)
    assert cell.concentrations() == pytest.approx(running)  # quenched: nothing goes on there
    run(world)
    clock.pass_(60.0 * 0.35 + 1.0)
    assert cell.concentrations()["bis"] > 2.0 * running["bis"]  # this waited in the hot coil


def test_the_issues_check_is_met_in_plug_flow():
    world, clock = heated(90.0, dispersion=False)
    run(world)
    clock.pass_(400.0)
    c = world.cell("nmr").concentrations()
    assert [c["ortho"], c["para"], c["bis"]] == pytest.approx([0.2491, 0.0103, 0.0407], rel=0.005)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1.0, 60.0), st.floats(20.0, 300.0)), min_size=1, max_size=4),
    st.lists(st.floats(0.1, 40.0), max_size=6),
    st.booleans(),
)
def test_looking_at_the_plant_changes_nothing(changes, looks, dispersion):
    worlds = []
    for watch in (False, True):
        world, clock = heated(80.0, dispersion=dispersion)
        for wait, tau in changes:
            run(world, tau_s=tau)
            end = clock.t + wait
            for look in looks if watch else ():
                clock.t = min(clock.t + look, end)
                world.truth()
                world.cell("nmr").spectrum(5.0)
            clock.t = end
        clock.pass_(90.0)
        worlds.append(world.truth())
    assert worlds[0] == worlds[1]


def test_thermal_expansion_shortens_the_residence_time():
    world, clock = heated(100.0, dispersion=False, fluid=FluidSpec(expansion_per_k=1.37e-3))
    run(world)
    clock.pass_(600.0)
    log = world._plant.log
    age = clock.t - log.when_hot(log.hot(clock.t) - 1.0)
    assert age == pytest.approx(60.0 / (1 + 1.37e-3 * 78.0))


@pytest.mark.parametrize("dispersion", [False, True])
def test_expanded_liquid_reacts_more_slowly_at_second_order(dispersion):
    swollen, clock = heated(90.0, dispersion=dispersion, fluid=FluidSpec(expansion_per_k=1.37e-3))
    run(swollen, c=0.1, equivalents=1.0, tau_s=20.0 * (1 + 1.37e-3 * 68.0))
    clock.pass_(600.0)
    plain, clock_of_plain = heated(90.0, dispersion=dispersion)
    run(plain, c=0.1, equivalents=1.0, tau_s=20.0)
    clock_of_plain.pass_(600.0)
    left = [w.cell("nmr").concentrations()["dfnb"] for w in (swollen, plain)]
    assert left[0] > 1.02 * left[1]


@pytest.mark.parametrize("dispersion", [False, True])
def test_cold_feeds_lose_their_first_second_of_reaction(dispersion):
    made = []
    for preheated in (True, False):
        coil = CoilSpec(1.0, 0.8, "bath", preheated=preheated)
        world, clock = heated(90.0, dispersion=dispersion, coil=coil)
        run(world, c=0.1, equivalents=1.0, tau_s=30.0)
        clock.pass_(400.0)
        made.append(world.cell("nmr").concentrations()["ortho"])
    lost = made[0] - made[1]
    assert 0.005 * made[0] < lost < 0.05 * made[0]


def test_plants_of_one_pump_work_too():
    world, clock = rig(
        feeds=(FeedSpec("all", "pump", {"dfnb": 0.5, "pyrrolidine": 1.0}),),
        pumps=(PumpSpec("pump"),),
        analysers=(AnalyserSpec("nmr"),),
    )
    world.pump("pump").set_flow(1.0)
    clock.pass_(600.0)
    c = world.cell("nmr").concentrations()
    assert c["dfnb"] + c["ortho"] + c["para"] + c["bis"] == pytest.approx(0.5, rel=1e-6)
    assert world.truth()["inlet"]["pyrrolidine"] == 1.0


def test_the_past_is_forgotten_without_a_trace():
    long, clock = heated(70.0)
    run(long)
    clock.pass_(20_000.0)
    long.truth()
    assert len(long._plant.log) < 20
    assert len(long._plant.coil._exits) < 60 * 100
    short, clock_of_short = heated(70.0)
    run(short)
    clock_of_short.pass_(2000.0)
    assert long.cell("nmr").concentrations() == pytest.approx(short.cell("nmr").concentrations())


def test_before_anything_flowed_the_cell_holds_solvent():
    world, _ = rig(dispersion=False)
    assert set(world.cell("nmr").concentrations().values()) == {0.0}
    assert FLOW_RIG.outlet_volume_ml > 0


def test_before_the_beginning_there_is_no_fluid_and_no_time():
    log, _ = logged([(10.0, 0.1)])
    assert (log.when_hot(-1.0), log.when_cold(-1.0), log.entered(-1.0)) == (-np.inf, -np.inf, None)


@pytest.mark.parametrize("dispersion", [False, True])
def test_a_flow_that_never_rests_is_followed_all_the_same(dispersion):
    world, clock = heated(60.0, dispersion=dispersion)
    total = 0.0
    for number in range(150):
        run(world, tau_s=30.0 + 0.2 * number)
        clock.pass_(4.0)
        c = world.cell("nmr").concentrations()
        total = c["dfnb"] + c["ortho"] + c["para"] + c["bis"]
    assert total == pytest.approx(0.3, rel=1e-4)
