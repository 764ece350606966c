"""The verbs: their arguments, and what performs them.

Arguments are pydantic models that refuse what they do not know; the result of a verb is a
JSON-ready mapping. The application implements :class:`Commands`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

Result = Mapping[str, Any]

Text = Annotated[StrictStr, Field(min_length=1, max_length=128)]
Who = Annotated[StrictStr, Field(max_length=128, description="who asks for it")]
Reason = Annotated[StrictStr, Field(max_length=1024)]
# beyond 2**53 an integer is a float to most readers of JSON, and so it is here
Whole = Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
Number = Whole | Annotated[StrictFloat, Field(allow_inf_nan=False)]
# of a result: planners refuse what is larger, and one such value would hold the campaign
Measured = Whole | Annotated[StrictFloat, Field(ge=-1e100, le=1e100)]
Scalar = StrictBool | Number | Annotated[StrictStr, Field(max_length=1024)]
Names = Annotated[StrictStr, Field(min_length=1, max_length=128)]
Range = Annotated[list[Number | Text | None], Field(min_length=2, max_length=2)]
Share = Annotated[list[Number], Field(min_length=2, max_length=2)]
FactorValue = Number | Text | Annotated[dict[Names, Number], Field(min_length=1, max_length=64)]


class Arguments(BaseModel):
    """The base of all arguments: an unknown field is refused, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Arguments):
    """A verb without arguments."""


class Get(Arguments):
    """Read the last value of a signal, or of all signals."""

    signal: Text | None = None


class Set(Arguments):
    """Write one writable signal, through the guard."""

    signal: Text
    value: Scalar


class Submit(Arguments):
    """Queue an experiment at these conditions, ahead of the planner's."""

    conditions: Annotated[dict[Names, FactorValue], Field(min_length=1, max_length=256)]


class Skip(Arguments):
    """Give up the running experiment; naming it guards against skipping the next one."""

    experiment: Text | None = None


class Because(Arguments):
    """An act on the campaign or the rig, and why."""

    reason: Reason = ""


class Decide(Arguments):
    """Approve or veto a suggestion; by default the one that waits longest."""

    suggestion: Text | None = None
    reason: Reason = ""
    by: Who = ""


class Veto(Decide):
    """Refuse a suggestion; with ``fix`` ask again in its place, with factors held at values."""

    fix: dict[Names, FactorValue] = Field(default_factory=dict, max_length=64)


class Constrain(Arguments):
    """A bounded sum of factors, each times a number (``terms``), or a bounded formula."""

    kind: Literal["linear", "formula"] = "linear"
    terms: Annotated[dict[Names, Number], Field(min_length=1, max_length=64)] | None = None
    expression: Text | None = None
    at_most: Number | None = None
    at_least: Number | None = None


class EditSpace(Arguments):
    """Edit the space of the campaign: what is not named stays as it is."""

    ranges: dict[Names, Range] = Field(
        default_factory=dict, description="factor -> [low, high]; null leaves a bound as it is"
    )
    values: dict[Names, list[Number | Text]] = Field(
        default_factory=dict, description="factor -> all values of a discrete or categorical one"
    )
    limits: dict[Names, dict[Names, Share]] = Field(
        default_factory=dict, description="composition -> component -> [low, high]"
    )
    max_components: dict[Names, Annotated[StrictInt, Field(ge=1)] | None] = Field(
        default_factory=dict, description="composition -> components at once; null: all"
    )
    fix: dict[Names, FactorValue] = Field(
        default_factory=dict, description="factor or fixed condition -> value"
    )
    free: list[Names] = Field(default_factory=list, description="factors that vary again")
    add_constraints: list[Constrain] = Field(default_factory=list, max_length=64)
    drop_constraints: list[Annotated[StrictInt, Field(ge=0)]] = Field(
        default_factory=list, description="by their numbers, counted from 0"
    )
    reason: Reason = ""
    by: Who = ""


class OfflineResponse(Arguments):
    """One response measured offline."""

    value: Measured
    sd: Annotated[Measured, Field(ge=0)] | None = None
    quality: Literal["ok", "suspect"] = "ok"


class SubmitResult(Arguments):
    """Add an offline analysis to an experiment."""

    experiment: Text
    responses: Annotated[
        dict[Names, Measured | OfflineResponse], Field(min_length=1, max_length=64)
    ]
    by: Who = ""


class Acknowledge(Arguments):
    """Acknowledge one alarm, or all of them."""

    alarm: Text | None = None


class Reconnect(Arguments):
    """Reconnect one instrument, or all that are down."""

    instrument: Text | None = None


class Commands(Protocol):
    """What the application does for each verb.

    Every method returns a JSON-ready result, or raises a TaylordError or InstrumentError whose
    ``code`` and text become the reply's error; any other exception is a fault of the program.
    """

    async def ping(self, arguments: Nothing) -> Result:
        """Answer at once."""
        ...

    async def get(self, arguments: Get) -> Result:
        """Return the last reading of one signal, or of all."""
        ...

    async def set(self, arguments: Set) -> Result:
        """Write a signal through the guard; return the read-back."""
        ...

    async def experiment_submit(self, arguments: Submit) -> Result:
        """Queue an experiment; return what it is known by."""
        ...

    async def experiment_skip(self, arguments: Skip) -> Result:
        """Give up the running experiment."""
        ...

    async def campaign_start(self, arguments: Because) -> Result:
        """Start the campaign."""
        ...

    async def campaign_hold(self, arguments: Because) -> Result:
        """End the current step safely; keep temperature."""
        ...

    async def campaign_resume(self, arguments: Because) -> Result:
        """Go on after a hold."""
        ...

    async def campaign_stop(self, arguments: Because) -> Result:
        """Finish the current experiment, then shut down."""
        ...

    async def campaign_abort(self, arguments: Because) -> Result:
        """Go safe now."""
        ...

    async def suggestion_approve(self, arguments: Decide) -> Result:
        """Let a suggestion run."""
        ...

    async def suggestion_veto(self, arguments: Veto) -> Result:
        """Refuse a suggestion, and perhaps ask again with factors held."""
        ...

    async def space_edit(self, arguments: EditSpace) -> Result:
        """Edit the campaign's space; return what changed."""
        ...

    async def result_submit(self, arguments: SubmitResult) -> Result:
        """Add an offline analysis to an experiment."""
        ...

    async def result_check(self, arguments: SubmitResult) -> Result:
        """Say what ``result.submit`` would answer; nothing changes."""
        ...

    async def trip(self, arguments: Because) -> Result:
        """Trip the rig: everything to its safe state."""
        ...

    async def alarm_acknowledge(self, arguments: Acknowledge) -> Result:
        """Acknowledge an alarm."""
        ...

    async def trip_reset(self, arguments: Because) -> Result:
        """Reset the trip; restarts nothing."""
        ...

    async def reconnect(self, arguments: Reconnect) -> Result:
        """Reconnect instruments."""
        ...


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb; its method is the name with an underscore for the dot.

    ``acts``: it changes something, and is in the record before it is done. ``safe``: it only makes
    the rig safer, so that it waits neither for the disk nor for other commands.
    """

    name: str
    arguments: type[Arguments]
    doc: str
    acts: bool = True
    safe: bool = False

    @property
    def method(self) -> str:
        """Return the name of its method of :class:`Commands`."""
        return self.name.replace(".", "_")


VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("ping", Nothing, "Ask whether the daemon listens.", acts=False),
        Verb("get", Get, "Read the last value of a signal, or of all.", acts=False),
        Verb("set", Set, "Write a signal through limits, state and interlocks."),
        Verb("experiment.submit", Submit, "Queue an experiment at these conditions."),
        Verb("experiment.skip", Skip, "Give up the running experiment."),
        Verb("campaign.start", Because, "Start the campaign."),
        Verb("campaign.hold", Because, "End the step safely, keep temperature.", safe=True),
        Verb("campaign.resume", Because, "Go on after a hold."),
        Verb("campaign.stop", Because, "Finish the current experiment, then stop.", safe=True),
        Verb("campaign.abort", Because, "Go safe now.", safe=True),
        Verb("suggestion.approve", Decide, "Let a suggestion run."),
        Verb("suggestion.veto", Veto, "Refuse a suggestion.", safe=True),
        Verb("space.edit", EditSpace, "Edit ranges, lists, fixed factors, constraints."),
        Verb("result.submit", SubmitResult, "Add an offline analysis to an experiment."),
        Verb("result.check", SubmitResult, "Ask what result.submit would do.", acts=False),
        Verb("trip", Because, "Drive everything to its safe state and stay there.", safe=True),
        Verb("alarm.acknowledge", Acknowledge, "Acknowledge an alarm, or all.", safe=True),
        Verb("trip.reset", Because, "Reset the trip; restarts nothing."),
        Verb("reconnect", Reconnect, "Reconnect an instrument, or all that are down."),
    )
}
