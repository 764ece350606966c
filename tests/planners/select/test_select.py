"""The whole selection: the right model wins, noise is called noise, far rows are outside."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.svm import SVR

from planners.base import Categorical, Continuous, Problem, Response
from planners.errors import BadHistory, BadOption
from planners.select import pool, process, sk
from planners.select.chance import y_randomisation
from planners.select.domain import local_outlier_factor, nearest_neighbours, one_class
from planners.select.fast_svr import widest_gamma
from planners.select.report import document, text
from planners.select.run import Options, as_good, check_conditions, select
from planners.select.sheet import read_sheet
from planners.select.surrogate import learn
from planners.select.table import Table, read_again, read_table
from planners.select.validate import midpoints

LINEAR = (pool.OLS, pool.PLS, pool.RIDGE)


def made(y_of, n=16, seed=3, noise=0.01):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 2))
    y = y_of(x) + noise * rng.normal(size=n)
    return Table(("a", "b"), x, "y", y, tuple(range(2, n + 2)))


@pytest.fixture(scope="module")
def crossed():
    return select(
        made(lambda x: x[:, 0] * x[:, 1] + x[:, 0] ** 2),
        Options(kinds=LINEAR, permutations=5),
    )


def test_a_curved_response_wants_products_and_a_straight_one_does_not(crossed):
    assert crossed.model.candidate.form.products
    straight = select(made(lambda x: x[:, 0] - x[:, 1]), Options(kinds=LINEAR, permutations=3))
    assert any(not c.form.products for c in as_good(straight))


def test_the_same_table_gives_the_same_report(crossed):
    again = select(crossed.table, Options(kinds=LINEAR, permutations=5))
    assert document(again) == document(crossed)


def test_the_report_is_plain_json_and_readable_text(crossed):
    found = json.loads(json.dumps(document(crossed), allow_nan=False))
    assert found["chosen"]["r2"] > 0.99
    assert set(found["chosen"]["domain"]) == {"kNN", "LOF", "one-class SVM", "ensemble"}
    assert "Chosen: " in text(crossed)


def test_a_row_far_from_all_runs_is_outside_by_every_index(crossed):
    among = crossed.table.x.mean(axis=0)
    inside, outside = crossed.model.outside(np.array([among, [9.0, -9.0]]))
    assert len(inside) <= 1
    assert set(outside) == {"kNN", "LOF", "one-class SVM", "ensemble"}


def test_noise_is_said_to_be_noise():
    rng = np.random.default_rng(5)
    table = Table(("a", "b"), rng.normal(size=(20, 2)), "y", rng.normal(size=20), tuple(range(20)))
    selection = select(table, Options(kinds=LINEAR, permutations=5))
    assert selection.candidates[0].scores.r2 < 0.3
    notes = " ".join(document(selection)["notes"])
    assert "no model predicts better" in notes or "less than half" in notes


def test_a_model_that_predicts_well_is_not_said_to_have_learned_nothing():
    table = made(lambda x: x[:, 0] * x[:, 1], noise=0.0)
    exact = (pool.Process("GPR", ("RBF",)),)
    notes = document(select(table, Options(kinds=exact, permutations=3)))["notes"]
    assert not any("learned nothing" in note for note in notes)


@pytest.mark.parametrize("kind", dict.fromkeys([*pool.ALL, *pool.QUICK]), ids=lambda k: k.name)
def test_every_kind_explains_a_plain_response_better_than_the_mean(kind):
    table = made(lambda x: 3 * x[:, 0] + x[:, 1], n=34)
    selection = select(table, Options(kinds=(kind,), products=False, permutations=1))
    assert selection.candidates[0].scores.r2 > 0.4


def test_chance_is_charged_to_a_model_that_fits_anything():
    table = made(lambda x: x[:, 0])
    groups = np.arange(len(table.y))
    straight = y_randomisation(pool.OLS, table.x, table.y, groups, 5)
    deep = y_randomisation(
        pool.Grid("tree", pool.TREE.paths, lambda _: [{"leaf": 1}]), table.x, table.y, groups, 5
    )
    assert straight.corrected_mae < 0.3 * straight.mean_mae
    assert deep.corrected_mae == pytest.approx(deep.mean_mae)


def test_midpoints_lie_between_a_row_and_its_nearest():
    x, y = midpoints(np.array([[0.0], [1.0], [10.0]]), np.array([0.0, 2.0, 4.0]), 1)
    assert x.ravel().tolist() == [0.5, 0.5, 5.5]
    assert y.tolist() == [1.0, 1.0, 3.0]


def test_the_widest_gamma_tells_rows_apart():
    x = np.random.default_rng(0).normal(size=(25, 2))
    assert 2.0**-6 < widest_gamma(x) < 2.0**4
    assert widest_gamma(100 * x) < widest_gamma(x)


@pytest.mark.parametrize("index", [nearest_neighbours, local_outlier_factor, one_class])
def test_a_share_of_outliers_of_the_training_rows_is_outside(index):
    x = np.random.default_rng(2).normal(size=(100, 2))
    domain = index(x, 0.1)
    assert domain(np.array([[0.0, 0.0]]))[0] >= 0 > domain(np.array([[8.0, 8.0]]))[0]


def test_a_surrogate_predicts_with_its_error_and_its_domain():
    table = made(lambda x: x[:, 0] * x[:, 1], noise=0.0)
    model = learn(table.x, table.y, options=Options(kinds=LINEAR, permutations=1))
    mean, sd = model.predict(np.array([[0.5, 0.4]]))
    assert mean[0] == pytest.approx(0.2, abs=0.01)
    assert 0 <= sd[0] < 0.01
    assert model.inside(np.array([[0.5, 0.5], [20.0, 20.0]])).tolist() == [True, False]


def test_replicates_are_left_out_together():
    table = made(lambda x: x[:, 0], n=12)
    twice = Table(
        table.names, np.repeat(table.x, 2, axis=0), "y", np.repeat(table.y, 2), tuple(range(24))
    )
    selection = select(twice, Options(kinds=(pool.OLS,), permutations=1))
    assert selection.n_groups == 12
    assert "12 groups of rows" in text(selection)


GOOD = "name,a,b,y\n" + "".join(f"r{i},{i},{(i * 7) % 5},{i * 2}\n" for i in range(10))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no header row"),
        (GOOD.replace("r3,3,", "r3,,"), "row 5: a: is empty; fill it in, or name the columns that"),
        (GOOD.replace("r3,3,", "r3,warm,"), "row 5: a: must be a finite number, got 'warm'"),
        (GOOD.replace("r3,3,", "r3,nan,"), "row 5: a: must be a finite number, got 'nan'"),
        (GOOD.replace(",6\n", ",high\n"), "row 5: y: must be a finite number, got 'high'"),
        (GOOD.replace("y\n", "yy\n"), r"no column 'y' \(did you mean 'yy'\?\)"),
        (GOOD.replace("name", "a"), "column 'a' comes twice"),
        ("\n".join(GOOD.splitlines()[:5]), "only 4 rows .* at least 8 are needed"),
        ("a,y\n" + "1,2\n" * 12, "only 1 rows"),
        ("a,y\n" + "".join(f"{i},5\n" for i in range(12)), "y is 5 in every row"),
        ("y\n" + "".join(f"{i}\n" for i in range(12)), "no column of numbers beside the response"),
        (GOOD + "x,1,2,3,4\n", "row 12: 5 cells under 4 columns"),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(BadHistory, match=sentence):
        read_table(read_sheet(path), "y")


def test_of_a_campaigns_export_what_was_commanded_is_no_factor_and_a_problem_says_which_are(
    tmp_path,
):
    path = tmp_path / "export.csv"
    header = "id,a,b,y,purity,commanded.a,commanded.flow.amine,achieved.a\n"
    rows = [f"e-{i},{i},{(i * 7) % 5},{i * 2},{i if i > 4 else ''},{i},1,\n" for i in range(10)]
    path.write_text(header + "".join(rows))
    problem = Problem((Continuous("a", 0, 9), Continuous("b", 0, 9)), (Response("y"),))
    assert read_table(read_sheet(path), "y", problem=problem).names == ("a", "b")
    with pytest.raises(
        BadHistory, match=r"row 2: purity: is empty; .*--factors or --problem"
    ) as no:
        read_table(read_sheet(path), "y")
    assert "commanded" not in str(no.value)
    with pytest.raises(BadHistory, match="row 2: purity: is empty; fill it in\n"):
        read_table(read_sheet(path), "y", ["a", "purity"])


def test_a_table_of_idle_columns_is_refused_with_the_reasons():
    x = np.column_stack([np.arange(20) // 17 * (1.0 + np.arange(20)), np.zeros(20)])
    table = Table(("a", "b"), x, "y", np.arange(20.0), tuple(range(20)))
    with pytest.raises(
        BadHistory, match="no column is of use: a is 0 in 85 % of the rows; b never"
    ):
        select(table, Options(kinds=(pool.OLS,), products=False))


def test_options_out_of_range_are_named_all_at_once():
    with pytest.raises(BadOption, match=r"mend: .*\noutliers: .*\npermutations: "):
        Options(mend="glue", outliers=0.7, permutations=0)


def test_words_become_a_column_each_when_they_are_named(tmp_path):
    path = tmp_path / "data.csv"
    rows = "".join(f"{'water' if i % 2 else 'ether'},{i},{i}\n" for i in range(10))
    path.write_text("solvent,a,y\n" + rows)
    plain = read_table(read_sheet(path), "y")
    assert plain.names == ("a",)
    assert plain.notes == ("column 'solvent' holds words; name it in --factors to have it in",)
    named = read_table(read_sheet(path), "y", ["solvent", "a"])
    assert named.names == ("solvent is ether", "solvent is water", "a")


def test_settings_of_scikit_learn_are_as_before_afterwards():
    before = sk.sklearn.get_config()
    with sk.quietly():
        assert sk.sklearn.get_config() != before
    assert sk.sklearn.get_config() == before


def test_of_many_rows_some_decide_on_the_kernel_and_all_on_predictions():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (500, 2))
    y = np.sin(2 * x[:, 0]) * x[:, 1] + 0.01 * rng.normal(size=500)
    model = process.fit(x, y, "RBF")
    assert len(model.x) == 500
    assert float(np.abs(model.predict(x) - y).mean()) < 0.02


@dataclass(frozen=True)
class Counted:
    """Least squares that counts how often its settings were chosen."""

    times: list

    name = "counted"
    paths = staticmethod(pool.OLS.paths)

    def tune(self, x, y, inner):
        self.times.append(y.tolist())
        return {}


def test_settings_are_chosen_anew_for_every_shuffled_response():
    table, kind = made(lambda x: x[:, 0]), Counted([])
    y_randomisation(kind, table.x, table.y, np.arange(len(table.y)), 7)
    assert len(kind.times) == 8
    assert len({tuple(y) for y in kind.times}) == 8
    assert all(sorted(y) == sorted(table.y) for y in kind.times)


def test_rows_of_one_batch_do_not_foretell_each_other():
    rng = np.random.default_rng(4)
    batch = np.repeat(np.arange(8), 4)
    x = rng.normal(size=(8, 3))[batch] + 0.05 * rng.normal(size=(32, 3))
    table = Table(("a", "b", "c"), x, "y", rng.normal(size=8)[batch], tuple(range(32)))
    near = (pool.Process("GPR", ("RBF",)),)
    alone = select(table, Options(kinds=near, products=False, permutations=1))
    labels = tuple(f"batch {b}" for b in batch)
    together = select(
        replace(table, labels=labels), Options(kinds=near, products=False, permutations=1)
    )
    assert alone.candidates[0].scores.r2 > 0.9
    assert together.candidates[0].scores.r2 < 0.5
    assert together.n_groups == 8


@pytest.mark.parametrize("gamma", [None, 0.3])
def test_the_solver_asked_directly_answers_as_its_class_does(gamma, monkeypatch):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    setting = {"C": 2.0, "epsilon": 0.1} | ({} if gamma is None else {"gamma": gamma})
    direct = sk.support_vectors(x, y, setting)(x)
    monkeypatch.setattr(sk, "_libsvm", None)
    np.testing.assert_allclose(direct, sk.support_vectors(x, y, setting)(x), atol=1e-9)
    kernel = {"kernel": "linear"} if gamma is None else {"gamma": gamma}
    np.testing.assert_allclose(
        direct, SVR(C=2.0, epsilon=0.1, **kernel).fit(x, y).predict(x), atol=1e-9
    )


def test_another_versions_solver_is_asked_through_its_class(monkeypatch):
    class Odd:
        @staticmethod
        def fit(*_, **__):
            raise TypeError

    x, y = np.arange(12.0)[:, None], np.arange(12.0)
    usual = sk.support_vectors(x, y, {"C": 1.0, "epsilon": 0.1})(x)
    monkeypatch.setattr(sk, "_libsvm", Odd)
    np.testing.assert_allclose(
        sk.support_vectors(x, y, {"C": 1.0, "epsilon": 0.1})(x), usual, atol=1e-9
    )


@pytest.mark.parametrize("name", process.KERNELS)
def test_every_kernel_has_the_likelihood_of_a_library(name):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(18, 2))
    y = np.sin(x[:, 0]) + 0.3 * x[:, 1] + 0.1 * rng.normal(size=18)
    ours = process.fit(x, y, name)
    shapes = {
        "RBF": kernels.RBF(),
        "Matern 1/2": kernels.Matern(nu=0.5),
        "Matern 3/2": kernels.Matern(nu=1.5),
        "Matern 5/2": kernels.Matern(nu=2.5),
        "RBF, a length each": kernels.RBF([1.0, 1.0]),
        "linear": kernels.DotProduct(),
    }
    parts = [kernels.ConstantKernel() * shapes[part] for part in name.split(" + ")]
    whole = sum(parts[1:], parts[0]) + kernels.WhiteKernel()
    whole.theta = ours.logs
    theirs = GaussianProcessRegressor(whole, alpha=1e-8, optimizer=None).fit(x, y)
    mean, sd = theirs.predict(x + 0.3, return_std=True)
    np.testing.assert_allclose(ours.predict(x + 0.3), mean, atol=1e-6)
    np.testing.assert_allclose(ours.sd(x + 0.3), sd, atol=1e-6)
    value, slopes = theirs.log_marginal_likelihood(ours.logs, eval_gradient=True)
    for other in (ours.logs + 0.3, ours.logs - 0.3):
        assert theirs.log_marginal_likelihood(other) < value + 1e-3
    within = (ours.logs > -11.5) & (ours.logs < 11.5)  # at a bound a slope may be left
    assert np.abs(slopes[within]).max() < 0.05


def test_residuals_left_out_are_those_of_leaving_out():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    whole = process.fit(x, y, "Matern 3/2")
    for i in range(9):
        kept = np.arange(9) != i
        part = process._conditioned(whole.kernel, whole.logs, x[kept], y[kept], 1e-8)
        assert whole.left_out()[i] == pytest.approx(y[i] - part.predict(x[i : i + 1])[0], abs=1e-6)


def words_table(tmp_path):
    path = tmp_path / "words.csv"
    rows = "".join(f"{i},{'DBU' if i % 2 else 'TEA'},{i * i}\n" for i in range(1, 13))
    path.write_text("a,base,y\n" + rows, encoding="utf-8")
    return read_table(read_sheet(path), "y", ["a", "base"])


def test_a_value_in_a_row_that_still_says_pending_counts(tmp_path):
    path = tmp_path / "runs.csv"
    states = ["pending", "failed", *["ok"] * 10, "pending"]
    lines = [f"{i},{i * i % 7},{i * i if i < 13 else ''},{s}" for i, s in enumerate(states, 1)]
    path.write_text("\n".join(["a,b,y,status", *lines]), encoding="utf-8")
    assert read_table(read_sheet(path), "y").rows == (2, *range(4, 14))


def test_conditions_to_predict_need_not_hold_every_word(tmp_path):
    table = words_table(tmp_path)
    other = tmp_path / "next.csv"
    other.write_text("a,base\n3,DBU\n", encoding="utf-8")
    assert table.names == ("a", "base is DBU", "base is TEA")
    np.testing.assert_array_equal(read_again(read_sheet(other), table), [[3.0, 1.0, 0.0]])
    other.write_text("a,base\n3,KOH\n", encoding="utf-8")
    with pytest.raises(BadHistory, match="row 2: base: must be one of DBU, TEA, got 'KOH'"):
        read_again(read_sheet(other), table)


def test_words_of_a_problem_are_found_in_conditions_to_predict(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("base,y\n" + "DBU,1\nTEA,2\n", encoding="utf-8")
    levels = ("DBU", "TEA", "KOH")
    problem = Problem((Categorical("base", levels),), (Response("y"),))
    table = Table((), np.empty((0, 0)), "y", np.empty(0), (), columns=("base",))
    table = replace(table, words={"base": levels})
    assert read_again(read_sheet(path), table, problem).shape == (2, 3)


def test_columns_of_one_word_each_are_no_mixture(tmp_path):
    selection = select(words_table(tmp_path), Options(quick=True, permutations=1))
    assert not selection.closures


def test_the_response_cannot_be_among_the_factors(tmp_path):
    words_table(tmp_path)
    with pytest.raises(BadHistory, match="'y' is the response; it cannot explain itself"):
        read_table(read_sheet(tmp_path / "words.csv"), "y", ["a", "y"])


def test_a_sheet_without_rows_and_a_condition_without_its_transform_are_named(tmp_path):
    path = tmp_path / "none.csv"
    path.write_text("a,base\n", encoding="utf-8")
    with pytest.raises(BadHistory, match="has no rows below its header"):
        read_sheet(path)
    table = words_table(tmp_path)
    below = np.array([[-1.0, 1.0, 0.0]])
    with pytest.raises(BadOption, match=r"next\.csv: transform a: needs numbers above 0"):
        check_conditions(below, "next.csv", table, Options(transforms={"a": "log"}))


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros(9), np.zeros(9), r"x must be \(n, f\) and y \(n,\), got \(9,\) and \(9,\)"),
        (np.zeros((9, 2)), np.zeros(5), r"got \(9, 2\) and \(5,\)"),
        (np.eye(9), np.full(9, np.nan), "must be a finite number"),
    ],
)
def test_runs_that_cannot_be_learned_from_are_named(x, y, says):
    with pytest.raises(BadHistory, match=says):
        learn(x, y)
