"""What the campaign does about what happens around it: trips, holding alarms, a full disk."""

from daemon.campaign.campaign import Campaign
from daemon.campaign.states import ENDED, State
from daemon.errors import StoreFailed
from daemon.events import Event, EventBus

_GOING = frozenset(State) - ENDED - {State.IDLE, State.ABORTING}


class Reactions:
    """Listens to the event stream on behalf of one campaign."""

    def __init__(self, campaign: Campaign, events: EventBus, *, ends_when_held: bool) -> None:
        """``ends_when_held``: there is nobody who could resume."""
        self._campaign, self._ends_when_held = campaign, ends_when_held
        self._store_works = True
        events.on_event(self._on_event)

    def on_trouble(self, fault: StoreFailed | None) -> None:
        """Hold while the record cannot be written; a person resumes."""
        self._store_works = fault is None
        if fault is not None and self._campaign.state is State.RUNNING:
            self._campaign.hold(f"the record cannot be written: {fault}")

    def _end_alone(self, why: str) -> None:
        """End a hold that nobody can resume; without a record only by going safe."""
        if self._store_works:
            self._campaign.stop(why, at_once=True)
        else:
            self._campaign.abort(why)

    def _on_event(self, event: Event) -> None:
        data = event.data
        if event.kind == "trip" and data["state"] == "tripped":
            if self._campaign.state in _GOING:
                self._campaign.abort(f"tripped by {data['name']}: {data['message']}")
        elif event.kind == "connection":
            self._campaign.look_again()
        elif event.kind == "campaign" and data["state"] == "held" and self._ends_when_held:
            self._end_alone(data["reason"])
        elif event.kind == "experiment" and data["state"] == "held":
            self._campaign.experiment_held()
        elif _holds(event) and self._campaign.state is State.RUNNING:
            self._campaign.hold(f"interlock {data['name']}: {data['message']}")


def _holds(event: Event) -> bool:
    data = event.data
    return event.kind == "alarm" and data["action"] == "hold" and data["state"] == "active"
