"""What was found, for a chemist to read, and the same as JSON."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from planners.factors import Array
from planners.select.run import Candidate, Form, Selection, as_good
from planners.select.validate import Scores

_CLEAR = 0.5  # r2 on rows left out, above which something was learned, however the model fits noise


def document(selection: Selection) -> dict[str, Any]:
    """Return everything as plain JSON."""
    model, table = selection.model, selection.table
    return {
        "response": table.response,
        "rows": len(table.y),
        "groups": selection.n_groups,
        "factors": list(table.names),
        "transforms": dict(table.transforms),
        "warnings": [closure.warning() for closure in selection.closures],
        "notes": [*selection.notes, *_remarks(selection)],
        "forms": [_form(form) for form in selection.forms],
        "candidates": [_candidate(c) for c in selection.candidates],
        "as_good": [{"model": c.kind.name, "columns": c.form.title} for c in as_good(selection)],
        "chosen": _candidate(model.candidate)
        | {
            "setting": dict(model.setting),
            "midknn": _scores(model.midknn),
            "chance": {
                "mae_fit": model.chance.fit_mae,
                "mae_mean": model.chance.mean_mae,
                "mae_shuffled": model.chance.shuffled_mae,
                "mae_corrected": model.chance.corrected_mae,
                "permutations": model.chance.permutations,
            },
            "left_out": _left_out(selection),
            "domain": {d.name: {"threshold": d.threshold} for d in model.domains},
        },
    }


def predictions(selection: Selection, x: Array, rows: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return what the chosen model says of factors ``(m, f)``, and whether to believe it."""
    model = selection.model
    rmse = model.candidate.scores.rmse
    told = zip(rows, model.predict(x), model.outside(x), strict=True)
    return [
        {"row": row, "mean": float(mean), "sd": rmse, "outside": outside}
        for row, mean, outside in told
    ]


def _form(form: Form) -> dict[str, Any]:
    return {
        "columns": form.title,
        "terms": form.n_terms,
        "rank": form.rank,
        "kept": list(form.prepared.columns.names),
        "dropped": {d.name: d.why for d in form.prepared.dropped},
    }


def _scores(scores: Scores) -> dict[str, float]:
    return {"r2": scores.r2, "rmse": scores.rmse, "mae": scores.mae}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {"model": candidate.kind.name, "columns": candidate.form.title} | _scores(
        candidate.scores
    )


def _left_out(selection: Selection) -> list[dict[str, float]]:
    table, model = selection.table, selection.model
    pairs = zip(table.rows, table.y, model.candidate.validated.predicted, strict=True)
    return [{"row": r, "measured": float(y), "predicted": float(p)} for r, y, p in pairs]


def _remarks(selection: Selection) -> list[str]:
    """Return what the figures mean."""
    model = selection.model
    best, chance = model.candidate.scores, model.chance
    remarks: list[str] = []
    if best.r2 <= 0:
        remarks.append("no model predicts better than the mean of all rows: do not use any")
    elif best.r2 < _CLEAR:
        remarks.append("even the best model explains less than half: use it to explore at most")
    if best.r2 < _CLEAR and chance.fit_mae >= 0.9 * chance.shuffled_mae:
        remarks.append("the model fits shuffled responses as well: it has learned nothing")
    elif best.r2 > 0 and chance.corrected_mae > 0.8 * chance.mean_mae:
        remarks.append(
            "the model can also fit shuffled responses closely: trust the error on rows left out,"
            " not that of the fit"
        )
    if far := _far_off(selection):
        remarks.append(f"worth a second look, far off when left out: {far}")
    return remarks


def _far_off(selection: Selection) -> str:
    off = selection.table.y - selection.model.candidate.validated.predicted
    limit = 3 * 1.4826 * float(np.median(np.abs(off - np.median(off))))
    rows = [r for r, d in zip(selection.table.rows, off, strict=True) if abs(d) > limit > 0]
    return ", ".join(f"row {row}" for row in rows[:5])


def text(selection: Selection) -> str:
    """Return the report as lines of plain text."""
    return "\n".join([*_head(selection), *_table(selection), *_chosen(selection)])


def _head(selection: Selection) -> Iterator[str]:
    table = selection.table
    yield f"{table.response} from {', '.join(table.names)}: {len(table.y)} rows"
    if selection.n_groups < len(table.y):
        yield (
            f"{selection.n_groups} groups of rows (replicates, or one label) are never parted"
            " between training and test"
        )
    for closure in selection.closures:
        yield f"WARNING: {closure.warning()}"
    for note in selection.notes:
        yield f"note: {note}"
    for form in selection.forms:
        kept = len(form.prepared.kept)
        dependent = f", rank {form.rank}" if form.rank < form.n_terms else ""
        yield f"columns, {form.title}: {form.n_terms}{dependent}; {kept} used"
        yield from (f"    left out: {d.name} {d.why}" for d in form.prepared.dropped)


def _table(selection: Selection) -> Iterator[str]:
    yield ""
    yield f"Errors on rows left out (RMSE and MAE in the unit of {selection.table.response})"
    yield f"    {'model':<19}{'columns':<31}{'r2':>7}{'RMSE':>11}{'MAE':>11}"
    good = as_good(selection)
    for c in selection.candidates:
        mark = "*" if c in good else " "
        s = c.scores
        figures = f"{s.r2:>7.3f}{s.rmse:>11.4g}{s.mae:>11.4g}"
        yield f"  {mark} {c.kind.name:<19}{c.form.title:<31}{figures}"
    yield "  * no worse than the best beyond scatter; the simplest of these is a fair choice too"


def _chosen(selection: Selection) -> Iterator[str]:
    model = selection.model
    best, chance = model.candidate, model.chance
    setting = ", ".join(f"{name} {_short(value)}" for name, value in model.setting.items())
    yield ""
    yield f"Chosen: {best.kind.name}, {best.form.title}" + (f" ({setting})" if setting else "")
    yield f"    expect to be off by {best.scores.rmse:.3g} (RMSE); r2 {best.scores.r2:.3f}"
    between = model.midknn
    yield f"    between neighbours (midpoints): r2 {between.r2:.3f}, RMSE {between.rmse:.3g}"
    yield (
        f"    chance ({chance.permutations} shuffles): MAE of the fit {chance.fit_mae:.3g}, of fits"
        f" to shuffled responses {chance.shuffled_mae:.3g}, of the mean {chance.mean_mae:.3g};"
        f" corrected {chance.corrected_mae:.3g}"
    )
    yield f"    domain: {', '.join(f'{d.name} from {d.threshold:.3g}' for d in model.domains)}"
    yield from (f"    {remark}" for remark in _remarks(selection))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
