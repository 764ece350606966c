"""The verbs of the MQTT API, done on this daemon's rig and campaign."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import structlog

from daemon import __version__
from daemon.api.commands import (
    Acknowledge,
    Because,
    Decide,
    EditSpace,
    Get,
    Nothing,
    OfflineResponse,
    Reconnect,
    Result,
    Set,
    Skip,
    Submit,
    SubmitResult,
    Veto,
)
from daemon.app.assembly import Parts
from daemon.app.state import reading_document
from daemon.campaign.campaign import Campaign
from daemon.campaign.memory import MEASURED
from daemon.campaign.problem import problem_of
from daemon.campaign.space import Edit, edited
from daemon.campaign.states import State
from daemon.errors import BadRequest, Refused, UnknownSignal
from daemon.experiment.record import ResponseValue
from daemon.rig.acts import acting_for
from daemon.settings.check_space import space_faults
from daemon.settings.conditions import plain_value, whole_conditions
from daemon.settings.models import CampaignSettings
from planners.errors import BadProblem
from planners.fixing import hold

WHO = "mqtt"
SLIP = 0.8  # of difflib's ratio: purty and purity have 0.91, purity and purity_hplc 0.71
BESIDE = (
    "{0} is running and commands {1}: it waits while this is not as it was, and fails or is suspect"
    " when that lasts; campaign.hold before working by hand, or experiment.skip to give {0} up"
)

log = structlog.get_logger(__name__)


class RigCommands:
    """Implements ``daemon.api.commands.Commands``."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._rig = parts, parts.rig

    @property
    def _campaign(self) -> Campaign:
        if self._parts.campaign is None:
            raise Refused("this rig has no [reactor]: it runs no experiments")
        return self._parts.campaign

    async def ping(self, arguments: Nothing) -> Result:
        """Answer at once."""
        del arguments
        return {"rig": self._parts.plan.settings.name, "version": __version__}

    async def get(self, arguments: Get) -> Result:
        """Return the last reading of one signal, or of all."""
        iso = self._parts.timebase.iso
        if arguments.signal is None:
            return {r.signal: reading_document(r, iso) for r in self._rig.readings()}
        if arguments.signal not in self._rig.specs:
            raise UnknownSignal(f"no signal {arguments.signal!r} on this rig")
        return reading_document(self._rig.latest(arguments.signal), iso)

    async def set(self, arguments: Set) -> Result:
        """Write a signal through the guard; return the read-back.

        A person may always make things safe by hand, and so what a running experiment commands is
        written all the same; answer and log say whose it is.
        """
        signal = arguments.signal
        executor = self._parts.executor
        instrument = signal.partition(".")[0]
        holder = "" if executor is None else executor.holder_of(instrument)
        with acting_for(WHO):
            reading = await self._rig.guard.set_signal(signal, arguments.value)
        answer = reading_document(reading, self._parts.timebase.iso)
        if not holder:
            return answer
        log.warning("command.beside_experiment", signal=signal, experiment=holder)
        return answer | {"experiment": holder, "note": BESIDE.format(holder, instrument)}

    async def experiment_submit(self, arguments: Submit) -> Result:
        """Queue an experiment; return the suggestion it is known by until it runs."""
        self._rig.require_released()
        conditions = conditions_of(arguments.conditions)
        executor = self._parts.executor
        if executor is not None:
            executor.check(whole_conditions(self._campaign.settings, conditions))
        suggestion = await self._campaign.submit(conditions)
        return {"suggestion": suggestion.id}

    async def experiment_skip(self, arguments: Skip) -> Result:
        """Give up the running experiment."""
        return {"experiment": await self._campaign.skip(arguments.experiment)}

    async def campaign_start(self, arguments: Because) -> Result:
        """Start the campaign."""
        del arguments
        self._rig.require_released()
        if self._parts.plan.settings.campaign is None:
            raise Refused("this rig has no [campaign] to start")
        self._campaign.start()
        return self._state()

    async def campaign_hold(self, arguments: Because) -> Result:
        """End the current step safely; keep temperature."""
        self._campaign.hold(arguments.reason or "commanded")
        return self._state()

    async def campaign_resume(self, arguments: Because) -> Result:
        """Go on after a hold."""
        del arguments
        self._rig.require_released()
        self._campaign.resume()
        return self._state()

    async def campaign_stop(self, arguments: Because) -> Result:
        """Finish the current experiment, then shut down."""
        self._campaign.stop(arguments.reason or "commanded")
        return self._state()

    async def campaign_abort(self, arguments: Because) -> Result:
        """Go safe now."""
        self._campaign.abort(arguments.reason or "commanded")
        return self._state()

    def _state(self) -> dict[str, Any]:
        return {"state": str(self._campaign.state)}

    async def suggestion_approve(self, arguments: Decide) -> Result:
        """Let a suggestion run."""
        return await self._decide(arguments, approved=True)

    async def suggestion_veto(self, arguments: Veto) -> Result:
        """Refuse a suggestion; with ``fix`` ask again in its place."""
        fix = _values("fix", arguments.fix)
        if fix:
            self._may_hold(fix)
        answer = await self._decide(arguments, approved=False, fix=fix)
        shared = [name for name in self._campaign.settings.shared if name in fix]
        return {**answer, "apart": shared} if shared else answer

    async def _decide(
        self, arguments: Decide, *, approved: bool, fix: Mapping[str, Any] | None = None
    ) -> Result:
        chosen = arguments.suggestion or next(iter(self._campaign.memory.proposed), "")
        by, reason = arguments.by or WHO, arguments.reason
        await self._campaign.steering.decide(
            chosen, approved=approved, by=by, reason=reason, fix=fix
        )
        return {"suggestion": chosen} | ({"fix": fix} if fix else {})

    def _may_hold(self, fix: Mapping[str, Any]) -> None:
        """Raise Refused when factors cannot be held at these values, on this rig."""
        section = self._campaign.settings
        try:
            hold(problem_of(section), fix)
        except BadProblem as error:
            raise Refused("; ".join(error.faults)) from None
        self._check_space(edited(section, Edit(fix=fix)))

    def _check_space(self, section: CampaignSettings) -> None:
        """Raise Refused with what a file would be refused for, or what the rig cannot reach."""
        executor = self._parts.executor
        settings = self._parts.plan.settings.model_copy(update={"campaign": section})
        faults = space_faults(settings, executor.reach() if executor is not None else None)
        if faults:
            raise Refused("; ".join(faults))

    async def space_edit(self, arguments: EditSpace) -> Result:
        """Edit the campaign's space; return what changed."""
        campaign = self._campaign
        if self._parts.plan.settings.campaign is None:
            raise Refused("this rig has no [campaign], and so no space")
        given = arguments.model_dump(exclude={"by", "reason"}, exclude_unset=True)
        given["fix"] = _values("fix", arguments.fix)
        new = edited(campaign.settings, Edit(**given))
        self._check_space(new)
        who = arguments.by or WHO
        edit = campaign.steering.edit_space(new, by=who, reason=arguments.reason)
        changes, withdrawn = await edit
        return {"changes": changes} | ({"withdrawn": withdrawn} if withdrawn else {})

    async def result_submit(self, arguments: SubmitResult) -> Result:
        """Add an offline analysis to an experiment."""
        answer = await self.result_check(arguments)
        responses = {name: _response(given) for name, given in arguments.responses.items()}
        campaign, by = self._campaign, arguments.by or WHO
        await campaign.steering.add_result(arguments.experiment, responses, by=by)
        if campaign.state is not State.RUNNING:  # nobody else looks
            await campaign.look()
        return answer

    async def result_check(self, arguments: SubmitResult) -> Result:
        """Return what a submission would answer: what it replaces, what is no response."""
        steering, given = self._campaign.steering, sorted(arguments.responses)
        steering.check_result(arguments.experiment)
        known = [response.name for response in self._parts.plan.settings.responses]
        unknown = [name for name in given if name not in known]
        slips = [f"{name}: {why}" for name in unknown if (why := _slip(name, known))]
        if slips:
            raise BadRequest("; ".join(slips))
        had = steering.values_of(arguments.experiment, given)
        replaced = {
            name: {"value": old.value, "sd": old.sd, "quality": old.quality, "reason": old.reason}
            for name, old in had.items()
        }
        answer: dict[str, Any] = {"experiment": arguments.experiment, "responses": given}
        if (status := steering.status_of(arguments.experiment)) not in MEASURED:
            answer["passed_over"] = status
        answer |= {"unknown": unknown} if unknown else {}
        return answer | ({"replaced": replaced} if replaced else {})

    async def trip(self, arguments: Because) -> Result:
        """Trip the rig; answer when the sequence has been carried out."""
        self._rig.emergency_stop(WHO, arguments.reason or "emergency stop")
        report = await self._rig.trip.settled()
        return {"safe": report.safe, "instruments": report.lines()}

    async def alarm_acknowledge(self, arguments: Acknowledge) -> Result:
        """Acknowledge an alarm, or all."""
        alarms = self._rig.alarms
        chosen = [arguments.alarm] if arguments.alarm is not None else [a.id for a in alarms.all()]
        for alarm in chosen:
            alarms.acknowledge(alarm)
        return {"acknowledged": chosen}

    async def trip_reset(self, arguments: Because) -> Result:
        """Reset the trip; restarts nothing."""
        del arguments
        self._rig.reset()
        return {"tripped": False}

    async def reconnect(self, arguments: Reconnect) -> Result:
        """Try to connect what is down, now."""
        try:
            self._rig.reconnect(arguments.instrument)
        except KeyError:
            raise BadRequest(f"no instrument {arguments.instrument!r} on this rig") from None
        return {"connections": self._rig.connections()}


def conditions_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return conditions as numbers in the units of problems; raise BadRequest."""
    return _values("conditions", given)


def _values(at: str, given: Mapping[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for name, value in given.items():
        try:
            converted[name] = plain_value(name, value)
        except ValueError as error:
            raise BadRequest(f"{at}.{name}: {error}") from None
    return converted


def _response(given: float | OfflineResponse) -> ResponseValue:
    if isinstance(given, OfflineResponse):
        return ResponseValue(given.value, given.sd, given.quality, "offline")
    return ResponseValue(float(given), None, "ok", "offline")


def _slip(name: str, known: Iterable[str]) -> str:
    """Return which response is surely meant by a name that is none; "" when it is a new one."""
    likely = {response.casefold(): response for response in known}
    close = get_close_matches(name.casefold(), likely, n=1, cutoff=SLIP)
    return f"is no response of this rig; did you mean {likely[close[0]]!r}?" if close else ""
