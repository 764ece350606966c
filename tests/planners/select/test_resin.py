"""The published figures of the virtual resin, recomputed."""

import numpy as np
import pytest

from benchmarks.select_resin import PUBLISHED
from benchmarks.select_resin import r2 as published_r2
from planners.select import pool, sk
from planners.select.closure import closures, floors, mended
from planners.select.columns import transformed
from planners.select.folds import grouped
from planners.select.prepare import prepare
from planners.select.validate import double_cross_validation
from tests.planners.select import resin

pytestmark = resin.needed

TWO = pool.Grid("PLS", pool.linear.partial_least_squares, lambda _: [{"components": 2}])
RBF = pool.Process("GPR", ("RBF",))


@pytest.fixture(scope="module")
def table():
    return resin.table()


def r2(kind, table, *, products, mend="none", dropping=True):
    plain = transformed(table.x, table.names, {})
    columns = mended(plain, closures(plain), mend, floors(plain))
    if products:
        columns = columns.with_products()
    x = prepare(columns).columns.values if dropping else columns.values
    with sk.quietly():
        return double_cross_validation(kind, x, table.y, grouped(table.x)).scores.r2


def test_squares_and_cross_terms_raise_least_squares_as_published(table):
    assert r2(pool.OLS, table, products=False) == pytest.approx(0.849, abs=0.005)
    assert r2(pool.OLS, table, products=True) == pytest.approx(0.990, abs=0.005)
    assert r2(pool.OLS, table, products=True, dropping=False) == pytest.approx(0.990, abs=0.001)


@pytest.mark.parametrize(
    ("kind", "before", "after", "within"),
    [
        (*row, within)
        for row, within in zip(PUBLISHED.values(), (0.005, 0.002, 0.006, 0.002, 0.01), strict=True)
    ],
    ids=list(PUBLISHED),
)
def test_the_published_table_is_found_again(table, kind, before, after, within):
    assert published_r2(kind, table, products=False) == pytest.approx(before, abs=within)
    assert published_r2(kind, table, products=True) == pytest.approx(after, abs=within)


def test_leaving_out_one_material_gives_the_same_predictions(table):
    all_three = r2(pool.OLS, table, products=True, dropping=False)
    two = r2(pool.OLS, table, products=True, mend="drop", dropping=False)
    assert two == pytest.approx(all_three, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "better"),
    [(TWO, False), (pool.SVR, True), (RBF, True)],
    ids=["PLS2", "SVR", "GPR"],
)
def test_products_help_kernels_and_not_two_latent_variables(table, kind, better):
    gain = r2(kind, table, products=True) - r2(kind, table, products=False)
    assert (gain > 0) == better


def test_two_latent_variables_score_as_published(table):
    assert r2(TWO, table, products=False) == pytest.approx(0.859, abs=0.002)
    assert r2(TWO, table, products=True, dropping=False) == pytest.approx(0.848, abs=0.002)


def test_products_do_not_help_a_forest(table):
    gain = r2(pool.FOREST, table, products=True) - r2(pool.FOREST, table, products=False)
    assert gain < 0


def test_the_three_materials_are_found_to_add_up_to_one(table):
    (closure,) = closures(transformed(table.x, table.names, {}))
    assert closure.names == ("raw material 1", "raw material 2", "raw material 3")
    assert closure.total == pytest.approx(1.0)
    assert "add up to 1 in every row" in closure.warning()


def test_the_twenty_terms_have_rank_fourteen(table):
    columns = transformed(table.x, table.names, {}).with_products()
    assert (len(columns.names), columns.rank) == (20, 14)
    assert np.linalg.matrix_rank(columns.values - columns.values.mean(axis=0), tol=1e-6) == 14
