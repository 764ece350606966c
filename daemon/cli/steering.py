"""``taylord approve``, ``reject``, ``space`` and ``result``: a person's word, by MQTT."""

import argparse
import asyncio
import getpass
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from math import isfinite
from typing import Any

from daemon.cli.output import print_json, tell
from daemon.errors import ConfigError

JsonObject = dict[str, Any]
_BOUND = re.compile(r"(.+?)\s*(<=|>=)\s*(.+)")
_TERM = re.compile(r"(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s*\*?\s*)?([A-Za-z_][\w.-]*)")


def approve(arguments: argparse.Namespace) -> int:
    """Let a proposed point be run."""
    reply = _ask(arguments, "suggestion.approve", _named(arguments))
    return _answer(arguments, reply, lambda result: f"{result['suggestion']}: approved")


def reject(arguments: argparse.Namespace) -> int:
    """Refuse a proposed point, and perhaps ask again with factors held."""
    fix = dict(_pairs("--fix", arguments.fix))
    given = _named(arguments) | ({"fix": _values(fix)} if fix else {})
    reply = _ask(arguments, "suggestion.veto", given)
    return _answer(arguments, reply, _rejected)


def _rejected(result: JsonObject) -> str:
    again = ", ".join(f"{name} {_short(value)}" for name, value in result.get("fix", {}).items())
    text = f"{result['suggestion']}: rejected" + (f"; asked again with {again}" if again else "")
    apart = ", ".join(result.get("apart", ()))
    return text + (
        f" (for this point alone; the rest of its batch shares {apart})" if apart else ""
    )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def space(arguments: argparse.Namespace) -> int:
    """Edit the space of a running campaign."""
    given: JsonObject = {
        "ranges": {n: _range("--range", v) for n, v in _pairs("--range", arguments.ranges)},
        "values": {n: _listed(v) for n, v in _pairs("--values", arguments.values)},
        "limits": _limits(arguments.limits),
        "max_components": {n: _whole("--most", v) for n, v in _pairs("--most", arguments.most)},
        "fix": _values(dict(_pairs("--fix", arguments.fix))),
        "free": list(arguments.free),
        "add_constraints": [constraint(text) for text in arguments.constraints],
        "drop_constraints": [_whole("--drop-constraint", text) for text in arguments.drop],
    }
    given = {key: value for key, value in given.items() if value}
    if not given:
        raise ConfigError(["space: nothing to change; say what, for example --range NAME=LOW:HIGH"])
    reply = _ask(arguments, "space.edit", given)
    return _answer(arguments, reply, _edited)


def _edited(result: JsonObject) -> str:
    gone = [f"{name}: withdrawn, it lies outside now" for name in result.get("withdrawn", ())]
    return "\n".join([*result["changes"], *gone])


def _named(arguments: argparse.Namespace) -> JsonObject:
    return {} if arguments.suggestion is None else {"suggestion": arguments.suggestion}


def _ask(arguments: argparse.Namespace, verb: str, given: JsonObject) -> JsonObject:
    from daemon.api.send import broker_at, send

    more = {"by": arguments.by or _login(), "reason": getattr(arguments, "reason", "")}
    document = given | {key: value for key, value in more.items() if value}
    broker = broker_at(arguments.broker)
    return asyncio.run(send(broker, arguments.rig, verb, document, timeout_s=arguments.timeout))


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a service without a name
        return ""


def _answer(
    arguments: argparse.Namespace, reply: JsonObject, said: Callable[[JsonObject], str]
) -> int:
    """Print the reply; 3 when the command was refused."""
    ok = bool(reply.get("ok"))
    if arguments.json:
        print_json(reply)
    elif ok:
        print(said(reply["result"]))
    else:
        tell(f"taylord: {reply['error']['message']}")
    return 0 if ok else 3


def result(arguments: argparse.Namespace) -> int:
    """Hand in results that were measured elsewhere, of one experiment or of a table of them."""
    from daemon.cli.results import of_pairs, of_table

    if arguments.csv and (arguments.experiment or arguments.values):
        raise ConfigError(["--csv: stands alone; the experiments are in the file"])
    if arguments.csv:
        table = of_table(arguments.csv, arguments.response)
        _all_can_be(arguments, table)
        given = list(table.values())
    else:
        given = of_pairs(arguments.experiment, arguments.values)
    worst = 0
    for row in given:
        reply = _ask(arguments, "result.submit", row)
        worst = max(worst, _answer(arguments, reply, partial(_handed_in, row)))
    return worst


def _all_can_be(arguments: argparse.Namespace, table: Mapping[int, JsonObject]) -> None:
    """Raise ConfigError with every row that the daemon would refuse: then none is handed in."""
    faults: list[str] = []
    for number, row in table.items():
        reply = _ask(arguments, "result.check", row)
        if not reply.get("ok"):
            faults.append(f"{arguments.csv}: row {number}: {reply['error']['message']}")
    if faults:
        raise ConfigError(faults)


def _handed_in(given: JsonObject, answer: JsonObject) -> str:
    """Return what was handed in, and what is to be known of it."""
    values = ", ".join(f"{n} {_given(given['responses'][n])}" for n in answer["responses"])
    text = f"{answer['experiment']}: {values}"
    unknown = ", ".join(answer.get("unknown", ()))
    replaced = [f"{name} {_value(old)}" for name, old in answer.get("replaced", {}).items()]
    text += f"; replaces {', '.join(replaced)}" if replaced else ""
    text += f" (no response of this rig: {unknown})" if unknown else ""
    if status := answer.get("passed_over"):
        text += f"; on record, but the experiment is {status}: no planner learns from it"
    return text


def _given(row: JsonObject) -> str:
    spread = "" if row.get("sd") is None else f" +/- {row['sd']:g}"
    doubt = " (suspect)" if row.get("quality") == "suspect" else ""
    return f"{row['value']:g}{spread}{doubt}"


def _value(old: JsonObject) -> str:
    sd = "" if old["sd"] is None else f" +/- {old['sd']:.2g}"
    where = "handed in before" if old["reason"] == "offline" else "measured by the rig"
    return f"{old['value']:.4g}{sd} ({where})"


# -- what is written on the command line ----------------------------------------------------------


def _pairs(option: str, given: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ConfigError([f"{option}: must be NAME=VALUE, got {pair!r}"])
        if name in seen:
            raise ConfigError([f"{option} {name}: is given more than once"])
        seen.add(name)
        yield name.strip(), value.strip()


def _values(fix: dict[str, str]) -> JsonObject:
    """Return values to hold: numbers, text with a unit, or shares of feeds."""
    from daemon.settings.conditions import plain_value

    values: JsonObject = {}
    for name, text in fix.items():
        try:
            values[name] = plain_value(name, text)
        except ValueError as error:
            raise ConfigError([f"--fix {name}: {error}"]) from None
    return values


def _range(option: str, text: str) -> list[Any]:
    low, colon, high = text.partition(":")
    if not colon or not (low.strip() or high.strip()):
        raise ConfigError([f"{option}: must be LOW:HIGH, LOW: or :HIGH, got {text!r}"])
    return [_number_or_text(option, side.strip()) if side.strip() else None for side in (low, high)]


def _limits(given: Iterable[str]) -> dict[str, dict[str, list[Any]]]:
    limits: dict[str, dict[str, list[Any]]] = {}
    for name, text in _pairs("--limits", given):
        factor, dot, part = name.partition(".")
        low_high = _range("--limits", text)
        if not dot or not all(isinstance(side, float) for side in low_high):
            raise ConfigError([f"--limits: must be NAME.PART=LOW:HIGH, got {name}={text!r}"])
        limits.setdefault(factor, {})[part] = low_high
    return limits


def _number_or_text(option: str, text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    if not isfinite(number):
        raise ConfigError([f"{option}: must be finite, got {text!r}"])
    return number


def _listed(text: str) -> list[float | str]:
    values = [_number_or_text("--values", part.strip()) for part in text.split(",")]
    if "" in values or len({type(value) for value in values}) > 1:
        raise ConfigError([f"--values: must be such as 1,2,5 or dbu,dipea, got {text!r}"])
    return values


def _whole(option: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError([f"{option}: must be a whole number, got {text!r}"]) from None


def constraint(text: str) -> JsonObject:
    """Return ``2 a + 1 b.c - 3 d <= 5`` as a linear constraint, ``a * b <= 5`` as a formula.

    Raises ConfigError when there is no bound; what a formula may hold the daemon says.
    """
    found = _BOUND.fullmatch(text.strip())
    bound = _number_or_text("--constrain", found[3].strip()) if found else ""
    if found is None or not isinstance(bound, float):
        raise ConfigError([f"--constrain: must be such as '2 a + b <= 5', got {text!r}"])
    side = "at_most" if found[2] == "<=" else "at_least"
    terms = _terms(found[1].strip())
    if terms is None:
        return {"kind": "formula", "expression": found[1].strip(), side: bound}
    return {"terms": terms, side: bound}


def _terms(text: str) -> dict[str, float] | None:
    """Return the terms of a sum, or None when it is something else."""
    terms: dict[str, float] = {}
    for sign, part in _signed(text):
        term = _TERM.fullmatch(part.strip())
        if term is None:
            return None
        terms[term[2]] = terms.get(term[2], 0.0) + sign * float(term[1] or 1)
    return terms


def _signed(text: str) -> Iterator[tuple[float, str]]:
    parts = re.split(r"\s([+-])\s", f" + {text}" if not text.startswith("- ") else f" {text}")
    for sign, part in zip(parts[1::2], parts[2::2], strict=True):
        yield (1.0 if sign == "+" else -1.0), part
