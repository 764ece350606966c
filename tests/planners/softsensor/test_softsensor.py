"""Soft sensors foretell what follows from the signals, and are honest when they cannot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import PLSRegression

from planners.errors import BadHistory, BadOption, CannotSuggest
from planners.softsensor import Table, fit_sensor, lagged, read_table
from planners.softsensor.lwpls import predictions, similarity
from planners.softsensor.sensor import validate
from tests.planners.softsensor.plants import best_against_last, plant, steady, walk


def test_lags_are_earlier_rows_of_every_signal():
    x = np.arange(8.0).reshape(4, 2)
    wide = lagged(x, (0, 2))
    np.testing.assert_array_equal(wide[2], [4, 5, 0, 1])
    assert np.isnan(wide[:2, 2:]).all()
    assert np.isnan(lagged(x, (9,))).all()


def test_the_similarity_is_the_exponential_of_the_distance_in_its_own_spread():
    x = np.array([[0.0], [1.0], [3.0]])
    weight = similarity(x, np.array([0.0]), 2.0)
    np.testing.assert_allclose(
        weight, np.exp(-np.array([0, 1, 3]) / (np.std([0, 1, 3], ddof=1) * 2))
    )


@pytest.mark.parametrize("components", [1, 2, 3])
def test_with_all_rows_alike_it_is_ordinary_partial_least_squares(components):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    y = x @ [1.0, -2.0, 0.5, 0.0] + rng.normal(0, 0.3, 30)
    wanted = PLSRegression(components, scale=False).fit(x, y).predict(x[:5]).ravel()
    found = [predictions(x, y, q, components, 1e12)[-1] for q in x[:5]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_small_lambda_follows_a_bend_that_a_line_cannot():
    x = np.linspace(-2, 2, 81)[:, None]
    y = x[:, 0] ** 2
    local = predictions(x, y, np.array([1.5]), 1, 0.1)[0]
    assert local == pytest.approx(2.25, abs=0.1)
    assert abs(predictions(x, y, np.array([1.5]), 1, 1e12)[0] - 2.25) > 0.5


@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-50, 50))
@settings(max_examples=25)
def test_a_constant_added_to_the_results_is_added_to_the_answer(seed, shift):
    rng = np.random.default_rng(seed)
    x, y, query = rng.normal(size=(15, 3)), rng.normal(size=15), rng.normal(size=3)
    plain, moved = (predictions(x, y + s, query, 3, 0.5) for s in (0.0, shift))
    np.testing.assert_allclose(moved, plain + shift, atol=1e-6)


def test_constant_results_are_foretold_as_they_are():
    x = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(predictions(x, np.full(9, 4.0), x[0], 2, 1.0), 4.0)
    np.testing.assert_array_equal(similarity(np.zeros((3, 2)), np.zeros(2), 1.0), 1.0)


def test_the_figures_are_those_of_their_definitions():
    truth, foretold, last = np.array([1.0, 2, 4]), np.array([1.0, 2, 3]), np.array([0.0, 1, 2])
    found = validate(truth, foretold, last)
    assert found.r2 == pytest.approx(1 - 1 / (14 / 3))
    assert found.r2_last == pytest.approx(1 - 1 / 6)
    assert found.rmse == pytest.approx((1 / 3) ** 0.5)
    assert validate(truth, foretold, truth).r2_last == float("-inf")


def test_a_property_that_follows_from_the_signals_is_foretold_far_better_than_by_the_last_one():
    sensor = fit_sensor(plant(), lags=(0, 2, 4), delay=5)
    assert sensor.useful
    assert sensor.validation.r2 > 0.95
    assert sensor.validation.r2_last > 0.8
    fresh = plant(seed=0, every=1)  # the same plant, analysed at every row
    wide = lagged(fresh.x, (0, 2, 4))
    missed = [sensor.predict(wide[i]) - fresh.y[i] for i in range(7, 600, 31)]
    assert float(np.sqrt(np.mean(np.square(missed)))) < 0.3


def test_without_the_lag_that_matters_the_sensor_is_worse():
    whole, now = (fit_sensor(plant(), lags=lags, delay=5) for lags in ((0, 4), (0,)))
    assert now.validation.rmse > 1.5 * whole.validation.rmse


def test_a_sensor_worse_than_the_last_measurement_says_so_and_gives_no_number():
    sensor = fit_sensor(steady(), lags=(0, 1))
    assert sensor.validation.r2_last < 0
    with pytest.raises(CannotSuggest, match="worse than repeating the last measurement"):
        sensor.predict(np.zeros(4))


def test_a_missing_signal_gives_no_number():
    sensor = fit_sensor(plant(), lags=(0, 4))
    with pytest.raises(CannotSuggest, match="has no value at one of its lags"):
        sensor.predict(np.array([1.0, np.nan, 0.0, 0.0]))


def test_results_that_arrive_later_are_learned_from():
    sensor = fit_sensor(plant(), lags=(0, 4))
    row = np.array([30.0, 30.0, 30.0, 30.0])
    told = sensor.with_result(row, 99.0)
    assert abs(told.predict(row) - 99.0) < abs(sensor.predict(row) - 99.0)


def test_what_is_given_is_not_chosen():
    sensor = fit_sensor(plant(), lags=(0, 4), components=2, localness=0.5)
    assert (sensor.components, sensor.localness) == (2, 0.5)


def test_too_few_results_are_refused():
    with pytest.raises(CannotSuggest, match="needs at least 12 results"):
        fit_sensor(plant(n=40))
    with pytest.raises(CannotSuggest, match="delay is too long"):
        fit_sensor(plant(), delay=10_000)


def test_what_makes_too_few_results_is_told():
    table = Table(("a",), np.arange(20.0)[:, None], np.arange(20.0))
    with pytest.raises(CannotSuggest, match="also 9 rows before; the training data have 11, and 9"):
        fit_sensor(table, lags=(0, 9))


def test_results_that_are_all_the_same_teach_nothing():
    table = Table(("a",), np.arange(20.0)[:, None], np.full(20, 14.0))
    with pytest.raises(CannotSuggest, match="all 20 results of the training data are 14: from"):
        fit_sensor(table)


def test_more_components_than_columns_are_refused():
    with pytest.raises(BadOption, match="components: must be at most 4, signals times lags, got 5"):
        fit_sensor(plant(), lags=(0, 4), components=5)


def test_rows_without_a_reading_are_passed_over():
    table = plant()
    x = table.x.copy()
    x[100:120] = np.nan
    assert fit_sensor(Table(table.signals, x, table.y), lags=(0, 4)).validation.r2 > 0.9


def noise(results, signals, seed, every=3):
    """Return a table whose results have nothing to do with its signals, and do not drift."""
    rng = np.random.default_rng(seed)
    y = np.full(results * every, np.nan)
    y[every - 1 :: every] = rng.normal(size=results)  # after the rows that the lags need
    names = tuple("abc"[:signals])
    return Table(names, rng.normal(size=(len(y), signals)), y)


@pytest.mark.parametrize("results", [12, 20, 40, 80])
def test_a_sensor_of_noise_is_doubted(results):
    doubts = [fit_sensor(noise(results, 2, seed), lags=(0, 2)).doubt for seed in range(30)]
    assert sum(1 for doubt in doubts if doubt) >= 27


def test_a_doubt_says_the_figure_and_what_to_do():
    sensors = [fit_sensor(noise(20, 2, seed), lags=(0, 2)) for seed in range(30)]
    blind = next(s for s in sensors if s.useful and s.validation.r2 < 0)
    assert blind.doubt == (
        "the soft sensor foretells no better than the mean of its results"
        f" (r2 {blind.validation.r2:.2g} on 8 results): it needs other signals, other lags or more"
        " analyses"
    )
    lucky = next(s for s in sensors if s.useful and 0 < s.validation.r2 < 0.375)
    assert "is not known to foretell better than the mean" in lucky.doubt
    assert f"(r2 {lucky.validation.r2:.2g}, and noise reaches 0.38 on 8 results)" in lucky.doubt
    assert np.isfinite(blind.predict(np.zeros(4)))  # it is doubted, and speaks


@pytest.mark.parametrize("seed", range(5))
def test_a_sensor_that_knows_its_results_is_not_doubted(seed):
    assert fit_sensor(plant(n=100, seed=seed), lags=(0, 4)).doubt == ""
    assert fit_sensor(walk(0.3, 0.1, n=400, seed=seed)).doubt == ""


# --- the file


def test_a_table_is_read_with_its_gaps():
    table = read_table(["t,a,b,y", "0,1,2,", "", "1,,3,5"], ["b", "a"], "y")
    np.testing.assert_array_equal(table.x, [[2, 1], [3, np.nan]])
    np.testing.assert_array_equal(table.y, [np.nan, 5])


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "is empty: a header and rows are needed"),
        (["", ","], "is empty: a header and rows are needed"),
        (["b,y", "1,2"], "row 1: no column 'a'"),
        (["a,y", "1,2", "x,inf"], "row 3: a: must be a finite number or empty, got 'x'"),
        (["a,y", '"1'], "is not CSV"),
        (["a [K],y", "1,2"], r"row 1: no column 'a', the columns are a \[K\], y"),
        (["a,a,y", "1,2,3"], "row 1: column 'a' comes twice"),
        (["a,y", "1,2", "1,2,3"], "row 3: has 3 cells, the header has 2"),
        (["a,y", *["x,1"] * 30], "and 10 more faults of this kind"),
    ],
)
def test_a_faulty_table_is_refused_with_row_and_column(lines, fault):
    with pytest.raises(BadHistory, match=fault):
        read_table(lines, ["a"], "y")


@given(seed=st.integers(0, 2**32 - 1), lags=st.sets(st.integers(0, 8), min_size=1, max_size=3))
@settings(max_examples=15)
def test_any_table_gives_finite_figures_and_a_choice_of_the_offered(seed, lags):
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(120) < 0.4, rng.normal(size=120), np.nan)
    sensor = fit_sensor(Table(("a",), rng.normal(size=(120, 1)), y), sorted(lags), delay=1)
    assert 1 <= sensor.components <= len(lags)
    assert np.isfinite(
        [sensor.validation.r2, sensor.validation.r2_last, sensor.validation.rmse]
    ).all()


# --- answers that are known


X = np.array(
    [
        [0.13, -0.13, 0.64],
        [0.1, -0.54, 0.36],
        [1.3, 0.95, -0.7],
        [-1.27, -0.62, 0.04],
        [-2.33, -0.22, -1.25],
        [-0.73, -0.54, -0.32],
        [0.41, 1.04, -0.13],
        [1.37, -0.67, 0.35],
        [0.9, 0.09, -0.74],
    ]
)
Y = np.array([-0.92, -0.46, 0.22, -1.01, -0.21, -0.16, 0.54, 0.21, 0.36])
ASKED = np.array([[0.3, -0.2, 0.8], [2.0, 1.0, -1.0]])
# dcekit 2.18.2 (MIT): LWPLS(n_components, lambda_in_similarity).fit(X, Y).predict(ASKED)
REFERENCE = {
    (1, 0.25): [-0.9293373343975073, 0.13411524335868874],
    (1, 2.0): [-0.4035019612128017, 0.6999162731368335],
    (2, 0.25): [-0.9397789076668263, 0.03706880002793367],
    (2, 2.0): [-0.6447086309998524, 0.7636622599065246],
    (3, 0.25): [-1.01838692355691, 0.044343808377942294],
    (3, 2.0): [-0.7237315698290284, 0.8112071318008921],
}


@pytest.mark.parametrize(("components", "localness"), REFERENCE)
def test_the_reference_answers_are_found(components, localness):
    found = [predictions(X, Y, query, components, localness)[-1] for query in ASKED]
    np.testing.assert_allclose(found, REFERENCE[components, localness], atol=1e-6)


@pytest.mark.parametrize(
    ("step", "noise"), [(1.0, 0.1), (0.3, 0.3), (0.1, 0.5)], ids=["clear", "even", "noisy"]
)
@pytest.mark.parametrize("delay", [0, 10], ids=["at once", "late"])
def test_against_the_last_result_it_is_as_good_as_theory_says(step, noise, delay):
    sensor = fit_sensor(walk(step, noise), delay=delay, components=1, localness=1e3)
    assert sensor.validation.r2_last == pytest.approx(
        best_against_last(step, noise, delay), abs=0.12
    )


def test_the_mean_of_mere_noise_is_half_as_far_off_as_the_last_result():
    rng = np.random.default_rng(3)
    table = Table(("a",), rng.normal(size=(4000, 1)), rng.normal(size=4000))
    found = fit_sensor(table, components=1, localness=1e3).validation
    assert found.r2_last == pytest.approx(0.5, abs=0.12)
    assert found.r2 < 0.1  # and r2 says that this is not for knowing anything


@pytest.mark.parametrize("seed", range(10))
def test_signals_that_say_nothing_of_a_drift_are_always_found_out(seed):
    found = fit_sensor(walk(0.3, 0.02, seed=seed, blind=True), lags=(0, 2))
    assert found.validation.r2_last < 0
    assert not found.useful


@pytest.mark.parametrize("seed", range(10))
def test_signals_that_say_all_of_a_drift_are_always_of_use(seed):
    assert fit_sensor(walk(0.3, 0.1, seed=seed)).useful


def test_a_moment_without_readings_keeps_its_place_and_rows_keep_their_numbers():
    table = read_table(["a,b,y", "1,2,", ",,", "3,4,5", "", " "], ["a", "b"], "y")
    np.testing.assert_array_equal(table.x, [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(lagged(table.x, (1,))[2], [np.nan, np.nan])
    with pytest.raises(BadHistory, match="row 4: a: must be a finite number or empty, got 'x'"):
        read_table(["a,y", "1,2", "", "x,1"], ["a"], "y")


def test_numbers_that_are_not_allowed_are_named_all_at_once():
    table = Table(("a",), np.zeros((20, 1)), np.zeros(20))
    with pytest.raises(BadOption, match=r"lags: .*\[-1\]\ndelay: .*\ncomponents: .*\nlocalness: "):
        fit_sensor(table, lags=(-1,), delay=-1, components=0, localness=-2.0)
