"""The whole selection: forms of the columns, all kinds of models on each, the best one examined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from planners.errors import BadHistory, BadOption
from planners.factors import Array
from planners.select import pool, sk
from planners.select.chance import Chance, y_randomisation
from planners.select.closure import Closure, Mend, closures, floors, mended
from planners.select.columns import Columns, transformed
from planners.select.domain import Domain, domains, ensemble
from planners.select.folds import Rows, Setting, grouped
from planners.select.prepare import Prepared, prepare
from planners.select.table import Table
from planners.select.validate import Scores, Validated, double_cross_validation, midknn, tuned

_LEAST_GROUPS = 3
_MOST_COLUMNS = 60  # with products; beyond, chance correlations abound


@dataclass(frozen=True)
class Options:
    """What a selection may be told.

    ``outliers`` is the share of rows counted outside the domain, ``kinds`` the models compared
    (all, or a few fast ones when ``quick``), ``permutations`` those of the y-randomisation.
    """

    quick: bool = False
    products: bool = True
    mend: Mend = "none"
    transforms: Mapping[str, str] = field(default_factory=dict[str, str])
    outliers: float = 0.05
    permutations: int = 30
    kinds: Sequence[pool.Kind] = ()

    def __post_init__(self) -> None:
        faults: list[str] = []
        if self.mend not in ("none", "drop", "ratios"):
            faults.append(f"mend: must be none, drop or ratios, got {self.mend!r}")
        if not 0 <= self.outliers < 0.5:
            faults.append(f"outliers: must be from 0 to below 0.5, got {self.outliers:g}")
        if self.permutations < 1:
            faults.append(f"permutations: must be at least 1, got {self.permutations}")
        if faults:
            raise BadOption(faults)

    @property
    def pool(self) -> Sequence[pool.Kind]:
        """Return the kinds of models to compare."""
        return self.kinds or (pool.QUICK if self.quick else pool.ALL)


@dataclass(frozen=True)
class Form:
    """How columns are made of factors: transforms, mend of closures, products, those kept."""

    title: str
    names: tuple[str, ...]
    transforms: Mapping[str, str]
    closures: tuple[Closure, ...]
    mend: Mend
    least: Array
    products: bool
    rank: int
    n_terms: int
    prepared: Prepared

    def __call__(self, x: Array) -> Array:
        """Return the model's columns of factors ``(n, f)``; raise BadOption where there is none."""
        plain = transformed(x, self.names, self.transforms)
        made = mended(plain, self.closures, self.mend, self.least)
        return (made.with_products() if self.products else made).only(self.prepared.kept).values


@dataclass(frozen=True)
class Candidate:
    """One kind of model on one form of the columns, with its outer predictions."""

    kind: pool.Kind
    form: Form
    validated: Validated

    @property
    def scores(self) -> Scores:
        """Return the scores on rows left out."""
        return self.validated.scores


@dataclass(frozen=True)
class Model:
    """The chosen model, trained on all rows, and what is known of it."""

    candidate: Candidate
    x: Array  # columns of its form
    y: Array
    setting: Setting
    midknn: Scores
    chance: Chance
    domains: tuple[Domain, ...]

    def predict(self, x: Array) -> Array:
        """Return predictions of factors ``(m, f)``, ``(m,)``, in the response's unit."""
        with sk.quietly():
            rows = self.candidate.form(x)
            return pool.predict(self.candidate.kind, self.x, self.y, rows, self.setting)

    def scatter(self, x: Array) -> Array:
        """Return the sd among models of resampled runs at factors ``(m, f)``, ``(m,)``."""
        with sk.quietly():
            index = ensemble(self.candidate.kind, self.x, self.y, self.setting).index
            return -index(self.candidate.form(x))

    def outside(self, x: Array) -> list[list[str]]:
        """Return, for each row of factors, the indices that say it lies outside the domain."""
        rows = self.candidate.form(x)
        told = {domain.name: domain(rows) for domain in self.domains}
        return [[n for n, values in told.items() if values[i] < -1e-9] for i in range(len(rows))]


@dataclass(frozen=True)
class Selection:
    """All that was found; candidates from the best to the worst."""

    table: Table
    closures: tuple[Closure, ...]
    forms: tuple[Form, ...]
    candidates: tuple[Candidate, ...]
    model: Model
    notes: tuple[str, ...]
    n_groups: int


def check_conditions(x: Array, file: str, table: Table, options: Options) -> None:
    """Raise BadOption, before all the work, when conditions to predict have no transform."""
    transforms = {**table.transforms, **options.transforms}
    transformed(table.x, table.names, transforms)
    try:
        transformed(x, table.names, transforms)
    except BadOption as error:
        raise BadOption(error.under(file)) from None


def select(table: Table, options: Options | None = None) -> Selection:
    """Return the model of least error on rows left out, and everything known of it.

    Raises BadOption and BadHistory. The same table and options give the same answer.
    """
    options = options or Options()
    table = replace(table, transforms={**table.transforms, **options.transforms})
    groups = grouped(table.x, table.labels)
    if len(set(groups)) < _LEAST_GROUPS:
        raise BadHistory(["the rows belong to fewer than 3 groups: none can be left out twice"])
    plain = transformed(table.x, table.names, {})
    found = tuple(c for c in closures(plain) if not table.one_of_words(c.names))
    notes = list(table.notes)
    forms = _forms(table, found, options, notes)
    with sk.quietly():
        candidates = [_candidate(k, f, table, groups) for k in options.pool for f in forms]
        candidates.sort(key=lambda c: c.scores.rmse)
        model = _examined(candidates[0], table, groups, options)
    return Selection(
        table, found, tuple(forms), tuple(candidates), model, tuple(notes), len(set(groups))
    )


def _forms(
    table: Table, found: tuple[Closure, ...], options: Options, notes: list[str]
) -> list[Form]:
    """Return the forms worth trying: the factors, and these with their products."""
    plain = transformed(table.x, table.names, table.transforms)
    usable = tuple(c for c in found if not set(c.names) & set(table.transforms))
    least = floors(plain)
    made = mended(plain, usable, options.mend, least)
    shared = (table.names, table.transforms, usable, options.mend, least)
    forms = [_form("the factors", made, shared, products=False)]
    width = len(made.names) * (len(made.names) + 3) // 2
    if options.products and width > _MOST_COLUMNS:
        notes.append(f"squares and cross terms are not tried: {width} columns are too many")
    elif options.products:
        forms.append(
            _form("with squares and cross terms", made.with_products(), shared, products=True)
        )
    forms = [form for form in forms if form.prepared.kept]
    if not forms:
        reasons = "; ".join(f"{d.name} {d.why}" for d in prepare(made).dropped)
        raise BadHistory([f"no column is of use: {reasons}"])
    return forms


def _form(
    title: str,
    made: Columns,
    shared: tuple[tuple[str, ...], Mapping[str, str], tuple[Closure, ...], Mend, Array],
    *,
    products: bool,
) -> Form:
    return Form(title, *shared, products, made.rank, len(made.names), prepare(made))


def _candidate(kind: pool.Kind, form: Form, table: Table, groups: Rows) -> Candidate:
    x = form.prepared.columns.values
    return Candidate(kind, form, double_cross_validation(kind, x, table.y, groups))


def _examined(best: Candidate, table: Table, groups: Rows, options: Options) -> Model:
    x, y, kind = best.form.prepared.columns.values, table.y, best.kind
    setting = tuned(kind, x, y, groups)
    return Model(
        best,
        x,
        y,
        setting,
        midknn(kind, x, y, setting),
        y_randomisation(kind, x, y, groups, options.permutations),
        tuple(domains(kind, x, y, setting, options.outliers)),
    )


def as_good(selection: Selection) -> list[Candidate]:
    """Return the candidates no worse than the best beyond the scatter of its squared errors."""
    best = selection.candidates[0]
    squares = np.square(selection.table.y - best.validated.predicted)
    limit = squares.mean() + squares.std(ddof=1) / np.sqrt(len(squares))
    return [c for c in selection.candidates if c.scores.rmse**2 <= limit]
