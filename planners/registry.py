"""Planners by name: entry points of the group ``taylord.planners``, and their options."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from planners.base import Planner
from planners.errors import BadOption
from planners.problem import nearest

GROUP = "taylord.planners"
_SEED_BITS = 0xFFFF_FFFF_FFFF_FFFF  # a seed may be any whole number, generators take these
_PLAIN = {  # types of options in a chemist's words
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Mapping: "a table (NAME=VALUE or JSON)",
    Sequence: "a list (A,B or JSON)",
}
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a planner; ``default`` is None when it is ``required``, or that is its own."""

    name: str
    type: str
    default: Any
    required: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        plain = {"type": self.type, "default": self.default}
        return plain | ({"required": True} if self.required else {})


@dataclass(frozen=True, slots=True)
class Description:
    """What ``taylord planners`` shows of one."""

    name: str
    summary: str
    options: tuple[Option, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        options = {option.name: option.to_json() for option in self.options}
        return {"name": self.name, "summary": self.summary, "options": options}


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def planner_names() -> list[str]:
    """Return the names of all installed planners, in order."""
    return sorted(_points())


def planner_class(name: str) -> type[Any]:
    """Return a planner's class; raise BadOption for an unknown or broken one."""
    found = _loaded(name)
    if not any(callable(getattr(found, method, None)) for method in ("suggest", "propose")):
        raise BadOption(
            [f"planner: {name!r} is no class with suggest or propose, got {found!r:.80}"]
        )
    return found


def _loaded(name: str) -> Any:
    point = _points().get(name)
    if point is None:
        hint = nearest(name, planner_names())
        installed = ", ".join(planner_names()) or "none"
        raise BadOption([f"planner: no planner named {name!r}{hint}; installed are {installed}"])
    try:
        return point.load()
    except Exception as error:  # somebody else's module: it may raise anything
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        why = f"{kind}{error} (it is {point.value})"
        raise BadOption([f"planner: {name!r} cannot be loaded: {why}"]) from error


def describe(name: str) -> Description:
    """Return a planner's summary and options."""
    planner = planner_class(name)
    summary = (inspect.getdoc(planner) or "").partition("\n")[0]
    hints = _hints(planner)
    options = tuple(
        Option(p.name, _type_name(hints.get(p.name, Any)), *_default(p.default))
        for p in _parameters(planner).values()
    )
    return Description(name, summary, options)


def describe_all() -> tuple[list[Description], dict[str, str]]:
    """Return all planners that load, and by name why the others do not."""
    good: list[Description] = []
    broken: dict[str, str] = {}
    for name in planner_names():
        try:
            good.append(describe(name))
        except BadOption as error:
            broken[name] = "; ".join(f.removeprefix("planner: ") for f in error.faults)
    return good, broken


def takes_option(name: str, option: str) -> bool:
    """Return whether a planner has an option of that name; raise BadOption for no such planner."""
    return option in _parameters(planner_class(name))


def _parameters(planner: type[Any]) -> dict[str, inspect.Parameter]:
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.signature(planner)
    return {name: p for name, p in signature.parameters.items() if p.kind in kinds}


def _hints(planner: type[Any]) -> dict[str, Any]:
    """Return the options' types; none, so that all values pass, where they cannot be found out."""
    try:
        return get_type_hints(planner.__init__)
    except Exception:  # noqa: BLE001  # names that are imported for type checkers alone, say
        return {}


def _default(value: object) -> tuple[Any, bool]:
    """Return an option's default, and whether it is required instead."""
    return (None, True) if value is inspect.Parameter.empty else (value, False)


def _type_name(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join("none" if a is NoneType else _type_name(a) for a in get_args(hint))
    kind = get_origin(hint) or hint
    if kind in _PLAIN:
        nested = any(get_origin(part) is Mapping for part in get_args(hint))
        return f"{_PLAIN[kind].split(' (')[0]} (JSON)" if nested else _PLAIN[kind]
    return "any" if hint is Any else getattr(hint, "__name__", str(hint))


def make_planner(
    name: str, options: Mapping[str, Any] | None = None, *, seed: int | None = None
) -> Planner:
    """Return a planner with its options set; strings become what an option needs.

    ``seed`` is the campaign's: that of a planner's own ``seed`` option when none is given.
    Raises BadOption with every fault, each starting ``options.<name>``.
    """
    planner = planner_class(name)
    parameters = _parameters(planner)
    hints = _hints(planner)
    faults: list[str] = []
    values: dict[str, Any] = {}
    if seed is not None and "seed" in parameters:
        values["seed"] = seed & _SEED_BITS
    for key, given in (options or {}).items():
        if key not in parameters:
            hint = nearest(key, list(parameters))
            allowed = ", ".join(parameters) or "none"
            faults.append(f"options.{key}: no option of {name!r}{hint}; allowed are {allowed}")
            continue
        try:
            values[key] = _fitted(given, hints.get(key, Any))
        except ValueError:
            wanted = _type_name(hints[key])
            faults.append(f"options.{key}: must be {wanted}, got {given!r}")
    missing = [p for p in parameters.values() if p.default is inspect.Parameter.empty]
    faults += [
        f"options.{p.name}: is needed by {name!r}" for p in missing if p.name not in (options or {})
    ]
    if faults:
        raise BadOption(faults)
    try:
        return planner(**values)
    except BadOption as error:
        raise BadOption([f"options.{fault}" for fault in error.faults]) from None


def _fitted(given: Any, hint: Any) -> Any:
    """Return ``given`` as the type of an annotation; raise ValueError when it is none."""
    if get_origin(hint) in (Union, UnionType):
        return _fitted_to_any(given, get_args(hint))
    if hint is NoneType:
        return _none(given)
    if hint is bool:
        return _bool(given)
    if hint is int:
        return _int(given)
    if hint is float:
        return _float(given)
    if hint is str and not isinstance(given, str):
        raise ValueError(given)
    return given  # other annotations are the planner's own business


def _fitted_to_any(given: Any, hints: tuple[Any, ...]) -> Any:
    for hint in hints:
        try:
            return _fitted(given, hint)
        except ValueError:
            continue
    raise ValueError(given)


def _none(given: Any) -> None:
    if given is not None and given not in ("none", ""):
        raise ValueError(given)


def _bool(given: Any) -> bool:
    value = _WORDS.get(given.lower(), given) if isinstance(given, str) else given
    if not isinstance(value, bool):
        raise ValueError(given)  # noqa: TRY004  # one kind of fault for all options
    return value


def _int(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ValueError(given)  # noqa: TRY004  # one kind of fault for all options
    return int(given)


def _float(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise ValueError(given)  # noqa: TRY004  # one kind of fault for all options
    return float(given)
