"""A daemon that ends by itself does not leave a heater on."""

import asyncio

import pytest
from structlog.testing import capture_logs

from daemon.app.leaving import let_go
from daemon.safety.drive import Drive, Member
from drivers.errors import GarbledReply

pytestmark = pytest.mark.virtual


class GarbledUntil:
    """An instrument whose line is garbled until some loop time, s."""

    def __init__(self, t, *, name="bath", vital=True):
        self.member = Member(name, self.make_safe, first=False, vital=vital)
        self.safe, self._t, self.name = False, t, name

    async def make_safe(self):
        await asyncio.sleep(0.5)
        if asyncio.get_running_loop().time() < self._t:
            raise GarbledReply(self.name, b"SP?", b"\x00\xff", "no frame")
        self.safe = True


def driving(*instruments):
    members = [instrument.member for instrument in instruments]

    async def make_safe(reason, timing):
        return await Drive(members, timing).run()

    return make_safe


async def test_a_heater_with_a_garbled_line_is_tried_until_it_confirms_and_is_named():
    bath = GarbledUntil(1000.0)
    with capture_logs() as logged:
        await let_go(driving(bath))
    assert bath.safe
    kept = [line for line in logged if line["event"] == "rig.kept"]
    assert kept[0]["instruments"] == ["bath"]
    assert kept[0]["now"].startswith("tried until it confirms")


async def test_an_analyser_that_does_not_answer_keeps_nobody_waiting():
    nmr, bath = GarbledUntil(1000.0, name="nmr", vital=False), GarbledUntil(0.0)
    await let_go(driving(nmr, bath))
    assert bath.safe
    assert not nmr.safe
    assert asyncio.get_running_loop().time() < 20.0
