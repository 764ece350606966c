"""``taylord suggest``, ``drivers``, ``planners``, ``schema`` and ``init``: what taylord knows."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemon.cli.output import patiently, print_json, tell
from daemon.errors import ConfigError, StoreFailed


def suggest(arguments: argparse.Namespace) -> int:
    """Ask a planner alone."""
    from daemon.timebase import wall_s
    from planners.errors import BadHistory, BadOption, BadProblem, PlannerError
    from planners.suggest import parse_command, parse_options, suggest_document

    asked = arguments.planner or arguments.program or "bayes"
    try:
        with patiently(f"{asked} is still at work …", quiet=arguments.json):
            document = suggest_document(
                Path(arguments.problem),
                Path(arguments.history) if arguments.history else None,
                n=arguments.n,
                planner=arguments.planner,
                command=parse_command(arguments.program),
                timeout_s=arguments.timeout,
                options=parse_options(arguments.option),
                seed=arguments.seed,
                fixed=arguments.fix,
                shared=arguments.shared,
                plots=Path(arguments.plots) if arguments.plots else None,
                out=Path(arguments.out) if arguments.out else None,
                clock=wall_s,
            )
    except (BadProblem, BadHistory, BadOption) as error:
        raise ConfigError(error.faults) from None
    except PlannerError as error:
        tell(error)
        return 3
    if arguments.json:
        print_json(document)
    else:
        _print_points(document)
    return 0


def _print_points(document: dict[str, Any]) -> None:
    from planners.rounding import spread

    points = document["points"]
    for point, note in zip(points, document.get("notes") or [""] * len(points), strict=True):
        predicted = point.pop("predicted", {})
        print("  ".join(f"{name} {_short(value)}" for name, value in _flat(point)))
        for name, guess in predicted.items():
            print(f"    expects {name} {spread(guess['mean'], guess['sd'])}")
        if note:
            print(f"    {note}")
    print(document["summary"]["text"])
    if whole := _of_all(document):
        tell(whole)
    for remark in document.get("remarks", ()):
        tell(remark)
    for path in [*([document["out"]] if "out" in document else ()), *document.get("plots", ())]:
        tell(f"wrote {path}")
    for why in document.get("not_drawn", ()):
        tell(why)


def _of_all(document: dict[str, Any]) -> str:
    """Return what is said of the whole answer, beside what is said of its points."""
    whole = document["note"]
    for note in document.get("notes", []):  # the note of the whole begins with those of the points
        whole = whole.removeprefix(note).removeprefix("; ")
    return whole


def _flat(point: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give a point's values, of a composition the components in it, as a history's columns."""
    for name, value in point.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{part}", amount) for part, amount in value.items() if amount)
        else:
            yield name, value


def _short(value: Any) -> str:
    from planners.rounding import rounded

    return rounded(value, 6) if isinstance(value, float) else str(value)


def drivers(arguments: argparse.Namespace) -> int:
    """List the installed drivers."""
    from daemon.catalogue import describe_drivers

    rows = describe_drivers()
    if arguments.json:
        print_json({"drivers": rows})
        return 0
    for row in rows:
        print(f"{row['name']}: {row['summary']}")
        for signal in row["signals"]:
            print(f"    {signal['name']:<18}{signal['type']} {signal['unit']}  {signal['doc']}")
        options = ", ".join(f"{o['name']} ({o['default']})" for o in row["options"])
        print(f"    options: {options}")
    return 0


def planners(arguments: argparse.Namespace) -> int:
    """List the installed planners; exit code 2 when one of them cannot be loaded."""
    from planners.registry import describe_all

    good, broken = describe_all()
    rows = [description.to_json() for description in good]
    if arguments.json:
        print_json({"planners": rows, "broken": broken})
    else:
        _print_planners(rows)
        for why in broken.values():
            tell(f"broken: {why}")
    return 2 if broken else 0


def _print_planners(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['name']}: {row['summary']}")
        for name, option in row["options"].items():
            print(f"    {name} ({option['type']}, {_default(option)})")


def _default(option: dict[str, Any]) -> str:
    """Return what an option is when nobody gives it."""
    value = option["default"]
    if option.get("required"):
        return "required"
    plain = {None: "none", True: "true", False: "false"}
    return f"default {plain[value] if value is None or isinstance(value, bool) else value}"


def schema(arguments: argparse.Namespace) -> int:
    """Print a schema."""
    print_json(_schema(arguments.what))
    return 0


def _schema(what: str) -> dict[str, Any]:
    if what == "mqtt":
        from daemon.api.schema import schema as mqtt_schema

        return mqtt_schema()
    if what == "problem":
        from planners.schema import problem_schema

        return problem_schema()
    from daemon.catalogue import config_schema

    return config_schema()


def init(arguments: argparse.Namespace) -> int:
    """Write a starting configuration, or other people's planners; never over an existing file."""
    from daemon.examples import WITH_PLANNERS, example, planner_programs, rigs

    rig = WITH_PLANNERS if arguments.planners else arguments.example or "flow"
    if arguments.planners and arguments.example:
        raise ConfigError(["--planners: brings an example of its own; leave out --example"])
    if not arguments.planners and rig not in rigs():
        raise ConfigError([f"--example: must be one of {', '.join(rigs())}, got {rig!r}"])
    names = [f"{rig}.toml", *(planner_programs() if arguments.planners else ())]
    targets = [Path(arguments.dir) / name for name in names]
    if there := [target for target in targets if target.exists()]:
        raise ConfigError([f"{target}: exists already; nothing was written" for target in there])
    for name, target in zip(names, targets, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(example(name).read_text(encoding="utf-8"), encoding="utf-8")
        except OSError as error:
            raise StoreFailed(f"{target}: cannot be written: {error.strerror}") from None
        print(f"wrote {target}")
    tell(f"next: taylord check {targets[0]}")
    return 0
