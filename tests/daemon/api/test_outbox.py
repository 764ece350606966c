"""What waits for the broker: bounded, ordered, counted."""

import pytest

from daemon.api.outbox import Message, Outbox


def message(lane, n=0, topic=None):
    return Message(topic or f"{lane}/{n}", b"%d" % n, lane)


def drained(outbox):
    return [outbox.take().topic for _ in range(len(outbox))]


def test_events_and_replies_keep_their_order():
    outbox = Outbox()
    for i, lane in enumerate(["event", "reply", "event"]):
        outbox.put(message(lane, i))
    assert drained(outbox) == ["event/0", "reply/1", "event/2"]


def test_a_retained_topic_holds_only_the_newest_and_goes_first():
    outbox = Outbox()
    outbox.put(message("event"))
    outbox.put(message("retained", 1, "state"))
    outbox.put(message("retained", 2, "state"))
    got = outbox.take()
    assert (got.topic, got.payload, got.retain) == ("state", b"2", True)
    assert drained(outbox) == ["event/0"]


def test_a_birth_publishes_everything_retained_again():
    outbox = Outbox()
    for topic in ("status", "state"):
        outbox.put(message("retained", 1, topic))
    assert drained(outbox) == ["status", "state"]
    outbox.birth()
    assert drained(outbox) == ["status", "state"]


def test_scans_are_counted_not_kept_while_the_broker_is_away():
    outbox = Outbox()
    outbox.put(message("scan"))
    assert len(outbox) == 0
    assert outbox.dropped == {"scan": 1}
    outbox.connected = True
    outbox.put(message("scan"))
    assert drained(outbox) == ["scan/0"]


def test_when_it_is_full_scans_go_first_and_then_the_oldest_event():
    outbox = Outbox(limit=3)
    outbox.connected = True
    outbox.put(message("event", 1))
    outbox.put(message("scan", 2))
    for i in (3, 4, 5):
        outbox.put(message("event", i))
    assert outbox.dropped == {"scan": 1, "event": 1}
    outbox.put(message("scan", 6))
    assert outbox.dropped == {"scan": 2, "event": 1}
    assert drained(outbox) == ["event/3", "event/4", "event/5"]


def test_what_was_not_acknowledged_comes_back_in_front_and_in_order():
    outbox = Outbox()
    outbox.connected = True
    for i in range(4):
        outbox.put(message("event", i))
    flying = [outbox.take(), outbox.take(), message("scan", 9), message("retained", 8)]
    outbox.give_back(flying)
    assert drained(outbox) == ["event/0", "event/1", "event/2", "event/3"]


def test_whoever_sends_is_told_that_there_is_more():
    outbox, told = Outbox(), []
    outbox.on_more = lambda: told.append(len(outbox))
    outbox.put(message("event", 1))
    outbox.put(message("scan", 2))  # not connected: nothing to send
    outbox.give_back([message("event", 0)])
    outbox.birth()
    assert told == [1, 2, 2]
    assert drained(outbox) == ["event/0", "event/1"]
    with pytest.raises(LookupError):
        outbox.take()
