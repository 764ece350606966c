"""The cable between host and instruments, and what happens to it."""

import asyncio
from random import Random

import pytest

from simulators.wire import hostile
from simulators.wire.ascii import AsciiServer, on
from simulators.wire.line import Line, Station
from simulators.wire.memory import MemoryEnd
from tests.simulators.parts import Host, clock

pytestmark = pytest.mark.virtual


class Parrot(AsciiServer):
    """Says what it is told; knows silence and its own name."""

    gap_s = 0.5

    def __init__(self, name="parrot"):
        super().__init__(name, clock)
        self.told = []

    @on(r"(?s)say (.*)")
    def say(self, text):
        self.told.append(text)
        return text

    @on(r"(\w+), be quiet")
    def be_quiet(self, name):
        return None


class Named(Parrot):
    @on(r"(\w+) say (.*)")
    def say_if_named(self, name, text):
        return f"{self.name}: {text}" if name == self.name else None

    def unknown(self):
        return "?"


@pytest.fixture
async def host():
    async with Host(Parrot()) as host:
        yield host


async def test_a_reply_takes_the_latency_and_the_time_of_all_bytes():
    async with Host(Parrot(), baud=9600) as host:
        await host.end.write(b"say hello\r")
        assert await host.end.read() == b"hello\r\n"
        assert clock() == pytest.approx(0.01 + (10 + 7) * 10 / 9600)


async def test_bytes_of_a_network_take_no_time(host):
    await host.end.write(b"say hello\r")
    await host.end.read()
    assert clock() == pytest.approx(0.01)


async def test_replies_keep_their_order_and_do_not_overlap():
    async with Host(Parrot(), baud=300) as host:
        await host.end.write(b"say one\rsay two\r")
        assert await host.end.read() == b"one\r\n"
        first = clock()
        assert await host.end.read() == b"two\r\n"
        assert clock() - first == pytest.approx(5 * 10 / 300)


async def test_every_instrument_of_a_line_hears_every_byte():
    async with Host(Named("anna"), Named("otto")) as host:
        assert await host.ask(b"otto say hi\r") == b"otto: hi\r\n"
        assert await host.ask(b"hello\r") == b"?\r\n?\r\n"


async def test_silence_on_purpose_and_by_ignorance(host):
    assert await host.ask(b"parrot, be quiet\r") == b""
    assert await host.ask(b"nonsense\r") == b""


async def test_a_half_command_is_forgotten_after_the_gap(host):
    await host.ask(b"say ", 0.6)
    assert await host.ask(b"say again\r") == b"again\r\n"
    await host.ask(b"say ", 0.4)
    assert await host.ask(b"again\r") == b"again\r\n"


async def test_rows_are_remembered_but_not_without_bound():
    parrot = Parrot()
    for k in range(1000):
        assert parrot.answer(f"say {k}") == str(k)
    assert len(parrot._known) == 256


async def test_a_silent_instrument_neither_hears_nor_answers(host):
    host.line.disturb("parrot", "silent")
    assert await host.ask(b"say hello\r") == b""
    host.line.disturb("parrot", "ok")
    assert await host.ask(b"say hello\r") == b"hello\r\n"
    assert host.line.stations[0].instrument.told == ["hello"]


async def test_garbage_has_the_length_of_the_reply_and_is_the_same_every_time():
    heard = []
    for _ in range(2):
        async with Host(Parrot()) as host:
            host.line.disturb("parrot", "garbage")
            heard.append(await host.ask(b"say hello\r"))
    assert heard[0] == heard[1] != b"hello\r\n"
    assert len(heard[0]) == 7


async def test_unplugging_the_only_instrument_takes_the_port_away(host):
    reading = asyncio.create_task(host.end.read())
    await asyncio.sleep(1)
    host.line.disturb("parrot", "unplug")
    with pytest.raises(ConnectionError, match="ttyS0"):
        await reading
    with pytest.raises(ConnectionError, match="unplugged"):
        await host.end.write(b"say hello\r")
    with pytest.raises(ConnectionError, match="nothing is connected"):
        await MemoryEnd(host.line).open()
    host.line.disturb("parrot", "ok")
    again = MemoryEnd(host.line)
    await again.open()
    await again.write(b"say hello\r")
    assert await again.read() == b"hello\r\n"
    await again.close()


async def test_unplugging_one_of_two_leaves_the_other():
    async with Host(Named("anna"), Named("otto")) as host:
        host.line.disturb("otto", "unplug")
        assert await host.ask(b"anna say hi\r") == b"anna: hi\r\n"
        assert await host.ask(b"otto say hi\r") == b""


async def test_an_unknown_instrument_cannot_be_disturbed(host):
    with pytest.raises(KeyError, match="no instrument 'budgie'"):
        host.line.disturb("budgie", "silent")


async def test_bytes_on_their_way_are_lost_when_the_host_hangs_up(host):
    await host.end.write(b"say hello\r")
    await host.end.close()
    await host.end.close()
    await host.end.open()
    assert await host.hear() == b""


async def test_an_end_that_is_not_open_says_so():
    end = MemoryEnd(Line("COM1", [Station(Parrot())]))
    with pytest.raises(ConnectionError, match="not open"):
        await end.write(b"x")
    with pytest.raises(ConnectionError, match="closed"):
        await end.read()


async def test_closing_wakes_the_reader(host):
    reading = asyncio.create_task(host.end.read())
    await asyncio.sleep(0)
    await host.end.close()
    with pytest.raises(ConnectionError):
        await reading


async def test_a_two_wire_converter_returns_the_host_s_own_bytes(host):
    host.line.echo = True
    assert await host.ask(b"say hello\r") == b"say hello\rhello\r\n"


@pytest.mark.parametrize(
    ("trouble", "heard"),
    [
        (hostile.whole, b"hello\r\n"),
        (hostile.delayed(0.5), b"hello\r\n"),
        (hostile.delayed(1.5), b""),
        (hostile.cut(2, 0.3), b"hello\r\n"),
        (hostile.cut(99, 0.3), b"hello\r\n"),
        (hostile.dripping(0.01), b"hello\r\n"),
        (hostile.half(3), b"hel"),
        (hostile.half(0), b""),
        (hostile.dropped, b""),
        (hostile.noisy(b"\x00"), b"\x00hello\r\n"),
        (hostile.noisy(b"\x00", b"\xff"), b"\x00hello\r\n\xff"),
        (hostile.twice(), b"hello\r\nhello\r\n"),
        (hostile.twice(0.5), b"hello\r\nhello\r\n"),
    ],
)
async def test_what_a_hostile_wire_makes_of_a_reply(host, trouble, heard):
    host.line.trouble = trouble
    assert await host.ask(b"say hello\r") == heard


async def test_the_wire_can_cut_at_every_byte():
    for at in range(8):
        async with Host(Parrot()) as host:
            host.line.trouble = hostile.cut(at, 0.1)
            await host.end.write(b"say hello\r")
            pieces = await host.end.read(), await host.hear()
            assert b"".join(pieces) == b"hello\r\n"
            if 0 < at < 7:
                assert len(pieces[0]) == at


async def test_one_flipped_bit_differs_in_one_bit(host):
    host.line.trouble = hostile.flipped(Random(1))
    heard = await host.ask(b"say hello\r")
    wrong = int.from_bytes(heard, "big") ^ int.from_bytes(b"hello\r\n", "big")
    assert wrong.bit_count() == 1


async def test_stale_replies_answer_the_question_before(host):
    host.line.trouble = hostile.Stale()
    assert await host.ask(b"say one\r") == b""
    assert await host.ask(b"say two\r") == b"one\r\n"


async def test_a_trouble_can_befall_the_first_reply_only(host):
    host.line.trouble = hostile.Once(hostile.dropped)
    assert await host.ask(b"say one\r") == b""
    assert await host.ask(b"say two\r") == b"two\r\n"


async def test_the_reply_before_can_come_once_more(host):
    host.line.trouble = hostile.Again()
    assert await host.ask(b"say one\r") == b"one\r\n"
    assert await host.ask(b"say two\r") == b"one\r\ntwo\r\n"


async def test_a_line_can_hang_up_in_mid_reply_and_come_back(host):
    host.line.trouble = hostile.Once(hostile.HangUp(host.line, after_s=0.1, away_s=0.5))
    await host.end.write(b"say hello\r")
    assert await host.end.read() == b"hel"
    with pytest.raises(ConnectionError):
        await host.end.read()
    with pytest.raises(ConnectionError):
        await host.end.open()
    await asyncio.sleep(0.6)
    await host.end.open()
    assert await host.ask(b"say hello\r") == b"hello\r\n"


async def test_a_line_can_babble_instead_of_a_reply_for_a_while(host):
    host.line.trouble = babble = hostile.Endless(host.line, b"xyz", 0.1, 0.95)
    await host.end.write(b"say hello\r")
    await asyncio.sleep(5.0)
    assert await host.hear() == b"xyz" * 10
    assert babble.bytes_said == 30


async def test_a_stalling_line_holds_replies_back_and_loses_some():
    async with Host(Parrot()) as host:
        host.line.trouble = stalling = hostile.Stalling(Random(1), 2.0, 0.5)
        heard = [await host.ask(b"say hello\r") for _ in range(40)]
        assert 0 < stalling.held < 40
        assert 0 < heard.count(b"hello\r\n") < 40
    assert hostile.Stalling(Random(1), 2.0, 1.0).takes()  # it does not stall yet


async def test_troubles_can_come_mixed_with_good_replies(host):
    kinds = {"lost": hostile.dropped, "late": hostile.delayed(0.5)}
    host.line.trouble = mixed = hostile.Mixed(Random(1), kinds, 0.5)
    heard = [await host.ask(b"say hello\r") for _ in range(40)]
    assert set(mixed.seen) == {"lost", "late"}
    assert heard.count(b"") == mixed.seen["lost"] < 20
