"""What the campaign does about what happens around it: trips, holding alarms, a full disk."""

from collections.abc import Callable, Mapping
from typing import Any

from daemon.campaign.ahead import PLANNER_BACK, PLANNER_OUT
from daemon.campaign.campaign import Campaign
from daemon.campaign.holding import HELD_LONG
from daemon.campaign.memory import MEASURED
from daemon.campaign.resting import RESTS
from daemon.campaign.states import ENDED, NO_RECORD, State
from daemon.errors import StoreFailed
from daemon.events import Event, EventBus
from daemon.experiment.approach import FOLLOWS_NOT
from daemon.experiment.faults import COOLED
from daemon.safety.alarms import Alarms

HELD = "campaign held"
GIVEN_UP = "campaign given up"  # ended by a fault, and not by a person or a trip
INTERRUPTED = "interrupted campaign"  # of an earlier start: waits for a person
PLANNER = "planner failed"  # while experiments run, or points wait for a word
SUSPECT = "results suspect"  # one after the other, while the campaign goes on
HEATS_NOT = "temperature not reached"  # whatever point was asked for, until a result comes
UNHEARD = "commands not heard"  # the broker keeps them from us
WAITS = "campaign waits"  # for a word, or results; the rig was shut down meanwhile
GOES_ON = (
    "it is shut down (heat off, solvent until it is cool), and goes on by itself when there is"
    " something to run"
)
ASKED_AGAIN = "what runs is not touched; it is asked again after the next experiment"
KEPT_WARM = "the rig keeps its temperature; waits for campaign.resume, .stop or .abort"
MADE_SAFE = "heat is off, and pumps are once it is cool; campaign.resume heats again"
RECORD_BACK = "the record could not be written for a while; it can again"
_GOING = frozenset(State) - ENDED - {State.IDLE, State.ABORTING}


class Reactions:
    """Listens to the event stream on behalf of one campaign."""

    def __init__(
        self,
        campaign: Campaign,
        events: EventBus,
        alarms: Alarms,
        *,
        ends_when_held: bool,
        on: Callable[[], str] = lambda: "",
    ) -> None:
        """``ends_when_held``: there is nobody who could resume; ``on`` says what is on now."""
        self._campaign, self._ends_when_held = campaign, ends_when_held
        self._alarms, self._on = alarms, on
        self._store_works = True
        self._suspects = 0  # in a row
        self._cooled = False  # while it is held
        events.on_event(self._on_event)

    def on_trouble(self, fault: StoreFailed | None) -> None:
        """Hold while the record cannot be written; a person resumes."""
        self._store_works = fault is None
        if fault is not None:
            self._campaign.hold_while_running(f"{NO_RECORD}{fault}")
        elif self._campaign.fault.startswith(NO_RECORD):
            self._campaign.reword(RECORD_BACK)

    def _end_alone(self, why: str) -> None:
        """End a hold that nobody can resume; without a record only by going safe."""
        if self._store_works:
            self._campaign.stop(why, at_once=True, fault=self._campaign.fault)
        else:
            self._campaign.abort(why)

    def _on_event(self, event: Event) -> None:
        data = event.data
        if event.kind == "trip" and data["state"] == "tripped":
            if self._campaign.state in _GOING:
                self._campaign.abort(f"tripped by {data['name']}: {data['message']}")
        elif event.kind == "connection":
            self._campaign.look_again()
        elif event.kind == "campaign":
            self._on_campaign(data["state"], data["reason"])
        elif event.kind == "decision":
            self._on_decision(data["what"], data.get("why", ""))
        elif event.kind == "experiment":
            self._on_experiment(data)
        elif _holds(event) and self._campaign.state is State.RUNNING:
            self._campaign.hold(f"interlock {data['name']}: {data['message']}")

    def _on_experiment(self, data: Mapping[str, Any]) -> None:
        if data["state"] == "running":  # there is something to run
            self._alarms.returned(WAITS)
        elif data["state"] == "held":
            self._campaign.experiment_held()
        elif "amended_by" not in data:
            self._on_result(str(data.get("status")), str(data.get("reason")))

    def _on_result(self, status: str, reason: str) -> None:
        """Call a person where one result after the other is a suspect one: the campaign goes on."""
        if status in MEASURED:
            self._alarms.returned(HEATS_NOT)
        if status == "ok":
            self._suspects = 0
            self._alarms.returned(SUSPECT)
        elif status == "suspect":
            self._suspects += 1
            if self._suspects >= self._campaign.settings.max_failures:
                told = f"{self._suspects} suspect results in a row; the last: {reason}"
                self._alarms.raise_(SUSPECT, told, latching=False, concerns="campaign")
                self._alarms.reword(SUSPECT, told)

    def _on_decision(self, what: str, why: str) -> None:
        """Tell of a planner or a thermostat that is out, or that a word is waited for.

        That is nothing against the sample in the rig.
        """
        if what == PLANNER_OUT:
            told = f"{why}; {ASKED_AGAIN}"
            self._alarms.raise_(PLANNER, told, latching=False, concerns="campaign")
        elif what == PLANNER_BACK:
            self._alarms.returned(PLANNER)
        elif what in {HELD_LONG, COOLED} and self._campaign.state is State.HELD:
            self._cooled |= what == COOLED
            self._call_to_hold(why)
        elif what == FOLLOWS_NOT:
            self._alarms.raise_(HEATS_NOT, why, latching=False, concerns="campaign")
            self._alarms.reword(HEATS_NOT, why)
        elif what == RESTS:
            told = f"{why}: {GOES_ON}"
            self._alarms.raise_(WAITS, told, latching=False, concerns="campaign")

    def _call_to_hold(self, why: str) -> None:
        """Call a person to a hold that lasts, whoever has asked for it."""
        told = f"{why}; {MADE_SAFE if self._cooled else KEPT_WARM}{self._what_is_on()}"
        self._alarms.raise_(HELD, told, latching=False, concerns="campaign")
        self._alarms.reword(HELD, told)

    def _what_is_on(self) -> str:
        on = self._on()
        return f"; on: {on}" if on else ""

    def _on_campaign(self, state: str, reason: str) -> None:
        """Call a person to a campaign that a fault holds or ends; interlocks have alarms."""
        self._alarms.returned(INTERRUPTED)  # somebody has decided
        if state == State.RUNNING:
            self._suspects = 0
            self._alarms.returned(SUSPECT)
            self._alarms.returned(HEATS_NOT)
        fault = self._campaign.fault
        if state in ENDED or (state == State.HELD and fault):
            self._alarms.returned(PLANNER)
            self._alarms.returned(WAITS)
        if given_up(state, fault):
            call_after(fault, self._alarms)
        else:
            self._alarms.returned(GIVEN_UP)
        if state not in {State.HOLDING, State.HELD}:
            self._cooled = False
            self._alarms.returned(HELD)
        elif state == State.HELD and self._ends_when_held:
            self._end_alone(reason)
        elif state == State.HELD and fault:
            why = f"{reason}; waits for campaign.resume{self._what_is_on()}"
            self._alarms.raise_(HELD, why, latching=False, concerns="campaign")
            self._alarms.reword(HELD, why)


def given_up(state: str, fault: str) -> bool:
    """Return whether a fault, and no person, ends or has ended a campaign."""
    return bool(fault) and state in {State.STOPPING, State.STOPPED}


def call_after(fault: str, alarms: Alarms) -> None:
    """Call a person to a campaign that a fault has ended, also one of an earlier start."""
    why = f"{fault}; campaign.start, or taylord resume, goes on"
    alarms.raise_(GIVEN_UP, why, latching=False, concerns="campaign")


def _holds(event: Event) -> bool:
    data = event.data
    return event.kind == "alarm" and data["action"] == "hold" and data["state"] == "active"
