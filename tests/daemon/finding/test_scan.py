"""A scan in virtual time: line settings, echo, noise, and what is said of a silent port."""

from errno import EINVAL

import pytest

from daemon.finding.candidates import candidates, without_questions
from daemon.finding.scan import Plan, scan
from daemon.finding.section import section
from drivers.registry import driver_class
from tests.contract.bench import Bench
from tests.contract.cases import WIRED

pytestmark = pytest.mark.virtual


def case_of(driver, framing="serial"):
    return next(c for c in WIRED if (c.driver, c.framing) == (driver, framing))


@pytest.fixture
def bench(tmp_path):
    def make(driver, framing="serial"):
        return Bench(case_of(driver, framing), tmp_path)

    return make


async def asked(bench, dial=None, **more):
    chosen, _ = candidates()
    plan = Plan(chosen, dial=dial or bench._dial, **more)
    (found,) = await scan([bench.case.port], plan)
    return found


async def test_a_rate_that_is_not_the_driver_s_own_goes_into_the_section(bench):
    pump = bench("new-era-ne1000")

    def dial(port, spec):
        end = pump._dial(port, spec)
        pump.line.disturb("i", "ok" if spec.baud_rate == 9600 else "garbage")
        return end

    found = await asked(pump, dial)
    assert [(f.drivers, f.options) for f in found.finds] == [
        (("new-era-ne1000",), {"address": 0, "baud_rate": 9600})
    ]


async def test_a_two_wire_converter_s_echo_is_no_answer_and_goes_into_the_section(bench):
    gauge = bench("keller-x-line")

    def dial(port, spec):
        end = gauge._dial(port, spec)
        gauge.line.echo = True
        return end

    found = await asked(gauge, dial, units=range(1, 4))
    assert [(f.address, f.options) for f in found.finds] == [(1, {"address": 1, "echo": True})]


async def test_a_setting_that_the_adapter_cannot_do_is_passed_over(bench):
    pump, told = bench("new-era-ne1000"), []

    def dial(port, spec):
        if spec.baud_rate != 19200:
            raise OSError(EINVAL, f"the port or its adapter cannot do {spec.baud_rate} baud")
        return pump._dial(port, spec)

    found = await asked(pump, dial, tell=told.append)
    assert found.state == "found"
    assert found.settings == ["19200 baud 8N1"]
    assert any("cannot do 9600 baud" in line for line in told)


async def test_noise_is_told_with_the_bytes(bench):
    pump = bench("new-era-ne1000")
    pump.line.disturb("i", "garbage")
    found = await asked(pump)
    assert found.state == "unknown"
    assert found.heard
    assert "which no driver knows" in found.message


async def test_what_answers_and_is_not_known_may_be_of_a_driver_that_is_never_asked(bench):
    pump = bench("new-era-ne1000")
    pump.line.disturb("i", "garbage")
    found = await asked(pump, never_asked=["knauer-valve"])
    assert found.message.endswith("because their questions may act on others: knauer-valve")
    chosen, _ = candidates()
    assert "knauer-valve" in without_questions(chosen)
    assert not {"new-era-ne1000", "mqtt-analyser", "twin-pumps"} & set(without_questions(chosen))


def test_a_section_says_what_a_table_needs():
    pump = driver_class("new-era-ne1000")
    text = section("pump", "new-era-ne1000", pump, "/dev/ttyUSB0", {}, "New Era")
    assert "# syringe = { diameter_mm = ?, volume_ml = ? }  # needed" in text


async def test_a_silent_port_says_what_was_tried(bench):
    pump = bench("new-era-ne1000")
    pump.line.disturb("i", "silent")
    found = await asked(pump)
    assert found.state == "silent"
    assert "19200 baud 8N1" in found.message
    assert found.message.startswith(f"no answer to {found.questions} questions")


async def test_a_port_that_goes_away_is_told(bench):
    pump = bench("new-era-ne1000")
    pump.line.disturb("i", "unplug")
    found = await asked(pump)
    assert (found.state, found.finds) == ("failed", [])
    assert "nothing is connected there" in found.message


async def test_a_unit_that_no_driver_knows_is_told_all_the_same(bench):
    gauge = bench("keller-x-line")
    chosen, _ = candidates(["eurotherm-3216"])
    plan = Plan(chosen, dial=gauge._dial, units=range(1, 4))
    (found,) = await scan([gauge.case.port], plan)
    assert [(f.drivers, f.address) for f in found.finds] == [((), 1)]
