import asyncio

import pytest

from drivers.bus import Bus
from drivers.codec.silence import SilenceCodec
from drivers.errors import CommandRejected, GarbledReply, LinkLost, NoReply, NotConnected
from drivers.signal import Lane
from drivers.transport.base import LineSpec
from drivers.turns import DEADLINE
from tests.drivers.core.peer import Peer, bus_to, echo_upper

pytestmark = pytest.mark.virtual


def anything(frame):
    return frame


def tagged(tag):
    return lambda frame: frame if frame.startswith(tag) else None


async def ask(bus, request=b"hi\r\n", match=anything, *, lane=Lane.POLL, timeout_s=1.0, attempts=1):
    return await bus.exchange(
        "x", request, match, lane=lane, timeout_s=timeout_s, attempts=attempts
    )


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
async def bus(peer, opened):
    return await opened()


@pytest.fixture
async def opened(peer):
    """Open a bus with other line settings; closed after the test."""
    buses = []

    async def open_bus(**settings):
        buses.append(bus_to(peer, **settings))
        await buses[-1].open()
        return buses[-1]

    yield open_bus
    for bus in buses:
        await bus.close()


def now():
    return asyncio.get_running_loop().time()


# --- one exchange, one end


async def test_a_reply_is_what_match_makes_of_it(bus):
    assert await ask(bus, match=lambda frame: frame.decode() + "!") == "HI!"
    assert (bus.counters.exchanges, bus.counters.timeouts, bus.counters.stray) == (1, 0, 0)


async def test_silence_ends_at_the_deadline_and_says_so(bus, peer):
    peer.script = lambda _: []
    with pytest.raises(NoReply, match=r"x: no reply to b'hi\\r\\n' within 0.5 s \(check power"):
        await ask(bus, timeout_s=0.5)
    assert now() == pytest.approx(0.5)
    assert bus.counters.timeouts == 1


async def test_noise_instead_of_a_reply_is_shown(bus, peer):
    peer.script = lambda _: [(0.1, b"\xff\xfe" * 50)]
    with pytest.raises(NoReply, match=r"came \(check baud rate") as caught:
        await ask(bus)
    assert caught.value.heard == b"\xff\xfe" * 32


async def test_an_error_reply_is_raised_and_leaves_the_line_clean(bus):
    def refuse(frame):
        raise CommandRejected("x", "no")

    with pytest.raises(CommandRejected):
        await ask(bus, match=refuse)
    before = now()
    await ask(bus)
    assert now() - before == pytest.approx(0.01)


async def test_a_garbled_reply_of_a_query_is_asked_again(bus):
    seen = []

    def garbled_once(frame):
        seen.append(frame)
        if len(seen) == 1:
            raise GarbledReply("x", b"hi", frame, "bad")
        return frame

    assert await ask(bus, match=garbled_once, attempts=2) == b"HI"
    assert bus.counters.garbled == 1


async def test_a_fault_of_match_itself_reaches_the_caller_and_frees_the_line(bus):
    def buggy(frame):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(bus, match=buggy)
    assert await ask(bus) == b"HI"


async def test_a_query_is_repeated_a_command_never(bus, peer):
    peer.script = lambda _: []
    with pytest.raises(NoReply):
        await ask(bus, lane=Lane.COMMAND)
    assert len(peer.requests) == 1
    peer.script = lambda _: echo_upper(b"late") if len(peer.requests) > 2 else []
    assert await ask(bus, attempts=2) == b"LATE"
    assert len(peer.requests) == 3


async def test_a_reply_cut_at_every_byte_is_the_same_reply(bus, peer):
    for cut in range(1, 6):
        peer.script = lambda _, cut=cut: [(0.01, b"abcd\r\n"[:cut]), (0.05, b"abcd\r\n"[cut:])]
        assert await ask(bus) == b"abcd"


@pytest.mark.parametrize("early", [True, False])
async def test_a_reply_around_the_deadline_is_a_reply_or_none_but_never_lost(bus, peer, early):
    peer.script = lambda _: [(0.999 if early else 1.001, b"slow\r\n")]
    if early:
        assert await ask(bus) == b"slow"
    else:
        with pytest.raises(NoReply):
            await ask(bus)
    peer.script = echo_upper
    assert await ask(bus, b"next\r\n") == b"NEXT"


async def test_a_frame_and_the_deadline_in_the_same_moment_do_not_hang(bus, peer):
    peer.script = lambda _: [(1.0, b"other\r\n")]
    with pytest.raises(NoReply):
        await ask(bus, match=tagged(b"mine"))


# --- what is not the reply


async def test_other_frames_go_to_the_unsolicited_handlers(bus, peer):
    heard = []
    bus.on_unsolicited(heard.append)
    peer.script = lambda _: [(0.01, b"alarm\r\nmine\r\nmore\r\n")]
    assert await ask(bus, match=tagged(b"mine")) == b"mine"
    peer.say(b"by itself\r\n")
    await asyncio.sleep(0.1)
    assert heard == [b"alarm", b"more", b"by itself"]
    assert bus.counters.stray == 3


async def test_a_late_reply_does_not_answer_the_next_question(bus, peer):
    peer.script = lambda _: [(1.05, b"OLD\r\n")]
    with pytest.raises(NoReply):
        await ask(bus)
    peer.script = echo_upper
    assert await ask(bus, b"new\r\n") == b"NEW"


async def test_half_a_late_reply_does_not_spoil_the_next_one(bus, peer):
    peer.script = lambda _: [(1.05, b"OL")]
    with pytest.raises(NoReply):
        await ask(bus)
    peer.script = echo_upper
    assert await ask(bus, b"new\r\n") == b"NEW"


async def test_a_chattering_line_is_waited_for_no_longer_than_the_bound(peer, opened):
    bus = await opened(quiet_s=0.1, drain_s=0.5)
    peer.script = lambda _: [(0.05 * i, b"x") for i in range(1, 100)]
    with pytest.raises(NoReply):
        await ask(bus)
    peer.script = echo_upper
    before = now()
    assert await ask(bus) == b"HI"
    assert now() - before == pytest.approx(0.51)


async def test_noise_long_before_a_request_is_forgotten(bus, peer):
    peer.say(b"half")
    await asyncio.sleep(1)
    assert await ask(bus) == b"HI"


async def test_a_line_without_drain_keeps_half_frames(peer, opened):
    bus = await opened(quiet_s=0.0)
    heard = []
    bus.on_unsolicited(heard.append)
    peer.script = lambda _: []
    peer.say(b"notifi")
    with pytest.raises(NoReply):
        await ask(bus)
    peer.say(b"cation\r\n")
    await asyncio.sleep(0.1)
    peer.script = echo_upper
    assert await ask(bus) == b"HI"
    assert heard == [b"notification"]


async def test_own_bytes_sent_back_by_a_converter_are_dropped(peer, opened):
    bus = await opened(echo=True)
    peer.script = lambda request: [(0.001, request[:2]), (0.002, request[2:] + b"YES\r\n")]
    assert await ask(bus) == b"YES"
    peer.script = lambda request: [(0.001, b"\x00" + request), (0.01, b"YES\r\n")]  # a collision
    assert await ask(bus, match=tagged(b"YES")) == b"YES"


# --- turns


async def test_a_trip_is_on_the_wire_after_the_exchange_under_way(bus, peer):
    async with asyncio.TaskGroup() as tasks:
        for i in range(5):
            tasks.create_task(ask(bus, b"poll%d\r\n" % i))
        await asyncio.sleep(0.001)
        tasks.create_task(ask(bus, b"command\r\n", lane=Lane.COMMAND))
        tasks.create_task(ask(bus, b"trip\r\n", lane=Lane.TRIP))
    assert peer.requests[:3] == [b"poll0\r\n", b"trip\r\n", b"command\r\n"]


async def test_a_trip_goes_between_the_attempts_of_a_query(bus, peer):
    peer.script = lambda request: [] if len(peer.requests) == 1 else echo_upper(request)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask(bus, attempts=2))
        await asyncio.sleep(0.5)
        tasks.create_task(ask(bus, b"trip\r\n", lane=Lane.TRIP))
    assert peer.requests == [b"hi\r\n", b"trip\r\n", b"hi\r\n"]


async def test_a_trip_overtakes_a_poll_that_waits_for_quiet(peer, opened):
    bus = await opened(quiet_s=0.2, drain_s=5.0)
    peer.script = lambda _: [(0.1 * i, b"x") for i in range(1, 40)]
    with pytest.raises(NoReply):
        await ask(bus)
    poll = asyncio.create_task(ask(bus, b"poll\r\n", timeout_s=5))
    await asyncio.sleep(0.5)
    peer.script = echo_upper
    before = now()
    await bus.send("x", b"trip\r\n", lane=Lane.TRIP)
    assert now() - before <= 0.41
    await poll
    assert peer.requests == [b"hi\r\n", b"trip\r\n", b"poll\r\n"]


async def test_a_trip_overtakes_a_poll_that_waits_for_the_gap(peer, opened):
    bus = await opened(gap_s=0.25)
    await ask(bus)
    poll = asyncio.create_task(ask(bus, b"poll\r\n"))
    await asyncio.sleep(0.1)
    await bus.send("x", b"trip\r\n", lane=Lane.TRIP)
    await poll
    assert peer.requests == [b"hi\r\n", b"trip\r\n", b"poll\r\n"]
    assert peer.times == pytest.approx([0.0, 0.26, 0.51])


async def test_the_gap_is_kept_after_exchanges_and_sends(peer, opened):
    bus = await opened(gap_s=0.25)
    await ask(bus)
    await bus.send("x", b"set\r\n", lane=Lane.COMMAND)
    await ask(bus)
    assert peer.times == pytest.approx([0.0, 0.26, 0.51])
    assert bus.counters.busy_s == pytest.approx(0.52)


async def test_cancelling_a_waiter_leaves_the_line_clean(bus, peer):
    peer.script = lambda _: [(0.5, b"OLD\r\n")]
    waiting = asyncio.create_task(ask(bus))
    await asyncio.sleep(0.45)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    peer.script = echo_upper
    assert await ask(bus, b"new\r\n") == b"NEW"


async def test_cancelling_a_task_in_the_gap_frees_the_line(peer, opened):
    bus = await opened(gap_s=1.0)
    await ask(bus)
    waiting = asyncio.create_task(ask(bus))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await ask(bus) == b"HI"
    assert len(peer.requests) == 2


# --- the link


async def test_a_rest_keeps_the_line_silent_longer_than_its_gap(peer, opened):
    bus = await opened(gap_s=0.1)
    await ask(bus)
    bus.rest(0.5)
    await ask(bus)
    await ask(bus)
    assert peer.times == pytest.approx([0.0, 0.51, 0.62])


async def test_nothing_is_sent_before_the_line_is_open(peer):
    bus = bus_to(peer)
    assert bus.state == "closed"
    with pytest.raises(NotConnected, match="has not been opened"):
        await ask(bus)
    with pytest.raises(NotConnected):
        await bus.send("x", b"set\r\n", lane=Lane.COMMAND)
    assert peer.requests == []


async def test_unplugging_ends_the_exchange_under_way_and_refuses_the_queued(bus, peer):
    peer.script = lambda _: []
    async with asyncio.TaskGroup() as tasks:
        caught = [tasks.create_task(ended(ask(bus))) for _ in range(3)]
        await asyncio.sleep(0.1)
        peer.hang_up()
    assert [task.result() for task in caught] == [LinkLost, NotConnected, NotConnected]
    assert (bus.state, peer.closed) == ("lost", 1)


async def ended(awaitable):
    try:
        await awaitable
    except (LinkLost, NotConnected, NoReply) as fault:
        return type(fault)


async def test_a_reply_that_came_before_the_end_of_the_link_counts(bus, peer):
    def answer_and_die(_):
        peer.say(b"last words\r\n")
        peer.hang_up()
        return []

    peer.script = answer_and_die
    assert await ask(bus) == b"last words"


async def test_the_line_opens_again_clean(bus, peer):
    peer.say(b"half a fra")
    await asyncio.sleep(0.01)
    peer.hang_up()
    await asyncio.sleep(0.01)
    assert bus.state == "lost"
    await bus.open()
    await bus.open()  # a neighbour on the line opens it too
    assert (bus.state, peer.opened, bus.counters.opened) == ("open", 2, 2)
    assert await ask(bus) == b"HI"


async def test_a_port_that_does_not_open_is_an_oserror_and_leaves_it_closed(peer):
    bus = bus_to(peer)
    peer.refuse = OSError("in use by another process")
    with pytest.raises(OSError, match="in use"):
        await bus.open()
    assert bus.state == "closed"


async def test_closing_ends_whoever_waits(bus, peer):
    peer.script = lambda _: []
    waiting = asyncio.create_task(ended(ask(bus)))
    await asyncio.sleep(0.1)
    await bus.close()
    assert await waiting is LinkLost
    assert bus.state == "closed"
    assert peer.closed >= 1


async def test_closing_right_after_opening_closes_the_transport(peer):
    bus = bus_to(peer)
    await bus.open()
    await bus.close()
    assert (bus.state, peer.closed) == ("closed", 1)


async def test_a_failing_write_is_a_lost_link(bus, peer):
    peer.write_error = BrokenPipeError()
    with pytest.raises(LinkLost, match="BrokenPipeError"):
        await ask(bus)
    await asyncio.sleep(0.01)
    assert (bus.state, peer.closed) == ("lost", 1)


async def test_a_write_that_never_ends_is_a_lost_link_at_the_deadline(bus, peer):
    peer.deaf = True
    with pytest.raises(LinkLost, match="no more bytes are taken"):
        await ask(bus)
    assert now() == pytest.approx(1.0)


async def test_a_link_lost_in_the_gap_sends_nothing(peer, opened):
    bus = await opened(gap_s=1.0)
    await ask(bus)
    waiting = asyncio.create_task(ended(ask(bus)))
    await asyncio.sleep(0.5)
    peer.hang_up()
    assert await waiting is NotConnected
    assert len(peer.requests) == 1


async def test_a_fault_in_a_handler_takes_the_line_down_and_is_raised_on_closing(peer):
    bus = bus_to(peer)
    await bus.open()

    def buggy(_frame):
        raise ZeroDivisionError

    bus.on_unsolicited(buggy)
    peer.say(b"boom\r\n")
    await asyncio.sleep(0.01)
    assert bus.state == "closed"
    with pytest.raises(ZeroDivisionError):
        await bus.close()


async def test_cancelling_a_task_in_its_write_frees_the_line(bus, peer):
    peer.deaf = True
    writing = asyncio.create_task(ask(bus))
    await asyncio.sleep(0.5)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    peer.deaf = False
    assert await ask(bus) == b"HI"


async def test_cancelled_in_the_moment_of_the_deadline_is_cancelled(bus, peer):
    peer.deaf = True
    writing = asyncio.create_task(ask(bus, timeout_s=0.5))
    asyncio.get_running_loop().call_at(now() + 0.5, writing.cancel)
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert writing.cancelled()


async def test_a_command_without_answer_that_is_not_taken_is_a_lost_link(bus, peer):
    peer.deaf = True
    with pytest.raises(LinkLost, match="no more bytes are taken"):
        await bus.send("x", b"set\r\n", lane=Lane.COMMAND)
    assert now() == pytest.approx(2.0)


async def test_the_deadline_does_not_run_while_others_hold_the_line(bus, peer):
    peer.script = lambda _: [(0.8, b"slow\r\n")]
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(bus, timeout_s=1.0)) for _ in range(3)]
    assert [task.result() for task in asked] == [b"slow"] * 3


async def test_polls_go_by_their_deadlines(bus, peer):
    async def poll(name, deadline):
        DEADLINE.set(deadline)
        await ask(bus, name)

    async with asyncio.TaskGroup() as tasks:
        for name, deadline in ((b"a", 0.0), (b"late", 9.0), (b"soon", 0.5), (b"later", 0.9)):
            tasks.create_task(poll(name, deadline))
            await asyncio.sleep(0)
    assert peer.requests == [b"a", b"soon", b"later", b"late"]


class Pushing(Peer):
    """A far end that hands bytes over the moment they come, and takes some at once."""

    takes = 999

    def push_to(self, take):
        self.take = take

    def write_some(self, data):
        taken = data[: self.takes]
        self.requests.append(taken)
        for after, answer in self.script(data):
            asyncio.get_running_loop().call_later(after, self._give, answer)
        return len(taken)

    async def write(self, data):
        self.requests.append(data)

    def _give(self, data):
        try:
            self.take(data)
        except ZeroDivisionError as fault:
            self._inbox.put_nowait(fault)

    async def read(self):
        raise await self._inbox.get()


async def test_bytes_that_are_pushed_answer_too():
    peer = Pushing()
    bus = bus_to(peer)
    await bus.open()
    assert await ask(bus) == b"HI"
    peer.hang_up()
    await asyncio.sleep(0.01)
    assert bus.state == "lost"
    await bus.close()


async def test_what_a_pushing_line_does_not_take_at_once_is_written_after():
    peer = Pushing()
    peer.takes = 1
    bus = bus_to(peer)
    await bus.open()
    assert await ask(bus) == b"HI"
    assert b"".join(peer.requests) == b"hi\r\n"
    await bus.close()


async def test_a_line_that_answers_while_it_is_written_to_answers():
    peer = Pushing(lambda _request: [])
    bus = bus_to(peer)
    await bus.open()

    def write_some(data):
        peer.take(data.upper())
        return len(data)

    peer.write_some = write_some
    assert await ask(bus) == b"HI"
    await bus.send("x", b"go\r\n", lane=Lane.COMMAND)
    assert bus.counters.stray == 1  # its answer, to what is not answered
    await bus.close()


async def test_a_pushing_line_that_breaks_under_a_request_is_lost():
    peer = Pushing()
    bus = bus_to(peer)
    await bus.open()

    def broken(_data):
        raise ConnectionResetError("adapter unplugged")

    peer.write_some = broken
    with pytest.raises(LinkLost, match="adapter unplugged"):
        await ask(bus)
    assert bus.state == "lost"
    await bus.close()


async def test_a_silence_that_ends_no_frame_lets_nobody_go_on():
    peer = Pushing(lambda _request: [])
    bus = bus_to(peer, codec=lambda _port: SilenceCodec(0.01, 4))
    await bus.open()
    asked = asyncio.create_task(ask(bus))
    await asyncio.sleep(0)
    peer.take(b"too long")
    await asyncio.sleep(0.02)
    assert not asked.done()
    peer.take(b"HI")
    await asyncio.sleep(0.02)
    assert asked.result() == b"HI"
    await bus.close()


async def test_bytes_after_the_reply_that_come_before_it_is_fetched_wait_for_nobody(bus, peer):
    peer.script = lambda _request: [(0.01, b"HI\r\n"), (0.01, b"more\r\n")]
    assert await ask(bus) == b"HI"


async def test_who_is_cancelled_while_waiting_on_a_pushing_line_leaves_it_to_others():
    peer = Pushing()
    peer.script = lambda _request: []
    bus = bus_to(peer)
    await bus.open()
    asked = asyncio.create_task(ask(bus))
    await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    peer.script = echo_upper
    assert await ask(bus) == b"HI"
    await bus.close()


async def test_a_fault_in_a_handler_takes_a_pushing_line_down_too():
    peer = Pushing()
    bus = bus_to(peer)
    await bus.open()

    def buggy(_frame):
        raise ZeroDivisionError

    bus.on_unsolicited(buggy)
    peer._give(b"boom\r\n")
    await asyncio.sleep(0.01)
    assert bus.state == "closed"
    with pytest.raises(ZeroDivisionError):
        await bus.close()


async def test_a_fault_in_a_handler_during_an_exchange_frees_the_line(bus, peer):
    def buggy(_frame):
        raise ZeroDivisionError

    bus.on_unsolicited(buggy)
    peer.script = lambda _: [(0.01, b"mine\r\nmore\r\n")]
    with pytest.raises(ZeroDivisionError):
        await ask(bus, match=tagged(b"mine"))
    peer.script = echo_upper
    assert await ask(bus) == b"HI"


def test_a_line_without_bytes_has_no_bus():
    with pytest.raises(ValueError, match="no bytes to frame"):
        Bus("topic", LineSpec(medium="mqtt"), lambda _port, _line: Peer())
