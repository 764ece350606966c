"""A stop is sent again until the instrument is seen to stand."""

from collections.abc import Iterator

import pytest

from drivers.again import until_answered, until_stopped
from drivers.errors import CommandRejected, DeviceFault, NoReply


def lost(n: int = 1) -> NoReply:
    return NoReply("pump", b"STOP%d" % n, 0.5)


class Stops:
    """What comes of each stop: it stands, it runs on, or a fault."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self._outcomes: Iterator[bool | Exception] = iter(outcomes)
        self.sent = 0

    async def __call__(self) -> bool:
        self.sent += 1
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.virtual
async def test_one_that_stands_is_told_once():
    stop = Stops(True)
    await until_stopped("pump", stop)
    assert stop.sent == 1


@pytest.mark.virtual
async def test_one_that_runs_on_or_does_not_answer_is_told_again():
    stop = Stops(False, lost(), False, True)
    await until_stopped("pump", stop)
    assert stop.sent == 4


@pytest.mark.virtual
async def test_one_that_never_stands_is_a_fault_after_the_last_attempt():
    stop = Stops(False, False, False)
    with pytest.raises(DeviceFault, match="pump: does not stop, after 3 attempts"):
        await until_stopped("pump", stop, attempts=3)
    assert stop.sent == 3


@pytest.mark.virtual
async def test_what_was_lost_last_is_what_is_raised():
    with pytest.raises(NoReply, match="STOP2"):
        await until_stopped("pump", Stops(lost(1), lost(2), False), attempts=3)


@pytest.mark.virtual
async def test_other_faults_end_it_at_once_unless_they_are_named():
    stop = Stops(CommandRejected("pump", "not now"), True)
    with pytest.raises(CommandRejected):
        await until_stopped("pump", stop)
    assert stop.sent == 1
    await until_stopped(
        "pump",
        Stops(CommandRejected("pump", "not now"), True),
        again_after=(NoReply, CommandRejected),
    )


@pytest.mark.virtual
async def test_what_is_only_asked_to_answer_is_tried_until_it_does():
    act = Stops(lost(), False)
    await until_answered(act)
    assert act.sent == 2


@pytest.mark.virtual
async def test_an_answer_that_never_comes_is_raised_after_the_last_attempt():
    act = Stops(lost(1), lost(2))
    with pytest.raises(NoReply, match="STOP2"):
        await until_answered(act, 2)
