"""``taylord demo``, ``run``, ``resume`` and ``experiment``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from daemon import DATA_ROOT
from daemon.app.plan import Outcome, Restart, RunPlan
from daemon.cli.output import print_json, tell
from daemon.cli.progress import Progress, experiment_text, summary
from daemon.errors import ConfigError
from daemon.settings.models import Settings

MAX_EXPERIMENTS = 100_000  # as in a configuration
DEMO = {"flow": "flow.toml"}


def demo(arguments: argparse.Namespace) -> int:
    """Run the built-in rig's whole campaign in virtual time."""
    from tempfile import mkdtemp

    from daemon.examples import example
    from daemon.settings.load import load

    path = example(DEMO[arguments.rig])
    settings = load(path)
    if arguments.experiments is not None:
        settings = _with_experiments(settings, arguments.experiments)
    data = Path(arguments.data) if arguments.data else Path(mkdtemp(prefix="taylord-demo-"))
    plan = RunPlan(
        settings.model_copy(update={"mqtt": None}),
        path.read_text(encoding="utf-8"),
        data,
        simulate=True,
        speed="max",
        once=True,
        seed=arguments.seed if arguments.seed is not None else 0,
        restart="new",
        planning=arguments.planning,
    )
    return _perform(plan, as_json=arguments.json)


def _with_experiments(settings: Settings, experiments: int) -> Settings:
    if experiments < 1:
        raise ConfigError([f"--experiments: must be at least 1, got {experiments}"])
    if experiments > MAX_EXPERIMENTS:
        raise ConfigError([f"--experiments: must be at most {MAX_EXPERIMENTS}, got {experiments}"])
    assert settings.campaign is not None  # noqa: S101 (the example has one)
    campaign = settings.campaign.model_copy(update={"experiments": experiments})
    return settings.model_copy(update={"campaign": campaign})


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon on a rig."""
    plan = _plan(arguments, restart="configured", once=arguments.once)
    return _perform(plan, as_json=arguments.json)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted campaign."""
    arguments.seed = None
    plan = _plan(arguments, restart="resume", once=arguments.once)
    return _perform(plan, as_json=arguments.json)


def experiment(arguments: argparse.Namespace) -> int:
    """Run one experiment at given conditions."""
    conditions = _conditions(arguments.conditions)
    plan = _plan(arguments, restart="new", once=True, conditions=conditions)
    _known(plan.settings, conditions)
    outcome = _outcome(plan, quiet=arguments.json)
    if not outcome.document["experiments"]:  # ended before it began; why, is said
        if arguments.json:
            print_json(None)
        return outcome.exit_code or 3
    done = outcome.document["experiments"][-1]
    if arguments.json:
        print_json(done)
    else:
        print(experiment_text(done))
    return outcome.exit_code or (0 if done["status"] in {"ok", "suspect"} else 3)


def _conditions(pairs: list[str]) -> dict[str, Any]:
    from daemon.app.commands import conditions_of
    from daemon.errors import BadRequest

    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong or not pairs:
        given = ", ".join(wrong) or "nothing"
        raise ConfigError([f"--set: must be NAME=VALUE, once per condition; got {given}"])
    names = [pair.partition("=")[0] for pair in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError([f"--set {name}: is given more than once" for name in twice])
    try:
        return conditions_of(dict(pair.split("=", 1) for pair in pairs))
    except BadRequest as error:
        raise ConfigError([f"--set: {error}"]) from None


def _known(settings: Settings, conditions: dict[str, Any]) -> None:
    """Raise ConfigError for conditions this rig does not have."""
    from daemon.settings.conditions import compositions, condition_names
    from daemon.settings.wording import nearest

    known = [*condition_names(settings), *compositions(settings.campaign)]
    faults = [
        f"--set {name}: this rig has no condition {name!r}{nearest(name, known)}"
        for name in conditions
        if name not in known and not isinstance(conditions[name], dict)
    ]
    if faults:
        raise ConfigError(faults)


def _plan(
    arguments: argparse.Namespace,
    *,
    restart: Restart,
    once: bool,
    conditions: dict[str, Any] | None = None,
) -> RunPlan:
    from daemon.settings.load import load

    settings = load(arguments.config)
    if arguments.simulate and settings.simulation is None:
        raise ConfigError([f"{arguments.config}: simulation: is missing: --simulate needs it"])
    speed = _speed(arguments.speed, simulate=arguments.simulate)
    once = once or speed == "max"  # nobody could tell a daemon in virtual time to end
    if settings.campaign is None and conditions is None and (once or restart == "resume"):
        who = "resume needs it" if restart == "resume" else "--once and --speed max need it"
        raise ConfigError([f"{arguments.config}: campaign: is missing: {who}"])
    if speed == "max" and conditions is None:
        _approvable(arguments.config, settings)
    data = Path(arguments.data) if arguments.data else Path(DATA_ROOT) / settings.name
    return RunPlan(
        settings,
        Path(arguments.config).read_text(encoding="utf-8"),
        data,
        simulate=arguments.simulate,
        speed=speed,
        once=once,
        seed=arguments.seed,
        restart=restart,
        conditions=conditions,
        reset_trip=arguments.reset_trip,
        trace=Path(arguments.trace) if arguments.trace else None,
        planning=arguments.planning,
    )


def _approvable(config: str, settings: Settings) -> None:
    """Raise ConfigError where points wait for a person whom nothing can hear."""
    if settings.campaign is not None and settings.campaign.approve:
        why = "nobody can approve a point with --speed max, which has no broker"
        raise ConfigError([f"{config}: campaign.approve: {why}; take a number, as --speed 60"])


def _speed(given: str | None, *, simulate: bool) -> Any:
    if given is None or given == "real":
        return "real"
    if not simulate:
        raise ConfigError([f"--speed: only a simulated rig has another clock, got {given!r}"])
    if given == "max":
        return "max"
    try:
        pace = float(given)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float("inf"):
        raise ConfigError([f"--speed: must be real, max or a number above 0, got {given!r}"])
    return pace


def _perform(plan: RunPlan, *, as_json: bool) -> int:
    outcome = _outcome(plan, quiet=as_json)
    if as_json:
        print_json(outcome.document)
    elif plan.once:
        print(summary(outcome.document))
    return outcome.exit_code


def _outcome(plan: RunPlan, *, quiet: bool) -> Outcome:
    from daemon.app.serve import run as run_daemon

    shown = plan.once or sys.stderr.isatty()  # a daemon logs instead
    outcome = run_daemon(plan, Progress(plan, quiet=quiet or not shown).on_event)
    if outcome.exit_code and outcome.reason:
        tell(f"taylord: {outcome.reason}")
    return outcome
