"""The space of a campaign, and edits of it: ranges, lists, fixed factors, constraints.

The space is the part of ``[campaign]`` that says which points may be asked for. An edit gives a new
section, which is checked exactly as the one of a file; history stays as it is, and what lies
outside the new space still teaches (``daemon.campaign.problem.problem_for``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from daemon.errors import Refused
from daemon.settings.conditions import value_text
from daemon.settings.models import CampaignSettings, FactorSettings
from daemon.settings.wording import fault_lines, nearest
from planners.errors import BadProblem
from planners.goals import Constraint, FormulaConstraint

JsonObject = dict[str, Any]
PARTS = ("factors", "fixed", "constraints")


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person wants changed; names are those of factors, or of conditions that are fixed."""

    ranges: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Any])  # [low, high]
    values: Mapping[str, Sequence[float | str]] = field(default_factory=dict[str, Any])
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any])
    max_components: Mapping[str, int | None] = field(default_factory=dict[str, Any])
    fix: Mapping[str, Any] = field(default_factory=dict[str, Any])
    free: Sequence[str] = ()
    add_constraints: Sequence[Mapping[str, Any]] = ()
    drop_constraints: Sequence[int] = ()


def space_of(campaign: CampaignSettings) -> JsonObject:
    """Return the space as plain JSON, the same for the same space."""
    document = campaign.model_dump(mode="json", exclude_defaults=True)
    return {part: document[part] for part in PARTS if part in document}


def with_space(campaign: CampaignSettings, space: Mapping[str, Any]) -> CampaignSettings:
    """Return the section with another space; raise Refused that says what is wrong with it."""
    rest = {k: v for k, v in campaign.model_dump(exclude_unset=True).items() if k not in PARTS}
    try:
        return CampaignSettings.model_validate({**rest, **space})
    except ValidationError as error:
        raise Refused("; ".join(fault_lines(CampaignSettings, error))) from None


def edited(campaign: CampaignSettings, edit: Edit) -> CampaignSettings:
    """Return the section as it is after an edit; raise Refused with everything that is wrong.

    What the numbers mean to the rig is checked by ``daemon.settings.check_space``.
    """
    work = _Work(campaign)
    for name, (low, high) in edit.ranges.items():
        work.set_range(name, low, high)
    for name, values in edit.values.items():
        work.set_list(name, list(values))
    for name, limits in edit.limits.items():
        work.change(name, "composition", {"limits": work.limits_of(name) | dict(limits)})
    for name, most in edit.max_components.items():
        work.change(name, "composition", {"max_components": most})
    for name, value in edit.fix.items():
        work.fix(name, value)
    for name in edit.free:
        work.free(name)
    work.constrain(edit.add_constraints, edit.drop_constraints)
    if work.faults:
        raise Refused("; ".join(work.faults))
    return with_space(campaign, work.space)


class _Work:
    """One edit in the making; its faults gather."""

    def __init__(self, campaign: CampaignSettings) -> None:
        document = campaign.model_dump(exclude_unset=True)
        self.factors: list[JsonObject] = list(document["factors"])
        self.fixed: JsonObject = dict(document.get("fixed") or {})
        self.constraints: list[JsonObject] = list(document.get("constraints") or ())
        self.faults: list[str] = []

    @property
    def space(self) -> JsonObject:
        """Return the space as it is by now."""
        parts = (self.factors, self.fixed, self.constraints)
        return {name: part for name, part in zip(PARTS, parts, strict=True) if part}

    def _factor(self, name: str, *kinds: str) -> JsonObject | None:
        found = next((f for f in self.factors if f["name"] == name), None)
        if found is None:
            known = [f["name"] for f in self.factors]
            self.faults.append(f"{name}: is no factor of this campaign{nearest(name, known)}")
        elif kinds and (own := found.get("kind", "continuous")) not in kinds:
            self.faults.append(f"{name}: is {own}; this belongs to a {' or '.join(kinds)} factor")
            return None
        return found

    def limits_of(self, name: str) -> JsonObject:
        """Return the limits a composition has now."""
        found = next((f for f in self.factors if f["name"] == name), {})
        return dict(found.get("limits") or {})

    def change(self, name: str, kind: str, keys: Mapping[str, Any]) -> None:
        """Set keys of a factor of this kind."""
        if (factor := self._factor(name, kind)) is not None:
            factor |= keys

    def set_list(self, name: str, values: list[Any]) -> None:
        """Set all values of a discrete factor, or all levels of a categorical one.

        A level that is left out stays known as one of the choice, so that its feed stands.
        """
        factor = self._factor(name, "discrete", "categorical")
        if factor is not None and factor["kind"] == "categorical":
            once = [*factor.get("levels", ()), *factor.get("dropped", ())]
            factor |= {"levels": values, "dropped": [x for x in once if x not in values]}
        elif factor is not None:
            factor["values"] = values

    def set_range(self, name: str, low: Any, high: Any) -> None:
        """Narrow or widen a range; a condition that was fixed becomes a factor."""
        if name in self.fixed and not isinstance(self.fixed[name], Mapping):
            if low is None or high is None:
                self.faults.append(f"{name}: was fixed; to let it vary give low and high")
                return
            del self.fixed[name]
            self.factors.append({"name": name, "low": low, "high": high})
        elif (factor := self._factor(name, "continuous")) is not None:
            factor |= {k: v for k, v in (("low", low), ("high", high)) if v is not None}

    def fix(self, name: str, value: Any) -> None:
        """Hold a factor at a value, or change what a condition is fixed at."""
        if name in self.fixed:
            self.fixed[name] = value
        elif (factor := self._factor(name)) is not None:
            factor["fixed"] = value

    def free(self, name: str) -> None:
        """Let a factor vary again."""
        if name in self.fixed:
            self.faults.append(f"{name}: is fixed for good; to let it vary give it a range")
        elif (factor := self._factor(name)) is not None and factor.pop("fixed", None) is None:
            self.faults.append(f"{name}: is not fixed")

    def constrain(self, added: Sequence[Mapping[str, Any]], dropped: Sequence[int]) -> None:
        """Drop constraints by their number, counted from 0, and add others."""
        own = self.constraints
        for number in dropped:
            if not 0 <= number < len(own):
                self.faults.append(f"constraints.{number}: there are {len(own)}, counted from 0")
        kept = [row for i, row in enumerate(own) if i not in dropped]
        self.constraints = [*kept, *(dict(row) for row in added)]


def space_lines(space: Mapping[str, Any]) -> list[str]:
    """Return a space on record in words, the constraints with the numbers an edit drops them by."""
    lines = [_factor_line(row) for row in space.get("factors", ())]
    lines += [f"{n}: fixed at {value_text(v)}" for n, v in space.get("fixed", {}).items()]
    rows = enumerate(space.get("constraints", ()))
    return [*lines, *(f"constraint {number}: {_text(row)}" for number, row in rows)]


def _factor_line(row: Mapping[str, Any]) -> str:
    try:
        factor = FactorSettings.model_validate(row)
    except ValidationError:  # on record by another version
        return str(dict(row))
    held = "" if factor.fixed is None else f", fixed at {value_text(factor.fixed)}"
    return f"{factor.name}: {_range(factor)}{held}"


def differences(old: CampaignSettings, new: CampaignSettings) -> list[str]:
    """Return in words what is different in the space, one sentence each."""
    mine = {factor.name: factor for factor in old.factors}
    other = {factor.name: factor for factor in new.factors}
    said = [f"{name}: is no factor any more" for name in mine if name not in other]
    said += [f"{n}: is a factor now, {_range(f)}" for n, f in other.items() if n not in mine]
    for name, factor in other.items():
        if name in mine:
            said += _changes(mine[name], factor)
    for name in {**old.fixed, **new.fixed}:
        before, after = old.fixed.get(name), new.fixed.get(name)
        if before != after and after is not None:
            said.append(f"{name}: fixed at {value_text(after)}")
    said += [f"constraint added: {_text(c)}" for c in _without(new.constraints, old.constraints)]
    said += [f"constraint dropped: {_text(c)}" for c in _without(old.constraints, new.constraints)]
    return said


def _changes(old: FactorSettings, new: FactorSettings) -> list[str]:
    said: list[str] = []
    if _range(old) != _range(new):
        said.append(f"{new.name}: {_range(old)} -> {_range(new)}")
    if old.fixed != new.fixed:
        held = "free again" if new.fixed is None else f"fixed at {value_text(new.fixed)}"
        said.append(f"{new.name}: {held}")
    if old.transform != new.transform:
        said.append(f"{new.name}: transform {old.transform} -> {new.transform}")
    return said


def _range(factor: FactorSettings) -> str:
    """Return what values a factor may have, in words."""
    if factor.kind in {"discrete", "categorical"}:
        return f"one of {', '.join(map(value_text, factor.listed))}"
    if factor.kind == "continuous":
        return f"{value_text(factor.low)} to {value_text(factor.high)}"
    parts = [f"{name} {low:g} to {high:g}" for name, (low, high) in sorted(factor.limits.items())]
    most = f"at most {factor.max_components} of " if factor.max_components else ""
    blend = f"{most}{', '.join(factor.components or ())}"
    return f"{blend} ({', '.join(parts)})" if parts else blend


def _without(
    rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    return [row for row in rows if row not in others]


def _text(row: Mapping[str, Any]) -> str:
    """Return a constraint for a sentence."""
    try:
        bounds = (row.get("at_most"), row.get("at_least"))
        if row.get("kind") == "formula":
            return str(FormulaConstraint(row["expression"], *bounds))
        return str(Constraint(row["terms"], *bounds))
    except (BadProblem, KeyError, TypeError):
        return str(dict(row))
