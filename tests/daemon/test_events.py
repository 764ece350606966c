"""The event bus: who hears what, and in which order."""

import pytest

from daemon.events import EventBus

pytestmark = pytest.mark.virtual


async def test_what_a_listener_emits_is_heard_by_all_after_what_it_heard():
    bus, heard = EventBus(), []

    def answer(event):
        if event.data["state"] == "held":
            bus.emit("campaign", state="stopping")

    bus.on_event(answer)
    bus.on_event(lambda event: heard.append(event.data["state"]))
    bus.emit("campaign", state="held")
    assert heard == ["held", "stopping"]


async def test_a_listener_that_fails_does_not_keep_the_next_event_from_the_others():
    bus, heard = EventBus(), []
    bus.on_event(lambda event: heard.append(event.data["n"]))

    def fail(event):
        if event.data["n"] == 1:
            raise ZeroDivisionError

    bus.on_event(fail)
    with pytest.raises(ZeroDivisionError):
        bus.emit("decision", n=1)
    bus.emit("decision", n=2)
    assert heard == [1, 2]
