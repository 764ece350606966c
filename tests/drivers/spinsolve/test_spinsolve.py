"""The Spinsolve driver against a simulated instrument, and against a hand on its keyboard."""

import asyncio
from dataclasses import dataclass
from math import isclose

import pytest

from drivers.analysers.spinsolve import Spinsolve
from drivers.bus import Bus
from drivers.errors import CommandRejected, DeviceFault, GarbledReply, LinkLost, NoReply
from drivers.roles import Analyser
from drivers.signal import Lane
from simulators.instruments.base import Ports
from simulators.instruments.spinsolve import SimSpinsolve
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd

pytestmark = pytest.mark.virtual


class Cell:
    """A flow cell that always shows the same."""

    def concentrations(self):
        return {}

    def spectrum(self, seconds):
        axis = [k / 10 for k in range(100)]
        return axis, [x * x for x in axis], "ppm", ""


@dataclass
class Setup:
    """A driver, the simulated instrument, and the line between them."""

    driver: Spinsolve
    sim: SimSpinsolve
    bus: Bus
    line: Line

    def push(self, body):
        """The instrument's computer says something by itself."""
        self.sim.notify(body)


@pytest.fixture
async def make(tmp_path):
    opened = []

    async def build(*, sim_options=None, **options):
        loop = asyncio.get_running_loop()
        sim_options = {"data_dir": tmp_path, **(sim_options or {})}
        sim = SimSpinsolve("nmr", sim_options, Ports(cell=Cell()), loop.time)
        line = Line("socket://10.0.0.2:13000", [Station(sim)], framing="tcp")
        options = {"data_root": {r"C:\Spinsolve": str(tmp_path)}, "file_timeout_s": 5.0, **options}
        checked = Spinsolve.Options(**options)
        bus = Bus(line.port, checked.line(Spinsolve.line), lambda _port, _line: MemoryEnd(line))
        await bus.open()
        opened.append(bus)
        return Setup(Spinsolve("nmr", bus, checked, {}), sim, bus, line)

    yield build
    for bus in opened:
        await bus.close()


@pytest.fixture
async def nmr(make):
    setup = await make()
    await setup.driver.identify()
    await setup.driver.prepare()
    return setup


def state(status, protocol="1D PROTON", folder=""):
    return f'<State protocol="{protocol}" status="{status}" dataFolder="{folder}" />'


def completed(protocol="1D PROTON", successful="true"):
    return f'<Completed protocol="{protocol}" completed="true" successful="{successful}" />'


async def test_it_says_who_it_is_and_how_long_it_takes(nmr):
    assert await nmr.driver.identify() == "Spinsolve 60, software 1.18.1.3062"
    assert nmr.driver.acquisition_s == 10.0
    assert isinstance(nmr.driver, Analyser)


async def test_the_first_answer_may_take_15_s(make):
    setup = await make(sim_options={"asleep": True})
    began = asyncio.get_running_loop().time()
    await setup.driver.identify()
    assert 15.0 <= asyncio.get_running_loop().time() - began < 20.0


async def test_a_spectrum_comes_with_its_label_times_and_folder(nmr):
    began = asyncio.get_running_loop().time()
    spectrum = await nmr.driver.acquire("run 12 & more")
    assert nmr.sim.about["Sample"] == "run 12 & more"
    assert (spectrum.axis_unit, len(spectrum.axis)) == ("ppm", 100)
    assert all(
        isclose(y, x * x, abs_tol=1e-4) for x, y in zip(spectrum.axis, spectrum.y, strict=True)
    )
    assert isclose(spectrum.finished - spectrum.started, 10.0, abs_tol=0.1)
    assert spectrum.started - began < 1.0
    assert spectrum.meta["label"] == "run 12 & more"


async def test_notifications_are_no_stray_frames(nmr):
    await nmr.driver.acquire("a")
    nmr.push(state("Running", "1D CARBON"))
    await nmr.driver.identify()
    assert nmr.bus.counters.stray == 0
    for session in nmr.sim.sessions:
        session._send(b"<Message><Nobody /></Message>")
    await asyncio.sleep(1.0)
    assert nmr.bus.counters.stray == 1


async def test_completed_may_come_before_ready(nmr):
    nmr.sim.completed_first = True
    assert len((await nmr.driver.acquire("a")).axis) == 100


async def test_two_measurements_take_their_turns(nmr):
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(nmr.driver.acquire(label)) for label in "ab"]
    first, second = (task.result() for task in both)
    assert first.finished <= second.started
    assert first.meta["folder"] != second.meta["folder"]


async def test_an_error_in_the_run_is_a_fault_and_no_spectrum(nmr):
    nmr.sim.fails = "lock lost"
    with pytest.raises(DeviceFault, match="1D PROTON: lock lost"):
        await nmr.driver.acquire("a")
    assert len((await nmr.driver.acquire("b")).axis) == 100


async def test_a_start_that_is_refused_is_a_fault_and_aborts_nobody(nmr):
    nmr.sim._running = ("1D CARBON", [])  # the notification of it is still on its way
    with pytest.raises(DeviceFault, match="the device is busy"):
        await nmr.driver.acquire("a")
    await asyncio.sleep(5.0)
    assert nmr.sim._running == ("1D CARBON", [])


async def test_a_run_started_at_the_instrument_is_left_alone(nmr):
    nmr.sim._run("1D CARBON", 30.0)
    await asyncio.sleep(1.0)
    assert (await nmr.driver.running.read()).value is True
    with pytest.raises(CommandRejected, match="started at the instrument"):
        await nmr.driver.acquire("a")
    await nmr.driver.make_safe()
    await asyncio.sleep(10.0)
    assert (await nmr.driver.progress.read()).value == 25.0
    await asyncio.sleep(25.0)
    assert (await nmr.driver.running.read()).value is False
    assert (await nmr.driver.progress.read()).value == 0.0
    assert len((await nmr.driver.acquire("a")).axis) == 100


async def test_what_another_protocol_reports_does_not_end_our_run(nmr):
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(nmr.driver.acquire("a"))
        await asyncio.sleep(3.0)
        nmr.push(state("Ready", "1D CARBON", r"C:\Spinsolve\x"))
        nmr.push(completed("1D CARBON"))
        nmr.push("<Coffee/>")
    assert task.result().finished - task.result().started > 9.0


async def test_the_end_of_an_earlier_run_is_not_taken_for_ours(make):
    setup = await make(start_s=5.0)
    setup.sim._answers["Start"] = lambda _request: setup.push(completed())
    with pytest.raises(NoReply, match="within 5 s"):
        await setup.driver.acquire("a")


async def test_a_folder_that_gave_a_result_before_gives_no_second_one(nmr):
    await nmr.driver.acquire("a")
    nmr.sim.runs -= 1
    with pytest.raises(DeviceFault, match="earlier result"):
        await nmr.driver.acquire("b")


async def test_a_run_that_is_stopped_at_the_instrument_is_a_fault(nmr):
    asyncio.get_running_loop().call_later(3.0, nmr.sim._abort, None)
    with pytest.raises(DeviceFault, match="stopped at the instrument"):
        await nmr.driver.acquire("a")


async def test_unsuccessful_processing_is_a_fault(make):
    setup = await make()

    def start(_request):
        for body in (state("Running"), state("Ready", folder=r"C:\Spinsolve\1")):
            setup.push(body)
        setup.push(completed(successful="false"))

    setup.sim._answers["Start"] = start
    with pytest.raises(DeviceFault, match="did not complete successfully"):
        await setup.driver.acquire("a")


async def test_a_missing_result_is_a_fault(make):
    setup = await make(sim_options={"data_dir": None})
    with pytest.raises(DeviceFault, match="no complete file within 5 s"):
        await setup.driver.acquire("a")


async def test_a_folder_that_is_not_mounted_is_a_fault(make):
    setup = await make(data_root={})
    with pytest.raises(DeviceFault, match="option data_root has: none"):
        await setup.driver.acquire("a")


async def test_cancelling_aborts_the_run(nmr):
    task = asyncio.create_task(nmr.driver.acquire("a"))
    await asyncio.sleep(3.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.5)
    assert nmr.sim._running is not None  # stopping
    assert len((await nmr.driver.acquire("b")).axis) == 100  # waits for the stop, then measures


async def test_the_safe_state_ends_our_run(nmr):
    task = asyncio.create_task(nmr.driver.acquire("a"))
    await asyncio.sleep(3.0)
    await nmr.driver.make_safe()
    with pytest.raises(DeviceFault, match="stopped"):
        await task


async def test_a_cable_pulled_during_a_run_is_a_lost_link(nmr):
    asyncio.get_running_loop().call_later(3.0, nmr.line.disturb, "nmr", "unplug")
    with pytest.raises(LinkLost, match="broke during a run"):
        await nmr.driver.acquire("a")


async def test_a_reconnection_does_not_hide_that_notifications_were_missed(nmr):
    task = asyncio.create_task(nmr.driver.acquire("a"))
    await asyncio.sleep(3.1)
    await nmr.bus.close()
    await nmr.bus.open()
    with pytest.raises(LinkLost):
        await task


async def test_a_silent_instrument_is_told_within_its_limits(nmr):
    nmr.line.disturb("nmr", "silent")
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoReply, match="within 15 s"):
        await nmr.driver.acquire("a")
    assert asyncio.get_running_loop().time() - began < 16.0


async def test_a_run_that_never_ends_is_given_up_and_aborted(make):
    setup = await make()
    await setup.driver.prepare()
    setup.sim._answers["Start"] = lambda _request: setup.push(state("Running"))
    aborted = []
    setup.sim._answers["Abort"] = lambda _request: aborted.append(True)
    with pytest.raises(NoReply, match="within 90 s"):
        await setup.driver.acquire("a")
    await asyncio.sleep(1.0)
    assert aborted == [True]


async def test_a_label_that_xml_cannot_carry_is_refused(nmr):
    with pytest.raises(CommandRejected, match="not printable"):
        await nmr.driver.acquire("a\0b")


async def test_hardware_that_is_not_connected_is_a_fault(nmr):
    await nmr.driver.check()
    nmr.sim.connected = False
    with pytest.raises(DeviceFault, match="not connected to the hardware"):
        await nmr.driver.check()
    assert (await nmr.driver.hardware.read()).value is False


async def test_an_unknown_protocol_is_refused_before_the_first_run(make):
    setup = await make(protocol="2D UNICORN")
    with pytest.raises(DeviceFault, match="cannot run '2D UNICORN'"):
        await setup.driver.prepare()


async def test_a_configured_duration_is_not_asked_for(make):
    setup = await make(acquisition_s=42.0)
    setup.sim._answers.pop("EstimateDurationRequest")
    await setup.driver.prepare()
    assert setup.driver.acquisition_s == 42.0


@pytest.mark.parametrize("text", ["", "soon", "nan", "-1", "1e9"])
async def test_a_duration_that_is_none_is_garbled(make, text):
    setup = await make()
    answer = f'<EstimateDurationResponse durationInSeconds="{text}"/>'
    setup.sim._answers["EstimateDurationRequest"] = lambda _request: answer
    with pytest.raises(GarbledReply, match="no duration"):
        await setup.driver.prepare()


async def test_an_answer_without_a_truth_value_is_garbled(nmr):
    nmr.sim._answers["HardwareRequest"] = lambda _request: "<HardwareResponse/>"
    with pytest.raises(GarbledReply, match="no truth value"):
        await nmr.driver.hardware_connected(Lane.POLL)
    assert await nmr.driver.identify() == "Spinsolve, software unknown"


async def test_notifications_and_nonsense_may_come_before_an_answer(nmr):
    original = nmr.sim._answers["HardwareRequest"]

    def answer(request):
        nmr.push('<Progress protocol="1D CARBON" percentage="50" secondsRemaining="5" />')
        for session in nmr.sim.sessions:
            session._send(b"<Message><Broken></Message>")
            session._send(b"garbage")
        return original(request)

    nmr.sim._answers["HardwareRequest"] = answer
    assert (await nmr.driver.hardware.read()).value is True
    assert (await nmr.driver.running.read()).value is True  # we came in the middle of it


async def test_a_foreign_run_without_news_is_believed_to_be_over(nmr):
    nmr.push(state("Running", "1D CARBON"))
    await asyncio.sleep(100.0)
    assert (await nmr.driver.running.read()).value is True
    await asyncio.sleep(30.0)
    assert (await nmr.driver.running.read()).value is False


async def test_a_foreign_run_is_over_some_time_after_ready(nmr):
    nmr.push(state("Running", "1D CARBON"))
    nmr.push(state("Ready", "1D CARBON", r"C:\Spinsolve\x"))
    await asyncio.sleep(20.0)
    assert (await nmr.driver.running.read()).value is True
    await asyncio.sleep(15.0)
    assert (await nmr.driver.running.read()).value is False


async def test_an_error_while_nothing_of_ours_runs_is_nobody_s(nmr):
    nmr.push('<Error error="door open" />')
    await asyncio.sleep(0.1)
    assert len((await nmr.driver.acquire("a")).axis) == 100
