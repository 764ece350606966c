"""Pictures of a model as PNG files: dependence, parity, convergence, the front of several goals.

Needs matplotlib, the optional extra ``plots``; the one module that imports it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from planners.base import Observation, Problem, Response
from planners.errors import BadOption
from planners.report.study import Dependence, Parity, Study
from planners.report.ticks import labelled, leaning, name_decades, name_listed
from planners.threads import one_thread

_PANEL = 3.2  # inches
_ACROSS = 5  # panels side by side
_MEASURED, _MODEL, _FAILED = "#1f4e79", "#c55a11", "#a00000"
_LEANING = 0.07  # inches of height for each letter of a name that leans


def figure_class() -> Any:
    """Return matplotlib's Figure; raise BadOption when it is not installed."""
    try:
        return import_module("matplotlib.figure").Figure
    except ImportError:
        raise BadOption(
            ["--plots: needs matplotlib, which is not installed: pip install 'taylord[plots]'"]
        ) from None


def draw(problem: Problem, history: Sequence[Observation], folder: Path) -> list[str]:
    """Write the pictures there are data for into a folder, made if need be; return their paths.

    Raises BadOption when matplotlib is not installed or the folder cannot be written.
    """
    new = figure_class()
    pictures = _pictures(problem, history)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with one_thread():
            return [_saved(new, folder / f"{name}.png", paint) for name, paint in pictures.items()]
    except OSError as error:
        raise BadOption([f"--plots: {folder}: cannot be written: {error.strerror}"]) from None


def not_drawn(problem: Problem, paths: Sequence[str]) -> list[str]:
    """Return a sentence for each picture that there is no data for, given those drawn."""
    if not problem.responses:
        return ["no pictures: the problem has no responses"]
    reasons = {
        "partial-dependence": "every response needs two good runs at least",
        "parity": "every response needs two good runs at least",
        "convergence": "nothing has been measured",
    }
    if len(_goals(problem)) > 1:
        reasons["pareto"] = "no good run has readings of all responses"
    drawn = [Path(path).stem for path in paths]
    return [f"no {name}.png: {why}" for name, why in reasons.items() if name not in drawn]


def _pictures(
    problem: Problem, history: Sequence[Observation]
) -> Mapping[str, Callable[[Any], None]]:
    """Return what paints each picture there is data for, by name."""
    study = Study.of(problem, history)
    pictures: dict[str, Callable[[Any], None]] = {}
    if study is not None:
        pictures["partial-dependence"] = lambda figure: _dependences(figure, study)
        pictures["parity"] = lambda figure: _parities(figure, study)
    if problem.responses and any(run.responses for run in history):
        pictures["convergence"] = lambda figure: _convergence(figure, problem, history)
    if len(_goals(problem)) > 1 and len(_complete(problem, history)):
        pictures["pareto"] = lambda figure: _pareto(figure, problem, history)
    return pictures


def _goals(problem: Problem) -> list[Response]:
    return [response for response in problem.responses if response.goal != "target"]


def _saved(new: Any, path: Path, paint: Callable[[Any], None]) -> str:
    figure = new(layout="constrained")
    paint(figure)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    return str(path)


def _grid(figure: Any, rows: int, columns: int, names: float = 0.0) -> Any:
    """Return panels ``(rows, columns)``, with so many inches for names below each row."""
    figure.set_size_inches(_PANEL * columns, (_PANEL * 0.85 + names) * rows)
    return figure.subplots(rows, columns, squeeze=False)


def _dependences(figure: Any, study: Study) -> None:
    """A panel per factor or component, those of each response beginning on a new line."""
    tables = [study.dependence(model) for model in study.models]
    room = _LEANING * max(leaning(dependence.values) for dependence in tables[0])
    across = min(len(tables[0]), _ACROSS)
    lines = -(-len(tables[0]) // across)
    panels = _grid(figure, len(tables) * lines, across, room).reshape(len(tables), -1)
    for model, row, own in zip(study.models, panels, tables, strict=True):
        for panel, dependence in zip(row, own, strict=False):
            _curve(panel, dependence)
            panel.set_xlabel(dependence.label)
        for panel in row[len(own) :]:
            panel.remove()
        for panel in row[::across]:
            panel.set_ylabel(f"{labelled(model.response)}, expected")
        low = min(float((d.believed.means - d.believed.sds).min()) for d in own)
        high = max(float((d.believed.means + d.believed.sds).max()) for d in own)
        margin = 0.05 * (high - low) or 1.0
        for panel in row[: len(own)]:
            panel.set_ylim(low - margin, high + margin)


def _curve(panel: Any, dependence: Dependence) -> None:
    means, sds = dependence.believed.means, dependence.believed.sds
    if dependence.scale == "listed":
        panel.errorbar(list(dependence.values), means, sds, fmt="o", color=_MODEL, capsize=3)
        panel.margins(x=0.15)
        name_listed(panel, dependence.values)
        return
    panel.set_xscale(dependence.scale)
    if dependence.scale == "log":
        name_decades(panel, float(dependence.values[0]), float(dependence.values[-1]))
    panel.plot(dependence.values, means, color=_MODEL)
    panel.fill_between(dependence.values, means - sds, means + sds, color=_MODEL, alpha=0.2, lw=0)


def _parities(figure: Any, study: Study) -> None:
    panels = _grid(figure, 1, len(study.models))
    for panel, model in zip(panels[0], study.models, strict=True):
        parity = study.parity(model)
        expected = parity.expected
        panel.errorbar(
            parity.measured, expected.means, expected.sds, fmt="o", ms=4, color=_MEASURED, lw=0.8
        )
        ends = [
            float(min(parity.measured.min(), expected.means.min())),
            float(max(parity.measured.max(), expected.means.max())),
        ]
        panel.plot(ends, ends, color="0.5", lw=1)
        panel.set_xlabel(f"{labelled(model.response)}, measured")
        panel.set_ylabel("expected without that run")
        panel.set_title(quality(parity), fontsize="small")


def quality(parity: Parity) -> str:
    """Return how well the left-out runs were foretold, in words."""
    gaps = parity.measured - parity.expected.means
    rmse = float(np.sqrt(np.mean(gaps**2)))
    spread = float(np.sum((parity.measured - parity.measured.mean()) ** 2))
    share = f", r2 {1.0 - float(np.sum(gaps**2)) / spread:.2f}" if spread > 0 else ""
    return f"left out one by one: RMSE {rmse:.3g}{share}"


def _convergence(figure: Any, problem: Problem, history: Sequence[Observation]) -> None:
    panels = _grid(figure, len(problem.responses), 1)
    figure.set_size_inches(2 * _PANEL, _PANEL * 0.85 * len(problem.responses))
    for (panel,), response in zip(panels, problem.responses, strict=True):
        _trace(panel, response, history, _missing_targets(problem, history))
    panels[-1][0].set_xlabel("run")


def _missing_targets(problem: Problem, history: Sequence[Observation]) -> list[int]:
    """Return the numbers of the runs, from 1, of which a reading lies outside a target."""
    targets = [response for response in problem.responses if response.goal == "target"]
    return [
        i
        for i, run in enumerate(history, start=1)
        for t in targets
        if t.name in run.responses and not _within(t, run.responses[t.name].value)
    ]


def _within(target: Response, value: Any) -> Any:
    """Return where readings lie within a target."""
    return (value >= target.low) & (value <= target.high)


def _trace(
    panel: Any, response: Response, history: Sequence[Observation], missing: Sequence[int]
) -> None:
    """Readings in the order of the runs, and the best so far of those not ``missing`` a target."""
    for status, style in (("ok", "o"), ("suspect", "s")):
        runs = _readings(response, history, status)
        filled = _MEASURED if status == "ok" else "none"
        if len(runs):
            panel.plot(*runs.T, style, ms=4, mfc=filled, mec=_MEASURED, label=status)
    if response.goal == "target":
        panel.axhspan(response.low, response.high, color=_MODEL, alpha=0.2, lw=0, label="target")
    else:
        good = _readings(response, history, "ok")
        _best_so_far(panel, response, good, missing, len(history))
    failed = [i for i, run in enumerate(history, start=1) if run.status == "failed"]
    for i in failed:
        label = "failed" if i == failed[0] else None
        panel.axvline(i, color=_FAILED, lw=0.8, ls=":", label=label)
    panel.set_xlim(0.5, len(history) + 0.5)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_ylabel(labelled(response))
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize="x-small")


def _best_so_far(
    panel: Any, response: Response, good: Any, missing: Sequence[int], last: int
) -> None:
    """The best so far, to the ``last`` run also where nothing good came since."""
    out = np.isin(good[:, 0], missing)
    if out.any():
        panel.plot(*good[out].T, "x", ms=8, color="0.5", label="misses a target")
    if not out.all():
        best = np.minimum if response.goal == "minimise" else np.maximum
        reached = best.accumulate(good[~out, 1])
        runs = good[~out, 0]
        if runs[-1] < last:
            runs, reached = np.append(runs, last), np.append(reached, reached[-1])
        panel.step(runs, reached, where="post", color=_MODEL, label="best reading so far")


def _readings(response: Response, history: Sequence[Observation], status: str) -> Any:
    found = [
        (i, run.responses[response.name].value)
        for i, run in enumerate(history, start=1)
        if run.status == status and response.name in run.responses
    ]
    return np.array(found, dtype=float).reshape(-1, 2)


def _complete(problem: Problem, history: Sequence[Observation]) -> Any:
    """Return the readings of good runs that have all responses, ``(k, len(responses))``."""
    names = [response.name for response in problem.responses]
    found = [
        [run.responses[name].value for name in names]
        for run in history
        if run.status == "ok" and all(name in run.responses for name in names)
    ]
    return np.array(found, dtype=float).reshape(-1, len(names))


def _met(problem: Problem, values: Any) -> Any:
    """Return which rows of readings lie within all targets, ``(k,)``."""
    met = np.ones(len(values), dtype=bool)
    for column, response in zip(values.T, problem.responses, strict=True):
        if response.goal == "target":
            met &= _within(response, column)
    return met


def _pareto(figure: Any, problem: Problem, history: Sequence[Observation]) -> None:
    """One panel for each pair of goals; the front is that of all goals together."""
    goals = _goals(problem)
    values = _complete(problem, history)
    met = _met(problem, values)
    own = values[:, [r.goal != "target" for r in problem.responses]]
    signs = np.array([-1.0 if goal.goal == "minimise" else 1.0 for goal in goals])
    best = own[met][front_rows(own[met] * signs)]
    pairs = list(combinations(range(len(goals)), 2))
    columns = min(len(pairs), 3)
    figure.set_size_inches(1.6 * _PANEL * columns, 1.3 * _PANEL * -(-len(pairs) // columns))
    for place, pair in enumerate(pairs, start=1):
        panel = figure.add_subplot(-(-len(pairs) // columns), columns, place)
        _front(panel, [goals[k] for k in pair], own[:, pair], met, best[:, pair])
        if len(goals) == 2:
            best = best[np.argsort(best[:, 0], kind="stable")]
            panel.plot(*best.T, "-", color=_MODEL)


def _front(panel: Any, goals: Sequence[Response], values: Any, met: Any, best: Any) -> None:
    if not met.all():
        panel.plot(*values[~met].T, "x", ms=4, color="0.5", label="misses a target")
    panel.plot(*values[met].T, "o", ms=4, color=_MEASURED, alpha=0.6, label="runs")
    panel.plot(*best.T, "o", ms=5, color=_MODEL, label="front")
    panel.set_xlabel(f"{labelled(goals[0])} ({goals[0].goal})")
    panel.set_ylabel(f"{labelled(goals[1])} ({goals[1].goal})")
    panel.legend(fontsize="x-small")


def front_rows(values: Any) -> Any:
    """Return which rows no other row beats, larger being better, ``(k,)``."""
    return np.array(
        [not np.any(np.all(values >= v, axis=1) & np.any(values > v, axis=1)) for v in values],
        dtype=bool,
    )
