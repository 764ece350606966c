"""Preparing columns: transforms as declared, idle and redundant ones dropped, closure found."""

import numpy as np
import pytest

from planners.errors import BadOption
from planners.scaling import Scale
from planners.select.closure import closures, floors, mended
from planners.select.columns import Columns, transformed
from planners.select.folds import folds, grouped, left_out
from planners.select.linear import least_squares, pls_slopes, ridge
from planners.select.neighbours import k3n_error
from planners.select.prepare import prepare

RNG = np.random.default_rng(0)


def columns(**named):
    return Columns(tuple(named), np.column_stack([np.asarray(v, float) for v in named.values()]))


def test_temperatures_become_reciprocal_kelvin_and_amounts_logarithms():
    x = np.array([[25.0, 1.0], [100.0, np.e]])
    made = transformed(x, ["T", "c"], {"T": "reciprocal_kelvin", "c": "log"})
    assert made.names == ("1/T", "ln c")
    assert made.values == pytest.approx(np.array([[1 / 298.15, 0.0], [1 / 373.15, 1.0]]))


@pytest.mark.parametrize(
    ("transforms", "sentence"),
    [
        ({"c": "log"}, "transform c: needs numbers above 0, and the least is 0"),
        ({"T": "reciprocal_kelvin"}, "transform T: needs temperatures above absolute zero"),
        ({"T": "logg"}, r"must be one of none, log, .* got 'logg' \(did you mean 'log'\?\)"),
        ({"tt": "log"}, "transform tt: no such column"),
    ],
)
def test_a_transform_that_cannot_be_is_refused_in_a_sentence(transforms, sentence):
    with pytest.raises(BadOption, match=sentence):
        transformed(np.array([[-300.0, 0.0], [20.0, 1.0]]), ["T", "c"], transforms)


def test_products_are_every_square_and_every_pair():
    made = columns(a=[1, 2], b=[3, 5]).with_products()
    assert made.names == ("a", "b", "a²", "a × b", "b²")  # noqa: RUF001
    assert made.values[1].tolist() == [2, 5, 4, 10, 25]


def test_constant_and_mostly_constant_columns_are_dropped_with_the_reason():
    made = prepare(
        columns(a=[7] * 10, b=[0] * 8 + [1, 2], c=[0] * 7 + [1, 2, 3], d=range(10)[::-1])
    )
    assert made.columns.names == ("c", "d")
    reasons = {d.name: d.why for d in made.dropped}
    assert reasons == {"a": "never varies, it is always 7", "b": "is 0 in 80 % of the rows"}


def test_of_two_columns_that_say_the_same_the_more_correlated_one_goes():
    a = np.sin(np.arange(30.0))
    c = np.cos(np.arange(30.0))
    c -= c.mean() + (c @ a) / (a @ a) * a
    made = prepare(columns(a=a, b=a + 0.05 * c, c=c))
    assert made.columns.names == ("a", "c")
    assert made.dropped[0].why.startswith("says the same as a (|r| = 0.99")


def test_rounded_fractions_are_still_found_to_add_up():
    parts = np.round(RNG.dirichlet([1, 1, 1], 12), 3)
    (found,) = closures(
        columns(a=parts[:, 0], t=RNG.uniform(20, 90, 12), b=parts[:, 1], c=parts[:, 2])
    )
    assert found.names == ("a", "b", "c")


def test_columns_that_do_not_add_up_are_no_closure():
    temperature = 300 + RNG.normal(size=12)
    assert closures(columns(t=temperature, c=RNG.uniform(0, 0.1, 12))) == []


def test_log_ratios_take_zeros_as_half_the_least_amount():
    plain = columns(a=[0.0, 0.4, 0.8], b=[1.0, 0.6, 0.2])
    made = mended(plain, closures(plain), "ratios", floors(plain))
    assert made.names == ("ln(a/b)",)
    assert made.values[:, 0] == pytest.approx(np.log([0.2 / 1.0, 0.4 / 0.6, 0.8 / 0.2]))


def test_scaling_is_by_the_training_set_with_n_minus_one():
    scale = Scale.of(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert scale.apply(np.array([[2.0, 6.0]])).tolist() == [[0.0, 1.0]]
    assert scale.sd.tolist() == [np.sqrt(2.0), 1.0]


def test_a_left_out_row_does_not_scale_itself():
    seen = []

    def spy(x, y, rows, settings):
        seen.append(float(rows[0, 0]))
        return np.zeros((1, len(rows)))

    x = np.array([[0.0], [1.0], [2.0], [1e6]])
    left_out(spy, x, np.arange(4.0), folds(np.arange(4), 5, RNG), [{}])
    assert seen[-1] == pytest.approx(1e6 - 1)


def test_replicates_and_labels_are_never_parted():
    x = np.array([[1.0], [2.0], [1.0], [3.0], [4.0]])
    assert grouped(x).tolist() == [0, 1, 0, 2, 3]
    together = grouped(x, ["u", "v", "w", "v", "w"])
    assert together[0] == together[2] == together[4] != together[1] == together[3]


def test_many_groups_make_ten_folds_that_cover_every_row_once():
    parts = folds(np.repeat(np.arange(40), 2), 10, np.random.default_rng(1))
    assert len(parts) == 10
    assert sorted(np.concatenate(parts)) == list(range(80))


def test_all_components_of_pls_and_a_vanishing_penalty_are_least_squares():
    x = Scale.of(raw := RNG.normal(size=(20, 3))).apply(raw)
    y = x @ [1.0, -2.0, 0.5] + RNG.normal(size=20)
    y -= y.mean()
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    assert pls_slopes(x, y, 3)[-1] == pytest.approx(slopes)
    assert ridge(x, y, np.eye(3), [{"penalty": 1e-12}])[0] == pytest.approx(slopes)
    assert least_squares(x, y, np.eye(3), [{}])[0] == pytest.approx(slopes)


def test_a_map_that_keeps_all_distances_has_no_error_and_a_scrambled_one_has():
    x = RNG.normal(size=(30, 3))
    turned = x @ np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    assert k3n_error(x, turned, 5) == pytest.approx(0.0, abs=1e-9)
    assert k3n_error(x, RNG.permutation(x), 5) > 0.5
