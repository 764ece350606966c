"""The simulated balance, line by line as the sheet has it."""

import asyncio
from math import nan

import pytest

from simulators.instruments.mettler_sics import SimMettlerBalance
from tests.drivers.instruments.flows import Spot, sensing

pytestmark = pytest.mark.virtual


class Host:
    """Says lines, and keeps the lines that came back."""

    def __init__(self, balance):
        self.balance, self.bytes = balance, b""
        self.session = balance.session(self._take, "serial")

    def _take(self, data):
        self.bytes += data

    def say(self, text):
        self.bytes = b""
        self.session.receive(text.encode() + b"\r\n")
        return self.lines

    @property
    def lines(self):
        return self.bytes.decode().split("\r\n")[:-1]

    async def hear(self, text, seconds):
        self.say(text)
        await asyncio.sleep(seconds)
        return self.lines


@pytest.fixture
def pan():
    return Spot(mass=100.0)


@pytest.fixture
async def host(pan):
    return Host(sensing(SimMettlerBalance, "scale", pan))


def moving(host, pan, to):
    """Let the balance see that the weight changes."""
    host.say("SI")
    pan.mass = to
    host.say("SI")


# --- the sheet's examples


async def test_a_stable_weight_is_the_sheets_line_byte_by_byte(host):
    host.say("S")
    assert host.bytes == bytes.fromhex("53205320202020203130302E303020670D0A")


async def test_a_dynamic_weight_is_the_sheets_line(host, pan):
    moving(host, pan, 100.12)
    assert host.say("SI") == ["S D     100.12 g"]
    assert host.say("SIU") == ["S D     100.12 g"]


async def test_a_weight_that_never_stands_still_ends_in_the_sheets_line(host, pan):
    moving(host, pan, 200.0)

    async def shake():
        while True:
            pan.mass += 1.0
            await asyncio.sleep(0.2)

    shaking = asyncio.create_task(shake())
    assert await host.hear("S", 10) == ["S I"]
    assert await host.hear("T", 10) == ["T I"]
    shaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shaking


async def test_tare_and_zero_are_the_sheets_lines(host, pan):
    pan.mass = 12.30
    assert host.say("T") == ["T S      12.30 g"]
    assert host.say("SI") == ["S S       0.00 g"]
    assert host.say("TA") == ["TA A      12.30 g"]
    assert host.say("TAC") == ["TAC A"]
    assert host.say("Z") == ["Z A"]
    assert host.say("SI") == ["S S       0.00 g"]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("I4", 'I4 A "1126493049"'),
        ("@", 'I4 A "1126493049"'),
        ("s", "ES"),
        ("I2", 'I2 A "XS6002S Excellence 6100.09 g"'),
        ("I11", 'I11 A "XS6002S"'),
        ('D "HELLO"', "D A"),
        ("DW", "DW A"),
        ("I9", "ES"),
    ],
)
async def test_what_the_balance_says_about_itself(host, line, reply):
    assert host.say(line) == [reply]


async def test_a_load_beyond_the_range_is_the_sheets_line(host, pan):
    pan.mass = 7000.0
    assert host.say("SI") == ["S +"]
    assert host.say("S") == ["S +"]
    assert host.say("TI") == ["TI +"]
    assert host.say("ZI") == ["ZI +"]
    pan.mass = -50.0
    assert host.say("SI") == ["S -"]


# --- what else it does


async def test_a_broken_cell_has_no_weight(host, pan):
    pan.mass = nan
    assert host.say("SI") == ["S I"]
    assert await host.hear("SR 1 g", 1) == ["S I"]


async def test_a_list_has_b_on_all_lines_but_the_last(host):
    lines = host.say("I0")
    assert all(line.startswith("I0 B 0 ") for line in lines[:-1])
    assert lines[-1].startswith("I0 A 0 ")


async def test_a_weight_that_comes_to_rest_is_sent_then(host, pan):
    moving(host, pan, 50.0)
    assert host.say("S") == []
    await asyncio.sleep(3)
    assert host.lines == ["S S      50.00 g"]


async def test_a_stream_goes_on_until_the_next_command(host):
    lines = await host.hear("SIR", 1.05)
    assert len(lines) == 11
    assert set(lines) == {"S S     100.00 g"}
    assert await host.hear("SI", 1) == ["S S     100.00 g"]
    assert len(await host.hear("SNR", 0.35)) == 4
    assert await host.hear("@", 1) == ['I4 A "1126493049"']


async def test_a_stream_of_stable_weights_is_silent_while_the_weight_moves(host, pan):
    moving(host, pan, 50.0)
    assert await host.hear("SNR", 0.5) == []


async def test_a_stream_on_change_sends_changes(host, pan):
    assert await host.hear("SR 5 g", 1) == ["S S     100.00 g"]
    pan.mass = 104.0
    await asyncio.sleep(1)
    assert len(host.lines) == 1
    pan.mass = 106.0
    await asyncio.sleep(1)
    assert host.lines[1:] == ["S D     106.00 g"]
    assert host.say("SR 5 lb") == ["S L"]
    await asyncio.sleep(1)
    assert await host.hear("SR", 1) == ["S S     106.00 g"]


async def test_tare_and_zero_at_once_say_whether_the_weight_moved(host, pan):
    moving(host, pan, 12.30)
    assert host.say("TI") == ["TI D      12.30 g"]
    assert host.say("ZI") == ["ZI D"]
    await asyncio.sleep(2)
    assert host.say("TI") == ["TI S       0.00 g"]
    assert host.say("ZI") == ["ZI S"]
    pan.mass = 10.0
    assert host.say("TI") == ["TI -"]


async def test_a_tare_may_be_set_to_a_known_weight(host):
    assert host.say("TA 20.5 g") == ["TA A      20.50 g"]
    assert host.say("SI") == ["S S      79.50 g"]
    assert host.say("TA 20.5 lb") == ["TA L"]
    assert host.say("TA 9999 g") == ["TA L"]


async def test_switching_on_makes_a_new_zero_and_says_so_unasked(host):
    host.balance.switch_on()
    assert host.lines == ['I4 A "1126493049"']
    assert host.say("SI") == ["S S       0.00 g"]


async def test_a_host_that_has_gone_hears_nothing(host):
    host.session.close()
    host.balance.press_print()
    assert host.lines == []


async def test_other_units_and_brackets_are_written_as_such_models_do(host):
    host.balance.brackets = True
    assert host.say("SI") == ["S S   100.0[0] g"]
    host.balance.brackets, host.balance.unit = False, "kg"
    assert host.say("SI") == ["S S    0.10000 kg"]
