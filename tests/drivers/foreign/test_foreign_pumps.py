"""Pump drivers against devices typed from the sheets, over real sockets."""

import asyncio

import pytest

from drivers.errors import CommandRejected, DeviceFault, NoReply
from tests.drivers.foreign.devices import Device, SyringePump, packed, wired

NEW_ERA = "new-era-ne1000"
SYRINGE = {"diameter_mm": 26.59, "volume_ml": 60.0}


@pytest.fixture(params=[0, 10], ids=["basic", "safe"])
def options(request):
    return {"syringe": SYRINGE, "safe_mode_s": request.param}


def test_packets_are_those_the_sheet_prints():
    assert packed("SAF0") == bytes.fromhex("02 08 53 41 46 30 55 43 03")
    assert packed("00S") == bytes.fromhex("02 07 30 30 53 AA A6 03")


@pytest.mark.parametrize("found_in", [0, 10], ids=["from-basic", "from-safe"])
async def test_a_pump_found_in_either_mode_is_brought_into_the_configured_one(options, found_in):
    device = SyringePump(safe_s=found_in)
    async with wired(device, NEW_ERA, options) as pump:
        assert device.safe_s == options["safe_mode_s"]
        assert await pump.set_flow(0.5) == 0.5
        assert (device.status, device.settings["RAT"]) == ("I", "500.0UM")
        device.dispensed = "I12.50W0.000ML"
        assert (await pump.dispensed_ml(), await pump.remaining_ml()) == (12.5, 47.5)
        await pump.stop()
        assert device.status == "S"


async def test_answers_that_come_byte_by_byte_are_whole(options):
    device = SyringePump()
    device.bytewise = True
    async with wired(device, NEW_ERA, options) as pump:
        assert await pump.set_flow(2.5) == 2.5
        assert (await pump.poll(["flow"]))[0].value == 2.5


async def test_an_alarm_before_an_answer_is_a_fault_until_the_pump_is_stopped(options):
    device = SyringePump()
    async with wired(device, NEW_ERA, options) as pump:
        await pump.set_flow(0.5)
        device.status, device.alarm = "S", "S"
        await pump.poll(["flow"])
        with pytest.raises(DeviceFault, match="motor stalled"):
            await pump.check()
        with pytest.raises(DeviceFault, match="motor stalled"):
            await pump.set_flow(0.4)
        await pump.stop()
        assert await pump.set_flow(0.4) == 0.4


async def test_an_unsolicited_alarm_between_question_and_answer_is_noticed():
    device = SyringePump(safe_s=10)
    async with wired(device, NEW_ERA, {"syringe": SYRINGE, "safe_mode_s": 10}) as pump:
        await pump.set_flow(0.5)
        device.first, device.alarm = [packed("00A?S"), 0.02], "S"  # telling it acknowledges nothing
        device.status = "S"
        (reading,) = await pump.poll(["flow"])
        assert reading.value == 0.0
        with pytest.raises(DeviceFault, match="motor stalled"):
            await pump.check()


async def test_a_late_answer_never_answers_the_next_question(options):
    device = SyringePump()
    async with wired(device, NEW_ERA, options | {"timeout_s": 0.15}) as pump:
        await pump.set_flow(0.5)
        device.first = [0.25]
        device.settings["RAT"] = "400.0UM"
        first = await pump.poll(["flow"])  # late: asked again, and answered rightly
        device.settings["RAT"] = "300.0UM"
        assert (await pump.poll(["flow"]))[0].value == pytest.approx(0.3)
        assert first[0].value in (None, pytest.approx(0.4))


async def test_a_late_answer_to_a_command_does_not_confirm_the_next_one(options):
    device = SyringePump()
    async with wired(device, NEW_ERA, options | {"timeout_s": 0.15}) as pump:
        await pump.set_flow(0.5)
        await asyncio.sleep(0)
        sent = len(device.heard)
        device.first = [0.25]
        with pytest.raises(NoReply):
            await pump.tell("RAT450.0")
        assert len(device.heard) <= sent + 1  # never sent twice
        await pump.stop()
        assert device.status == "S"


class Azura(Device):
    """An AZURA pump whose line ends are as given."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.after, self.flow, self.on = before, after, 0, False

    def requests(self):
        return [t.decode() for t in self.cut(rb"([^\n\r]*)\n\r")]

    def answer(self, request):
        fixed = {
            "HEADTYPE?": "HEADTYPE:10",
            "FLOW?": f"FLOW:{self.flow}",
            "PRESSURE?": "PRESSURE:12",
            "IMOTOR?": "IMOTOR:30",
            "ERRORS?": "ERRORS:0,0,0,0,0",
            "ON": "ON:OK",
            "OFF": "OFF:OK",
        }
        if request in ("ON", "OFF"):
            self.on = request == "ON"
        text = fixed.get(request, "ERROR:1")
        if request.startswith("FLOW:"):
            fits = int(request[5:]) <= 10_000
            text = "FLOW:OK" if fits else "ERROR:2"
            self.flow = int(request[5:]) if fits else self.flow
        yield self.before
        yield text.encode() + self.after


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"\r"), (b"\n", b"\r"), (b"", b"\r\n"), (b"", b"\n\r"), (b"\r\n", b"\r\n")],
)
async def test_an_hplc_pump_is_understood_whatever_surrounds_its_carriage_return(before, after):
    device = Azura(before, after)
    async with wired(device, "knauer-azura-pump") as pump:
        for ul_min in (750, 1500, 20):
            assert await pump.set_flow(ul_min / 1000) == ul_min / 1000
            assert (device.flow, device.on) == (ul_min, True)
            values = [r.value for r in await pump.poll(["flow", "pressure"])]
            assert values == [ul_min / 1000, 12.0]
        with pytest.raises(CommandRejected, match="ERROR:2"):
            await pump.tell("FLOW:10001")
        await pump.stop()
        assert not device.on
