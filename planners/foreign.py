"""How other tools spell what a problem says, and what to write instead.

Whoever comes from BayBE, Ax, Summit, EDBO, BoFire or Optuna writes ``type``, ``bounds``,
``categories`` and ``objectives``. They are refused like any unknown key: two ways to say a thing
would be one too many. But what was meant is known.
"""

import json
from collections.abc import Collection, Iterable, Mapping

_KEYS = {  # ours -> theirs; a table's own keys decide which of ours is meant
    "factors": "parameters variables inputs features search_space searchspace domain",
    "responses": "objectives objective targets outputs metrics goals",
    "constraints": "parameter_constraints outcome_constraints",
    "name": "label id title",
    "response": "name label",
    "kind": "type parameter_type",
    "low high": "bounds range interval limits domain",
    "low": "min minimum lower lower_bound lb",
    "high": "max maximum upper upper_bound ub",
    "levels": "categories choices options values items",
    "values": "levels choices options items",
    "components": "levels values parts ingredients",
    "max_components": "max_cardinality max_nonzero max_active at_most",
    "total": "sum total_amount",
    "unit": "units",
    "transform": "log log_scale logscale scale scaling",
    "held": "fixed value constant",
    "goal": "mode direction objective aim maximize maximise minimize minimise type",
    "expression": "formula expr equation",
    "terms": "coefficients coeffs weights factors parameters",
    "at_least at_most": "bounds range interval limits",
    "at_most": "max maximum upper upper_bound rhs limit high <=",
    "at_least": "min minimum lower lower_bound low >=",
}
_WORDS = {
    "kind": {
        "continuous": "range float real double number numeric numerical numericalcontinuous",
        "discrete": "int integer ordinal grid numericaldiscrete",
        "categorical": "choice category enum nominal substance string",
        "composition": "mixture simplex blend",
        "formula": "nonlinear expression",
    },
    "goal": {
        "maximise": "max maximize maximum",
        "minimise": "min minimize minimum",
        "target": "match target_value",
    },
    "transform": {"log": "log logarithmic log10 ln true", "none": "linear false"},
}
_IN_WORDS = {  # which of our keys there must be, and what to write
    "target": ("goal", 'write "goal": "target", and the range to meet as "low" and "high"'),
    "step": ("kind", 'write "kind": "discrete", and every one of its "values"'),
}
_SHOWN = 60  # letters of a value


def own_keys(key: str, allowed: Collection[str]) -> list[str]:
    """Return which of a table's keys another tool's key stands for; none when it is no such key."""
    for ours, theirs in _KEYS.items():
        if _plain(key) in theirs.split() and set(ours.split()) <= set(allowed):
            return ours.split()
    return []


def own_word(key: str, given: object, allowed: Iterable[str] | None = None) -> str | None:
    """Return the word for the value of one of our keys that another tool's word stands for."""
    plain = _plain(str(given)).removesuffix("parameter").removesuffix("variable")
    for ours, theirs in _WORDS.get(key, {}).items():
        if (plain == ours or plain in theirs.split()) and (allowed is None or ours in allowed):
            return ours
    return None


def instead(key: str, given: object, allowed: Collection[str]) -> str:
    """Return what to write instead of another tool's key; empty when it is no such key."""
    ours = own_keys(key, allowed)
    if len(ours) == 2:
        pair = given if isinstance(given, list) and len(given) == 2 else [None, None]
        return f"write {', '.join(_written(own, one) for own, one in zip(ours, pair, strict=True))}"
    if ours:
        return f"write {_written(ours[0], _value(key, ours[0], given))}"
    needed, words = _IN_WORDS.get(_plain(key), ("", ""))
    return words if needed in allowed else ""


def under_other_keys(given: Mapping[str, object], allowed: Collection[str]) -> dict[str, str]:
    """Return by our key the one of another tool under which a table says it."""
    return {
        ours: key
        for key in given
        if key not in allowed
        for ours in own_keys(str(key), allowed)
        if ours not in given
    }


def _value(key: str, ours: str, given: object) -> object:
    """Return a value in our words; ``"minimize": true`` says two things at once."""
    if ours == "goal" and isinstance(given, bool):
        return "maximise" if given == _plain(key).startswith("max") else "minimise"
    return own_word(ours, given) if ours in _WORDS else given


def _written(ours: str, value: object) -> str:
    text = "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return f'"{ours}": {text}' if 0 < len(text) <= _SHOWN else f'"{ours}"'


def _plain(text: str) -> str:
    return text.casefold().replace("-", "_").replace(" ", "_")
